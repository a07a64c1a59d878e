//  Events in order, taken from the front without moving those behind.

/// First in, first out.
struct EventQueue {
    private var events: [Event] = []
    private var head = 0

    var count: Int { events.count - head }
    var first: Event? { head < events.count ? events[head] : nil }
    /// All of them, first to last.
    var all: ArraySlice<Event> { events[head...] }

    mutating func append(_ event: Event) {
        events.append(event)
    }

    mutating func append(_ more: [Event]) {
        events += more
    }

    /// Puts back what was taken last.
    mutating func putBack(_ event: Event) {
        events.replaceSubrange(..<head, with: CollectionOfOne(event))
        head = 0
    }

    mutating func popFirst() -> Event? {
        guard head < events.count else { return nil }
        defer {
            head += 1
            if head == events.count {
                events.removeAll(keepingCapacity: true)
                head = 0
            } else if head >= 256 {
                events.removeFirst(head)
                head = 0
            }
        }
        return events[head]
    }
}
