//  The egress thread: one libcurl multi handle, driven by curl_multi_poll and curl_multi_wakeup.

import CCurl
import Glibc
import HTTPCore
import Log
import Platform
import Synchronization

/// Carries all transfers on one thread.
///
/// `@unchecked Sendable`: other threads touch `inbox` only, which has its lock, and call `curl_multi_wakeup`, which
/// "can be called from any thread" (curl_multi_wakeup(3)) and only under that lock while the handle lives. All else
/// belongs to the thread.
final class MultiLoop: @unchecked Sendable {
    private enum Command {
        case start([Transfer])
        case cancel(Transfer)
    }

    private struct Inbox {
        var commands: [Command] = []
        var isStopping = false
        var isGone = false
        var waitingForEnd: [CheckedContinuation<Void, Never>] = []
    }

    private let inbox = Mutex(Inbox())
    private let multi: UnsafeMutableRawPointer
    private let log: Log
    private let maxInFlight: Int

    private var active: [UnsafeMutableRawPointer: (handle: EasyHandle, transfer: Transfer)] = [:]
    private var idle: [EasyHandle] = []
    private var queue: [Transfer] = []
    private var queueHead = 0
    /// Endings for those who are told of many at once.
    private var endings: [(listener: EndingListener, endings: [NumberedEnding])] = []

    /// Global set-up comes before any handle (curl_global_init(3)); `nil` when all is well.
    private static let fault: String? = {
        if let fault = ccurl_load() { return String(cString: fault) }
        return ccurl_global_init(Int(CURL_GLOBAL_SSL)) == CURLE_OK ? nil : "libcurl could not be set up"
    }()

    /// Loads libcurl where that has not happened yet.
    init(log: Log, maxInFlight: Int) throws(TransportError) {
        precondition(maxInFlight > 0, "at least one exchange at a time")
        if let fault = Self.fault { throw .engine(fault) }
        guard let multi = ccurl_multi_init() else { throw .engine("libcurl has no memory") }
        self.multi = multi
        self.log = log
        self.maxInFlight = maxInFlight
        ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, maxInFlight)
        ccurl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
    }

    /// Starts the thread, which holds the loop until it is stopped.
    func start() {
        PosixThread.start(name: "egress", precedence: .second) { [self] in run() }
    }

    /// Queues transfers; their callers are told in any case.
    func start(_ transfers: [Transfer]) {
        guard !post(.start(transfers)) else { return }
        for transfer in transfers { transfer.finish(.failure(.closed(mayHaveArrived: false))) }
    }

    /// Breaks a transfer off, also one that is still to be started.
    func cancel(_ transfer: Transfer) {
        _ = post(.cancel(transfer))
    }

    /// Ends the thread after breaking off what is under way.
    func stop(whenDone continuation: CheckedContinuation<Void, Never>?) {
        let isGone = inbox.withLock { inbox in
            guard !inbox.isGone else { return true }
            inbox.isStopping = true
            if let continuation { inbox.waitingForEnd.append(continuation) }
            ccurl_multi_wakeup(multi)
            return false
        }
        if isGone { continuation?.resume() }
    }

    private func post(_ command: Command) -> Bool {
        inbox.withLock { inbox in
            guard !inbox.isStopping else { return false }
            inbox.commands.append(command)
            // One wake-up is enough for everything that is posted before the thread looks.
            if inbox.commands.count == 1 { ccurl_multi_wakeup(multi) }
            return true
        }
    }
}

