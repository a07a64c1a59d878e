//  What is wrong with a configuration file, all of it at once.

/// One complaint about the configuration.
public struct ConfigError: Equatable, Sendable, CustomStringConvertible {
    /// JSON pointer (RFC 6901) of the place; empty for the whole file. A missing member is named as if it were there.
    public var pointer: String
    /// Line in the file, counted from 1.
    public var line: Int
    /// Column in the line, counted from 1.
    public var column: Int
    /// What is wrong there and what to do. Never holds a secret.
    public var message: String

    /// Makes a complaint.
    public init(pointer: String, line: Int, column: Int, message: String) {
        self.pointer = pointer
        self.line = line
        self.column = column
        self.message = message
    }

    /// `line:column: pointer: message`; the pointer of the whole file is shown as `/`.
    public var description: String { "\(line):\(column): \(pointer.isEmpty ? "/" : pointer): \(message)" }
}

/// A configuration that cannot be used.
public struct InvalidConfig: Error, Equatable, Sendable {
    /// Every complaint, in the order of the file; never empty.
    public var errors: [ConfigError]
    /// Secret and PEM files that it names, there or not: one that comes or changes may make it valid.
    public var files: [String]

    /// Makes the error.
    public init(_ errors: [ConfigError], files: [String] = []) {
        self.errors = errors
        self.files = files
    }

    /// For a file that could not even be read.
    public init(unreadable message: String) {
        self.init([ConfigError(pointer: "", line: 1, column: 1, message: message)])
    }
}
