//  The k-th call of the disk fails, once or for ever, for k = 1 until a run without a failure.

import Contacts
import Glibc
import Log
import Platform
@_spi(Testing) import Store
import TestSupport
import Testing

/// `FAULT_STRIDE=1` tries every call; without it every 61st. `FAULT_SEED` is the seed.
@Suite(.timeLimit(.minutes(60))) struct FaultTests {
    static let stride = getenv("FAULT_STRIDE").flatMap { Int(String(cString: $0)) } ?? 61
    static let seed = getenv("FAULT_SEED").flatMap { UInt64(String(cString: $0)) } ?? 20_261_121
    /// Errors that a caller may get while the fault lasts. A part of the search index that cannot be read is damage to
    /// FTS5, whatever the reason (fts5_index.c, `fts5DataRead`).
    static let expected: [Fault: Set<StoreError.Code>] = [
        .io: [.io, .readOnly, .corrupt],
        .torn: [.io],
        .short: [.full],
        .noRoom: [.full, .readOnly],
        .noIndex: [.full],
        .sync: [.io],
        .read: [.io, .corrupt],
        .shortRead: [.io, .corrupt],
    ]

    struct Figures: CustomStringConvertible {
        var runs = 0
        var acknowledged = 0
        var refused = 0
        var codes: [String: Int] = [:]
        var description: String {
            "\(runs) runs, \(acknowledged) acknowledged, \(refused) refused, 0 lost; answers "
                + codes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        }
    }

    @Test(arguments: Fault.allCases)
    func `whichever call of the disk fails, what was acknowledged stays and the rest was never there`(
        fault: Fault
    ) async throws {
        let directory = ScratchDirectory()
        let template = Workload(TestDisk(), in: directory, seed: Self.seed, imports: false)
        for _ in 0..<12 { await template.step() }
        await template.audit()
        try #require(template.problems == [])
        await template.close()
        // With imports each run takes four times as long: only some of the calls.
        for (forever, imports) in [(false, false), (true, false), (false, true)] {
            var figures = Figures()
            var call = 1
            while true {
                let isHit = await run(
                    fault,
                    at: call,
                    forever: forever,
                    imports,
                    from: template,
                    in: directory,
                    &figures
                )
                if !isHit { break }
                call += (fault == .sync || fault == .noIndex ? 1 : Self.stride) * (imports ? 5 : 1)
            }
            print(
                "\(fault.rawValue), \(forever ? "for ever" : "once")\(imports ? ", with imports" : ""), seed \(Self.seed), \(call) calls: \(figures)"
            )
        }
    }

    /// - Returns: False when the run had ended before the call was made.
    private func run(
        _ fault: Fault,
        at call: Int,
        forever: Bool,
        _ imports: Bool,
        from template: Workload,
        in directory: ScratchDirectory,
        _ figures: inout Figures
    ) async -> Bool {
        let disk = TestDisk(seed: UInt64(call))
        disk.copy(template.disk)
        let work = Workload(template, on: disk, in: directory, seed: Self.seed + 1, imports: imports)
        work.fault = fault
        disk.arm(fault, at: call, forever: forever)
        var stepsLeft = 14
        while stepsLeft > 0 {
            await work.step()
            stepsLeft -= 1
            if disk.failed > 0, forever { stepsLeft = min(stepsLeft, 2) }
            if work.hasFailed { break }
        }
        let isHit = disk.failed > 0
        if work.hasFailed {
            let isTaken = await work.takesWrites()
            #expect(!isTaken, "a write after a failed sync")
        }
        disk.disarm()
        work.fault = nil
        if !work.hasFailed {
            let errors = work.errors.count
            let isTaken = await work.takesWrites()
            // The store's own work behind a quiet moment may have met the fault just before.
            #expect(isTaken || work.hasFailed, "\(work.errors.dropFirst(errors))")
        }
        // Every other run ends as if the process had been killed.
        if work.hasFailed || call % 2 == 0 { await work.kill() } else { await work.close() }
        await work.audit()
        let goesOn = await work.takesWrites()
        #expect(goesOn)
        let strangers = work.errors.filter { Self.expected[fault]?.contains($0.code) != true }
        #expect(strangers == [], "\(fault.rawValue) at call \(call), forever \(forever), seed \(Self.seed)")
        #expect(work.problems == [], "\(fault.rawValue) at call \(call), forever \(forever), seed \(Self.seed)")
        await work.close()
        figures.runs += 1
        figures.acknowledged += work.ledger.acknowledged
        figures.refused += work.ledger.refused
        for error in work.errors { figures.codes[error.isFatal ? "fatal" : error.code.rawValue, default: 0] += 1 }
        return isHit
    }
}
