//  What is read out of `Prefer`, whatever a client sends in it.

import API
import HTTPCore
import Testing

@Suite struct PreferencesTests {
    private func read(_ values: String...) -> Preferences {
        var fields = HeaderFields()
        for value in values { fields.add("Prefer", value) }
        return Preferences(fields)
    }

    @Test func `preferences are read from every field, with and without parameters and quotes`() {
        #expect(read("handling=strict").isStrict)
        #expect(read("respond-async, wait=10; x=y").respondsAsync)
        #expect(read("respond-async, wait=10; x=y").waitSeconds == 10)
        #expect(read("Handling=\"strict\"", "wait=1000").isStrict)
        #expect(read("Handling=\"strict\"", "wait=1000").waitSeconds == 300)
        #expect(read("wait=1, wait=2").waitSeconds == 1)
        for value in ["", "handling=lenient", "wait=-1", "wait=", "wait=x", "x;handling=strict"] {
            #expect(read(value) == Preferences(HeaderFields()), "\(value)")
        }
    }

    @Test func `no sequence of delimiters is more than nothing`() {
        var values = [""]
        for _ in 0..<5 {
            values = values.flatMap { value in [";", ",", "=", " ", "\"", "a"].map { value + $0 } }
            for value in values { #expect(read(value) == Preferences(HeaderFields()), "\(value)") }
        }
    }
}
