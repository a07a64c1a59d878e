//  Which records are as they were, by their hashes alone; and sets of keys as bits.

import Testing

@testable import Store

@Suite struct KnownRecordsTests {
    @Test func `records are found in any order, and none by a hash that two have`() {
        var random = SeededGenerator(state: 5)
        for gap in [1, 1000] as [Int64] {
            let pairs = (1...500).map { (contact: Int64($0) * gap, hash: random.next()) }
            let extra: [(contact: Int64, hash: UInt64)] = [
                (contact: 501 * gap, hash: 0), (contact: 502 * gap, hash: pairs[9].hash),
            ]
            let known = KnownRecords((pairs + extra).shuffled(using: &random), asOf: 7)
            #expect(known.contacts(ofHashes: Array(pairs[10...].map(\.hash))) == pairs[10...].map(\.contact))
            let mixed = pairs.shuffled(using: &random)
            let answers = known.contacts(ofHashes: mixed.flatMap { [$0.hash, 12_345] })
            for (place, pair) in mixed.enumerated() where pair.contact != 10 * gap {
                #expect(answers[2 * place] == pair.contact)
                #expect(answers[2 * place + 1] == 0)
            }
            #expect(known.contacts(ofHashes: [0]) == [0])
        }
        #expect(KnownRecords([], asOf: 0).contacts(ofHashes: [1]) == [0])
    }

    @Test func `a set of keys does what a set does`() {
        var random = SeededGenerator(state: 9)
        var keys = KeySet()
        var model: Set<Int64> = []
        for round in 0..<40 {
            var part = KeySet()
            let start = Int64(random.next() % 300_000)
            for key in start..<(start + Int64(random.next() % 300)) where round % 3 > 0 || key % 2 == 0 {
                let isNew = part.insert(key)
                let isNewAgain = part.insert(key)
                #expect(isNew && !isNewAgain)
                model.insert(key)
            }
            keys.formUnion(part)
            #expect(keys.count == model.count)
        }
        #expect(keys.stretches.flatMap { Array($0) } == model.sorted())
        #expect(zip(keys.stretches, keys.stretches.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
        #expect((0..<300_400).allSatisfy { keys.contains($0) == model.contains($0) })
        #expect(!keys.contains(1 << 40))
        var rest = keys
        let half = KeySet(model.filter { $0 % 2 == 0 || $0 > 200_000 })
        rest.subtract(half)
        #expect(rest.count == keys.count - half.count)
        #expect(rest.stretches == keys.stretches(notIn: half))
        #expect(
            keys.stretches.allSatisfy { keys.intersects($0) && !keys.intersects($0.upperBound..<($0.upperBound + 1)) }
        )
        #expect(KeySet([63, 64, 65_535, 65_536]).stretches == [63..<65, 65_535..<65_537])
    }
}
