//  Files that a configuration names: what is read of them, and what would never end.

import Config
import Glibc
import Platform
import TestSupport
import Testing

@Suite struct ConfigFileTests {
    /// What is said of a file; `nil` when it is read.
    private func complaint(_ path: String) -> String? {
        switch ConfigSurroundings.system.file(path) {
        case .success: nil
        case .failure(let failure): failure.reason
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a secret is a regular file of at most one MiB`() throws {
        let directory = ScratchDirectory().path
        let (file, link, pipe) = (directory + "/secret", directory + "/link", directory + "/pipe")
        try #require(mkfifo(pipe, 0o600) == 0 && symlink("secret", link) == 0)
        #expect(complaint(link) == "No such file or directory")
        let secret = try FileDescriptor.open(file, O_CREAT | O_WRONLY)
        try #require(ftruncate(secret.raw, 1 << 20) == 0)
        #expect(complaint(file) == nil && complaint(link) == nil)
        try #require(ftruncate(secret.raw, 1 << 20 + 1) == 0)
        #expect(complaint(link) == "it is larger than 1 MiB")
        for path in [pipe, directory, "/dev/zero"] { #expect(complaint(path) == "it is no regular file", "\(path)") }
    }
}
