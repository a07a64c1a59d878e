//  Base64, to the letter of RFC 4648.

import Platform
import Testing

@Suite struct Base64Tests {
    static let pairs: [(bytes: String, text: String)] = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),  // RFC 4648 §10
    ]

    @Test(arguments: pairs)
    func `base64 is the table of RFC 4648`(bytes: String, text: String) {
        #expect(Base64.encode(Array(bytes.utf8)) == text)
        #expect(Base64.decode(text) == Array(bytes.utf8))
    }

    @Test func `base64 for URLs has no padding and its own two characters`() {
        #expect(Base64.encode([0xFB, 0xFF], .url) == "-_8")
        #expect(Base64.decode("-_8", .url) == [0xFB, 0xFF])
        #expect(Base64.decode("-_8=", .url) == [0xFB, 0xFF])
        #expect(Base64.decode("+/8", .url) == nil)
    }

    @Test(arguments: ["Zg", "Zg=", "Zh==", "Z", "Zg==\n", "Zm9=v", "====", "Zm 9", "-_8="])
    func `base64 that is not exact is refused`(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
