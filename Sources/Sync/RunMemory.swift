//  What a connection's state and a run's error are on disk.

public import JSON
import Platform
import Store
public import Vendors

/// What synchronisation remembers of a connection besides its times and its mark.
struct ConnectionMemory: Equatable, Sendable {
    /// Failed runs since the last good one.
    var failures = 0
    /// End of the last failed run.
    var lastFailureAt: Timestamp?
    /// What the vendor asked for in the last failure.
    var retryAfterSeconds: Int?
    /// Something asks for a full run out of turn.
    var needsFull = false

    init() {}

    /// Reads the column; what cannot be read is a fresh start.
    init(_ text: String?) {
        guard let text, let tree = try? JSONValue(parsing: Array(text.utf8)) else { return }
        failures = tree["failures"]?.intValue ?? 0
        lastFailureAt = tree["last_failure_ms"]?.intValue.map { Timestamp(milliseconds: Int64($0)) }
        retryAfterSeconds = tree["retry_after_s"]?.intValue
        needsFull = tree["needs_full"]?.boolValue ?? false
    }

    var text: String {
        let tree: JSONValue = [
            "failures": .int(failures), "last_failure_ms": lastFailureAt.map { .int($0.milliseconds) } ?? .null,
            "retry_after_s": retryAfterSeconds.map { .int($0) } ?? .null, "needs_full": .bool(needsFull),
        ]
        return String(decoding: tree.encoded(), as: UTF8.self)
    }
}

/// Why a run failed or is held, as the run's `error`.
public struct RunFailure: Error, Equatable, Sendable {
    /// A stable word: a ``VendorError/Kind`` in snake case, `held`, `superseded`, `interrupted`, `incomplete` …
    public var code: String
    /// In words: the vendor's own where it gave any.
    public var message: String
    /// What the vendor answered, where it did.
    public var status: Int?
    /// The vendor's own code.
    public var vendorCode: String?
    /// How long the vendor asks us to wait.
    public var retryAfterSeconds: Int?

    /// Makes a failure.
    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    /// A vendor's failure.
    public init(_ error: VendorError) {
        code = error.kind.word
        message = error.message
        status = error.status
        vendorCode = error.code
        retryAfterSeconds = error.retryAfterSeconds
    }

    /// The JSON for the run's row and for `/v1/runs`.
    public var json: JSONValue {
        var members = [JSONMember("code", .string(code)), JSONMember("message", .string(message))]
        if let status { members.append(JSONMember("status", .int(status))) }
        if let vendorCode { members.append(JSONMember("vendor_code", .string(vendorCode))) }
        if let retryAfterSeconds { members.append(JSONMember("retry_after", .int(retryAfterSeconds))) }
        return .object(members)
    }

    var text: String { String(decoding: json.encoded(), as: UTF8.self) }
}

extension VendorError.Kind {
    /// The kind in snake case.
    var word: String {
        rawValue.reduce(into: "") { text, letter in
            if letter.isUppercase { text += "_" }
            text += letter.lowercased()
        }
    }
}
