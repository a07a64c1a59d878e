//  The three ways to synchronise a connection.

/// How a run reads a vendor.
public enum RunMode: String, CaseIterable, Sendable {
    /// Everything; what is missing from a complete list is deleted.
    case full
    /// What changed since the last good run.
    case delta
    /// Ids only, to find deletes.
    case sweep
}
