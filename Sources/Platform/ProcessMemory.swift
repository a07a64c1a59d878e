//  What of this process stays in memory.

import CLinux

/// The memory of this process.
public enum ProcessMemory {
    /// Lets go of code that is in memory but may not be needed again: starting runs through much that serving does not.
    /// What is needed comes back from the file, some microseconds for each page.
    public static func releaseCode() { clinux_release_code() }
}
