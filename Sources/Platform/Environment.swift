//  The process's environment variables.

import Glibc

/// Environment variables of this process.
public enum Environment {
    /// The value of a variable, or `nil` where there is none or it is not UTF-8.
    public static func value(_ name: String) -> String? {
        guard let text = getenv(name) else { return nil }
        return String(validatingCString: text)
    }
}
