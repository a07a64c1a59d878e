//  A contact as a client writes it, whole or as a patch: every fault is found at once, each with its pointer. Pure.

public import JSON
import Platform

/// One fault of the input.
public struct ContactFault: Equatable, Sendable {
    /// JSON pointer into the body (RFC 6901).
    public var pointer: String
    /// What is wrong and what would do.
    public var detail: String

    /// Makes a fault.
    public init(pointer: String, detail: String) {
        self.pointer = pointer
        self.detail = detail
    }
}

/// Every fault of one contact.
public struct InvalidContact: Error, Equatable, Sendable {
    /// At least one, in the order of the body.
    public var faults: [ContactFault]

    /// Makes an error.
    public init(faults: [ContactFault]) {
        self.faults = faults
    }
}

/// Longest texts and lists that a client may write, texts in characters.
public enum ContactLimits {
    /// Names, organization, title, e-mail addresses.
    public static let line = 1000
    /// Phone numbers, tags, owners, vendors' ids and the ids of custom fields.
    public static let word = 256
    /// Postal addresses.
    public static let address = 4000
    /// Notes and values of custom fields.
    public static let text = 65_536
    /// E-mails, phones, addresses, tags, custom fields: each.
    public static let entries = 500
}

extension ContactContent {
    /// A member with more than ``ContactLimits/entries`` entries; `nil` when there is none.
    public var overfullField: ContactField? {
        let counts: [(ContactField, Int)] = [
            (.emails, emails.count), (.phones, phones.count), (.addresses, addresses.count), (.tags, tags.count),
            (.customFields, customFields.count),
        ]
        return counts.first { $0.1 > ContactLimits.entries }?.0
    }
}

/// What a client wrote.
public struct ContactInput: Equatable, Sendable {
    /// `connection`, where given.
    public var connection: String?
    /// `vendor_id`, where given and not null.
    public var vendorID: String?
    /// The writable members; what was not given keeps the value of the base.
    public var content: ContactContent
    /// The writable members that were given, in the order of the body.
    public var given: [ContactField] = []
    /// Read-only members that were given, to be compared with what is stored.
    public var claims: [JSONMember] = []

    /// Reads a whole contact, as for POST and PUT: what is absent is empty.
    ///
    /// - Parameters:
    ///   - json: The body, or the part of it that is a contact.
    ///   - pointer: Where that part stands in the body.
    ///   - former: The contact as stored, which this one replaces: its E.164 numbers may be echoed although the number
    ///     beside them is another, and a name that only stands in for one follows what it was taken from.
    /// - Throws: ``InvalidContact`` with every fault.
    public init(
        whole json: JSONValue,
        at pointer: String = "",
        replacing former: ContactContent? = nil
    ) throws(InvalidContact) {
        let known = Set(former?.phones.compactMap(\.e164) ?? [])
        try self.init(json, onto: ContactContent(), merging: false, pointer, known)
        if let former { content = content.forgettingStandIn(of: former) }
    }

    /// Reads a merge patch (RFC 7396): objects merge, arrays are replaced, null removes.
    ///
    /// - Parameters:
    ///   - json: The patch.
    ///   - base: The contact as stored.
    ///   - pointer: Where the patch stands in the body.
    /// - Throws: ``InvalidContact`` with every fault.
    public init(patch json: JSONValue, onto base: ContactContent, at pointer: String = "") throws(InvalidContact) {
        let known = Set(base.phones.compactMap(\.e164))
        try self.init(json, onto: base, merging: true, pointer, known)
    }

    private init(
        _ json: JSONValue,
        onto base: ContactContent,
        merging: Bool,
        _ pointer: String,
        _ knownNumbers: Set<String>
    ) throws(InvalidContact) {
        guard case .object(let members) = json else {
            throw InvalidContact(faults: [ContactFault(pointer: pointer, detail: "A contact is a JSON object.")])
        }
        // Pointers cost as much as all the rest: they are made when it is certain that there are faults to point at.
        var reading = InputReading(merging: merging, knownNumbers: knownNumbers, knowsPlaces: false)
        self.init(members, onto: base, pointer, &reading)
        if reading.faults.isEmpty { return }
        reading = InputReading(merging: merging, knownNumbers: knownNumbers, knowsPlaces: true)
        self.init(members, onto: base, pointer, &reading)
        throw InvalidContact(faults: reading.faults)
    }

    private init(
        _ members: [JSONMember],
        onto base: ContactContent,
        _ pointer: String,
        _ reading: inout InputReading
    ) {
        content = base
        for member in members {
            let place = reading.place(of: member.name, in: pointer)
            switch member.name {
            case "connection": connection = reading.line(member.value, place, ContactLimits.word)
            case "vendor_id":
                given.append(.vendorID)
                vendorID = reading.line(member.value, place, ContactLimits.word)
            case "id", "read_only", "created_at", "updated_at", "revision", "raw": claims.append(member)
            case let name:
                guard let field = ContactField(rawValue: name) else {
                    reading.fault(place, "A contact has no member `\(name.prefix(64))`; it has \(Self.memberNames).")
                    continue
                }
                given.append(field)
                reading.read(field, member.value, place, into: &content)
            }
        }
        content = content.forgettingStandIn(of: base)
    }

    private static let memberNames = ContactField.documentOrder.map { "`\($0.rawValue)`" }.joined(separator: ", ")
}

extension ContactInput {
    /// The claims about read-only members that do not hold.
    ///
    /// - Parameters:
    ///   - stored: The contact as stored; `nil` for one that is being created, which has no such members yet.
    ///   - pointer: Where the contact stands in the body.
    /// - Returns: A fault for each claim that differs from what is stored; null claims nothing.
    public func refutedClaims(against stored: Contact?, at pointer: String = "") -> [ContactFault] {
        claims.compactMap { claim in
            let holds =
                switch claim.name {
                case _ where claim.value == .null: true
                case "id": stored.map { claim.value == .string($0.id) } ?? false
                case "read_only": claim.value == .bool(stored?.readOnly ?? false)
                case "created_at": stored.map { claim.value == .string($0.createdAt.rfc3339) } ?? false
                case "updated_at": stored.map { claim.value == .string($0.updatedAt.rfc3339) } ?? false
                case "revision": stored.map { claim.value == .int($0.revision) } ?? false
                default: stored != nil
                }
            guard !holds else { return nil }
            return ContactFault(
                pointer: JSONPointer.appending(claim.name, to: pointer),
                detail: "`\(claim.name)` is the gateway's to set; leave it out, or send it as it is stored."
            )
        }
    }
}

extension ContactContent {
    /// Whether there is anything to know the contact by.
    ///
    /// - Parameter vendorID: Counts where the vendor knows only ids; `nil` elsewhere.
    /// - Returns: False for an empty contact, which nobody stores.
    public func hasSubstance(vendorID: String? = nil) -> Bool {
        name.full != nil || NameRule.full(of: name) != nil || organization != nil || !emails.isEmpty || !phones.isEmpty
            || vendorID != nil
    }
}
