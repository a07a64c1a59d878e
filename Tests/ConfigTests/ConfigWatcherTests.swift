//  Watching the configuration: the ways in which editors and orchestrators replace files.

import Config
import Glibc
import Platform
import TestSupport
import Testing

@Suite struct ConfigWatcherTests {
    /// A directory of its own under /tmp, with one file.
    private func directory() throws -> String {
        let path = ScratchDirectory().path
        write("one", to: path + "/gateway.json")
        return path
    }

    private func write(_ text: String, to path: String) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        _ = Glibc.write(file, text, text.utf8.count)
        close(file)
    }

    private func expectChange(_ change: (String) -> Void) async throws {
        let directory = try directory()
        let watcher = ConfigWatcher(path: directory + "/gateway.json")
        watcher.include([directory + "/secret"])
        var iterator = watcher.changes.makeAsyncIterator()
        let start = Monotonic.milliseconds()
        change(directory)
        await iterator.next()
        #expect(Monotonic.milliseconds() - start < 2000)
        watcher.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `an edit in place is told within two seconds`() async throws {
        try await expectChange { write("two", to: $0 + "/gateway.json") }
    }

    @Test(.timeLimit(.minutes(1))) func `an atomic rename over the file is told`() async throws {
        try await expectChange {
            write("two", to: $0 + "/gateway.json.new")
            rename($0 + "/gateway.json.new", $0 + "/gateway.json")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a symbolic link that is pointed elsewhere is told`() async throws {
        try await expectChange {
            write("two", to: $0 + "/other.json")
            symlink($0 + "/other.json", $0 + "/link")
            rename($0 + "/link", $0 + "/gateway.json")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a secret file that appears is told`() async throws {
        try await expectChange { write("s", to: $0 + "/secret") }
    }
}
