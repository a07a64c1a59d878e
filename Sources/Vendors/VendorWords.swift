//  What a vendor says about a failure, in whichever of the shapes in the field it says it.

public import HTTPCore
import JSON

/// The vendor's own code and words out of an error answer.
public struct VendorWords: Equatable, Sendable {
    /// The vendor's code; `nil` without one.
    public var code: String?
    /// The vendor's words; `nil` without any.
    public var message: String?

    /// Reads `{"errors":[{"code","message","title","detail"}]}`, `{"error": "…"|{…}}` and `{"message": "…"}`; of other
    /// text the first line's beginning.
    public init(_ body: [UInt8]) {
        guard let tree = try? JSONValue(parsing: body, repeated: .lastCounts) else {
            // No JSON: the text itself is all there is to say.
            message = Self.excerpt(of: body)
            return
        }
        let first = tree["errors"]?.arrayValue?.first ?? tree["errors"]
        let error = first ?? tree["error"]
        code = Self.text(error?["code"]) ?? Self.text(tree["code"])
        let parts = [
            error?.stringValue, Self.text(error?["message"]), Self.text(error?["title"]), Self.text(error?["detail"]),
            Self.text(tree["message"]), Self.text(tree["error_description"]),
        ]
        message = parts.compactMap { $0 }.first { !$0.isEmpty }
        if code?.isEmpty == true { code = nil }
    }

    /// Whether a JSON answer has an error inside, whatever its status.
    public static func hasError(_ body: [UInt8]) -> Bool {
        guard let tree = try? JSONValue(parsing: body, repeated: .lastCounts) else { return false }
        if case .array(let errors)? = tree["errors"] { return !errors.isEmpty }
        return tree["error"].map { $0 != .null && $0 != "" && $0 != false } ?? false
    }

    /// Up to 200 characters of a text answer, on one line.
    private static func excerpt(of body: [UInt8]) -> String? {
        let text = String(decoding: body.prefix(400), as: UTF8.self)
        let line = text.split(whereSeparator: { $0.isWhitespace || $0.isNewline }).joined(separator: " ")
        return line.isEmpty ? nil : String(line.prefix(200))
    }

    private static func text(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text): text
        case .number(let digits): digits
        default: nil
        }
    }
}

extension VendorError {
    /// A failure with the vendor's words where there are any.
    public init(_ kind: Kind, answer: ClientResponse, otherwise words: String) {
        let said = VendorWords(answer.body)
        self.init(kind, status: answer.status, code: said.code, message: said.message ?? words)
    }

    /// An answer that is none that the protocol knows.
    public static func malformed(_ answer: ClientResponse, _ words: String) -> VendorError {
        let isMarkup = answer.body.first { $0 > 0x20 } == UInt8(ascii: "<")
        let said = isMarkup ? "The vendor answered with HTML or XML instead of JSON: " : ""
        let excerpt = String(decoding: answer.body.prefix(120), as: UTF8.self)
        return VendorError(.malformed, status: answer.status, message: isMarkup ? said + excerpt : words)
    }
}
