//  Answers that go wrong on purpose: which calls, how often, and in what way.

import HTTPCore
import JSON

/// One fault, as the faults file and `POST /_simulate/faults` describe it.
///
/// | member | meaning |
/// | --- | --- |
/// | `path` | which paths, `*` for any run of characters; every path when absent |
/// | `method`, `query` | only this verb; only when the query holds this text |
/// | `skip`, `times` | let that many calls pass first; then strike that often, 0 for ever (default 1) |
/// | `status` | answer this status, in the vendor's own error shape |
/// | `body` | `html`, `empty`, `cut` (half of the JSON), `half` (half of the bytes, then the connection breaks), |
/// |  | `endless` (never ends), `close` (the connection breaks without an answer) |
/// | `text` | answer exactly this body |
/// | `redirect` | answer 302 to this place |
/// | `headers` | further header fields, such as `{"Retry-After": "2"}` |
/// | `delay_ms` | wait that long first |
/// | `apply` | true to carry the call out although its answer is replaced: a lost answer |
struct Fault: Sendable {
    /// What the body becomes.
    enum Body: String, CaseIterable, Sendable {
        case html, empty, cut, half, endless, close
    }

    var path = "*"
    var method: Method?
    var query: String?
    var skip = 0
    var times = 1
    var status: Int?
    var body: Body?
    var text: String?
    var redirect: String?
    var headers: [(name: String, value: String)] = []
    var delay = 0
    var applies = false

    /// Reads a fault; unknown members are refused.
    init(_ json: JSONValue) throws(Refusal) {
        guard let members = json.objectValue else { throw Refusal(422, "a fault is a JSON object") }
        for member in members {
            switch (member.name, member.value) {
            case ("path", .string(let text)): path = text
            case ("method", .string(let text)):
                guard let method = Method(rawValue: text) else { throw Refusal(422, "\(text) is no method") }
                self.method = method
            case ("query", .string(let text)): query = text
            case ("skip", .number): skip = try Self.count(member)
            case ("times", .number): times = try Self.count(member)
            case ("status", .number):
                guard let status = member.value.intValue, (200...599).contains(status) else {
                    throw Refusal(422, "status is from 200 to 599")
                }
                self.status = status
            case ("body", .string(let text)):
                guard let body = Body(rawValue: text) else {
                    let all = Body.allCases.map(\.rawValue).joined(separator: ", ")
                    throw Refusal(422, "body is one of \(all)")
                }
                self.body = body
            case ("text", .string(let text)): self.text = text
            case ("redirect", .string(let place)): redirect = place
            case ("headers", .object(let fields)):
                headers = fields.compactMap { field in field.value.stringValue.map { (field.name, $0) } }
            case ("delay_ms", .number): delay = try Self.count(member)
            case ("apply", .bool(let truth)): applies = truth
            default: throw Refusal(422, "a fault has no member \(member.name) of that type")
            }
        }
    }

    private static func count(_ member: JSONMember) throws(Refusal) -> Int {
        guard let count = member.value.intValue, count >= 0 else {
            throw Refusal(422, "\(member.name) is a whole number from 0")
        }
        return count
    }

    /// Whether the vendor carries the call out.
    var letsThrough: Bool {
        applies || (status == nil && redirect == nil && text == nil && body != .close && body != .html)
    }

    /// Whether it is about that call, whatever is left of it.
    func concerns(_ call: Call) -> Bool {
        (method ?? call.method) == call.method
            && query.map { wanted in call.target.drop { $0 != "?" }.contains(wanted) } ?? true
            && Self.matches(Array(call.path.utf8)[...], Array(path.utf8)[...])
    }

    private static func matches(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == UInt8(ascii: "*") {
            return (text.startIndex...text.endIndex).contains { matches(text[$0...], pattern.dropFirst()) }
        }
        return text.first == first && matches(text.dropFirst(), pattern.dropFirst())
    }

    /// The answer that is sent in place of the vendor's.
    func bent(_ truth: Response, failure: (Int) -> Response) -> Response {
        var response = status.map(failure) ?? truth
        if let redirect {
            response = Response(status: status ?? 302, fields: ["Location": redirect])
        }
        if let text { response.body = Array(text.utf8) }
        for header in headers { response.fields.set(header.name, header.value) }
        let whole = response.body
        let half = Array(whole.prefix(whole.count / 2))
        switch body {
        case nil: break
        case .html:
            let phrase = "\(response.status) \(StatusPhrase.of(response.status))"
            response.fields.set("Content-Type", "text/html; charset=utf-8")
            response.body = Array("<!DOCTYPE html><html><body><h1>\(phrase)</h1></body></html>\n".utf8)
        case .empty: response.body = []
        case .cut: response.body = half
        case .half:
            response.stream = { writer in
                try await writer.write(half)
                throw BrokenOff()
            }
        case .close: response.stream = { _ in throw BrokenOff() }
        case .endless:
            let filler = [UInt8](repeating: UInt8(ascii: " "), count: 65_536)
            response.stream = { writer in
                try await writer.write(half)
                while true { try await writer.write(filler) }
            }
        }
        return response
    }

    /// Ends a connection in the middle of an answer.
    private struct BrokenOff: Error {}

    /// What is still to come, for people.
    var json: JSONValue {
        var members = [
            JSONMember("path", .string(path)), JSONMember("skip", .int(skip)), JSONMember("times", .int(times)),
        ]
        if let method { members.append(JSONMember("method", .string(method.rawValue))) }
        if let query { members.append(JSONMember("query", .string(query))) }
        if let status { members.append(JSONMember("status", .int(status))) }
        if let body { members.append(JSONMember("body", .string(body.rawValue))) }
        if let text { members.append(JSONMember("text", .string(text))) }
        if let redirect { members.append(JSONMember("redirect", .string(redirect))) }
        if delay > 0 { members.append(JSONMember("delay_ms", .int(delay))) }
        if applies { members.append(JSONMember("apply", true)) }
        return .object(members)
    }
}
