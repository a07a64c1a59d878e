//  What reaches the dispatcher's task from elsewhere: many letters, one wake-up.

import HTTPCore
import Platform
import Synchronization

/// Gathers what happens until the dispatcher looks.
final class Mailbox: Sendable {
    struct Mail: Sendable {
        /// Exchanges that are over.
        var endings: [NumberedEnding] = []
        /// Whether an exchange with the store is over, and what it brought; nothing when it failed.
        var hasTurned = false
        var turn: Turn?
        /// The log or the table of webhooks has something new.
        var hasNews = false
        /// Timers that have run out.
        var timers: [Timestamp] = []
        /// The dispatcher is to end.
        var isStopWanted = false

        fileprivate var isEmpty: Bool {
            endings.isEmpty && !hasTurned && !hasNews && timers.isEmpty && !isStopWanted
        }
    }

    private let mail = Mutex(Mail())
    private let ringing: AsyncStream<Void>.Continuation
    /// Rings when there is mail.
    let bell: AsyncStream<Void>

    init() {
        (bell, ringing) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Adds to what is there.
    func post(_ write: (inout sending Mail) -> Void) {
        let isFirst = mail.withLock { mail in
            defer { write(&mail) }
            return mail.isEmpty
        }
        if isFirst { ringing.yield() }
    }

    /// Takes everything.
    func take() -> Mail {
        mail.withLock { mail in
            defer { mail = Mail() }
            return mail
        }
    }
}
