//  One reusable `CURL *`: set up for a transfer, read out after it.

import CCurl
import Glibc
import HTTPCore
import Platform

/// Owns one `CURL *` with the list of header fields it is sending. Lives on the loop's thread.
///
/// A class, because the loop keeps handles in a dictionary and in a pool of idle ones.
final class EasyHandle {
    /// What the options are set for that outlive a transfer.
    private struct Shape: Equatable {
        var method: Method
        var url: String
        var hasBody: Bool
        var timeout: Duration
        var truncatesBody: Bool
        var caFile: String?

        init(_ request: ClientRequest) {
            method = request.method
            url = request.url
            hasBody = !request.body.isEmpty
            timeout = request.timeout
            truncatesBody = request.truncatesBody
            caFile = request.caFile
        }
    }

    let raw: UnsafeMutableRawPointer
    private var list: UnsafeMutablePointer<curl_slist>?
    private var shape: Shape?
    /// The field line under construction.
    private var line = ByteBuffer()
    private let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    init?() {
        guard let raw = ccurl_easy_init() else { return nil }
        self.raw = raw
        message[0] = 0
    }

    deinit {
        ccurl_easy_cleanup(raw)
        ccurl_slist_free_all(list)
        message.deallocate()
    }

    /// Sets the options for a transfer. Those of one that went to the same place in the same way still hold; else all
    /// are set anew, and live connections, session ids and the DNS cache survive (curl_easy_reset(3)).
    func prepare(_ transfer: Transfer) throws(CurlError) {
        message[0] = 0
        let request = transfer.request
        let wanted = Shape(request)
        if shape != wanted {
            shape = nil
            ccurl_easy_reset(raw)
            try setFixed()
            try setShape(request)
            try setCallbacks()
            shape = wanted
        }
        if Self.sendsBody(request) { try setBody(request.body) }
        try setFields(request.fields)
        try setData(Unmanaged.passUnretained(transfer).toOpaque())
    }

    /// Drops what belonged to the last transfer.
    func rest() {
        ccurl_set_pointer(raw, CURLOPT_HTTPHEADER, nil)
        ccurl_slist_free_all(list)
        list = nil
    }

    /// The status of the answer.
    var status: Int {
        var value = 0
        ccurl_get_long(raw, CURLINFO_RESPONSE_CODE, &value)
        return value
    }

    /// How many bytes of the request's body went out.
    var sentBodyBytes: Int {
        var value: curl_off_t = 0
        ccurl_get_offset(raw, CURLINFO_SIZE_UPLOAD_T, &value)
        return value
    }

    /// libcurl's words about a failure.
    func words(for code: CURLcode) -> String {
        let text = String(cString: message)
        return text.isEmpty ? String(cString: ccurl_easy_strerror(code)) : text
    }
}

