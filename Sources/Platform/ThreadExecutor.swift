//  An executor with one POSIX thread of its own, for code that blocks.

import Glibc
import Synchronization

/// Runs jobs one after the other on its own thread. An actor uses it as `unownedExecutor`, a task by
/// `Task(executorPreference:)`; what blocks there blocks nobody else.
public final class ThreadExecutor: SerialExecutor, TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isStopping = false
    }
    // The condition variable guards `state`; a Mutex cannot be waited on with one.
    private let condition = Condition()
    private let state = Mutex(State())

    /// Starts the thread.
    ///
    /// - Parameter name: As debuggers show it; Linux keeps 15 characters.
    public init(name: String) {
        PosixThread.start(name: name) { [self] in run() }
    }

    /// Queues a job.
    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        state.withLock { $0.jobs.append(unowned) }
        condition.signal()
    }

    /// This executor for an actor's `unownedExecutor`.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    /// Ends the thread once the jobs that are queued have run. Nothing may be enqueued after that.
    public func stop() {
        state.withLock { $0.isStopping = true }
        condition.signal()
    }

    private func run() {
        while true {
            let (jobs, isStopping) = state.withLock { state in
                let jobs = state.jobs
                state.jobs = []
                return (jobs, state.isStopping)
            }
            for job in jobs {
                job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            }
            if jobs.isEmpty {
                if isStopping { return }
                condition.wait()
            }
        }
    }
}

/// A wake-up that is remembered: `wait` returns at once when `signal` came first.
public final class Condition: @unchecked Sendable {
    // Protected by the pthread mutex beside it; both stay at one address for life.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var isSignalled = false

    /// Makes one that is not signalled. `waitMilliseconds` measures on the monotonic clock.
    public init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Wakes the waiting thread, or the next one to wait.
    public func signal() {
        pthread_mutex_lock(mutex)
        isSignalled = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Waits for a signal and uses it up.
    public func wait() {
        pthread_mutex_lock(mutex)
        while !isSignalled { pthread_cond_wait(condition, mutex) }
        isSignalled = false
        pthread_mutex_unlock(mutex)
    }

    /// Waits for a signal, at most that long.
    ///
    /// - Returns: False when the time was up.
    @discardableResult
    public func wait(milliseconds: Int64) -> Bool {
        let end = Monotonic.nanoseconds() + milliseconds * 1_000_000
        var spec = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
        pthread_mutex_lock(mutex)
        while !isSignalled, pthread_cond_timedwait(condition, mutex, &spec) != ETIMEDOUT {}
        let signalled = isSignalled
        isSignalled = false
        pthread_mutex_unlock(mutex)
        return signalled
    }
}
