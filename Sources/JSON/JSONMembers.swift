//  Objects whose members are known: the usual order is tried first, any order is read.

/// The members that an object may have, in their usual order; ``other`` comes last and stands for any that is not
/// known.
public protocol JSONMembers: RawRepresentable<Int> {
    /// The member's name: ASCII without quotes and backslashes. That of ``other`` is never looked at.
    var name: StaticString { get }
    /// A member of any other name.
    static var other: Self { get }
}

extension JSONReader {
    /// The next member by its name, the reader then standing before its value; `nil` when the object has ended.
    ///
    /// - Parameter expected: The member to try first. Becomes the one that usually follows what was found.
    /// - Returns: The member.
    /// - Throws: ``JSONError`` as ``nextMember()`` does.
    @inlinable
    public mutating func nextMember<Member: JSONMembers>(_ expected: inout Member) throws(JSONError) -> Member? {
        let last = Member.other.rawValue
        var member = expected
        if member.rawValue == last || !takeMember(member.name) {
            guard let name = try nextMember() else { return nil }
            member = .other
            for place in 0..<last {
                guard let known = Member(rawValue: place) else { continue }
                if equals(name, known.name) {
                    member = known
                    break
                }
            }
            guard member.rawValue != last else { return member }
        }
        expected = Member(rawValue: member.rawValue + 1) ?? .other
        return member
    }

    /// Reads a string and makes a text of it.
    public mutating func textValue() throws(JSONError) -> String {
        let string = try string()
        return text(string)
    }

    /// Reads a string, or null.
    public mutating func optionalTextValue() throws(JSONError) -> String? {
        switch try peek() {
        case .null:
            try null()
            return nil
        default: return try textValue()
        }
    }
}
