//  A disk whose calls can be made to fail, and which can lose its power.

import CFaultVFS
import Glibc
import Synchronization

@testable import Store

/// What goes wrong, and with which calls.
enum Fault: String, CaseIterable, Sendable {
    /// Any call fails with EIO.
    case io = "EIO"
    /// A write does its first half and fails with EIO.
    case torn = "half a write, EIO"
    /// A write does its first half and there is no more room, as os_unix.c reports a short write.
    case short = "short write"
    /// There is no room: for a write, a new file, or a longer index of the log.
    case noRoom = "ENOSPC"
    /// There is no room for a longer index of the log.
    case noIndex = "ENOSPC of the log's index"
    /// fsync fails, and leaves of what waited what it likes.
    case sync = "failed fsync"
    /// Reading fails, writing does not.
    case read = "EIO of reads"
    /// A read brings its first half and then zeros, as at the end of a file that was cut short.
    case shortRead = "short read of the log"

    fileprivate var kind: Int32 {
        switch self {
        case .io, .sync, .read: CFAULT_EIO
        case .torn: CFAULT_TORN
        case .short: CFAULT_SHORT
        case .noRoom, .noIndex: CFAULT_NOSPC
        case .shortRead: CFAULT_SHORT
        }
    }

    fileprivate var calls: UInt32 {
        switch self {
        case .io: .max
        case .torn, .short: CFAULT_WRITE
        case .noRoom: CFAULT_WRITE | CFAULT_OPEN | CFAULT_SHM_MAP
        case .noIndex: CFAULT_SHM_MAP
        case .sync: CFAULT_SYNC
        case .read: CFAULT_READ | CFAULT_FETCH | CFAULT_SIZE
        case .shortRead: CFAULT_READ
        }
    }

    /// True when reads go on while it lasts.
    var leavesReads: Bool {
        switch self {
        case .torn, .short, .noRoom, .noIndex, .sync: true
        case .io, .read, .shortRead: false
        }
    }
}

/// A VFS with faults, over files in memory or over the system's.
final class TestDisk: Sendable {
    enum Base { case memory, system }

    private static let number = Atomic<Int>(0)
    /// What SQLite knows the VFS by.
    let name: String
    // Both protect themselves; they live as long as this.
    nonisolated(unsafe) private let memory: OpaquePointer?
    nonisolated(unsafe) private let faults: OpaquePointer

    init(_ base: Base = .memory, seed: UInt64 = 0) {
        let number = Self.number.add(1, ordering: .relaxed).newValue
        name = "faults-\(number)"
        memory = base == .memory ? cdisk_make("memory-\(number)", seed) : nil
        guard let faults = cfault_make(name, base == .memory ? "memory-\(number)" : Database.systemVFS) else {
            preconditionFailure("SQLite has no such VFS")
        }
        self.faults = faults
    }

    deinit {
        cfault_free(faults)
        if let memory { cdisk_free(memory) }
    }

    /// Lets the k-th call fail, and with `forever` all after it.
    func arm(_ fault: Fault, at call: Int, forever: Bool) {
        cfault_arm(faults, fault.kind, fault.calls, Int64(call), forever)
    }

    /// Everything fails from here on, as if the machine were off.
    func stop() { arm(.io, at: 1, forever: true) }

    func disarm() { cfault_disarm(faults) }

    /// Calls that failed since the disk was last armed.
    var failed: Int { Int(cfault_failed(faults)) }

    /// Calls that could have failed since then.
    var counted: Int { Int(cfault_counted(faults)) }

    /// Replaces all files by copies of another disk's. Only in memory.
    func copy(_ other: TestDisk) {
        guard let memory, let from = other.memory else { preconditionFailure("only files in memory are copied") }
        cdisk_copy(memory, from)
    }

    /// Drops, reorders and tears what was not synced. Only in memory.
    func losePower(seed: UInt64, keepsNeighbours: Bool = true) -> cdisk_damage {
        guard let memory else { preconditionFailure("only a disk in memory loses its power") }
        return cdisk_lose_power(memory, cdisk_loss(seed: seed, keeps_neighbours: keepsNeighbours))
    }

    /// The page cache forgets what it holds of files that nothing waits to be written of. Only in memory.
    func evict() {
        if let memory { cdisk_evict(memory) }
    }

    /// The room for all files together; `nil` for as much as they want. Only in memory.
    func limit(_ bytes: Int?) {
        if let memory { cdisk_limit(memory, Int64(bytes ?? -1)) }
    }

    /// The bytes of all files. Only in memory.
    var used: Int { memory.map { Int(cdisk_used($0)) } ?? 0 }
}
