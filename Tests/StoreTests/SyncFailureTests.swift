//  After a failed fsync the kernel shows pages that the disk does not have: what the next start makes of them.

import Contacts
import Log
import Platform
@_spi(Testing) import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct SyncFailureTests {
    /// A failed sync, the end of the process, a start on the same page cache, more writes, and then a loss of power: the
    /// log must not have a hole where the failed sync was.
    @Test func `what is acknowledged after a start behind a failed sync survives a loss of power`() async throws {
        let directory = ScratchDirectory()
        var acknowledged = 0
        for seed in UInt64(PowerLossTests.first)..<UInt64(PowerLossTests.first + PowerLossTests.seeds) {
            var random = SeededGenerator(state: seed)
            let disk = TestDisk(seed: seed)
            let work = Workload(disk, in: directory, seed: seed, imports: false)
            for _ in 0..<Int.random(in: 0...8, using: &random) { await work.step() }
            disk.arm(.sync, at: Int.random(in: 1...12, using: &random), forever: false)
            work.fault = .sync
            while disk.failed == 0 { await work.step() }
            await work.kill()
            work.fault = nil
            // Sometimes the kernel has forgotten the pages by then, and reads what the disk really has.
            if Bool.random(using: &random) { disk.evict() }
            await work.audit()
            for _ in 0..<Int.random(in: 1...6, using: &random) { await work.step() }
            await work.losePower(seed: random.next())
            #expect(work.problems == [], "seed \(seed)")
            await work.close()
            acknowledged += work.ledger.acknowledged
        }
        print(
            "failed fsync, start, power loss: \(PowerLossTests.seeds) rounds, seeds from \(PowerLossTests.first),",
            "\(acknowledged) acknowledged, 0 lost"
        )
    }

    /// The same where the sync that fails is one of the first start, which makes the file.
    @Test func `what is acknowledged behind a start that failed to sync survives a loss of power`() async throws {
        let directory = ScratchDirectory()
        var starts = 0
        for call in 1...24 {
            for seed in UInt64(1)...12 {
                let disk = TestDisk(seed: seed)
                let work = Workload(disk, in: directory, seed: seed, imports: false)
                disk.arm(.sync, at: call, forever: true)
                work.fault = .sync
                await work.open()
                guard disk.failed > 0, !work.isOpen else {
                    await work.close()
                    break
                }
                starts += 1
                await work.kill()
                work.fault = nil
                await work.audit()
                await work.step()
                await work.losePower(seed: seed)
                #expect(work.problems == [], "sync \(call), seed \(seed)")
                await work.close()
            }
        }
        #expect(starts > 24)
    }

    /// A sync of the end fails, behind a checkpoint that had moved a part of the log; then the kernel forgets its pages.
    @Test func `a sync that fails while the store closes leaves the log to the next start`() async throws {
        let directory = ScratchDirectory()
        var ends = 0
        for seed in UInt64(1)...40 {
            let disk = TestDisk(seed: seed)
            let work = Workload(disk, in: directory, seed: seed, imports: false)
            await work.steps(3, besideReader: false)
            await work.steps(5, besideReader: true)
            disk.arm(.sync, at: Int(seed % 2) + 1, forever: false)
            work.fault = .sync
            await work.close()
            ends += disk.failed
            disk.disarm()
            work.fault = nil
            disk.evict()
            await work.audit()
            #expect(work.problems == [], "seed \(seed)")
            await work.close()
        }
        #expect(ends > 20)
    }
}
