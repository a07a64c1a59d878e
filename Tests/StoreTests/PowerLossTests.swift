//  The power goes at any moment, and the disk keeps of what was not synced whatever it likes.

import CFaultVFS
import Contacts
import Glibc
import Log
import Platform
@_spi(Testing) import Store
import TestSupport
import Testing

/// Each seed is three lives of one store, each ended by a loss of power. `POWER_SEEDS` is how many, `POWER_FIRST` the
/// first: a seed that fails is run again by `POWER_SEEDS=1 POWER_FIRST=<seed>`.
@Suite(.timeLimit(.minutes(60))) struct PowerLossTests {
    static let seeds = number("POWER_SEEDS", or: 40)
    static let first = number("POWER_FIRST", or: 20_261_121)

    static func number(_ name: String, or standard: Int) -> Int {
        getenv(name).flatMap { Int(String(cString: $0)) } ?? standard
    }

    struct Figures: CustomStringConvertible {
        var losses = 0
        var acknowledged = 0
        var lost = 0
        var pending: Int64 = 0
        var dropped: Int64 = 0
        var torn: Int64 = 0
        var directory: Int64 = 0
        var description: String {
            "\(losses) losses of power, \(acknowledged) acknowledged, \(lost) lost; of \(pending) writes not synced "
                + "\(dropped) dropped and \(torn) torn, \(directory) files created or deleted in vain"
        }
    }

    @Test func `a loss of power takes nothing that was acknowledged`() async throws {
        let figures = await run("full", keepsNeighbours: true)
        #expect(figures.lost == 0)
        print("power loss, FULL, seeds from \(Self.first): \(figures)")
    }

    /// That something is lost here shows that the model bites.
    @Test func `with synchronous NORMAL a loss of power takes what came last, and leaves a file that agrees`()
        async throws
    {
        let figures = await run("normal", keepsNeighbours: true)
        if Self.seeds >= 20 { #expect(figures.lost > 0) }
        print("power loss, NORMAL, seeds from \(Self.first): \(figures)")
    }

    /// SQLite trusts that a write cut off harms nothing beside the bytes written ("powersafe overwrite"). A disk that
    /// destroys whole sectors may take the end of the commit before; it does not make the file disagree.
    @Test func `a disk that destroys whole sectors leaves a file that agrees`() async throws {
        let figures = await run("full", keepsNeighbours: false)
        print("power loss, FULL, whole sectors destroyed, seeds from \(Self.first): \(figures)")
    }

    private func run(_ synchronous: String, keepsNeighbours: Bool) async -> Figures {
        var figures = Figures()
        let directory = ScratchDirectory()
        for seed in UInt64(Self.first)..<UInt64(Self.first + Self.seeds) {
            var random = SeededGenerator(state: seed)
            let disk = TestDisk(seed: seed)
            let work = Workload(disk, in: directory, seed: seed, synchronous: synchronous, imports: seed % 8 == 0)
            var before = 0
            for life in 1...3 {
                disk.arm(.io, at: Int.random(in: 1...1200, using: &random), forever: true)
                work.fault = .io
                while disk.failed == 0 { await work.step() }
                await work.close()
                disk.disarm()
                work.fault = nil
                let acknowledged = work.ledger.acknowledged
                let damage = disk.losePower(seed: random.next(), keepsNeighbours: keepsNeighbours)
                figures.losses += 1
                figures.pending += damage.pending
                figures.dropped += damage.dropped
                figures.torn += damage.torn
                figures.directory += damage.directory
                if synchronous == "full", keepsNeighbours {
                    await work.audit()
                } else {
                    figures.lost += await work.auditLoss()
                }
                figures.acknowledged += acknowledged - before
                before = work.ledger.acknowledged
                #expect(work.problems == [], "\(synchronous), seed \(seed), life \(life)")
                if !work.problems.isEmpty { break }
            }
            await work.close()
        }
        return figures
    }
}
