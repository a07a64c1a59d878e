//  A request as a simulated vendor reads it: path, query and form taken apart.

import HTTPCore
import JSON
import Platform

/// One call, decoded.
struct Call: Sendable {
    /// The verb.
    var method: Method
    /// The path as received.
    var path: String
    /// The path and the query as received.
    var target: String
    /// The path's segments, percent-decoded; a trailing slash leaves an empty one.
    var segments: [String]
    /// The query's parameters in order, decoded.
    var query: [(name: String, value: String)]
    /// Header fields.
    var fields: HeaderFields
    /// The body.
    var body: [UInt8]
    /// The simulated vendor's clock.
    var now: Timestamp

    /// Takes a request apart; `nil` for bad percent-encoding.
    init?(_ request: Request, now: Timestamp) {
        var segments: [String] = []
        for part in request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            guard let segment = PercentEncoding.decode(String(part)) else { return nil }
            segments.append(segment)
        }
        let query = QueryItems(request.query)
        guard query.isWellFormed else { return nil }
        method = request.method
        path = request.path
        self.segments = segments
        self.query = query.items
        target = request.query.map { "\(request.path)?\($0)" } ?? request.path
        fields = request.fields
        body = request.body
        self.now = now
    }

    /// The last value of a query parameter.
    func parameter(_ name: String) -> String? { query.last { $0.name == name }?.value }

    /// The media type of the body in lower case, without parameters; empty when none is stated.
    var mediaType: String {
        let value = fields["Content-Type"] ?? ""
        let type = value.prefix { $0 != ";" }
        return type.split(separator: " ").joined().lowercased()
    }

    /// The bearer token presented.
    var bearer: String? { credentials(scheme: "bearer") }

    /// What follows the scheme in the Authorization field.
    func credentials(scheme: String) -> String? {
        guard let value = fields["Authorization"], let space = value.firstIndex(of: " "),
            value[..<space].lowercased() == scheme
        else { return nil }
        return String(value[value.index(after: space)...])
    }

    /// The body as JSON; `nil` when it is none, or names a member twice.
    var json: JSONValue? { try? JSONValue(parsing: body, repeated: .refused) }
}
