//  Commands and exit codes.

import Glibc
import JSON
import Platform
import Testing

@Suite(.timeLimit(.minutes(2))) struct CommandTests {
    @Test(arguments: [
        [], ["nope"], ["serve"], ["serve", "--config"], ["serve", "--config", "x", "--listen", "8080"],
        ["serve", "--config", "x", "--wat", "1"], ["check"], ["check", "a", "b"],
        ["simulate", "fax", "--listen", "x:1"],
        ["simulate", "portsip"], ["simulate", "portsip", "--listen", "127.0.0.1:0", "--count", "many"], ["listen"],
    ])
    func `wrong usage exits 2 and shows the usage`(arguments: [String]) async throws {
        let process = try Running(arguments)
        #expect(await process.exitCode() == 2)
        #expect(process.lines.contains { $0.stringValue?.hasPrefix("usage:") == true })
    }

    @Test func `help and version exit 0`() async throws {
        for argument in ["--help", "--version"] {
            let process = try Running([argument])
            #expect(await process.exitCode() == 0)
        }
    }

    @Test func `check exits 0 for a valid file and 1 for an invalid one, every error with its place`() async throws {
        let path = "/tmp/gateway-check-\(RandomSource.shared.hex(8)).json"
        defer { unlink(path) }
        try RunningGateway.write(#"{"server": {"listen": "127.0.0.1:1"}}"#, to: path)
        #expect(await (try Running(["check", path])).exitCode() == 0)
        try RunningGateway.write("{\n \"sever\": {},\n \"changes\": {\"retain\": \"1ms\"}}", to: path)
        let process = try Running(["check", path])
        #expect(await process.exitCode() == 1)
        #expect(
            process.output.split(separator: "\n").map(String.init) == [
                #"\#(path):2:2: /sever: unknown key "sever"; did you mean "server"?"#,
                #"\#(path):3:24: /changes/retain: is too short: at least "1s""#,
            ]
        )
    }

    @Test func `serve with an invalid file exits 1 and logs every error`() async throws {
        let path = "/tmp/gateway-serve-\(RandomSource.shared.hex(8)).json"
        defer { unlink(path) }
        try RunningGateway.write(#"{"sever": {}, "database": {"key": {"env": "NOT_THERE"}}}"#, to: path)
        let process = try Running(["serve", "--config", path])
        #expect(await process.exitCode() == 1)
        #expect(process.lines.compactMap { $0["pointer"]?.stringValue } == ["/sever", "/database/key/env"])
    }
}
