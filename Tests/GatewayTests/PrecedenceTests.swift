//  Who goes first among the threads of the running program.

import FoundationEssentials
import Glibc
import HTTPCore
import Platform
import Testing

@Suite(.timeLimit(.minutes(1))) struct PrecedenceTests {
    /// A superuser may lower a nice value again; a service's user, and a container's, may not.
    private static let unprivileged = ["/usr/bin/setpriv", "--bounding-set=-sys_nice"]
    private static let wrappers = system("setpriv --bounding-set=-sys_nice true 2>&-") == 0 ? [[], unprivileged] : [[]]

    @Test(arguments: wrappers)
    func `loops go before the writer and webhooks, and these before runs`(wrapper: [String]) async throws {
        let gateway = try await RunningGateway(through: wrapper)
        let process = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(gateway.process.pid))
        let expected: [(name: String, nicer: Int32)] = [
            ("loop-0", 0), ("log", 0), ("store-writer", 10), ("outbound-0", 10), ("background-0", 19),
        ]
        var threads: [String: Int32] = [:]
        while !expected.allSatisfy({ threads[$0.name] != nil }) {
            #expect(try await gateway.call(.get, "/readyz", key: nil).status == 200)
            threads = try niceValues(of: gateway.process.pid)
        }
        for (name, nicer) in expected { #expect(threads[name] == min(19, process + nicer), "\(name)") }
        #expect(await gateway.stop() == 0)
    }

    /// By the names of the threads.
    private func niceValues(of process: pid_t) throws -> [String: Int32] {
        let tasks = "/proc/\(process)/task"
        var values: [String: Int32] = [:]
        for thread in try FileManager.default.contentsOfDirectory(atPath: tasks) {
            // It may have ended since.
            guard let bytes = try? FileDescriptor.contents(ofFile: "\(tasks)/\(thread)/stat") else { continue }
            // proc(5): the second field is the name in brackets, the nineteenth the nice value.
            let text = String(decoding: bytes, as: UTF8.self)
            let open = try #require(text.firstIndex(of: "("))
            let close = try #require(text.lastIndex(of: ")"))
            let rest = text[text.index(after: close)...].split(separator: " ")
            values[String(text[text.index(after: open)..<close])] = Int32(rest[16])
        }
        return values
    }
}
