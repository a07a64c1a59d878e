//  What the API asks of synchronisation; wired in `Gateway`.

public import Platform

/// Starts and approves runs.
public protocol SyncControl: Sendable {
    /// Begins a run, or queues it behind the connection's present one.
    ///
    /// - Parameters:
    ///   - connection: The connection's id.
    ///   - mode: `full`, `delta` or `sweep`; the connection's vendor has it.
    ///   - isDry: Whether it only tells what it would do.
    /// - Returns: The run's key in the store.
    /// - Throws: What keeps the run from beginning.
    func start(connection: String, mode: String, isDry: Bool) async throws -> Int64

    /// Lets a held run delete what it wants to.
    func approve(run: Int64) async throws

    /// When the connection's next run is due; `nil` when none is planned.
    func nextRun(of connection: String) -> Timestamp?
}
