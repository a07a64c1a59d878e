//  The unified contact: what a contact is here, whoever sent it.

public import Platform

/// One contact of one connection.
public struct Contact: Equatable, Sendable {
    /// Opaque, at most 64 characters of `[A-Za-z0-9_-]`, stable for the contact's life.
    public var id: String
    /// The configured connection it belongs to.
    public var connection: String
    /// The vendor's own id, as the vendor spells it; `nil` until the vendor has given one.
    public var vendorID: String?
    /// Everything that a client may write.
    public var content: ContactContent
    /// True where the vendor lets nobody change this record.
    public var readOnly: Bool
    /// When the gateway first stored it.
    public var createdAt: Timestamp
    /// When the gateway last changed it.
    public var updatedAt: Timestamp
    /// The sequence of its last change.
    public var revision: Int64

    /// Makes a contact from all its members.
    public init(
        id: String,
        connection: String,
        vendorID: String?,
        content: ContactContent,
        readOnly: Bool,
        createdAt: Timestamp,
        updatedAt: Timestamp,
        revision: Int64
    ) {
        self.id = id
        self.connection = connection
        self.vendorID = vendorID
        self.content = content
        self.readOnly = readOnly
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.revision = revision
    }
}

/// The members of a contact that a client or a vendor may write.
public struct ContactContent: Equatable, Sendable {
    /// Whose book it stands in, for vendors whose books have owners.
    public var owner: String?
    /// A person, an organization or a group.
    public var kind: ContactKind = .individual
    /// The name; `full` is always filled once the contact is stored.
    public var name = ContactName()
    /// The company.
    public var organization: String?
    /// The job title.
    public var title: String?
    /// In order of preference.
    public var emails: [ContactEmail] = []
    /// In order of preference.
    public var phones: [ContactPhone] = []
    /// In order of preference.
    public var addresses: [ContactAddress] = []
    /// Free text.
    public var notes: String?
    /// Without repeats, in the order given.
    public var tags: [String] = []
    /// Customer or lead, where known.
    public var lifecycle: Lifecycle?
    /// Marked by the book's owner.
    public var favorite = false
    /// The vendor's custom fields by their vendor ids, in the order of the vendor.
    public var customFields: [CustomField] = []

    /// An empty contact, to be filled.
    public init() {}
}

/// What kind of thing a contact stands for (RFC 6350 §6.1.4).
public enum ContactKind: String, CaseIterable, Sendable {
    case individual, org, group
}

/// Where a contact stands in the sales process.
public enum Lifecycle: String, CaseIterable, Sendable {
    case customer, lead
}

/// A name, whole and in parts.
public struct ContactName: Equatable, Sendable {
    /// As one would write it on an envelope.
    public var full: String?
    /// The given name.
    public var given: String?
    /// The family name.
    public var surname: String?
    /// Such as `Dr.`.
    public var prefix: String?
    /// The middle name or names.
    public var middle: String?
    /// Such as `Jr.`.
    public var suffix: String?

    /// Makes a name from the members that are known.
    public init(
        full: String? = nil,
        given: String? = nil,
        surname: String? = nil,
        prefix: String? = nil,
        middle: String? = nil,
        suffix: String? = nil
    ) {
        self.full = full
        self.given = given
        self.surname = surname
        self.prefix = prefix
        self.middle = middle
        self.suffix = suffix
    }
}

/// An e-mail address with its label.
public struct ContactEmail: Equatable, Sendable {
    /// The address, as given.
    public var address: String
    /// What it is used for.
    public var label: PlaceLabel

    /// Makes an e-mail entry.
    public init(address: String, label: PlaceLabel) {
        self.address = address
        self.label = label
    }
}

/// A phone number with its label.
public struct ContactPhone: Equatable, Sendable {
    /// The number, as given; never rewritten.
    public var number: String
    /// What it is used for.
    public var label: PhoneLabel
    /// The number in E.164, derived where number and region allow it.
    public var e164: String?

    /// Makes a phone entry.
    public init(number: String, label: PhoneLabel, e164: String? = nil) {
        self.number = number
        self.label = label
        self.e164 = e164
    }
}

/// A postal address with its label.
public struct ContactAddress: Equatable, Sendable {
    /// The address as free text.
    public var full: String
    /// What it is used for.
    public var label: PlaceLabel

    /// Makes an address entry.
    public init(full: String, label: PlaceLabel) {
        self.full = full
        self.label = label
    }
}

/// The labels of phone numbers.
public enum PhoneLabel: String, CaseIterable, Sendable {
    case mobile, work, home
    case workFax = "work_fax"
    case homeFax = "home_fax"
    case fax, other
}

/// The labels of e-mails and addresses.
public enum PlaceLabel: String, CaseIterable, Sendable {
    case work, home, other
}

/// One custom field: the vendor's field id and its text.
public struct CustomField: Equatable, Sendable {
    /// The vendor's id of the field.
    public var id: String
    /// The value as the vendor writes it.
    public var value: String

    /// Makes a custom field.
    public init(id: String, value: String) {
        self.id = id
        self.value = value
    }
}

/// The top-level writable members, as `changed_fields` and `translation` name them.
public enum ContactField: String, CaseIterable, Sendable {
    case owner, kind, name, organization, title, emails, phones, addresses, notes, tags, lifecycle, favorite
    case customFields = "custom_fields"
    case vendorID = "vendor_id"
    case readOnly = "read_only"
}
