//  What the four simulated vendors have in common: a book with state that answers calls.

import HTTPCore
import JSON
import Platform

/// A vendor's server as a value: the protocol it answers and the levers a tester pulls behind its back.
///
/// Everything is written from the vendors' pages alone and shares no code with the adapters, so that a misreading on
/// one side shows on the other.
protocol VendorBook: Sendable {
    /// The switches for what the vendor's pages leave open.
    var knobs: Knobs { get set }
    /// The credentials it accepts, for people to read.
    static var credentials: String { get }
    /// The one-shot actions it knows, such as `expire_tokens`.
    static var actions: [String] { get }

    /// Answers one call of the vendor's own protocol.
    mutating func answer(_ call: Call) -> Response
    /// An error in the vendor's own shape.
    func failure(_ status: Int, _ message: String) -> Response

    /// How many contacts it holds.
    var count: Int { get }
    /// Some of the vendor's records, in its own words and order.
    mutating func records(skip: Int, limit: Int) -> [JSONValue]
    /// One of the vendor's records.
    func record(_ id: String) -> JSONValue?
    /// Takes a contact in as the vendor would hold it.
    ///
    /// - Returns: The vendor's id of it.
    mutating func add(_ contact: SimulatedContact, at now: Timestamp) throws(Refusal) -> String
    /// Changes a record by a merge patch in the vendor's own words, as if somebody had edited it there.
    mutating func patch(_ id: String, with patch: [JSONMember], at now: Timestamp) throws(Refusal)
    /// Deletes a record as if somebody had done so there.
    mutating func remove(_ id: String, at now: Timestamp) throws(Refusal)
    /// Carries out one of ``actions``.
    mutating func perform(_ action: String)
}

/// Why a control call was refused.
struct Refusal: Error, Equatable {
    /// The HTTP status.
    var status: Int
    /// What is wrong and what would be right.
    var message: String

    init(_ status: Int, _ message: String) {
        self.status = status
        self.message = message
    }

    /// No record of that id.
    static func unknown(_ id: String) -> Refusal { Refusal(404, "no contact with the id \(id)") }
}

extension [JSONMember] {
    /// The value of the member of that name.
    subscript(name: String) -> JSONValue? { first { $0.name == name }?.value }

    /// This object with the members of the patch laid over it; null removes (RFC 7396, one level).
    func merged(with patch: [JSONMember]) -> [JSONMember] {
        var merged = self
        for member in patch {
            let place = merged.firstIndex { $0.name == member.name }
            if member.value == .null {
                if let place { merged.remove(at: place) }
            } else if let place {
                merged[place].value = member.value
            } else {
                merged.append(member)
            }
        }
        return merged
    }
}

extension Response {
    /// A 200 answer of JSON.
    static func ok(_ json: JSONValue) -> Response { .json(200, json) }
}
