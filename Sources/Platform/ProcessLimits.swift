//  What the system lets one process have.

import Glibc

/// Resource limits of this process (getrlimit(2)).
public enum ProcessLimits {
    /// Raises the soft limit of open files to the hard one. Shells set it to 1024 for the sake of programs that use
    /// select(2), which we do not.
    ///
    /// - Returns: How many files may be open now.
    @discardableResult
    public static func raiseOpenFiles() -> Int {
        var limit = rlimit()
        guard getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        // Refused where the administrator forbids it; then the old limit holds.
        let isRaised = before == limit.rlim_max || setrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0
        return Int(clamping: isRaised ? limit.rlim_max : before)
    }
}
