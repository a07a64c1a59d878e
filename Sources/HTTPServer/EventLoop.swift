//  One thread, one epoll instance: accepts, reads, answers, and runs the tasks of its handlers.

import CLinux
import Glibc
import HTTPCore
import Log
import Platform
import Synchronization

/// A loop of a server. Everything but ``perform(_:)`` and ``enqueue(_:)`` happens on its own thread.
final class EventLoop: TaskExecutor, @unchecked Sendable {
    // Shared between threads, each by its own means.
    let index: LoopIndex
    let settings: ServerSettings
    let log: Log
    private let inbox: Inbox
    private let routes: @Sendable (LoopIndex) throws -> Router
    private let cap: ConnectionCap
    private let thread = Atomic<UInt>(0)
    /// The counters, once there is a table of routes to count by.
    private let published = Mutex<LoopCounts?>(nil)

    // The loop's own: touched on its thread only, which is what makes `@unchecked Sendable` true.
    private let epoll: FileDescriptor
    private var listeners: [ListeningSocket]
    private(set) var router = Router([])
    private(set) var counts = LoopCounts([])
    private var connections: [Connection?] = []
    private var connectionCount = 0
    private var generation: UInt32 = 0
    private var isDraining = false
    private var isStopped = false
    private var isBatchOpen = false
    private var tasks = 0
    private var tls: TLSContext?
    let pipe = TLSPipe()
    /// Nanoseconds that this turn of the loop may still spend on handshakes: one costs as much as a hundred requests.
    var handshakeBudget: Int64 = 0
    private let requestIDSeed = RandomSource.shared.next()
    private var requestCount: UInt64 = 0
    private var items: [Inbox.Item] = []
    // In memory of their own: as stored properties every use of them would be checked for exclusivity at run time.
    private let writerMemory: UnsafeMutablePointer<ResponseWriter>
    private let accessLogMemory: UnsafeMutablePointer<AccessLog>
    /// Answers that are sent before the loop looks at anything but sockets.
    let held: UnsafeMutablePointer<HeldAnswers>
    let received: UnsafeMutableRawBufferPointer
    /// What was decrypted of what was received.
    let decrypted: UnsafeMutableRawBufferPointer
    let parser: UnsafeMutablePointer<RequestParser>
    /// When this turn began, in milliseconds, and the same in nanoseconds.
    private(set) var now: Int64
    private(set) var turnBegan: Int64
    /// When the last answer was written, in nanoseconds.
    var answeredAt: Int64 = 0

    init(
        _ index: LoopIndex,
        listeners: [ListeningSocket],
        _ settings: ServerSettings,
        _ cap: ConnectionCap,
        _ log: Log,
        _ routes: @escaping @Sendable (LoopIndex) throws -> Router
    ) throws(SystemError) {
        tls = settings.tls
        self.index = index
        self.settings = settings
        self.cap = cap
        self.log = log
        self.routes = routes
        inbox = try Inbox()
        epoll = FileDescriptor(owning: try SystemError.check("epoll_create1") { clinux_epoll_create() })
        self.listeners = listeners
        turnBegan = Monotonic.nanoseconds()
        now = turnBegan / 1_000_000
        writerMemory = .allocate(capacity: 1)
        writerMemory.initialize(to: ResponseWriter())
        accessLogMemory = .allocate(capacity: 1)
        accessLogMemory.initialize(to: AccessLog(isWanted: settings.logsRequests))
        held = .allocate(capacity: 1)
        held.initialize(to: HeldAnswers())
        received = .allocate(byteCount: 65_536, alignment: 64)
        decrypted = .allocate(byteCount: 65_536, alignment: 64)
        parser = .allocate(capacity: 1)
        parser.initialize(to: RequestParser(limits: settings.limits))
    }

    deinit {
        closeListeners()
        held.deinitialize(count: 1)
        held.deallocate()
        received.deallocate()
        decrypted.deallocate()
        parser.deinitialize(count: 1)
        parser.deallocate()
        writerMemory.deinitialize(count: 1)
        writerMemory.deallocate()
        accessLogMemory.deinitialize(count: 1)
        accessLogMemory.deallocate()
    }

    /// What is written for the connection at hand.
    var writer: ResponseWriter {
        _read { yield writerMemory.pointee }
        _modify { yield &writerMemory.pointee }
    }

