//  A vendor's book with its faults and the log of what it was asked: all of a simulator's state.

import HTTPCore
import JSON
import Platform

/// Everything that changes while a simulator runs. Kept behind one lock.
struct Simulation: Sendable {
    /// The vendor.
    var book: any VendorBook
    private var faults: [Fault] = []
    private(set) var requests = RequestLog()

    /// A vendor without faults.
    init(_ book: any VendorBook) {
        self.book = book
    }

    /// The vendor's clock.
    var now: Timestamp { Timestamp.now().advanced(byMilliseconds: Int64(book.knobs.number("clock_offset")) * 1000) }

    /// Answers a call of the vendor's protocol, with the first fault that concerns it.
    ///
    /// - Returns: The answer, and how many milliseconds to wait before it.
    mutating func answer(_ call: Call) -> (Response, delay: Int) {
        let fault = nextFault(for: call)
        let truth = fault?.letsThrough ?? true ? book.answer(call) : Response(status: 200)
        let response = fault.map { $0.bent(truth) { book.failure($0, StatusPhrase.of($0)) } } ?? truth
        requests.note(call, status: response.status, isFaulty: fault != nil)
        return (response, fault?.delay ?? 0)
    }

    private mutating func nextFault(for call: Call) -> Fault? {
        for index in faults.indices where faults[index].concerns(call) {
            if faults[index].skip > 0 {
                faults[index].skip -= 1
                continue
            }
            let fault = faults[index]
            if fault.times == 1 {
                faults.remove(at: index)
            } else if fault.times > 1 {
                faults[index].times -= 1
            }
            return fault
        }
        return nil
    }

    /// Sets knobs, adds faults and carries out actions; all or nothing.
    ///
    /// - Parameter json: `{"clear": bool, "knobs": {…}, "faults": […], "actions": […]}`, every member optional;
    ///   `clear` puts the knobs back and drops the faults first.
    /// - Throws: ``Refusal`` with what is wrong with it.
    mutating func control(_ json: JSONValue) throws(Refusal) {
        guard let members = json.objectValue else { throw Refusal(422, "a JSON object is wanted") }
        let known = ["clear", "knobs", "faults", "actions"]
        if let odd = members.first(where: { !known.contains($0.name) }) {
            throw Refusal(422, "\(odd.name) is unknown; there are \(known.joined(separator: ", "))")
        }
        var knobs = book.knobs
        var faults = self.faults
        if json["clear"]?.boolValue ?? false {
            knobs.reset()
            faults = []
        }
        for member in json["knobs"]?.objectValue ?? [] { try knobs.set(member.name, to: member.value) }
        for fault in json["faults"]?.arrayValue ?? [] { faults.append(try Fault(fault)) }
        let actions = (json["actions"]?.arrayValue ?? []).map { $0.stringValue ?? "" }
        let doable = type(of: book).actions
        if let odd = actions.first(where: { !doable.contains($0) }) {
            throw Refusal(422, "there is no action \(odd); there are \(doable.joined(separator: ", "))")
        }
        book.knobs = knobs
        self.faults = faults
        for action in actions { book.perform(action) }
    }

    /// The switches, the faults still to come and the actions there are.
    var controls: JSONValue {
        [
            "knobs": book.knobs.json, "faults": .array(faults.map(\.json)),
            "actions": .array(type(of: book).actions.map { .string($0) }),
        ]
    }

    /// Forgets what was asked.
    mutating func clearRequests() {
        requests = RequestLog()
    }
}

/// The latest calls, oldest first.
struct RequestLog: Sendable {
    private static let kept = 1000
    private static let bodyBytes = 4096
    private var entries: [Entry] = []
    private var next = 0
    private(set) var count = 0

    private struct Entry {
        var number: Int
        var at: Timestamp
        var target: String
        var method: Method
        var traceparent: String?
        var status: Int
        var isFaulty: Bool
        var body: [UInt8]
    }

    /// Writes a call down; of a long body its beginning.
    mutating func note(_ call: Call, status: Int, isFaulty: Bool) {
        count += 1
        let entry = Entry(
            number: count,
            at: .now(),
            target: call.target,
            method: call.method,
            traceparent: call.fields["traceparent"],
            status: status,
            isFaulty: isFaulty,
            body: Array(call.body.prefix(Self.bodyBytes))
        )
        if entries.count < Self.kept {
            entries.append(entry)
        } else {
            entries[next] = entry
            next = (next + 1) % Self.kept
        }
    }

    /// The calls after the one of that number.
    func json(after number: Int) -> JSONValue {
        let ordered = entries[next...] + entries[..<next]
        let shown = ordered.filter { $0.number > number }.map { entry -> JSONValue in
            [
                "number": .int(entry.number), "at": .string(entry.at.rfc3339),
                "method": .string(entry.method.rawValue), "target": .string(entry.target),
                "traceparent": .optional(entry.traceparent), "status": .int(entry.status),
                "fault": .bool(entry.isFaulty),
                "body": .string(String(decoding: entry.body, as: UTF8.self)),
            ]
        }
        return ["count": .int(count), "items": .array(shown)]
    }
}
