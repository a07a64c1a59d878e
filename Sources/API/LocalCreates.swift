//  `POST /v1/contacts` for the gateway's own book, where nobody has to be waited for but the disk: read and made ready on
//  the loop, handed to the writer, answered with the bytes that it stored. Everything else goes the long way.

import Config
import Contacts
import HTTPCore
public import HTTPServer
import JSON
import Log
import Platform
import Store

extension ContactsAPI {
    /// Hands a create over to the writer if it is a plain one: into a book whose truth is the store, valid, without an
    /// `Idempotency-Key`, a preference or an id of the client's own.
    ///
    /// - Returns: False when nothing was handed over: ``create(_:)`` answers, with the right error where there is one.
    public func createAtOnce(_ view: borrowing RequestView, _ place: AnswerPlace) -> Bool {
        guard !view.has(.idempotencyKey), !view.has(.prefer), let caller = view.principal as? Caller,
            let contact = writes.readyContact(view, caller)
        else { return false }
        let requestID = view.requestID
        let log = self.log
        writes.store.create(contact) { result in
            place.answer { out in
                switch result {
                case .success(let created): out.write(created)
                case .failure(let error):
                    let problem = Problem(error)
                    if problem.status == 500 {
                        log.error("request.failed", ["request_id": RequestID.text(requestID), "error": "\(error)"])
                    }
                    out.write(problem)
                }
            }
        }
        return true
    }
}

extension ContactWrites {
    /// The contact that a plain create wants stored; `nil` for any other request.
    fileprivate func readyContact(_ view: borrowing RequestView, _ caller: Caller) -> ReadyContact? {
        guard !view.has(.contentType) || MediaType.isJSON(view.field(.contentType)),
            // What cannot be read or used is read again for its error.
            let json = try? JSONValue(parsing: view.body), let input = try? ContactInput(whole: json),
            input.vendorID == nil, input.refutedClaims(against: nil).isEmpty, let name = input.connection,
            let connection = state.current.connections.connection(name, for: caller),
            connection.config.vendor == .local,
            let content = try? accepted(input.content, vendorID: nil, on: connection, at: "")
        else { return nil }
        return store.ready(content, connection: connection.key, named: connection.id, trace: view.trace?.stored)
    }
}

extension ResponseWriter {
    /// Answers with a contact that was created.
    fileprivate mutating func write(_ created: CreatedContact) {
        beginJSON(201)
        entityTag(created.revision)
        if let syncedAt = created.syncedAt { field("Synced-At", syncedAt.rfc3339) }
        output.append("Location: /v1/contacts/")
        output.append(created.id)
        output.append("\r\n")
        var body = created.document
        body.removeLast()
        body += ",\"translation\":[]}".utf8
        end(body)
    }
}
