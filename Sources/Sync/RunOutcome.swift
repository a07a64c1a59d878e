//  How a run went.

import Store

/// How a run ended.
enum RunOutcome: Equatable, Sendable {
    case done
    case held(RunFailure)
    case failed(RunFailure)
    /// Our side stopped; the run goes on at the next start.
    case interrupted

    /// The state that the run is in now; `nil` while it has not ended.
    var state: RunState? {
        switch self {
        case .done: .done
        case .held: .held
        case .failed: .failed
        case .interrupted: nil
        }
    }
}
