//  A text that must never be printed.

/// A secret; in any description it reads `<redacted>`.
public struct Secret: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The text itself. Look where it goes.
    public let revealed: String

    /// Wraps a text.
    public init(_ text: String) {
        revealed = text
    }

    /// Never the text.
    public var description: String { "<redacted>" }
    /// Never the text.
    public var debugDescription: String { "<redacted>" }
    /// Nothing to be seen by `dump` either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
