//  Another disk for tests: failing, forgetful, or small.

/// How SQLite reaches the disk. The program runs on the defaults; tests put other disks under a store.
@_spi(Testing) public struct DiskAccess: Sendable {
    /// The VFS by the name it is registered under; `nil` for the system's own.
    public var vfs: String?
    /// `full`: a commit survives power loss. `normal`: only a crash of the process.
    public var synchronous = "full"
    /// Pages in the log, 256 MB, at which it is moved into the file although jobs wait. With 1,000 an import takes half
    /// as long again; with more a start after a crash has more to read.
    public var checkpointPages = 65_536
    /// Look-up keys that are put into their tree one by one before it is made a run.
    public var largestTree = LookupTable.largestTree

    /// What the program runs on.
    public init() {}
}
