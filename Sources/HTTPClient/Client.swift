//  What the rest of the program calls: HTTP/1.1 requests to other servers, over one libcurl thread.

import CCurl
public import HTTPCore
public import Log
import Synchronization

/// Sends requests to vendors and webhooks. One thread of its own carries all of them (`MultiLoop`).
///
/// Fixed for every request: `http` and `https` only, no redirects, no proxy, no netrc, no cookies, TLS 1.2 or newer
/// and verified, head and body bounded while they are read.
public final class Client: HTTPSending, HTTPBatchSending, Sendable {
    private enum Engine {
        /// Nothing was sent yet: libcurl is not even loaded.
        case waiting
        case running(MultiLoop)
        case closed
    }

    private let engine = Mutex(Engine.waiting)
    private let log: Log
    private let maxInFlight: Int
    private let maxHead: Int

    /// Makes a client; its engine starts with the first request.
    ///
    /// - Parameters:
    ///   - log: Gets what is wrong with the engine itself; answers and failures of requests are the caller's.
    ///   - maxInFlight: Most exchanges at a time; the rest wait in order.
    ///   - maxHead: Largest head of an answer in bytes.
    public init(log: Log, maxInFlight: Int = 256, maxHead: Int = 64 << 10) {
        self.log = log
        self.maxInFlight = maxInFlight
        self.maxHead = maxHead
    }

    /// The version of libcurl that this was built for; the one at work is only loaded with the first request.
    public static var libraryVersion: String { LIBCURL_VERSION }

    deinit {
        if case .running(let loop) = engine.withLock({ $0 }) { loop.stop(whenDone: nil) }
    }

    /// Sends once and returns the whole answer; cancelling the task breaks the exchange off.
    public func send(_ request: ClientRequest) async throws(TransportError) -> ClientResponse {
        if let fault = request.fault { throw fault }
        let loop = try loop()
        let transfer = Transfer(request, maxHead: maxHead)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.will(tell: .task(continuation))
                loop.start([transfer])
            }
        } onCancel: {
            loop.cancel(transfer)
        }
        return try result.get()
    }

    /// Starts exchanges; ``close()`` breaks off what is under way.
    public func start(_ requests: [NumberedRequest], telling listener: EndingListener) {
        var transfers: [Transfer] = []
        var refused: [NumberedEnding] = []
        transfers.reserveCapacity(requests.count)
        for numbered in requests {
            if let fault = numbered.request.fault {
                refused.append(NumberedEnding(number: numbered.number, result: .failure(fault)))
                continue
            }
            let transfer = Transfer(numbered.request, maxHead: maxHead)
            transfer.will(tell: .listener(listener, number: numbered.number))
            transfers.append(transfer)
        }
        if !refused.isEmpty { listener.tell(refused) }
        if transfers.isEmpty { return }
        do throws(TransportError) {
            try loop().start(transfers)
        } catch {
            for transfer in transfers { transfer.finish(.failure(error)) }
        }
    }

    /// Breaks off what is under way (kind `cancelled`), ends the thread and returns when it is gone.
    public func close() async {
        let last = engine.withLock { engine in
            defer { engine = .closed }
            return engine
        }
        guard case .running(let loop) = last else { return }
        await withCheckedContinuation { continuation in
            loop.stop(whenDone: continuation)
        }
    }

    private func loop() throws(TransportError) -> MultiLoop {
        try engine.withLock { (engine) throws(TransportError) in
            switch engine {
            case .running(let loop): return loop
            case .closed: throw .closed(mayHaveArrived: false)
            case .waiting:
                let loop = try MultiLoop(log: log, maxInFlight: maxInFlight)
                loop.start()
                engine = .running(loop)
                return loop
            }
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
