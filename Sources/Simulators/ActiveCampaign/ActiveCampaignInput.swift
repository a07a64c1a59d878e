//  What a caller sends about a contact, read as strictly as the account's switches say.

import HTTPCore
import JSON
import Platform

extension SimulatedActiveCampaign {
    /// The members of `{"contact": {…}}` that were given; what is left out keeps its value.
    struct ContactInput: Sendable {
        var email: String?
        var firstName: String?
        var lastName: String?
        var phone: String?
        var values: [(field: String, text: String)] = []
        var allowsNullEmail = false

        /// The answer to a body that does not do.
        struct Refused: Error {
            var response: Response
        }

        /// Reads the body of a request.
        static func read(_ call: Call, _ knobs: Knobs, _ catalogue: FieldCatalogue) -> Result<ContactInput, Refused> {
            var input = ContactInput()
            do throws(Refused) {
                try input.fill(from: call, strict: knobs.text("unknown_fields") == "refuse", knobs, catalogue)
                return .success(input)
            } catch {
                return .failure(error)
            }
        }

        private mutating func fill(
            from call: Call,
            strict: Bool,
            _ knobs: Knobs,
            _ catalogue: FieldCatalogue
        ) throws(Refused) {
            guard call.mediaType == "application/json" else {
                throw Refused(response: .json(415, ["message": "Content-Type must be application/json"]))
            }
            guard let members = call.json?["contact"]?.objectValue else { throw Refused(response: .json(400, [:])) }
            for member in members {
                switch (member.name, member.value) {
                case ("email", .string(let text)): email = text
                case ("firstName", .string(let text)): firstName = text
                case ("lastName", .string(let text)): lastName = text
                case ("phone", .string(let text)): phone = text
                case ("allowNullEmail", .bool(let truth)): allowsNullEmail = truth
                case ("fieldValues", .array(let entries)):
                    for entry in entries {
                        guard let field = entry["field"]?.looseText, let text = entry["value"]?.stringValue,
                            catalogue.has(field)
                        else {
                            guard strict else { continue }
                            throw .invalid("fieldValues takes {field, value} with the id of a field and a string")
                        }
                        values.append((field, text))
                    }
                case ("orgid", .number), ("deleted", .bool): break
                default:
                    if strict { throw .invalid("\(member.name) is unknown or of the wrong type") }
                }
            }
            guard let email, !email.isEmpty else { return }
            let parts = email.split(separator: "@", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && !$0.contains(" ") }) else {
                throw Refused(
                    response: .json(
                        knobs.number("bad_email_status"),
                        [
                            "errors": [
                                [
                                    "title": "Contact Email Address is not valid.", "detail": "",
                                    "code": "email_invalid", "error": "must_be_valid_email_address",
                                    "source": ["pointer": "/data/attributes/email"],
                                ]
                            ]
                        ]
                    )
                )
            }
        }

        /// Lays what was given over a record; an empty text clears a custom field.
        func apply(to record: inout ActiveCampaignRecord, now: Timestamp, nextValueID: inout Int64, offset: Int) {
            record.email = email ?? record.email
            record.firstName = firstName ?? record.firstName
            record.lastName = lastName ?? record.lastName
            record.phone = phone ?? record.phone
            record.updated = now
            for (field, text) in values {
                let place = record.values.firstIndex { $0.field == field }
                if text.isEmpty {
                    if let place { record.values.remove(at: place) }
                } else if let place {
                    record.values[place].text = text
                    record.values[place].updated = now
                } else {
                    record.values.append(.init(id: nextValueID, field: field, text: text, created: now, updated: now))
                    nextValueID += 1
                }
            }
        }
    }
}

extension SimulatedActiveCampaign.ContactInput.Refused {
    fileprivate static func invalid(_ message: String) -> Self {
        Self(response: SimulatedActiveCampaign.refused(title: message, code: "invalid", pointer: "/data/attributes"))
    }
}

extension JSONValue {
    /// A text, or a number's digits: ids come as either.
    var looseText: String? {
        if case .number(let digits) = self { return digits }
        return stringValue
    }
}
