//  What the system lets one process have.

import Glibc

/// Resource limits of this process (getrlimit(2)).
public enum ProcessLimits {
    /// Raises the soft limit of open files to the hard one. Shells set it to 1024 for the sake of programs that use
    /// select(2), which we do not.
    public static func raiseOpenFiles() {
        var limit = rlimit()
        guard getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else {
            return
        }
        limit.rlim_cur = limit.rlim_max
        // Refused where the administrator forbids it; then the old limit holds.
        _ = setrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit)
    }
}
