//  Writing a tree as JSON text.

extension JSONValue {
    /// The value as UTF-8 JSON without white space.
    public func encoded() -> [UInt8] { [] }
}
