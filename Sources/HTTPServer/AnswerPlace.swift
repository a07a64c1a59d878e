//  Where the answer of a request goes that no task waits for.

public import HTTPCore

/// A waiting connection of a loop. It outlives both: an answer to a client that has gone is dropped.
public struct AnswerPlace: Sendable {
    private let loop: EventLoop
    private let connection: ConnectionID

    init(loop: EventLoop, connection: ConnectionID) {
        self.loop = loop
        self.connection = connection
    }

    /// Writes the answer on the connection's loop, soon. From any thread, once.
    ///
    /// - Parameter write: Writes one whole response, as a synchronous handler does.
    public func answer(_ write: @escaping @Sendable (inout ResponseWriter) -> Void) {
        loop.perform(answering: connection, write)
    }
}
