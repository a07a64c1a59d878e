//  Log lines on their way out, so that no caller waits for a full pipe or a busy disk.

import Glibc
import Platform
import Synchronization

/// Writes lines to a descriptor on a thread of its own, in the order in which they came. What is written after a quiet
/// moment goes out at once, what follows close behind goes out together. While nobody takes the lines, as many wait as
/// there is room for; later ones are lost, counted, and told by a line of their own once there is somebody again.
public final class LogWriter: Sendable {
    /// The one of this process for stderr; its thread starts with the first line.
    public static let standardError = LogWriter(descriptor: 2)

    /// Lines that follow each other within this time go out in one call.
    private static let pauseMicroseconds: UInt32 = 2000

    private struct State {
        var waiting: [UInt8] = []
        /// Bytes that were taken, and of these how many are written or cannot be.
        var (added, written): (UInt64, UInt64) = (0, 0)
        /// From the first line after a quiet moment until all is written.
        var isBusy = false
        var hasThread = false
        /// Since the start.
        var lost: UInt64 = 0
        /// Of these, how many have been told.
        var lostAndTold: UInt64 = 0
    }

    private let descriptor: Int32
    private let capacity: Int
    private let state = Mutex(State())
    private let work = Condition()
    private let progress = Condition()

    /// Makes a writer.
    ///
    /// - Parameters:
    ///   - descriptor: Open for writing for as long as the process lives.
    ///   - capacity: How many bytes wait at most while nobody takes them, unless they came at once.
    public init(descriptor: Int32, capacity: Int = 1 << 20) {
        self.descriptor = descriptor
        self.capacity = capacity
    }

    /// How many lines found no room since the start.
    public var lost: UInt64 { state.withLock { $0.lost } }

    /// Takes whole lines, each with its line feed; returns at once.
    public func add(_ lines: [UInt8]) {
        let (mustStart, mustWake) = state.withLock { state in
            guard state.waiting.isEmpty || state.waiting.count + lines.count <= capacity else {
                state.lost += UInt64(lines.count { $0 == UInt8(ascii: "\n") })
                return (false, false)
            }
            state.waiting += lines
            state.added += UInt64(lines.count)
            defer { (state.hasThread, state.isBusy) = (true, true) }
            return (!state.hasThread, !state.isBusy)
        }
        if mustStart { PosixThread.start(name: "log") { [self] in run() } }
        if mustWake { work.signal() }
    }

    /// Waits until everything that was added before is written, or the time is up: before the process ends.
    ///
    /// - Returns: Whether it is written.
    @discardableResult
    public func flush(within milliseconds: Int64 = 1000) -> Bool {
        let end = Monotonic.milliseconds() + milliseconds
        let wanted = state.withLock { $0.added }
        while state.withLock({ $0.written }) < wanted {
            guard Monotonic.milliseconds() < end else { return false }
            progress.wait(milliseconds: 10)
        }
        return true
    }

    private func run() {
        var lines: [UInt8] = []
        while true {
            work.wait()
            while true {
                lines.removeAll(keepingCapacity: lines.capacity <= 65_536)
                let isDone = state.withLock { state in
                    swap(&state.waiting, &lines)
                    state.isBusy = !lines.isEmpty
                    return lines.isEmpty
                }
                if isDone { break }
                write(lines)
                // Before these lines count as written: whoever waits for them at the end hears of lost ones too.
                tellLost()
                state.withLock { $0.written += UInt64(lines.count) }
                progress.signal()
                usleep(Self.pauseMicroseconds)
            }
        }
    }

    /// All bytes, however long that takes; a closed pipe or terminal loses them rather than the service.
    private func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count >= 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    // Whoever gave us the descriptor made it non-blocking.
                    var place = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&place, 1, -1)
                } else if errno != EINTR {
                    return
                }
            }
        }
    }

    private func tellLost() {
        let untold = state.withLock { state in
            defer { state.lostAndTold = state.lost }
            return state.lost - state.lostAndTold
        }
        guard untold > 0 else { return }
        write(Log.line(.warning, "log.lost", ["lines": "\(untold)"]))
    }
}
