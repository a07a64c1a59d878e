//  One call of a vendor's API, before the link adds the base URL.

public import HTTPCore

/// A request to the connection's vendor.
public struct VendorCall: Sendable {
    /// What it is for.
    public var operation: VendorOperation
    /// The method.
    public var method: Method
    /// What follows the base URL, percent-encoded, with the query: `/api/user/contacts?skip=0`.
    public var path: String
    /// Header fields, credentials included.
    public var fields: HeaderFields
    /// The body; empty for none.
    public var body: [UInt8]
    /// Largest answer in bytes.
    public var maxBody = 64 << 20

    /// Makes a call.
    public init(
        _ operation: VendorOperation,
        _ method: Method,
        _ path: String,
        fields: HeaderFields = HeaderFields(),
        body: [UInt8] = []
    ) {
        self.operation = operation
        self.method = method
        self.path = path
        self.fields = fields
        self.body = body
    }

    /// A call with a JSON body.
    public static func json(
        _ operation: VendorOperation,
        _ method: Method,
        _ path: String,
        fields: HeaderFields = HeaderFields(),
        body: [UInt8]
    ) -> VendorCall {
        var fields = fields
        fields.set("Content-Type", "application/json")
        return VendorCall(operation, method, path, fields: fields, body: body)
    }
}

/// Who waits for a call.
public enum CallPriority: Sendable {
    /// A client: goes first, and waits seconds at most.
    case caller
    /// Synchronisation: gives way, and may wait long.
    case sync

    /// The priority of calls that name none: set around a whole story with `$current.withValue`.
    @TaskLocal public static var current = CallPriority.sync
}

/// Texts for URLs and forms.
public enum URLEncoding {
    /// Everything but unreserved characters percent-encoded (RFC 3986 §2.3): safe in a path segment and in a query.
    public static func component(_ text: String) -> String { PercentEncoding.encode(text) }

    /// `name=value&…`, for a query or an `application/x-www-form-urlencoded` body.
    public static func form(_ pairs: [(String, String)]) -> String {
        pairs.map { "\(component($0.0))=\(component($0.1))" }.joined(separator: "&")
    }
}
