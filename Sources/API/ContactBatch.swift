//  `POST /v1/contacts/batch`: many writes in one request, side by side where they cannot touch the same thing.

import Config
import Contacts
import HTTPCore
import JSON

/// Parts a batch into waves: operations of one wave may be under way at the same time, waves follow one another.
///
/// What could meet in one contact is never in one wave, so that it happens in the order of the batch. Creates and
/// writes of known contacts take turns: a create may need the id or e-mail that a write before it gives up.
struct BatchWaves: Sequence, IteratorProtocol {
    /// Most creates of one wave in the gateway's own book: as many as fill a commit.
    static let limit = 128
    /// Most others of one wave, which may go to a vendor.
    static let vendorLimit = 8

    private let operations: [JSONValue]
    private let isLocal: (String) -> Bool
    private var start = 0

    /// - Parameters:
    ///   - operations: The batch.
    ///   - isLocal: Whether a connection of that id is a book of the gateway's own.
    init(_ operations: [JSONValue], isLocal: @escaping (String) -> Bool) {
        self.operations = operations
        self.isLocal = isLocal
    }

    /// The places of the next wave's operations; `nil` when all are done.
    mutating func next() -> Range<Int>? {
        guard start < operations.count else { return nil }
        var end = start
        var taken: Set<String> = []
        var toVendors = 0
        let isCreating = Self.isCreate(operations[start])
        while end < operations.count, end - start < Self.limit {
            guard let marks = Self.marks(of: operations[end]) else {
                // An upsert looks for what is there: it waits for all before it, and all after it wait.
                if end == start { end += 1 }
                break
            }
            guard Self.isCreate(operations[end]) == isCreating else { break }
            let connection = operations[end]["contact"]?["connection"]?.stringValue
            if !(connection.map(isLocal) ?? false) { toVendors += 1 }
            guard toVendors <= Self.vendorLimit, taken.isDisjoint(with: marks) else { break }
            taken.formUnion(marks)
            end += 1
        }
        defer { start = end }
        return start..<end
    }

    private static func isCreate(_ operation: JSONValue) -> Bool { operation["op"]?.stringValue == "create" }

    /// What an operation could meet another in; `nil` when that cannot be told.
    private static func marks(of operation: JSONValue) -> [String]? {
        switch operation["op"]?.stringValue {
        case "create":
            let contact = operation["contact"]
            let emails = contact?["emails"]?.arrayValue?.compactMap { $0["address"]?.stringValue?.lowercased() } ?? []
            let vendorID = contact?["vendor_id"]?.stringValue
            return emails.map { "email \($0)" } + (vendorID.map { ["vendor \($0)"] } ?? [])
        case "update", "delete":
            // A new e-mail or id may meet a create of the same one.
            guard operation["contact"]?["emails"] == nil, operation["contact"]?["vendor_id"] == nil else { return nil }
            return operation["id"]?.stringValue.map { ["id \($0)"] } ?? []
        case "upsert": return nil
        default: return []
        }
    }
}

extension ContactWrites {
    /// Does up to 1000 operations; each has its own result, and none stops another.
    ///
    /// - Returns: The JSON of each entry of `results`, in the order of the operations.
    /// - Throws: ``Problem`` only for a body that is no batch.
    func batch(
        _ json: JSONValue,
        terms: WriteTerms,
        caller: Caller,
        requestID: String
    ) async throws -> [[UInt8]] {
        let operations = try Self.operations(of: json)
        let connections = state.current.connections
        let waves = BatchWaves(operations) { connections.connection($0, for: caller)?.config.vendor == .local }
        var results: [[UInt8]] = []
        results.reserveCapacity(operations.count)
        for wave in waves {
            results += await withTaskGroup { group in
                for index in wave {
                    group.addTask {
                        await (index, self.result(of: operations[index], at: index, terms, caller, requestID))
                    }
                }
                var ended = [[UInt8]](repeating: [], count: wave.count)
                for await (index, result) in group { ended[index - wave.lowerBound] = result }
                return ended
            }
        }
        return results
    }

    private static func operations(of json: JSONValue) throws(Problem) -> [JSONValue] {
        guard let members = json.objectValue, let operations = json["operations"]?.arrayValue else {
            throw Problem.invalidInput([
                .init(pointer: "/operations", detail: "A batch is `{\"operations\": […]}` with up to 1000 operations.")
            ])
        }
        if let stranger = members.first(where: { $0.name != "operations" }) {
            throw Problem.invalidInput([
                .init(pointer: JSONPointer.appending(stranger.name, to: ""), detail: "A batch has only `operations`.")
            ])
        }
        guard operations.count <= 1000 else {
            throw Problem.invalidInput([
                .init(pointer: "/operations", detail: "At most 1000 operations, not \(operations.count).")
            ])
        }
        return operations
    }

    private func result(
        of operation: JSONValue,
        at index: Int,
        _ terms: WriteTerms,
        _ caller: Caller,
        _ requestID: String
    ) async -> [UInt8] {
        do {
            return try await perform(operation, at: "/operations/\(index)", terms, caller).batchEntry
        } catch {
            let problem = Problem(error)
            let entry: JSONValue = ["status": .int(problem.status), "problem": problem.json(requestID: requestID)]
            return entry.encoded()
        }
    }

    private func perform(
        _ operation: JSONValue,
        at pointer: String,
        _ terms: WriteTerms,
        _ caller: Caller
    ) async throws -> WriteResult {
        let allowed: [String: Set<String>] = [
            "create": ["op", "contact"], "update": ["op", "id", "contact"], "upsert": ["op", "match", "contact"],
            "delete": ["op", "id"],
        ]
        guard let members = operation.objectValue, let op = operation["op"]?.stringValue, let names = allowed[op] else {
            throw Problem.invalidInput([
                .init(pointer: "\(pointer)/op", detail: "`op` is `create`, `update`, `upsert` or `delete`.")
            ])
        }
        let strangers = members.filter { !names.contains($0.name) && $0.value != .null }
        guard strangers.isEmpty else {
            throw Problem.invalidInput(
                strangers.map {
                    .init(
                        pointer: JSONPointer.appending($0.name, to: pointer),
                        detail: "`\(op)` has \(names.sorted().joined(separator: ", "))."
                    )
                }
            )
        }
        switch op {
        case "create":
            return try await create(
                operation["contact"] ?? .null,
                at: "\(pointer)/contact",
                terms: terms,
                caller: caller
            )
        case "upsert": return try await upsert(UpsertOrder(operation, at: pointer), terms: terms, caller: caller)
        default:
            guard let id = operation["id"]?.stringValue else {
                throw Problem.invalidInput([
                    .init(pointer: "\(pointer)/id", detail: "`\(op)` needs the contact's `id`.")
                ])
            }
            if op == "delete" { return try await delete(id, terms: terms, caller: caller) }
            return try await update(
                id,
                with: operation["contact"] ?? .null,
                merging: true,
                at: "\(pointer)/contact",
                terms: terms,
                caller: caller
            )
        }
    }
}
