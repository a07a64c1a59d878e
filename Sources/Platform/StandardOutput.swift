//  Lines for people and pipes on stdout, written at once and whole.

import Glibc

/// Standard output without a buffer: a reader at the other end of a pipe sees each line when it is printed.
public enum StandardOutput {
    /// Prints a line.
    public static func print(_ line: String) {
        var bytes = Array(line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        // A closed pipe loses the line; whoever closed it does not want it.
        _ = bytes.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
    }
}
