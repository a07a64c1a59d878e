//  Imports point down only. SwiftPM lets a target import what it reaches through another, so every `import` line is
//  compared with this table.

import FoundationEssentials
import Testing

@Suite struct LayeringTests {
    /// What each room may import of ours. A new edge belongs here and in Package.swift, with a reason in the commit.
    static let allowed: [String: Set<String>] = [
        "contact-gateway": [
            "Gateway", "Simulators", "Config", "Webhooks", "HTTPServer", "HTTPCore", "JSON", "Log", "Platform",
        ],
        "Gateway": [
            "API", "Sync", "Webhooks", "Vendors", "Config", "Store", "HTTPServer", "HTTPClient", "Crypto", "Contacts",
            "HTTPCore", "JSON", "Log", "Metrics", "Platform",
        ],
        "API": [
            "Vendors", "Config", "Store", "HTTPServer", "Crypto", "Contacts", "HTTPCore", "JSON", "Log", "Platform",
        ],
        "Sync": ["Vendors", "Config", "Store", "Contacts", "HTTPCore", "JSON", "Log", "Metrics", "Platform"],
        "Webhooks": ["Config", "Store", "Crypto", "Contacts", "HTTPCore", "JSON", "Log", "Metrics", "Platform"],
        "Simulators": ["HTTPServer", "Crypto", "Contacts", "HTTPCore", "JSON", "Log", "Platform"],
        "Vendors": ["Config", "Contacts", "HTTPCore", "JSON", "Log", "Metrics", "Platform"],
        "Config": ["Crypto", "Contacts", "HTTPCore", "JSON", "Log", "Platform"],
        "Store": ["CSQLite", "Contacts", "JSON", "Log", "Metrics", "Platform"],
        "HTTPServer": ["CLinux", "COpenSSL", "HTTPCore", "Log", "Metrics", "Platform"],
        "HTTPClient": ["CCurl", "HTTPCore", "Log", "Platform"],
        "Crypto": ["COpenSSL"],
        "Contacts": ["JSON", "Platform"],
        "HTTPCore": ["JSON", "Platform"],
        "JSON": [],
        "Log": ["JSON", "Platform"],
        "Metrics": [],
        "Platform": ["CLinux"],
    ]

    /// What any room may import of the system. `Foundation` is missing on purpose: it quadruples a static binary, and
    /// `FoundationEssentials` adds a third to it.
    static let system: Set<String> = ["Glibc", "Synchronization", "_Concurrency"]

    static let root = String(#filePath.dropLast("/Tests/LayeringTests/LayeringTests.swift".count))

    static func sources(of room: String) throws -> [String] {
        let folder = "\(root)/Sources/\(room)"
        return try FileManager.default.subpathsOfDirectory(atPath: folder)
            .filter { $0.hasSuffix(".swift") }
            .map { "\(folder)/\($0)" }
    }

    @Test(arguments: allowed.keys.sorted())
    func `a room imports only what stands below it`(room: String) throws {
        for path in try Self.sources(of: room) {
            let data = try #require(FileManager.default.contents(atPath: path))
            for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
                guard let module = Self.importedModule(in: line) else { continue }
                let isAllowed = Self.allowed[room]?.contains(module) == true || Self.system.contains(module)
                #expect(isAllowed, "\(path) imports \(module)")
            }
        }
    }

    @Test func `every folder of Sources is a room of the table`() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: "\(Self.root)/Sources")
        let shims: Set<String> = ["CSQLite", "CLinux", "CCurl", "COpenSSL"]
        #expect(Set(folders).subtracting(shims) == Set(Self.allowed.keys))
    }

    @Test func `SQL stays in Store`() throws {
        for room in Self.allowed.keys where room != "Store" {
            for path in try Self.sources(of: room) {
                let data = try #require(FileManager.default.contents(atPath: path))
                let text = String(decoding: data, as: UTF8.self).lowercased()
                for clause in ["insert into ", "delete from ", "create table "] {
                    #expect(!text.contains(clause), "\(path) holds SQL")
                }
            }
        }
    }

    /// The module that an import line names; `nil` for any other line.
    private static func importedModule(in line: Substring) -> String? {
        var words = line.split(separator: " ").map(String.init)
        while let first = words.first, ["public", "internal", "package", "private", "@testable"].contains(first) {
            words.removeFirst()
        }
        guard words.first == "import", words.count >= 2 else { return nil }
        if ["struct", "class", "enum", "protocol", "func", "typealias", "let", "var"].contains(words[1]),
            words.count > 2
        {
            words.remove(at: 1)
        }
        return words[1].split(separator: ".").first.map(String.init)
    }
}