extension EasyHandle {
    private func setFixed() throws(CurlError) {
        try set(CURLOPT_PROTOCOLS_STR, "https,http")
        try set(CURLOPT_FOLLOWLOCATION, 0)
        try set(CURLOPT_PROXY, "")
        try set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
        try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        try set(CURLOPT_SSL_VERIFYPEER, 1)
        try set(CURLOPT_SSL_VERIFYHOST, 2)
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_PATH_AS_IS, 1)
        try check(ccurl_set_pointer(raw, CURLOPT_ERRORBUFFER, message))
    }

    private func setShape(_ request: ClientRequest) throws(CurlError) {
        try set(CURLOPT_URL, request.url)
        switch request.method {
        case .get where request.body.isEmpty: try set(CURLOPT_HTTPGET, 1)
        case .head: try set(CURLOPT_NOBODY, 1)
        case .post: try set(CURLOPT_POST, 1)
        default:
            if Self.sendsBody(request) { try set(CURLOPT_POST, 1) }
            try set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        }
        let limit = request.timeout.milliseconds
        try set(CURLOPT_TIMEOUT_MS, limit)
        try set(CURLOPT_CONNECTTIMEOUT_MS, min(limit, 10_000))
        // A page of a list comes in a few large pieces; of a receiver's answer only the beginning is wanted.
        try set(CURLOPT_BUFFERSIZE, request.truncatesBody ? Int(CURL_MAX_WRITE_SIZE) : 256 << 10)
        if let caFile = request.caFile { try set(CURLOPT_CAINFO, caFile) }
    }

    /// Whether the request has a body, if an empty one.
    private static func sendsBody(_ request: ClientRequest) -> Bool {
        switch request.method {
        case .head: false
        case .get, .delete, .options: !request.body.isEmpty
        default: true
        }
    }

    private func setBody(_ body: [UInt8]) throws(CurlError) {
        try check(ccurl_set_offset(raw, CURLOPT_POSTFIELDSIZE_LARGE, body.count))
        try check(copyBody(body))
    }

    private func copyBody(_ body: [UInt8]) -> CURLcode {
        // An empty body still needs a pointer, or libcurl asks for a read function.
        withUnsafePointer(to: UInt8(0)) { none in
            body.withUnsafeBytes { bytes in
                let start = bytes.baseAddress ?? UnsafeRawPointer(none)
                return ccurl_set_pointer(raw, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: start))
            }
        }
    }

    private func setFields(_ fields: HeaderFields) throws(CurlError) {
        // A name with nothing after the colon takes libcurl's own field away: no `Expect: 100-continue` before a
        // body, no invented type.
        try addLine("Expect", ":", "")
        if fields["Content-Type"] == nil { try addLine("Content-Type", ":", "") }
        if fields["User-Agent"] == nil { try addLine("User-Agent", ": ", "contact-gateway") }
        // A semicolon sends a field with an empty value (CURLOPT_HTTPHEADER(3)).
        for field in fields.lines { try addLine(field.name, field.value.isEmpty ? ";" : ": ", field.value) }
        try check(ccurl_set_pointer(raw, CURLOPT_HTTPHEADER, list))
    }

    private func addLine(_ name: String, _ separator: StaticString, _ value: String) throws(CurlError) {
        line.removeAll()
        line.append(name)
        line.append(separator)
        line.append(value)
        line.append(0)
        let longer = line.withUnsafeBytes { bytes in
            bytes.assumingMemoryBound(to: CChar.self).baseAddress.flatMap { ccurl_slist_append(list, $0) }
        }
        guard let longer else { throw CurlError(code: CURLE_OUT_OF_MEMORY) }
        list = longer
    }

    private func setCallbacks() throws(CurlError) {
        try check(
            ccurl_set_writer(raw, CURLOPT_WRITEFUNCTION) { bytes, size, count, data in
                let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return EasyHandle.transfer(data)?.receiveBody(piece) == true ? piece.count : 0
            }
        )
        try check(
            ccurl_set_writer(raw, CURLOPT_HEADERFUNCTION) { bytes, size, count, data in
                let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return EasyHandle.transfer(data)?.receiveHead(line) == true ? line.count : 0
            }
        )
        try check(
            ccurl_set_open_socket(raw) { data, _, address in
                guard let address, let transfer = EasyHandle.transfer(data) else { return CURL_SOCKET_BAD }
                guard let text = EasyHandle.text(of: address), transfer.mayOpen(text) else { return CURL_SOCKET_BAD }
                return ccurl_open_socket(address)
            }
        )
        try check(
            ccurl_set_prereq(raw) { data, peer, _, _, _ in
                guard let peer, let transfer = EasyHandle.transfer(data), transfer.maySend(to: String(cString: peer))
                else { return CURL_PREREQFUNC_ABORT }
                return CURL_PREREQFUNC_OK
            }
        )
    }

    /// Names the transfer that the callbacks are called for.
    private func setData(_ transfer: UnsafeMutableRawPointer) throws(CurlError) {
        for option in [CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_OPENSOCKETDATA, CURLOPT_PREREQDATA] {
            try check(ccurl_set_pointer(raw, option, transfer))
        }
    }

    private static func text(of address: UnsafeMutablePointer<curl_sockaddr>) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            guard let start = buffer.baseAddress, ccurl_address_text(address, start, 64) != 0 else { return nil }
            return String(cString: start)
        }
    }

    /// The loop holds the transfer while its handle is in the multi handle, so the pointer is good.
    private static func transfer(_ data: UnsafeMutableRawPointer?) -> Transfer? {
        data.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    private func set(_ option: CURLoption, _ value: Int) throws(CurlError) {
        try check(ccurl_set_long(raw, option, value))
    }

    private func set(_ option: CURLoption, _ value: String) throws(CurlError) {
        try check(ccurl_set_text(raw, option, value))
    }

    private func check(_ code: CURLcode) throws(CurlError) {
        guard code == CURLE_OK else { throw CurlError(code: code) }
    }
}

/// A refused option: out of memory, or a URL that libcurl does not take.
struct CurlError: Error {
    var code: CURLcode
}

extension Duration {
    /// Whole milliseconds, at least one: 0 would mean "no limit" to libcurl.
    fileprivate var milliseconds: Int {
        let parts = components
        return max(1, Int(parts.seconds) * 1000 + Int(parts.attoseconds / 1_000_000_000_000_000))
    }
}
