//  Carries events from the log to the receivers. One task owns all lanes; what exchanges with the receivers and with the
//  store came to reaches it through one mailbox.

public import Config
public import Crypto
public import HTTPCore
public import Log
public import Platform
public import Store
import Synchronization

/// What the configuration says about deliveries; swapped whole on reload.
struct DispatcherSettings: Sendable {
    let timeout: Duration
    /// Judges a numeric address.
    let allowsAddress: @Sendable (String) -> Bool

    init(_ config: WebhooksConfig) {
        timeout = config.timeout
        let addresses = AddressGuard(allowNetworks: config.allowNetworks)
        let lastAllowed = LastAllowed()
        // Every attempt is judged, and most go where the one before went.
        allowsAddress = { address in
            if lastAllowed.is(address) { return true }
            let isAllowed = addresses.allows(address)
            if isAllowed { lastAllowed.set(address) }
            return isAllowed
        }
    }
}

/// The address that was allowed last.
private final class LastAllowed: Sendable {
    private let address = Mutex("")

    func `is`(_ other: String) -> Bool { address.withLock { $0 == other } }
    func set(_ new: String) { address.withLock { $0 = new } }
}

/// Delivers every event to every webhook that wants it, at least once and in order for each contact.
public final class Dispatcher: Sendable {
    /// Most exchanges at a time over all webhooks.
    public static let mostFlights = 128
    /// So many requests are handed over at once: the first are on their way while the next are signed.
    private static let requestsAtOnce = 8

    /// What the deliveries came to.
    public let meter = DeliveryMeter()
    private let outbox: Outbox
    private let sender: any HTTPBatchSending
    private let schedule: RetrySchedule
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> Timestamp
    private let log: Log
    private let settings: Mutex<DispatcherSettings>
    private let mailbox = Mailbox()

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
        sender: any HTTPBatchSending,
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
    }

    /// Puts a new configuration in force for the next attempts.
    public func replace(_ config: WebhooksConfig) {
        settings.withLock { $0 = DispatcherSettings(config) }
    }

    /// Looks at once whether there is something to send.
    public func wake() {
        mailbox.post { $0.hasNews = true }
    }

    /// Lets what is under way end, writes its outcomes, and ends ``run()``.
    public func drain() {
        mailbox.post { $0.isStopWanted = true }
    }

    /// Delivers until ``drain()`` is called or the task is cancelled. What is under way when it is cancelled is sent
    /// again at the next start.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [outbox, mailbox] in
                for await _ in outbox.news() { mailbox.post { $0.hasNews = true } }
            }
            var work = Work()
            var flights = Flights()
            let lines = AttemptLog(log)
            let listener = EndingListener { [mailbox] endings in
                mailbox.post { $0.endings.append(contentsOf: endings) }
            }
            mailbox.post { $0.hasNews = true }
            for await _ in mailbox.bell {
                let mail = mailbox.take()
                let attempt = Attempt(settings: settings.withLock { $0 }, schedule: schedule, now: now)
                if mail.hasNews { work.isLookWanted = true }
                for timer in mail.timers { work.timerEnded(timer) }
                if mail.isStopWanted { work.isStopping = true }
                judge(mail.endings, attempt, &flights, &work, lines)
                if mail.hasTurned { work.turned(mail.turn) }
                send(attempt, &flights, &work, listener)
                exchange(&work, in: &group)
                lines.flush()
                // Whatever moves, an exchange with the store follows: once for each is often enough.
                if mail.hasTurned { meter.measured(work.depth) }
                if work.isOver { break }
            }
            group.cancelAll()
        }
    }

    /// Attempts under way, by the number of their request.
    private struct Flights {
        private var next = 0
        private var flights: [Int: Attempt.Flight] = [:]

        var count: Int { flights.count }

        mutating func add(_ flight: Attempt.Flight) -> Int {
            next += 1
            flights[next] = flight
            return next
        }

        mutating func take(_ number: Int) -> Attempt.Flight? { flights.removeValue(forKey: number) }
    }

    private func judge(
        _ endings: [NumberedEnding],
        _ attempt: Attempt,
        _ flights: inout Flights,
        _ work: inout Work,
        _ lines: AttemptLog
    ) {
        if endings.isEmpty { return }
        lines.begin(now())
        for ending in endings {
            guard let flight = flights.take(ending.number) else { continue }
            let verdict = attempt.verdict(flight, ending.result)
            meter.attempted(verdict.exchange, verdict.outcome, nanoseconds: verdict.nanoseconds)
            lines.add(flight, verdict)
            work.ended(flight.target.id, flight.event, verdict.record, verdict.outcome)
        }
    }

    /// Sends everything that may go now.
    private func send(_ attempt: Attempt, _ flights: inout Flights, _ work: inout Work, _ listener: EndingListener) {
        var requests: [NumberedRequest] = []
        while true {
            let chosen = work.next(
                min(Self.requestsAtOnce, Self.mostFlights - flights.count),
                beside: flights.count
            )
            if chosen.isEmpty { return }
            for (event, target) in chosen {
                if let (flight, request) = attempt.begin(event, to: target) {
                    requests.append(NumberedRequest(number: flights.add(flight), request: request))
                } else {
                    meter.lost()
                    let (record, outcome) = attempt.lost()
                    work.ended(target.id, event, record, outcome)
                }
            }
            sender.start(requests, telling: listener)
            requests.removeAll(keepingCapacity: true)
        }
    }

    /// Starts what the store has to do now: an exchange, unless one is under way, and the wait for the next retry.
    private func exchange(_ work: inout Work, in group: inout DiscardingTaskGroup) {
        if let turn = work.beginTurn() {
            group.addTask { [outbox, mailbox, now, log] in
                do {
                    let turn = try await outbox.perform(turn, at: now())
                    if turn.isUnread { try? await Task.sleep(for: .seconds(1)) }  // a cancelled pause is simply shorter
                    mailbox.post { ($0.hasTurned, $0.turn) = (true, turn) }
                } catch {
                    log.error("webhooks.stalled", ["error": "\(error)"])
                    try? await Task.sleep(for: .seconds(1))  // a cancelled pause is simply shorter
                    mailbox.post { $0.hasTurned = true }
                }
            }
        }
        if let (at, wait) = work.wantsTimer(at: now()) {
            group.addTask { [clock, mailbox] in
                try? await clock.sleep(for: wait)  // a cancelled sleep has nothing to wake
                mailbox.post { $0.timers.append(at) }
            }
        }
    }
}