// Everything below runs on the thread.
extension MultiLoop {
    private func run() {
        // No signal is for this thread; a peer that closes early is an error code, not SIGPIPE.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        while takeCommands() {
            fill()
            var running: Int32 = 0
            check(ccurl_multi_perform(multi, &running))
            let isAnyOver = reap()
            tellListeners()
            if isAnyOver { continue }
            check(ccurl_multi_poll(multi, 60_000))
        }
        end()
    }

    /// Takes what was posted; false when it is time to end.
    private func takeCommands() -> Bool {
        let (commands, isStopping) = inbox.withLock { inbox in
            defer { inbox.commands.removeAll(keepingCapacity: true) }
            return (inbox.commands, inbox.isStopping)
        }
        for command in commands {
            switch command {
            case .start(let transfers):
                for transfer in transfers {
                    if transfer.isCancelled {
                        finish(transfer, .failure(.cancelled(mayHaveArrived: false)))
                    } else {
                        queue.append(transfer)
                    }
                }
            case .cancel(let transfer): abandon(transfer)
            }
        }
        return !isStopping
    }

    /// Puts waiting transfers into the multi handle while there is room.
    private func fill() {
        while active.count < maxInFlight, queueHead < queue.count {
            PosixThread.giveWay()
            let transfer = queue[queueHead]
            queueHead += 1
            if !transfer.isCancelled { begin(transfer) }
        }
        if queueHead == queue.count {
            queue.removeAll(keepingCapacity: true)
            queueHead = 0
        } else if queueHead > 1024 {
            queue.removeFirst(queueHead)
            queueHead = 0
        }
    }

    private func begin(_ transfer: Transfer) {
        guard let handle = idle.popLast() ?? EasyHandle() else {
            return finish(transfer, .failure(.engine("No memory for another request.")))
        }
        do throws(CurlError) {
            try handle.prepare(transfer)
        } catch {
            return finish(transfer, .failure(.engine(handle.words(for: error.code))))
        }
        let code = ccurl_multi_add_handle(multi, handle.raw)
        guard code == CURLM_OK else {
            return finish(transfer, .failure(.engine(String(cString: ccurl_multi_strerror(code)))))
        }
        active[handle.raw] = (handle, transfer)
    }

    /// Tells the callers of finished transfers; true when there was one.
    private func reap() -> Bool {
        var any = false
        var left: Int32 = 0
        while let message = ccurl_multi_info_read(multi, &left)?.pointee {
            guard message.msg == CURLMSG_DONE, let raw = message.easy_handle, let (handle, transfer) = active[raw]
            else { continue }
            any = true
            PosixThread.giveWay()
            let result = message.data.result
            let outcome = outcome(of: transfer, handle, result)
            release(handle, isWhole: result == CURLE_OK)
            finish(transfer, outcome)
        }
        return any
    }

    /// Tells a task at once; what a listener is to hear is gathered.
    private func finish(_ transfer: Transfer, _ outcome: Transfer.Outcome) {
        switch transfer.takeCaller() {
        case .nobody: break
        case .task(let continuation): continuation.resume(returning: outcome)
        case .listener(let listener, let number):
            let ending = NumberedEnding(number: number, result: outcome)
            if let index = endings.firstIndex(where: { $0.listener === listener }) {
                endings[index].endings.append(ending)
            } else {
                endings.append((listener, [ending]))
            }
        }
    }

    private func tellListeners() {
        for (listener, endings) in endings { listener.tell(endings) }
        endings.removeAll(keepingCapacity: true)
    }

    private func abandon(_ transfer: Transfer) {
        transfer.isCancelled = true
        if let (handle, _) = active.values.first(where: { $0.transfer === transfer }) {
            let mayHaveArrived = mayHaveArrived(transfer, handle)
            release(handle, isWhole: false)
            finish(transfer, .failure(.cancelled(mayHaveArrived: mayHaveArrived)))
        } else if queue[queueHead...].contains(where: { $0 === transfer }) {
            finish(transfer, .failure(.cancelled(mayHaveArrived: false)))
        }
        // Else it is over, or not started yet: then the start finds the mark.
    }

    /// Keeps the handle of a whole exchange for the next one. One that failed may hold on to its receive buffer, even
    /// through curl_easy_reset(3), and then refuses CURLOPT_BUFFERSIZE.
    private func release(_ handle: EasyHandle, isWhole: Bool) {
        check(ccurl_multi_remove_handle(multi, handle.raw))
        active[handle.raw] = nil
        guard isWhole, idle.count < maxInFlight else { return }
        handle.rest()
        idle.append(handle)
    }

    private func end() {
        for (_, (handle, transfer)) in active {
            let mayHaveArrived = mayHaveArrived(transfer, handle)
            ccurl_multi_remove_handle(multi, handle.raw)
            finish(transfer, .failure(.closed(mayHaveArrived: mayHaveArrived)))
        }
        for transfer in queue[queueHead...] { finish(transfer, .failure(.closed(mayHaveArrived: false))) }
        tellListeners()
        active = [:]
        idle = []
        queue = []
        let waiting = inbox.withLock { inbox in
            inbox.isGone = true
            defer { inbox.waitingForEnd = [] }
            return inbox.waitingForEnd
        }
        ccurl_multi_cleanup(multi)
        for continuation in waiting { continuation.resume() }
    }

    private func check(_ code: CURLMcode) {
        guard code != CURLM_OK else { return }
        log.error("egress.failed", ["detail": String(cString: ccurl_multi_strerror(code))])
    }
}
