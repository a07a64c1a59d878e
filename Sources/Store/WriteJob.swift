//  One closure that waits to be written, with whoever waits for it.

/// A job of the writer. `run` may be called again after its transaction was lost; it is answered exactly once.
///
/// `@unchecked Sendable`: handed from the enqueuing thread to the writer's, which alone touches it then.
class Job: @unchecked Sendable {
    private(set) var isAnswered = false

    /// Whether nothing but the loss of the whole transaction can make it fail. Such jobs need no savepoint, which costs
    /// a copy of each page that they touch, and run before the others of their group.
    var isSure: Bool { false }

    func run(in transaction: Transaction) throws { preconditionFailure("a job does something") }
    func succeed() {}
    func fail(_ error: any Error) {}

    /// Tells whoever waits: `nil` for success.
    final func answer(_ error: (any Error)?) {
        precondition(!isAnswered, "a job is answered once")
        isAnswered = true
        if let error { fail(error) } else { succeed() }
    }
}

/// A job with a result for the task that waits.
///
/// `@unchecked Sendable`: handed from the enqueuing thread to the writer's, which alone touches `result`.
final class WriteJob<Result: Sendable>: Job, @unchecked Sendable {
    private let body: @Sendable (Transaction) throws -> Result
    private let continuation: CheckedContinuation<Result, any Error>
    private var result: Result?

    init(
        body: @escaping @Sendable (Transaction) throws -> Result,
        continuation: CheckedContinuation<Result, any Error>
    ) {
        self.body = body
        self.continuation = continuation
    }

    override func run(in transaction: Transaction) throws { result = try body(transaction) }

    override func succeed() {
        guard let result else { return fail(StoreError(.other, "a job that was not run")) }
        continuation.resume(returning: result)
    }

    override func fail(_ error: any Error) { continuation.resume(throwing: error) }
}
