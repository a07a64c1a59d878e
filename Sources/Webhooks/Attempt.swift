//  One attempt of one delivery: the request before it, and the verdict after it.

import HTTPCore
import Platform

/// What attempts are made by.
struct Attempt: Sendable {
    /// Stored of an answer, at most.
    static let keptResponse = 8 << 10

    let settings: DispatcherSettings
    let schedule: RetrySchedule
    let now: @Sendable () -> Timestamp

    /// An attempt under way.
    struct Flight: Sendable {
        var target: WebhookTarget
        var event: Event
        var at: Timestamp
        /// On the monotonic clock.
        var startedNanoseconds: Int64
    }

    /// How an attempt ended.
    struct Verdict {
        var record: AttemptRecord
        var outcome: DeliveryOutcome
        var exchange: ExchangeOutcome
        var nanoseconds: Int64
    }

    /// An attempt that begins now, and what to send; `nil` when the log no longer knows what to tell.
    func begin(_ event: Event, to target: WebhookTarget) -> (Flight, ClientRequest)? {
        guard let body = body(of: event, target.payload) else { return nil }
        let at = now()
        let request = request(event, target, at, body)
        return (
            Flight(target: target, event: event, at: at, startedNanoseconds: Monotonic.nanoseconds()), request
        )
    }

    /// What becomes of an event that can no longer be told.
    func lost() -> (AttemptRecord, DeliveryOutcome) {
        let reason = "the change is older than the log keeps"
        return (AttemptRecord(at: now(), error: reason, durationMilliseconds: 0), .dead(reason: reason))
    }

    /// Judges what came of an attempt.
    func verdict(_ flight: Flight, _ ending: Result<ClientResponse, TransportError>) -> Verdict {
        let nanoseconds = Monotonic.nanoseconds() - flight.startedNanoseconds
        let outcome = DeliveryOutcome(
            ending,
            attempt: flight.event.attempts + 1,
            schedule: schedule,
            now: flight.at,
            random: Double.random(in: 0..<1)
        )
        var record = AttemptRecord(at: flight.at, durationMilliseconds: nanoseconds / 1_000_000)
        let exchange: ExchangeOutcome
        switch ending {
        case .success(let response):
            record.status = response.status
            record.response = response.body
            exchange = ExchangeOutcome(status: response.status)
        case .failure(let error):
            record.error = error.message
            exchange = ExchangeOutcome(error.kind)
        }
        return Verdict(record: record, outcome: outcome, exchange: exchange, nanoseconds: nanoseconds)
    }

    private func body(of event: Event, _ level: PayloadLevel) -> [UInt8]? {
        switch event.story.content {
        case .contact(let change): change.body(level)
        case .system(let body): body
        case .lost: nil
        }
    }

    private func request(_ event: Event, _ target: WebhookTarget, _ at: Timestamp, _ body: [UInt8]) -> ClientRequest {
        let id = event.story.messageID
        let signatures = target.signers.map { $0.signature(id: id, timestamp: at.seconds, body: body) }
        var fields: HeaderFields = [
            "Content-Type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": String(at.seconds),
            "webhook-signature": signatures.count == 1 ? signatures[0] : signatures.joined(separator: " "),
        ]
        // Every attempt is a span of its own in the trace of what caused the event.
        if let trace = event.story.trace { fields.add("traceparent", trace.traceparent()) }
        for (name, value) in target.headers { fields.add(name, value) }
        var request = ClientRequest(
            method: .post,
            url: target.url,
            fields: fields,
            body: body,
            timeout: settings.timeout,
            maxBody: Self.keptResponse
        )
        request.truncatesBody = true
        request.wantsFieldsOfSuccess = false
        request.allowsAddress = settings.allowsAddress
        return request
    }
}
