//  Answers whose body is sent from where it lies: the same bytes arrive, in order, whatever lies between.

import HTTPCore
import HTTPServer
import Platform
import Synchronization
import TestSupport
import Testing

struct FileAnswerTests {
    /// What `/filed` answers: so many letters, from a file in memory that `/next` replaces by one of the next letter.
    private final class Filed: Sendable {
        static let count = 8 << 20

        private struct State: ~Copyable {
            var file: MemoryFile
            var body: FilePart
            var letter: UInt8
        }

        private let state: Mutex<State>

        init() {
            state = Mutex(Self.state(UInt8(ascii: "a")))
        }

        private static func state(_ letter: UInt8) -> State {
            do {
                var file = try MemoryFile()
                let body = try file.append([UInt8](repeating: letter, count: count).span)
                return State(file: file, body: body, letter: letter)
            } catch {
                preconditionFailure("\(error)")
            }
        }

        func next() {
            state.withLock { $0 = Self.state($0.letter + 1) }
        }

        func answer(_ writer: inout ResponseWriter) {
            let body = state.withLock { $0.body }
            writer.beginJSON()
            let head = Array("Content-Length: \(body.count)\r\n\r\n".utf8)
            writer.end(again: head.span, headCount: head.count, body: body)
        }

        func routes() -> [Route] {
            [
                .get("/filed", .now { self.answer(&$1) }),
                .get(
                    "/next",
                    .now { _, writer in
                        self.next()
                        writer.write(Response.text(200, "next"))
                    }
                ),
                .get(
                    "/handed",
                    .handedOver(
                        { _, place in
                            place.answer { self.answer(&$0) }
                            return true
                        },
                        { _ in .text(500, "") }
                    )
                ),
                .get("/now", .now { $1.write(Response.text(200, "now")) }),
                .get("/later", .later { _ in .text(200, "later") }),
            ]
        }
    }

    private static func body(_ letter: Character) -> String { String(repeating: letter, count: Filed.count) }

    private static func requests(_ paths: [String]) -> String {
        paths.map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined()
    }

    /// Into a window that is small or large.
    @Test(arguments: [4096, nil] as [Int32?])
    func `answers come in order, among others and behind themselves`(receiveBuffer: Int32?) async throws {
        let filed = Filed()
        try await withServer(routes: { filed.routes() }) { server in
            let client = TestClient(server, receiveBuffer: receiveBuffer)
            let paths = ["/now", "/filed", "/filed", "/later", "/filed", "/handed", "/now", "/filed"]
            client.send(Self.requests(paths))
            for path in paths {
                let answer = client.answer()
                #expect(answer.status == 200)
                switch path {
                case "/now", "/later": #expect(answer.body == path.dropFirst())
                default: #expect(answer.body == Self.body("a"), "\(path): \(answer.body.utf8.count)")
                }
            }
            #expect(client.isWaiting)
        }
    }

    @Test func `what is under way stays what it was when the file is replaced`() async throws {
        let filed = Filed()
        try await withServer(routes: { filed.routes() }) { server in
            let slow = TestClient(server, receiveBuffer: 4096)
            slow.send(Self.requests(["/filed"]))
            let other = TestClient(server)
            // The loop has begun with the first when it has answered another.
            #expect(other.get("/filed").body == Self.body("a"))
            for letter in "bcd" {
                #expect(other.get("/next").body == "next")
                #expect(other.get("/filed").body == Self.body(letter))
            }
            #expect(slow.answer().body == Self.body("a"))
            #expect(slow.get("/filed").body == Self.body("d"))
        }
    }

    @Test func `HEAD, HTTP 1 0 and a peer that stopped sending are answered like any`() async throws {
        let filed = Filed()
        try await withServer(routes: { filed.routes() }) { server in
            let client = TestClient(server)
            client.send("HEAD /filed HTTP/1.1\r\nHost: a\r\n\r\n" + Self.requests(["/filed", "/now"]))
            #expect(client.answer(isHead: true).head.contains("Content-Length: \(Filed.count)\r\n"))
            #expect(client.answer().body == Self.body("a"))
            #expect(client.answer().body == "now")
            let old = TestClient(server)
            old.send("GET /filed HTTP/1.0\r\n\r\n")
            #expect(old.readToEnd().hasSuffix("\r\n\r\n" + Self.body("a")))
            let half = TestClient(server, receiveBuffer: 4096)
            half.send(Self.requests(["/filed"]))
            half.finishSending()
            #expect(half.answer().body == Self.body("a"))
            #expect(half.readToEnd() == "")
        }
    }

    @Test func `a reader that leaves takes nobody with it`() async throws {
        let filed = Filed()
        try await withServer(routes: { filed.routes() }) { server in
            for _ in 0..<20 {
                let client = TestClient(server, receiveBuffer: 4096)
                client.send(Self.requests(Array(repeating: "/filed", count: 4)))
                _ = client.read(until: "\r\n\r\n")
            }
            #expect(TestClient(server).get("/filed").body == Self.body("a"))
        }
    }

    @Test func `under TLS they are encrypted like any`() async throws {
        let certificates = try await TestCertificates()
        let filed = Filed()
        var settings = ServerSettings()
        settings.tls = try TLSContext(certificates.identity("one"))
        try await withServer(settings, routes: { filed.routes() }) { server in
            let base = "https://127.0.0.1:\(server.port)"
            let curl = "curl -sS --max-time 20 --cacert \(certificates.folder)/one.pem"
            let answers = await Shell.run("\(curl) \(base)/filed \(base)/now \(base)/filed | tr -d a")
            #expect(answers.output == "now")
            let large = await Shell.run("\(curl) \(base)/filed | wc -c")
            #expect(large.output.filter { $0 != "\n" && $0 != " " } == "\(Filed.count)")
        }
    }
}
