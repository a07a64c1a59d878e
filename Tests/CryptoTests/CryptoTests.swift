//  The few things we want of OpenSSL, against the examples of their specifications.

import Crypto
import Testing

@Suite struct CryptoTests {
    @Test func `SHA-256 of abc is the example of FIPS 180-4`() {
        #expect(
            SHA256.hexDigest(of: "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        #expect(
            SHA256.hexDigest(of: "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
    }

    @Test func `HMAC-SHA256 is test case 2 of RFC 4231, in one part or several`() {
        let signer = HMACSHA256(key: Array("Jefe".utf8))
        let whole = signer.code(for: Array("what do ya want for nothing?".utf8))
        #expect(Hex.encode(whole) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let parts = signer.code(for: Array("what do ya want ".utf8), [], Array("for nothing?".utf8))
        #expect(ConstantTime.areEqual(whole, parts))
    }

    /// `vectors_sip128` of the reference implementation (github.com/veorq/SipHash), and `openssl mac SIPHASH`.
    static let codes: [(count: Int, code: String)] = [
        (0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45"),
        (7, "a1f1ebbed8dbc153c0b84aa61ff08239"), (8, "3b62a9ba6258f5610f83e264f31497b4"),
        (15, "5493e99933b0a8117e08ec0f97cfc3d9"), (40, "df6a301e95c95dad97ae0cc8c6913bd8"),
    ]
    @Test(arguments: codes)
    func `SipHash is the reference's`(count: Int, code: String) {
        let hash = SipHash(key: Array(0..<16))
        let input = (0..<count).map { UInt8($0) }
        #expect(Hex.encode(hash(input.span).bytes) == code)
        #expect(hash(input.span) == hash(input.span))
        #expect(hash(input.span) != SipHash()(input.span))
    }

    @Test func `an empty HMAC key is allowed`() {
        let code = HMACSHA256(key: []).code(for: [])
        #expect(Hex.encode(code) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test func `comparison sees content and length`() {
        #expect(ConstantTime.areEqual([], []))
        #expect(!ConstantTime.areEqual([1], [1, 2]))
        #expect(!ConstantTime.areEqual([1, 3], [1, 2]))
    }

    @Test func `random bytes have the length asked for and do not repeat`() {
        #expect(RandomBytes.make(0).isEmpty)
        #expect(RandomBytes.make(32).count == 32)
        #expect(RandomBytes.make(32) != RandomBytes.make(32))
    }

    @Test func `what is sealed opens under the same key and context only`() throws {
        let seal = try #require(Seal(key: RandomBytes.make(32)))
        let secret = Array("whsec_abc".utf8)
        let sealed = seal.seal(secret, context: "webhook:1")
        #expect(seal.open(sealed, context: "webhook:1") == secret)
        #expect(seal.open(sealed, context: "webhook:2") == nil)
        #expect(Seal(passphrase: "another").open(sealed, context: "webhook:1") == nil)
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(seal.open(changed, context: "webhook:1") == nil)
        }
        for count in 0..<sealed.count { #expect(seal.open(Array(sealed[..<count]), context: "webhook:1") == nil) }
        #expect(seal.open(seal.seal([], context: ""), context: "") == [])
        #expect(Seal(key: [1]) == nil)
        #expect("\(seal)" == "<redacted>")
    }
}
