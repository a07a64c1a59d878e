//  Whether a run may delete: only on proof that the list was whole, and never too much at once. Pure.

public import Config

/// What a walk over the vendor's whole list has proved.
struct ListProof: Equatable, Sendable {
    /// The vendor said that this was all.
    var reachedEnd = false
    /// Records whose id could not be read.
    var unidentified = 0
    /// The vendor's own count, at the end, where it gives one.
    var total: Int?
    /// Different ids that the last pass over the list brought.
    var listed = 0

    /// Whether the vendor's count agrees with what was listed; true where it gives none.
    var countAgrees: Bool { total.map { $0 == listed + unidentified } ?? true }
}

/// Holds runs that would delete too much.
public struct DeleteGuard: Equatable, Sendable {
    private let limits: DeletesConfig

    /// A guard with a connection's limits.
    public init(_ limits: DeletesConfig) {
        self.limits = limits
    }

    /// Why a run that would delete `count` of the connection's `all` contacts must be held; `nil` when it may delete.
    public func reasonToHold(deleting count: Int, of all: Int) -> String? {
        if count > limits.holdAboveCount {
            return "would delete \(count) contacts; more than \(limits.holdAboveCount) wait for approval"
        }
        if count >= 10, count * 100 > all * limits.holdAbovePercent {
            return "would delete \(count) of \(all) contacts; more than \(limits.holdAbovePercent) % wait for approval"
        }
        return nil
    }
}
