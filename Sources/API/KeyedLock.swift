//  One at a time for each key, so that two writes of one contact never interleave at its vendor.

import Synchronization

/// Lets one task at a time work under a key; others wait in order of arrival.
final class KeyedLock: Sendable {
    /// Who waits for each key that is taken.
    private let waiting = Mutex<[String: [CheckedContinuation<Void, Never>]]>([:])

    /// Runs the body while nobody else runs under that key; without a key at once.
    func with<Result>(_ key: String?, _ body: () async throws -> Result) async rethrows -> Result {
        guard let key else { return try await body() }
        await take(key)
        defer { release(key) }
        return try await body()
    }

    private func take(_ key: String) async {
        await withCheckedContinuation { continuation in
            let isFree = waiting.withLock { waiting in
                if waiting[key] == nil {
                    waiting[key] = []
                    return true
                }
                waiting[key]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func release(_ key: String) {
        let next = waiting.withLock { waiting -> CheckedContinuation<Void, Never>? in
            guard var queue = waiting[key], !queue.isEmpty else {
                waiting[key] = nil
                return nil
            }
            let next = queue.removeFirst()
            waiting[key] = queue
            return next
        }
        next?.resume()
    }
}
