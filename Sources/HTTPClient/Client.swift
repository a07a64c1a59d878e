//  What the rest of the program calls: HTTP/1.1 requests to other servers, over one libcurl thread.

public import HTTPCore
public import Log

/// Sends requests to vendors and webhooks. One thread of its own carries all of them (`MultiLoop`).
///
/// Fixed for every request: `http` and `https` only, no redirects, no proxy, no netrc, no cookies, TLS 1.2 or newer
/// and verified, head and body bounded while they are read.
public final class Client: HTTPSending, Sendable {
    private let loop: MultiLoop
    private let maxHead: Int

    /// Starts the engine.
    ///
    /// - Parameters:
    ///   - log: Gets what is wrong with the engine itself; answers and failures of requests are the caller's.
    ///   - maxInFlight: Most exchanges at a time; the rest wait in order.
    ///   - maxHead: Largest head of an answer in bytes.
    public init(log: Log, maxInFlight: Int = 256, maxHead: Int = 64 << 10) {
        loop = MultiLoop(log: log, maxInFlight: maxInFlight)
        self.maxHead = maxHead
        loop.start()
    }

    deinit {
        loop.stop(whenDone: nil)
    }

    /// Sends once and returns the whole answer; cancelling the task breaks the exchange off.
    public func send(_ request: ClientRequest) async throws(TransportError) -> ClientResponse {
        if let fault = request.fault { throw fault }
        let transfer = Transfer(request, maxHead: maxHead)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.continuation = continuation
                loop.start(transfer)
            }
        } onCancel: {
            loop.cancel(transfer)
        }
        return try result.get()
    }

    /// Breaks off what is under way (kind `cancelled`), ends the thread and returns when it is gone.
    public func close() async {
        await withCheckedContinuation { continuation in
            loop.stop(whenDone: continuation)
        }
    }
}

extension ClientRequest {
    /// Why this request is not handed to libcurl at all: texts that would end early or start a new line.
    fileprivate var fault: TransportError? {
        func bad(_ message: String) -> TransportError {
            TransportError(kind: .badURL, message: message, mayHaveArrived: false)
        }
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            return bad("The URL holds white space or a control character.")
        }
        for line in fields.lines {
            guard !line.name.isEmpty, line.name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") })
            else { return bad("A header field has a name that cannot be sent.") }
            guard line.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                return bad("The header field \(line.name) holds a control character.")
            }
        }
        return nil
    }
}
