//  Buffers, hashes, executors and dates' neighbours.

import Glibc
import Platform
import Synchronization
import Testing

struct PlatformTests {
    @Test func `a buffer grows and writes numbers`() {
        var buffer = ByteBuffer(capacity: 1)
        for _ in 0..<100 { buffer.append("0123456789") }
        #expect(buffer.count == 1000)
        buffer.removeAll()
        for value in [0, 9, 10, 99, 100, -1, Int64.max, Int64.min] {
            buffer.append(decimal: value)
            buffer.append(UInt8(ascii: " "))
        }
        buffer.append(hex: 0xAB)
        let text = buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        #expect(text == "0 9 10 99 100 -1 9223372036854775807 -9223372036854775808 00000000000000ab")
        buffer.removeFirst(2)
        buffer.truncate(to: 1)
        let rest = buffer.withUnsafeBytes { Array($0) }
        #expect(rest == [UInt8(ascii: "9")])
    }

    @Test func `a thread gives way to those that go before it`() async {
        func nice(_ precedence: PosixThread.Precedence) async -> Int32 {
            await withCheckedContinuation { answer in
                PosixThread.start(name: "nice", precedence: precedence) {
                    answer.resume(returning: getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0))
                }
            }
        }
        let process = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(getpid()))
        let values = await [nice(.second), nice(.last)]
        #expect(values == [min(process + 10, 19), min(process + 19, 19)])
    }

    @Test func `hashes differ by every byte, by length and by seed`() {
        let hash = Hash64(seed: 1)
        var seen: Set<UInt64> = []
        for length in 0..<200 {
            var bytes = [UInt8](repeating: 0, count: length)
            seen.insert(hash(bytes))
            for place in 0..<length {
                bytes[place] = 1
                seen.insert(hash(bytes))
                bytes[place] = 0
            }
        }
        #expect(seen.count == 200 + (0..<200).reduce(0, +))
        #expect(hash("abc") == hash(Array("abc".utf8)))
        #expect(hash("abc") != Hash64(seed: 2)("abc"))
    }

    @Test func `random bytes do not repeat across batches`() {
        let source = RandomSource()
        let numbers = Set((0..<1000).map { _ in source.next() })
        #expect(numbers.count == 1000)
        #expect(source.bytes(5000).count == 5000)
        #expect(source.hex(16).utf8.count == 32)
    }

    @Test func `an executor runs its tasks on one thread, in order`() async {
        let executor = ThreadExecutor(name: "test")
        let seen = Numbers()
        for number in 0..<100 {
            await Task(executorPreference: executor) { seen.add(number) }.value
        }
        #expect(seen.all == Array(0..<100))
        executor.stop()
    }

    @Test func `a failed call tells what failed`() {
        #expect(throws: SystemError(errno: 2, operation: "open")) {
            try FileDescriptor.contents(ofFile: "/no/such/file")
        }
    }
}

private final class Numbers: Sendable {
    private let list = Mutex<[Int]>([])
    func add(_ number: Int) { list.withLock { $0.append(number) } }
    var all: [Int] { list.withLock { $0 } }
}
