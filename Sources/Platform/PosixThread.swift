//  Threads of our own, with a name and a place among the others.

import CLinux
import Glibc
import Synchronization

/// A thread of our own.
public enum PosixThread {
    /// Who goes first where threads of this process want the same processor.
    public enum Precedence: Sendable {
        /// Somebody waits for each step.
        case first
        /// Somebody may wait, or much may be done for nobody in particular.
        case second
        /// Nobody waits.
        case last

        /// Added to the nice value of the process.
        fileprivate var nicer: Int32 {
            switch self {
            case .first: 0
            case .second: 10
            case .last: 19
            }
        }

        /// Nanoseconds of a turn, of which 100,000 are the shortest that Linux grants: whoever has the shorter turn
        /// need not wait for the end of another's when it wakes (sched_setattr(2), `PREEMPT_SHORT`).
        fileprivate var turn: UInt64 { self == .first ? 100_000 : 300_000 }
    }

    private final class Body: Sendable {
        let name: String
        let precedence: Precedence
        let run: @Sendable () -> Void
        init(name: String, precedence: Precedence, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.precedence = precedence
            self.run = run
        }

        func begin() {
            clinux_take_turns(precedence.nicer, precedence.turn)
            clinux_name_thread(String(name.prefix(15)))
            run()
        }

        /// Starts a detached thread for it.
        func start() {
            var thread = pthread_t()
            var attributes = pthread_attr_t()
            pthread_attr_init(&attributes)
            pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
            let body = Unmanaged.passRetained(self).toOpaque()
            let code = pthread_create(
                &thread,
                &attributes,
                { argument in
                    guard let argument = argument else { return nil }
                    let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                    body.begin()
                    return nil
                },
                body
            )
            pthread_attr_destroy(&attributes)
            precondition(code == 0, "pthread_create failed with \(code)")
        }
    }

    /// Starts all others. A thread inherits its creator's nice value and may not lower it again without privileges: one
    /// that the pool of Swift's tasks has from a thread that gives way would give way as well, whatever it was meant for.
    private final class Creator: Sendable {
        static let shared = Creator()
        private let waiting = Mutex<[Body]>([])
        private let condition = Condition()

        private init() {
            Body(name: "threads", precedence: .first) { [self] in run() }.start()
        }

        func add(_ body: Body) {
            waiting.withLock { $0.append(body) }
            condition.signal()
        }

        private func run() {
            while true {
                let bodies = waiting.withLock { waiting in
                    defer { waiting = [] }
                    return waiting
                }
                for body in bodies { body.start() }
                condition.wait()
            }
        }
    }

    /// Lets whoever waits for the processor have it, at most every 100 µs: a thread that does not go first calls this
    /// between the small steps of much work.
    ///
    /// Its nice value alone does not do that. To a thread that had to wait the scheduler owes its share, however small,
    /// and pays with up to 4 ms in one go, for which even a thread that goes first waits. Yielding waives that, since
    /// Linux 6.19 and in stable releases that took it over; before, sched_yield(2) ends the turn only.
    public static func giveWay() { clinux_give_way(100_000) }

    /// Starts a detached thread that runs the closure and ends.
    public static func start(
        name: String,
        precedence: Precedence = .first,
        _ run: @escaping @Sendable () -> Void
    ) {
        Creator.shared.add(Body(name: name, precedence: precedence, run: run))
    }
}