    var accessLog: AccessLog {
        _read { yield accessLogMemory.pointee }
        _modify { yield &accessLogMemory.pointee }
    }

    // MARK: From any thread

    /// Runs the closure on the loop's thread, soon; never when the loop has ended.
    func perform(_ work: @escaping @Sendable () -> Void) {
        _ = inbox.add(.work(work), wakes: !isOnThread)
    }

    /// Writes the answer of a request that was handed over, soon; not when its connection or the loop has ended.
    func perform(answering id: ConnectionID, _ write: @escaping @Sendable (inout ResponseWriter) -> Void) {
        _ = inbox.add(.answer(id, write), wakes: !isOnThread)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if inbox.add(.job(job), wakes: !isOnThread) { return }
        // What outlives the loop still has to end somewhere.
        globalConcurrentExecutor.enqueue(job)
    }

    /// What the loop has done, also when it has ended.
    var statistics: ServerStatistics { published.withLock { $0 }?.statistics ?? ServerStatistics() }

    var isOnThread: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Serves on a thread of its own until drained or stopped.
    func run() async throws {
        try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Void, any Error>) in
            PosixThread.start(name: "loop-\(index.value)") { [self] in
                do {
                    thread.store(UInt(pthread_self()), ordering: .relaxed)
                    router = try routes(index)
                    let counts = LoopCounts(router.routes)
                    self.counts = counts
                    published.withLock { $0 = counts }
                    try serve()
                    finish()
                    ended.resume()
                } catch {
                    finish()
                    ended.resume(throwing: error)
                }
            }
        }
    }

    // MARK: The loop

    private static let inboxMark = UInt64.max
    /// The mark of the first listener; the second has the one below. No connection's name reaches that far.
    private static let listenerMark = UInt64.max - 1

    private func serve() throws(SystemError) {
        try watch(inbox.descriptor, clinux_add, UInt32(clinux_readable), Self.inboxMark)
        try watchListeners()
        let events = UnsafeMutablePointer<clinux_event>.allocate(capacity: 256)
        defer { events.deallocate() }
        let timeouts = settings.timeouts
        let shortest = [timeouts.keepAlive, timeouts.head, timeouts.bodyGrace, timeouts.slowReader, timeouts.linger]
            .min()
        let tick = max(5, min(1000, (shortest ?? 1000) / 4))
        var nextSweep = now + tick
        var hasLocalWork = false
        // Whether there was a batch since the last rest.
        var mayRest = false
        while !isStopped, !(isDraining && connectionCount == 0 && tasks == 0) {
            let wait: Int32 = hasLocalWork ? 0 : connectionCount > 0 || acceptsPaused || mayRest ? Int32(tick) : -1
            let count = clinux_epoll_wait(epoll.raw, events, 256, wait)
            if count < 0, errno != EINTR { throw SystemError(errno: errno, operation: "epoll_wait") }
            if count == 0, mayRest, !hasLocalWork {
                mayRest = false
                router.hooks.rested()
            }
            turnBegan = Monotonic.nanoseconds()
            now = turnBegan / 1_000_000
            let wall = Timestamp.now()
            writer.renewDate(wall)
            accessLog.begin(wall, log)
            handshakeBudget = 2_000_000
            var wasSignalled = false
            for place in 0..<Int(max(0, count)) {
                let event = events[place]
                switch event.data {
                case Self.inboxMark: wasSignalled = true
                case Self.listenerMark: accept(0)
                case Self.listenerMark - 1: accept(1)
                default: handle(event)
                }
                if held.pointee.areDue(at: answeredAt) { sendHeld() }
            }
            sendHeld()
            hasLocalWork = runInbox(wasSignalled: wasSignalled)
            if isBatchOpen {
                isBatchOpen = false
                mayRest = true
                router.hooks.batchEnded()
            }
            accessLog.flush(to: log)
            if now >= nextSweep {
                nextSweep = now + tick
                let before = connectionCount
                sweep()
                // Who waited for a connection that was dropped has been told, by way of the inbox.
                if connectionCount < before { hasLocalWork = true }
            }
        }
    }

    /// Runs what is queued once; what that queues again runs after the next look at the sockets.
    ///
    /// - Returns: Whether something was run and more may wait.
    private func runInbox(wasSignalled: Bool) -> Bool {
        inbox.take(into: &items, wasSignalled: wasSignalled)
        if items.isEmpty { return false }
        for item in items {
            switch item {
            case .answer(let id, let write):
                answer(id, write)
                if held.pointee.areDue(at: answeredAt) { sendHeld() }
            case .job(let job):
                sendHeld()
                job.runSynchronously(on: asUnownedTaskExecutor())
            case .work(let work):
                sendHeld()
                work()
            }
        }
        sendHeld()
        return true
    }

    private func handle(_ event: clinux_event) {
        let slot = Int(UInt32(truncatingIfNeeded: event.data))
        // An event of a connection that closed earlier in this batch, perhaps replaced by a new one since.
        guard slot < connections.count, let connection = connections[slot],
            connection.id.generation == UInt32(truncatingIfNeeded: event.data >> 32)
        else { return }
        if event.events & UInt32(clinux_error) != 0 { return drop(connection) }
        // Both sides have said that they are done; what the peer sent before is read first, or closing would reset.
        if event.events & UInt32(clinux_hangup) != 0 {
            return connection.life.phase == .lingering ? readable(connection) : drop(connection)
        }
        if event.events & UInt32(clinux_writable) != 0 {
            writable(connection)
            sendHeld()
        }
        if !connection.isClosed, event.events & UInt32(clinux_readable) != 0 { readable(connection) }
    }

    /// Opens the batch that synchronous handlers share, such as one read transaction.
    func openBatch() {
        if isBatchOpen { return }
        isBatchOpen = true
        router.hooks.batchBegan()
    }

    func nextRequestID() -> UInt64 {
        requestCount &+= 1
        return Hash64.scramble(requestIDSeed &+ requestCount)
    }

    /// Whether the next answer must be a connection's last.
    var mustClose: Bool { isDraining }

    // MARK: Connections come and go

    /// What a second listener keeps for itself: an operator comes in when the main one is full.
    private static let adminRoom = 64

    private func accept(_ place: Int) {
        guard place < listeners.count else { return }
        let listener = listeners[place]
        for _ in 0..<64 {
            let reserve = listener.role == .admin ? Self.adminRoom : 0
            guard cap.take(reserve: reserve) else {
                // The last place may just have been taken, with nobody behind.
                guard listener.hasWaiting else { return }
                counts.rejected(.connectionLimit)
                return pauseAccepting(place)
            }
            let descriptor = clinux_accept(listener.descriptor)
            if descriptor < 0 {
                let reason = errno
                cap.give()
                errno = reason
                switch errno {
                case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                    // The connection stays in the backlog; asking again before one closes would only spin.
                    counts.rejected(.noDescriptors)
                    log.warning("server.accept_failed", ["errno": "\(errno)", "connections": "\(connectionCount)"])
                    pauseAccepting(place)
                case EINTR, ECONNABORTED: continue
                default: break
                }
                return
            }
            open(descriptor, from: listener)
        }
    }

    private func open(_ descriptor: Int32, from listener: ListeningSocket) {
        let tls = listener.isUnix ? nil : self.tls
        if !listener.isUnix {
            var yes: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        }
        generation &+= 1
        if generation == .max { generation = 1 }
        let id = ConnectionID(descriptor: descriptor, generation: generation)
        let session = tls.flatMap { TLSSession($0, over: pipe) }
        if tls != nil, session == nil {
            close(descriptor)
            return cap.give()
        }
        let connection = Connection(id, listener.role, now: now, interest: UInt32(clinux_readable), tls: session)
        guard clinux_epoll_control(epoll.raw, Int32(clinux_add), descriptor, UInt32(clinux_readable), id.packed) == 0
        else {
            close(descriptor)
            return cap.give()
        }
        while connections.count <= Int(descriptor) { connections.append(nil) }
        connections[Int(descriptor)] = connection
        connectionCount += 1
        counts.opened()
    }

    private func pauseAccepting(_ place: Int) {
        guard !listeners[place].isPaused else { return }
        listeners[place].isPaused = true
        _ = clinux_epoll_control(epoll.raw, Int32(clinux_delete), listeners[place].descriptor, 0, 0)
    }

    /// Takes connections again, after one has gone or a moment has passed.
    func resumeAccepting() {
        for (place, listener) in listeners.enumerated() where listener.isPaused {
            // A listener that cannot be watched now stays paused and is tried again.
            listeners[place].isPaused = watch(place) != 0
        }
    }

    private var acceptsPaused: Bool { listeners.contains(where: \.isPaused) }

    private func watchListeners() throws(SystemError) {
        for place in listeners.indices { _ = try SystemError.check("epoll_ctl") { watch(place) } }
    }

    private func watch(_ place: Int) -> Int32 {
        let listener = listeners[place]
        let events = UInt32(clinux_readable) | (listener.isShared ? UInt32(clinux_exclusive) : 0)
        let mark = Self.listenerMark - UInt64(place)
        return clinux_epoll_control(epoll.raw, Int32(clinux_add), listener.descriptor, events, mark)
    }

    private func closeListeners() {
        for listener in listeners { close(listener.descriptor) }
        listeners = []
    }

    /// The connection of that name, unless it has closed.
    func connection(_ id: ConnectionID) -> Connection? {
        let slot = Int(id.descriptor)
        guard slot < connections.count, let connection = connections[slot], connection.id == id else { return nil }
        return connection
    }

    /// Closes a connection, whatever it was doing. A handler at work goes on: what it does may have to be finished.
    func drop(_ connection: Connection) {
        guard !connection.isClosed else { return }
        connection.isClosed = true
        // What its session had still to say must not go to the next one's peer.
        pipe.clearOutput()
        if let parked = connection.parked {
            if parked.isStreaming { parked.task?.cancel() }
            parked.waiting?.resume(throwing: ClientGone())
            parked.waiting = nil
        }
        connections[Int(connection.descriptor)] = nil
        connectionCount -= 1
        counts.closed()
        close(connection.descriptor)  // epoll forgets a closed descriptor by itself
        cap.give()
        resumeAccepting()
    }

    /// Sets what epoll watches for.
    func setInterest(_ connection: Connection, _ interest: UInt32) {
        guard connection.interest != interest, !connection.isClosed else { return }
        connection.interest = interest
        let descriptor = connection.descriptor
        _ = clinux_epoll_control(epoll.raw, Int32(clinux_modify), descriptor, interest, connection.id.packed)
    }

    private func watch(_ descriptor: Int32, _ operation: Int, _ events: UInt32, _ mark: UInt64) throws(SystemError) {
        let raw = epoll.raw
        _ = try SystemError.check("epoll_ctl") {
            clinux_epoll_control(raw, Int32(operation), descriptor, events, mark)
        }
    }

    private func sweep() {
        resumeAccepting()
        for case let connection? in connections {
            switch connection.life.verdict(now: now, settings.timeouts) {
            case .keep: break
            case .close: end(connection)
            case .abort:
                if connection.life.phase == .handshake {
                    noteFailure(connection, "it took too long")
                } else if connection.unsent != nil {
                    counts.rejected(.slowReader)
                }
                drop(connection)
            case .timeOut(let reason): timeOut(connection, reason)
            }
        }
    }

    func taskBegan() { tasks += 1 }
    func taskEnded() { tasks -= 1 }

    // MARK: The end

    /// Stops accepting; idle connections close, the others after their next answer.
    func drain() {
        guard !isDraining else { return }
        isDraining = true
        closeListeners()
        for case let connection? in connections {
            // A request may have arrived that the loop has not seen: it is still answered.
            if connection.isIdle { readable(connection) }
            if connection.isIdle || connection.life.phase == .handshake { end(connection) }
            if let parked = connection.parked, parked.isStreaming { parked.task?.cancel() }
        }
    }

    func stop() { isStopped = true }

    /// Connections from now on begin with this identity; without one they are plain.
    func use(_ context: TLSContext?) { tls = context }

    private func finish() {
        accessLog.flush(to: log)
        closeListeners()
        for case let connection? in connections {
            connection.parked?.task?.cancel()
            drop(connection)
        }
        inbox.close(into: &items)
        // What came in meanwhile: jobs must run, or the tasks they belong to would never end.
        for case .job(let job) in items { job.runSynchronously(on: asUnownedTaskExecutor()) }
        router = Router([])
    }
}
