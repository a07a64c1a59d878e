//  One attempt of one delivery: body, signature, exchange, verdict.

import HTTPCore
import Log
import Platform

/// Sends events and judges what came of it.
struct Attempt: Sendable {
    /// Stored of an answer, at most.
    static let keptResponse = 8 << 10

    let sender: any HTTPSending
    let settings: DispatcherSettings
    let schedule: RetrySchedule
    let now: @Sendable () -> Timestamp
    let meter: DeliveryMeter
    let log: Log

    /// One POST.
    func send(_ event: Event, to target: WebhookTarget) async -> (AttemptRecord, DeliveryOutcome) {
        let at = now()
        guard let body = body(of: event, target.payload) else {
            meter.lost()
            let reason = "the change is older than the log keeps"
            return (AttemptRecord(at: at, error: reason, durationMilliseconds: 0), .dead(reason: reason))
        }
        let request = request(event, target, at, body)
        let started = Monotonic.nanoseconds()
        let ending: Result<ClientResponse, TransportError>
        do throws(TransportError) {
            ending = .success(try await sender.send(request))
        } catch {
            ending = .failure(error)
        }
        let outcome = DeliveryOutcome(
            ending,
            attempt: event.attempts + 1,
            schedule: schedule,
            now: at,
            random: Double.random(in: 0..<1)
        )
        let nanoseconds = Monotonic.nanoseconds() - started
        var record = AttemptRecord(at: at, durationMilliseconds: nanoseconds / 1_000_000)
        switch ending {
        case .success(let response):
            record.status = response.status
            record.response = response.body
            meter.attempted(ExchangeOutcome(status: response.status), outcome, nanoseconds: nanoseconds)
        case .failure(let error):
            record.error = error.message
            meter.attempted(ExchangeOutcome(error.kind), outcome, nanoseconds: nanoseconds)
        }
        report(event, target, record, outcome)
        return (record, outcome)
    }

    private func body(of event: Event, _ level: PayloadLevel) -> [UInt8]? {
        switch event.content {
        case .contact(let change): change.body(level)
        case .system(let body): body
        case .lost: nil
        }
    }

    private func request(_ event: Event, _ target: WebhookTarget, _ at: Timestamp, _ body: [UInt8]) -> ClientRequest {
        let signatures = target.signers.map { $0.signature(id: event.messageID, timestamp: at.seconds, body: body) }
        var fields: HeaderFields = [
            "Content-Type": "application/json",
            "webhook-id": event.messageID,
            "webhook-timestamp": String(at.seconds),
            "webhook-signature": signatures.joined(separator: " "),
        ]
        // Every attempt is a span of its own in the trace of what caused the event.
        if let trace = event.trace { fields.add("traceparent", trace.traceparent()) }
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
        let addresses = settings.addresses
        request.allowsAddress = { addresses.allows($0) }
        return request
    }

    private func report(_ event: Event, _ target: WebhookTarget, _ record: AttemptRecord, _ outcome: DeliveryOutcome) {
        let wait: Int64? =
            switch outcome {
            case .retry(let wait, _), .gone(let wait, _): wait / 1000
            case .delivered, .dead, .none: nil
            }
        log.info(
            "webhook.attempted",
            [
                "webhook": "wh_\(target.id)", "message": event.messageID, "type": event.type,
                "attempt": "\(event.attempts + 1)", "status": record.status.map { "\($0)" }, "error": record.error,
                "duration_ms": "\(record.durationMilliseconds)", "wait_s": wait.map { "\($0)" },
                "trace_id": event.trace?.id,
            ]
        )
    }
}
