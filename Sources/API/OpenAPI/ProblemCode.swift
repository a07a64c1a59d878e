//  Every `code` that an error may have. A test compares the list with the program's text.

import HTTPCore

/// The stable words of errors.
enum ProblemCode: String, CaseIterable, Sendable {
    // What the front door refuses.
    case malformedRequest = "malformed_request"
    case malformedPath = "malformed_path"
    case tlsRequired = "tls_required"
    case unauthorized
    case insufficientScope = "insufficient_scope"
    case adminListenerOnly = "admin_listener_only"
    case crossSiteRefused = "cross_site_refused"
    case rateLimited = "rate_limited"
    case tooManyFailedKeys = "too_many_failed_keys"
    case methodNotAllowed = "method_not_allowed"
    case requestTimeout = "request_timeout"
    case bodyTooLarge = "body_too_large"
    case targetTooLong = "target_too_long"
    case expectationFailed = "expectation_failed"
    case fieldsTooLarge = "fields_too_large"
    case notImplemented = "not_implemented"
    case versionNotSupported = "version_not_supported"
    // What cannot be read or means nothing here.
    case invalidParameter = "invalid_parameter"
    case invalidJSON = "invalid_json"
    case unsupportedMediaType = "unsupported_media_type"
    case notFound = "not_found"
    case invalidInput = "invalid_input"
    case invalidConfig = "invalid_config"
    // Writes of contacts.
    case preconditionFailed = "precondition_failed"
    case idempotencyKeyInUse = "idempotency_key_in_use"
    case idempotencyKeyReused = "idempotency_key_reused"
    case idempotencyAnswerLost = "idempotency_answer_lost"
    case readOnlyConnection = "read_only_connection"
    case readOnlyContact = "read_only_contact"
    case translationLoss = "translation_loss"
    case vendorIDTaken = "vendor_id_taken"
    case ambiguousMatch = "ambiguous_match"
    // What a vendor says.
    case vendorRefused = "vendor_refused"
    case duplicateEmail = "duplicate_email"
    case vendorNotFound = "vendor_not_found"
    case vendorUnauthorized = "vendor_unauthorized"
    case vendorMalformed = "vendor_malformed"
    case vendorUnreachable = "vendor_unreachable"
    case vendorThrottled = "vendor_throttled"
    case vendorUnavailable = "vendor_unavailable"
    case vendorTimeout = "vendor_timeout"
    case notStored = "not_stored"
    case unsupported
    // Everything else.
    case syncTokenInvalid = "sync_token_invalid"
    case syncTokenExpired = "sync_token_expired"
    case connectionInUse = "connection_in_use"
    case unsupportedMode = "unsupported_mode"
    case notHeld = "not_held"
    case webhookDisabled = "webhook_disabled"
    case draining
    case shuttingDown = "shutting_down"
    case storageUnavailable = "storage_unavailable"
    case storageError = "storage_error"
    case storageFull = "storage_full"
    case internalError = "internal_error"

    /// The status that comes with it.
    var status: Int {
        switch self {
        case .malformedRequest, .malformedPath, .tlsRequired, .invalidParameter, .invalidJSON, .syncTokenInvalid: 400
        case .unauthorized: 401
        case .insufficientScope, .adminListenerOnly, .crossSiteRefused: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .requestTimeout: 408
        case .idempotencyKeyInUse, .idempotencyAnswerLost, .vendorIDTaken, .ambiguousMatch, .duplicateEmail,
            .vendorNotFound,
            .connectionInUse, .notHeld, .webhookDisabled:
            409
        case .syncTokenExpired: 410
        case .preconditionFailed: 412
        case .bodyTooLarge: 413
        case .targetTooLong: 414
        case .unsupportedMediaType: 415
        case .expectationFailed: 417
        case .invalidInput, .invalidConfig, .idempotencyKeyReused, .readOnlyConnection, .readOnlyContact,
            .translationLoss, .vendorRefused, .unsupported, .unsupportedMode:
            422
        case .rateLimited, .tooManyFailedKeys: 429
        case .fieldsTooLarge: 431
        case .storageError, .internalError: 500
        case .notImplemented: 501
        case .vendorUnauthorized, .vendorMalformed: 502
        case .vendorUnreachable, .vendorThrottled, .vendorUnavailable, .draining, .shuttingDown, .storageUnavailable:
            503
        case .vendorTimeout, .notStored: 504
        case .versionNotSupported: 505
        case .storageFull: 507
        }
    }

