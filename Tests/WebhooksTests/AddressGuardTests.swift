//  Which addresses and URLs may be sent to.

import Testing
import Webhooks

@Suite struct AddressGuardTests {
    @Test(arguments: [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.1.1", "172.16.0.1",
        "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1",
        "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001::1", "2001:db8::1", "2002::1", "3fff::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "::127.0.0.1",
        "64:ff9b:1::1", "100::1", "169.254.169.254", "fd00:ec2::254", "nonsense", "",
    ])
    func `everything that is not the public internet is blocked`(address: String) {
        #expect(!AddressGuard().allows(address))
    }

    @Test(arguments: [
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
        "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "198.17.255.255", "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111", "2001:4860:4860::8888", "::ffff:1.1.1.1", "64:ff9b::101:101", "3ffe::1",
    ])
    func `the public internet is allowed`(address: String) {
        #expect(AddressGuard().allows(address))
    }

    @Test func `listed networks are allowed, metadata services never`() {
        let open = AddressGuard(allowNetworks: ["127.0.0.0/8", "0.0.0.0/0", "::/0", "nonsense"])
        for address in ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1", "::1", "fe80::1"] { #expect(open.allows(address)) }
        for address in ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254"] {
            #expect(!open.allows(address))
        }
        #expect(!AddressGuard(allowNetworks: ["127.0.0.1"]).allows("127.0.0.2"))
        #expect(AddressGuard(allowNetworks: ["10.9.9.9/8"]).allows("10.0.0.1"))
    }

    @Test(arguments: [
        "10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "::/129", "10.0.0.0/-1", "10.0.0.0/+8", "a", "", "1::2::3/8",
        "01.2.3.4",
        ":1", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:", "12345::",
    ])
    func `what is no network is told apart`(text: String) {
        #expect(IPNetwork(text) == nil)
    }

    @Test(arguments: [
        "ftp://example.com/", "example.com", "//example.com", "javascript:alert(1)", "http://user:pass@example.com/",
        "http://user@example.com/", "http://127.0.0.1/", "http://127.0.0.1:8080/", "http://[::1]/",
        "http://[::ffff:127.0.0.1]/", "http://[fe80::1%25eth0]/", "http://2130706433/", "http://0x7f.1/",
        "http://127.1/",
        "http://0177.0.0.1/", "http://0x7f000001/", "http://127.0.0.1./", "http://017700000001/", "http://10.0.0.1/",
        "http://169.254.169.254/latest", "https:///path", "https://", "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:/", "http://exa mple.com/", "http://example.com\\@evil/", "http://ex%61mple.com/",
        "http://１２７.0.0.1/", "http://[1.2.3.4]/", "http://[::1/", "http://example.com:80:80/", "http://../",
    ])
    func `a URL that can be judged at registration is`(url: String) {
        #expect(AddressGuard().refusal(ofURL: url) != nil)
    }

    @Test(arguments: [
        "https://example.com/hook", "HTTP://EXAMPLE.com:8080?x=1", "http://1.1.1.1/", "http://[2606:4700::1111]:443/",
        "https://a.example./x#y", "http://localhost:9/", "https://example.com/a@b", "http://x1.2y/",
    ])
    func `other URLs are taken`(url: String) {
        #expect(AddressGuard().refusal(ofURL: url) == nil)
    }

    @Test func `a listed network opens its literal addresses`() {
        let open = AddressGuard(allowNetworks: ["127.0.0.0/8"])
        #expect(open.refusal(ofURL: "http://127.0.0.1:9/") == nil)
        #expect(open.refusal(ofURL: "http://2130706433/") != nil)
    }
}
