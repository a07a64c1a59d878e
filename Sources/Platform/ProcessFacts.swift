//  What the kernel knows of this process (proc(5)).

import Glibc

/// A snapshot of this process's use of the machine.
public struct ProcessFacts: Equatable, Sendable {
    /// Memory in RAM, in bytes.
    public var residentBytes: Int64
    /// Address space, in bytes.
    public var virtualBytes: Int64
    /// User and system time since the start, in clock ticks of which ``ticksPerSecond`` make a second.
    public var cpuTicks: Int64
    /// Clock ticks in a second.
    public var ticksPerSecond: Int64
    /// When the process began, in milliseconds since 1970.
    public var startedAtMilliseconds: Int64
    /// Threads.
    public var threads: Int64
    /// Open descriptors.
    public var openFiles: Int64
    /// The most descriptors that may be open.
    public var maxOpenFiles: Int64

    /// Reads them.
    ///
    /// - Throws: ``SystemError`` where there is no `/proc`.
    public init() throws(SystemError) {
        let stat = try Self.fields(of: "/proc/self/stat")
        ticksPerSecond = Int64(sysconf(Int32(_SC_CLK_TCK)))
        // Numbered from 3 (the state): 14 utime, 15 stime, 20 num_threads, 22 starttime, 23 vsize, 24 rss.
        cpuTicks = stat[14 - 3] + stat[15 - 3]
        threads = stat[20 - 3]
        virtualBytes = stat[23 - 3]
        residentBytes = stat[24 - 3] * Int64(sysconf(Int32(_SC_PAGESIZE)))
        startedAtMilliseconds = try Self.bootMilliseconds() + stat[22 - 3] * 1000 / ticksPerSecond
        openFiles = try Self.entries(of: "/proc/self/fd")
        var limit = rlimit()
        _ = try SystemError.check("getrlimit") { getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) }
        maxOpenFiles = Int64(clamping: limit.rlim_cur)
    }

    /// The numbers behind the program's name, which stands in parentheses and may hold anything.
    private static func fields(of path: String) throws(SystemError) -> [Int64] {
        let text = String(decoding: try FileDescriptor.contents(ofFile: path), as: UTF8.self)
        guard let name = text.lastIndex(of: ")") else { throw SystemError(errno: EINVAL, operation: path) }
        let numbers = text[text.index(after: name)...].split(separator: " ").map { Int64($0) ?? 0 }
        guard numbers.count > 24 - 3 else { throw SystemError(errno: EINVAL, operation: path) }
        return numbers
    }

    /// `btime` of /proc/stat: "boot time, in seconds since the Epoch".
    private static func bootMilliseconds() throws(SystemError) -> Int64 {
        let text = String(decoding: try FileDescriptor.contents(ofFile: "/proc/stat"), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix("btime ") }
        guard let seconds = line.flatMap({ Int64($0.dropFirst(6)) }) else {
            throw SystemError(errno: EINVAL, operation: "/proc/stat")
        }
        return seconds * 1000
    }

    /// How many entries a directory has, without the descriptor that looks.
    private static func entries(of path: String) throws(SystemError) -> Int64 {
        guard let directory = opendir(path) else { throw SystemError(errno: errno, operation: "opendir") }
        defer { closedir(directory) }
        var count: Int64 = 0
        while readdir(directory) != nil { count += 1 }
        // Itself, its parent, and this directory's own descriptor.
        return count - 3
    }
}