    /// When it is answered.
    var meaning: String {
        switch self {
        case .malformedRequest: "the bytes are no HTTP request (RFC 9112), or an unclear one"
        case .malformedPath: "the path has a malformed percent-encoding"
        case .tlsRequired: "the port speaks TLS, and the request came without"
        case .unauthorized: "no key, or none of the configuration"
        case .insufficientScope: "the key lacks the operation's scope, or the operation needs a key for all connections"
        case .adminListenerOnly: "the operation is answered on the listener of `server.admin_listen` only"
        case .crossSiteRefused: "a web page of another origin may not change anything here"
        case .rateLimited: "the key has spent its requests for now; `Retry-After` says for how long"
        case .tooManyFailedKeys: "too many unknown keys came from this address"
        case .methodNotAllowed: "the path does not answer that method; `Allow` names those it does"
        case .requestTimeout: "the request came too slowly"
        case .bodyTooLarge: "the body is larger than the operation takes"
        case .targetTooLong: "the request target is too long"
        case .expectationFailed: "`Expect` asks for something else than `100-continue`"
        case .fieldsTooLarge: "the header fields are too many or too large"
        case .notImplemented: "an unknown method or transfer coding"
        case .versionNotSupported: "another version than HTTP/1.1 and 1.0"
        case .invalidParameter: "a parameter of the query or header that is unknown, repeated or cannot be used"
        case .invalidJSON: "the body is no JSON, or repeats a member; with line and column"
        case .unsupportedMediaType: "the body is of another media type"
        case .notFound: "nothing of that id, or nothing that this key sees"
        case .invalidInput: "the input can be read and means nothing here; `errors` names every place"
        case .invalidConfig: "the configuration file has errors; the one before stays in force"
        case .preconditionFailed: "the contact is no longer in the state of `If-Match`"
        case .idempotencyKeyInUse: "the first request with this `Idempotency-Key` is still at work"
        case .idempotencyKeyReused: "this `Idempotency-Key` came with another request before"
        case .idempotencyAnswerLost:
            "the first request with this `Idempotency-Key` was cut off, and nobody knows its answer"
        case .readOnlyConnection: "the vendor's protocol has no call for writing"
        case .readOnlyContact: "the vendor lets nobody change or delete this contact"
        case .translationLoss: "the vendor cannot hold everything, and `Prefer: handling=strict` allows no loss"
        case .vendorIDTaken: "another contact of the connection has this `vendor_id`"
        case .ambiguousMatch: "several contacts match; `candidates` names them"
        case .vendorRefused: "the vendor refused the data; `vendor` has its words"
        case .duplicateEmail: "the vendor holds e-mails to be unique and has this one; `candidates` names whose it is"
        case .vendorNotFound: "the vendor no longer has this contact"
        case .vendorUnauthorized: "the vendor refused the connection's credentials"
        case .vendorMalformed: "the vendor answered with nothing that its protocol knows"
        case .vendorUnreachable: "the vendor cannot be reached; nothing was stored"
        case .vendorThrottled: "the vendor asks for patience; nothing was stored"
        case .vendorUnavailable: "the vendor is not available; nothing was stored"
        case .vendorTimeout: "the vendor did not answer in time; the write may have happened"
        case .notStored: "the vendor has the new contact, but it could not be stored here"
        case .unsupported: "the vendor has no such operation"
        case .syncTokenInvalid: "`since` is no token of this gateway"
        case .syncTokenExpired: "the changes after this token are no longer kept; begin again without `since`"
        case .connectionInUse: "the connection is in the configuration"
        case .unsupportedMode: "the connection's vendor has no such run"
        case .notHeld: "the run is not held"
        case .webhookDisabled: "the webhook is disabled"
        case .draining: "the gateway is stopping and takes no new work"
        case .shuttingDown: "the gateway stopped in the middle of the request; send it again"
        case .storageUnavailable: "the store does not answer at the moment"
        case .storageError: "the store failed; the request id finds it in the log"
        case .storageFull: "the disk is full; nothing was stored, reads go on"
        case .internalError: "a fault of the gateway; the request id finds it in the log"
        }
    }

    /// Of every write that takes an `Idempotency-Key`.
    static let keyed: [ProblemCode] = [
        .invalidParameter, .idempotencyKeyInUse, .idempotencyKeyReused, .storageFull,
    ]

    /// The name of a status among the components' responses, such as `NotFound`.
    static func component(of status: Int) -> String {
        StatusPhrase.of(status).split(separator: " ").joined()
    }
}
