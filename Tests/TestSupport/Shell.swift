//  Outside judges: curl, openssl and other programs.

import Glibc
import Platform

/// Commands, run on a thread of their own.
public enum Shell {
    /// Exit status, and everything printed.
    public static func run(_ command: String) async -> (status: Int32, output: String) {
        await withCheckedContinuation { done in
            PosixThread.start(name: "shell") {
                guard let pipe = popen("( \(command) ) 2>&1 </dev/null", "r") else {
                    return done.resume(returning: (-1, ""))
                }
                var output: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 65_536)
                while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { output += chunk[..<count] }
                let status = pclose(pipe)
                done.resume(returning: (status >> 8, String(decoding: output, as: UTF8.self)))
            }
        }
    }
}
