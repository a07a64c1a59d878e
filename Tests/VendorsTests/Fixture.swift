//  The vendors' own examples.

import FoundationEssentials

/// Reads files of `Fixtures/`.
enum Fixture {
    /// The bytes of a file there.
    static func bytes(_ path: String) throws -> [UInt8] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        return [UInt8](try Data(contentsOf: folder.appending(path: "Fixtures/\(path)")))
    }
}
