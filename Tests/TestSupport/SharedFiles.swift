//  Corpora and data that stand beside the repository in some checkouts. Tests that need them are enabled only there.

import FoundationEssentials

/// Files beside the repository.
public enum SharedFiles {
    /// The repository's own folder.
    public static let repository = String(#filePath.dropLast("/Tests/TestSupport/SharedFiles.swift".count))

    /// The folder beside the repository, or `nil` where it is not.
    public static let folder: String? = {
        let path = "\(repository)/../shared"
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    /// Whether tests that need them can run.
    public static var areHere: Bool { folder != nil }

    /// The bytes of a file below the folder; empty when it is missing.
    public static func bytes(_ path: String) -> [UInt8] {
        guard let folder, let data = FileManager.default.contents(atPath: "\(folder)/\(path)") else { return [] }
        return Array(data)
    }

    /// The names of the files in a folder below it, sorted.
    public static func names(in path: String) -> [String] {
        guard let folder else { return [] }
        return ((try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(path)")) ?? []).sorted()
    }
}
