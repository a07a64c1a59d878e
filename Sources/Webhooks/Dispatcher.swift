//  Carries events from the log to the receivers. One task owns all lanes; attempts, reads and commits are its
//  children and report back through one inbox.

public import Config
public import Crypto
public import HTTPCore
public import Log
public import Platform
public import Store
import Synchronization

/// What the configuration says about deliveries; swapped whole on reload.
struct DispatcherSettings: Sendable {
    var timeout: Duration
    var addresses: AddressGuard

    init(_ config: WebhooksConfig) {
        timeout = config.timeout
        addresses = AddressGuard(allowNetworks: config.allowNetworks)
    }
}

/// Delivers every event to every webhook that wants it, at least once and in order for each contact.
public final class Dispatcher: Sendable {
    /// Most exchanges at a time over all webhooks.
    public static let mostFlights = 64

    private enum Message: Sendable {
        /// The log, the table of webhooks or a timer has something new.
        case look
        case ended(webhook: Int64, Event, AttemptRecord, DeliveryOutcome)
        case turned(Turn?)
        case stop
    }

    /// What the deliveries came to.
    public let meter = DeliveryMeter()
    private let outbox: Outbox
    private let sender: any HTTPSending
    private let schedule: RetrySchedule
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> Timestamp
    private let log: Log
    private let settings: Mutex<DispatcherSettings>
    private let inbox: AsyncStream<Message>
    private let post: AsyncStream<Message>.Continuation

    /// Makes a dispatcher; ``run()`` starts it.
    ///
    /// - Parameters:
    ///   - store: Holds the log, the webhooks and their deliveries.
    ///   - sender: Carries the requests.
    ///   - config: `webhooks` of the configuration; ``replace(_:)`` brings a new one.
    ///   - seal: Opens the secrets.
    ///   - schedule: The waits between attempts.
    ///   - clock: Sleeps until a retry is due.
    ///   - now: The wall clock.
    ///   - log: Gets one line for each attempt.
    public init(
        store: Store,
        sender: any HTTPSending,
        config: WebhooksConfig,
        seal: Seal,
        schedule: RetrySchedule = .standard,
        clock: any Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> Timestamp = Timestamp.now,
        log: Log
    ) {
        outbox = Outbox(store: store, seal: seal, log: log)
        self.sender = sender
        self.schedule = schedule
        self.clock = clock
        self.now = now
        self.log = log
        settings = Mutex(DispatcherSettings(config))
        (inbox, post) = AsyncStream.makeStream(of: Message.self)
    }

    /// Puts a new configuration in force for the next attempts.
    public func replace(_ config: WebhooksConfig) {
        settings.withLock { $0 = DispatcherSettings(config) }
    }

    /// Looks at once whether there is something to send.
    public func wake() {
        post.yield(.look)
    }

    /// Lets what is under way end, writes its outcomes, and ends ``run()``.
    public func drain() {
        post.yield(.stop)
    }

    /// Delivers until ``drain()`` is called or the task is cancelled. What is broken off by a cancellation is sent
    /// again at the next start.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [outbox, post] in
                for await _ in outbox.news() { post.yield(.look) }
            }
            var work = Work(flightsLimit: Self.mostFlights)
            post.yield(.look)
            for await message in inbox {
                switch message {
                case .look: work.isLookWanted = true
                case .ended(let webhook, let event, let record, let outcome):
                    work.ended(webhook, event, record, outcome)
                case .turned(let turn): work.turned(turn)
                case .stop: work.isStopping = true
                }
                advance(&work, in: &group)
                // Whatever moves, an exchange with the store follows: once for each is often enough.
                if case .turned = message { meter.measured(work.depth) }
                if work.isOver { break }
            }
            group.cancelAll()
        }
    }

    /// Starts everything that may start now.
    private func advance(_ work: inout Work, in group: inout DiscardingTaskGroup) {
        let settings = settings.withLock { $0 }
        let attempt = Attempt(
            sender: sender,
            settings: settings,
            schedule: schedule,
            now: now,
            meter: meter,
            log: log
        )
        while let (event, target) = work.next() {
            group.addTask { [post] in
                let (record, outcome) = await attempt.send(event, to: target)
                post.yield(.ended(webhook: target.id, event, record, outcome))
            }
        }
        if let turn = work.beginTurn() {
            group.addTask { [outbox, post, now, log] in
                do {
                    post.yield(.turned(try await outbox.perform(turn, at: now())))
                } catch {
                    log.error("webhooks.stalled", ["error": "\(error)"])
                    try? await Task.sleep(for: .seconds(1))  // a cancelled pause is simply shorter
                    post.yield(.turned(nil))
                }
            }
        }
        if let wait = work.wantsTimer(at: now()) {
            group.addTask { [clock, post] in
                try? await clock.sleep(for: wait)  // a cancelled sleep has nothing to wake
                post.yield(.look)
            }
        }
    }
}
