//  The checker finds what it is there to find.

import Testing

@Suite struct HistoryTests {
    /// Two contacts: `a` created, patched and read; `b` created and deleted.
    static let sound: History = {
        var history = History()
        history.calls = [
            .init(verb: .create, contact: "a", name: "n1", began: 0, ended: 1, outcome: .ok(revision: 1, name: nil)),
            .init(verb: .create, contact: "b", name: "n2", began: 0, ended: 2, outcome: .ok(revision: 2, name: nil)),
            .init(verb: .patch, contact: "a", name: "n3", began: 3, ended: 4, outcome: .ok(revision: 3, name: nil)),
            .init(verb: .read, contact: "a", began: 5, ended: 6, outcome: .ok(revision: 3, name: "n3")),
            .init(verb: .delete, contact: "b", began: 5, ended: 7, outcome: .ok(revision: nil, name: nil)),
            .init(verb: .read, contact: "b", began: 6, ended: 8, outcome: .ok(revision: nil, name: nil)),
            .init(verb: .create, name: "n4", began: 8, ended: 9, outcome: .unknown),
        ]
        history.feed = [
            .init(sequence: 1, contact: "a", type: "created", name: "n1"),
            .init(sequence: 2, contact: "b", type: "created", name: "n2"),
            .init(sequence: 3, contact: "a", type: "updated", name: "n3"),
            .init(sequence: 4, contact: "b", type: "deleted"),
        ]
        history.deliveries = [1, 0, 2, 2, 3].map { history.feed[$0] }
        history.contacts = ["a": "n3"]
        return history
    }()

    @Test func `a history that can be has no violations, whether or not what was never answered happened`() {
        #expect(Self.sound.violations() == [])
        #expect(Self.sound.duplicates == 1)
        var happened = Self.sound
        happened.feed.append(.init(sequence: 5, contact: "c", type: "created", name: "n4"))
        happened.deliveries.append(happened.feed[4])
        happened.contacts["c"] = "n4"
        #expect(happened.violations() == [])
    }

    static let cases: [(what: String, edit: @Sendable (inout History) -> Void)] = [
        ("the feed has", { $0.feed[3].sequence = 5 }),
        ("lost", { $0.feed[2].name = "n1" }),
        ("lost", { $0.calls[4].contact = "a" }),
        ("done twice", { $0.feed[2].name = "n1" }),
        ("nobody asked for", { $0.feed[1].name = "n9" }),
        ("nobody asked for", { $0.calls[2].outcome = .refused(507) }),
        ("nobody asked for", { $0.calls[4].outcome = .refused(500) }),
        ("went back", { $0.calls[3].outcome = .ok(revision: 1, name: "n1") }),
        ("was never so", { $0.calls[3].outcome = .ok(revision: 3, name: "n1") }),
        ("gone without a delete", { $0.calls[3].outcome = .ok(revision: nil, name: nil) }),
        ("never delivered", { $0.deliveries.removeFirst() }),
        ("out of order", { $0.deliveries.swapAt(1, 2) }),
        ("delivered otherwise", { $0.deliveries[0].name = "n3" }),
        ("ended as gone", { $0.contacts = [:] }),
        ("ended as n2", { $0.contacts["b"] = "n2" }),
    ]

    @Test(arguments: cases.indices)
    func `what cannot be is found`(index: Int) {
        var history = Self.sound
        Self.cases[index].edit(&history)
        #expect(history.violations().contains { $0.contains(Self.cases[index].what) }, "\(history.violations())")
    }
}
