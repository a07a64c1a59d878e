//  Threads that let event loops go first.

import Synchronization

/// A pool of threads of lower precedence. Tasks that prefer it run there, as many at once as there are threads, and
/// leave the processors to event loops whenever these have something to do.
public final class BackgroundExecutor: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])
    private let condition = Condition()

    /// Starts that many threads; they live as long as the process.
    ///
    /// - Parameters:
    ///   - name: As debuggers show it, with a number behind; Linux keeps 15 characters.
    ///   - precedence: Of its threads.
    ///   - count: How many threads.
    public init(name: String, precedence: PosixThread.Precedence, threads count: Int) {
        for number in 0..<count {
            PosixThread.start(name: "\(name)-\(number)", precedence: precedence) { [self] in run() }
        }
    }

    /// Queues a job.
    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        jobs.withLock { $0.append(unowned) }
        condition.signal()
    }

    private func run() {
        while true {
            let (job, isMore) = jobs.withLock { jobs in
                jobs.isEmpty ? (nil, false) : (Optional(jobs.removeFirst()), !jobs.isEmpty)
            }
            // A signal wakes one thread: whoever leaves something wakes the next.
            if isMore { condition.signal() }
            if let job {
                job.runSynchronously(on: asUnownedTaskExecutor())
                PosixThread.giveWay()
            } else {
                condition.wait()
            }
        }
    }
}
