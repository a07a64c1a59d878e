//  A store in a directory of its own, and contacts to put into it.

import Contacts
import Glibc
import Log
import Platform
import Store
import Synchronization
import TestSupport

extension Store {
    /// Opens a store with one connection, `book`.
    static func opened(
        _ directory: ScratchDirectory,
        clock: @escaping @Sendable () -> Timestamp = Timestamp.now,
        onFailure: @escaping @Sendable (StoreError) -> Void = { _ in }
    ) async throws -> (store: Store, book: Int64) {
        let store = try Store(path: directory.database, log: .silent, clock: clock, onFailure: onFailure)
        let rows = try await store.write { transaction in
            try transaction.connections.register([("book", "local")], at: Timestamp(milliseconds: 0))
        }
        return (store, rows[0].key)
    }

    func createOne(_ name: String, in connection: Int64, vendorID: String? = nil) async throws -> StoredContact {
        try await write { try $0.contacts.create(.named(name, in: connection, vendorID: vendorID)) }
    }

    func created(_ new: ReadyContact) async throws -> CreatedContact {
        try await withCheckedThrowingContinuation { waiting in create(new) { waiting.resume(with: $0) } }
    }

    func waitForIndex() async throws {
        // Each turn of the reader is a round trip through a thread, not a wait on the clock.
        while try await !read({ snapshot in try snapshot.search.isCaughtUp(with: snapshot.changes.last()) }) {}
    }

    func found(_ text: String) async throws -> [String] {
        try await read { snapshot in
            var filter = ContactFilter()
            filter.text = text
            return try snapshot.contacts.list(filter, limit: 1000).contacts.map { $0.contact.content.name.full ?? "" }
        }
    }
}

extension NewContact {
    static func named(_ name: String, in connection: Int64, vendorID: String? = nil) -> NewContact {
        var content = ContactContent()
        content.name = ContactName(full: name)
        return NewContact(connection: connection, vendorID: vendorID, content: content)
    }
}

extension ContactUpdate {
    init(_ stored: StoredContact, _ edit: (inout ContactContent) -> Void) {
        var content = stored.contact.content
        edit(&content)
        self.init(content: content, vendorID: stored.contact.vendorID, readOnly: stored.contact.readOnly)
    }
}

extension EditOutcome {
    var contact: StoredContact? {
        switch self {
        case .changed(let stored), .unchanged(let stored), .stale(let stored): stored
        case .gone: nil
        }
    }

    var isChange: Bool {
        if case .changed = self { true } else { false }
    }
}

/// A small generator with a seed, so that a failure can be run again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Hash64.scramble(state)
    }
}
