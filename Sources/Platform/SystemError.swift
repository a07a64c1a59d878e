//  A failed system call, typed; and the one helper that makes system calls.

import Glibc

/// A system call that failed.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The value of `errno`.
    public var errno: Int32
    /// The call, such as `accept4`.
    public var operation: String

    /// Makes an error.
    public init(errno: Int32, operation: String) {
        self.errno = errno
        self.operation = operation
    }

    /// What the system calls it, such as `No such file or directory`.
    public var reason: String { String(cString: strerror(errno)) }

    /// `accept4: Too many open files`.
    public var description: String { "\(operation): \(reason)" }

    /// Runs a call that answers -1 on failure, again for as long as a signal interrupts it.
    public static func check<Result: FixedWidthInteger & SignedInteger>(
        _ operation: StaticString,
        _ call: () -> Result
    ) throws(SystemError) -> Result {
        while true {
            let result = call()
            if result != -1 { return result }
            let code = Glibc.errno
            if code != EINTR { throw SystemError(errno: code, operation: "\(operation)") }
        }
    }
}
