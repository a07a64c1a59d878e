//  Code that is let go comes back when it is needed.

import Platform
import Testing

@Suite struct ProcessMemoryTests {
    @Test func `letting go of code leaves less in memory, and everything still runs`() throws {
        let before = try ProcessFacts().residentBytes
        ProcessMemory.releaseCode()
        #expect(try ProcessFacts().residentBytes < before)
        #expect((1...100).map(String.init).joined().count == 192)
    }
}
