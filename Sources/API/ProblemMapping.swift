//  The one place that turns failures into statuses.

public import HTTPCore
public import JSON
public import Log
import Store
public import Vendors

extension Problem {
    /// What a client is told of any error. Unknown ones are 500 and say nothing more; log them where they arise.
    public init(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as StoreError: self.init(store: error)
        case let error as JSONError: self.init(json: error, in: [])
        case is CancellationError: self.init(503, "shutting_down", "The gateway is stopping; send the request again.")
        default: self.init(500, "internal_error", "Something went wrong here. The request id finds it in the log.")
        }
    }

    /// A body that is no JSON, with line and column.
    public init(json error: JSONError, in text: [UInt8]) {
        let place = TextPosition(of: error.offset, in: text)
        var detail = "The body is not valid JSON: \(error.reason) at line \(place.line), column \(place.column)."
        if let first = error.firstOffset {
            let place = TextPosition(of: first, in: text)
            detail = "The body: \(error.reason); the first one is at line \(place.line), column \(place.column)."
        }
        self.init(400, "invalid_json", detail, errors: [InputError(pointer: "", detail: detail)])
    }

    /// A failure of our own store.
    private init(store error: StoreError) {
        switch error.code {
        case .full:
            self.init(507, "storage_full", "The disk is full: nothing was stored. Reads go on.")
            retryable = true
        case .locked, .closed:
            self.init(503, "storage_unavailable", "The store is not available at the moment.")
            retryable = true
            retryAfter = 1
        default:
            self.init(500, "storage_error", "The store failed. The request id finds it in the log.")
        }
    }

    /// A vendor's failure, for a write that waited for it.
    ///
    /// - Parameters:
    ///   - error: What the vendor's adapter threw.
    ///   - vendor: The vendor's name.
    ///   - connection: The connection's id.
    public init(vendor error: VendorError, of vendor: String, connection: String) {
        switch error.kind {
        case .refused: self.init(422, "vendor_refused", "\(vendor) refused the data: \(error.message)")
        case .duplicate: self.init(409, "duplicate_email", "\(vendor) already has a contact with this e-mail.")
        case .notFound:
            self.init(409, "vendor_not_found", "\(vendor) no longer has this contact; synchronise `\(connection)`.")
        case .unauthorized:
            self.init(502, "vendor_unauthorized", "\(vendor) refused the credentials of connection `\(connection)`.")
        case .unreachable, .breakerOpen:
            self.init(503, "vendor_unreachable", "\(vendor) cannot be reached: \(error.message). Nothing was stored.")
        case .throttled: self.init(503, "vendor_throttled", "\(vendor) asks for patience. Nothing was stored.")
        case .unavailable:
            self.init(503, "vendor_unavailable", "\(vendor) is not available: \(error.message). Nothing was stored.")
        case .ambiguous:
            self.init(
                504,
                "vendor_timeout",
                "\(vendor) did not answer in time; the write may have happened and will show after the next run."
            )
        case .unsupported: self.init(422, "unsupported", "\(vendor) has no such operation: \(error.message)")
        case .malformed, .markExpired:
            self.init(502, "vendor_malformed", "\(vendor) answered with nothing that we understand: \(error.message)")
        case .cancelled: self.init(503, "shutting_down", "The gateway is stopping; send the request again.")
        }
        self.vendor = VendorDetail(name: vendor, status: error.status, code: error.code, message: error.message)
        retryable = error.isRetryable || error.kind == .cancelled
        retryAfter = error.retryAfterSeconds ?? (status == 503 ? 5 : nil)
    }

    /// A contact, webhook, run or connection that is not there, or not for this key.
    public static func notFound(_ what: String) -> Problem {
        Problem(404, "not_found", "There is no such \(what).")
    }

    /// One parameter of the query or header that cannot be used.
    public static func invalidParameter(_ name: String, _ detail: String) -> Problem {
        Problem(400, "invalid_parameter", detail, errors: [InputError(pointer: name, detail: detail)])
    }

    /// Input that was read but means nothing here.
    public static func invalidInput(_ errors: [InputError]) -> Problem {
        let detail =
            errors.count == 1 ? errors[0].detail : "\(errors.count) members cannot be used; `errors` names each."
        return Problem(422, "invalid_input", detail, errors: errors)
    }
}

/// Runs a handler and answers with the problem of whatever it throws.
///
/// - Returns: The handler's answer, or the problem; what became a 500 is logged.
public func answering(
    _ request: Request,
    log: Log,
    _ body: (Request) async throws -> Response
) async -> Response {
    do {
        return try await TraceContext.$current.withValue(request.trace) { try await body(request) }
    } catch {
        let problem = Problem(error)
        if problem.status == 500 {
            log.error("request.failed", ["request_id": request.id, "path": request.path, "error": "\(error)"])
        }
        return problem.response(requestID: request.id)
    }
}
