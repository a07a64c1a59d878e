//  One exchange: the request, and what has come back of the answer so far.

import HTTPCore

/// One exchange from `send` to its answer.
///
/// `@unchecked Sendable`: `caller` is set before the transfer is handed to the loop; from then on everything here is
/// touched on the loop's thread only.
final class Transfer: @unchecked Sendable {
    typealias Outcome = Result<ClientResponse, TransportError>

    /// Who is to be told, once.
    enum Caller {
        case nobody
        case task(CheckedContinuation<Outcome, Never>)
        case listener(EndingListener, number: Int)
    }

    let request: ClientRequest
    /// Largest head of the answer in bytes.
    let maxHead: Int
    let started = ContinuousClock.now
    private var caller = Caller.nobody

    /// Set by a cancellation, which may overtake the start.
    var isCancelled = false

    var status = 0
    /// The answer's last head, without its status line.
    private var head: [UInt8] = []
    private var headBytes = 0
    var body: [UInt8] = []
    var dropped = 0

    /// How often libcurl was about to send the request.
    var sendings = 0
    var refusedAddress: String?
    var openedAnySocket = false
    var exceeded: String?
    var isTruncated = false
    var wouldRepeat = false

    init(_ request: ClientRequest, maxHead: Int) {
        self.request = request
        self.maxHead = maxHead
    }

    /// The one to tell; nobody when it has been told.
    func takeCaller() -> Caller {
        defer { caller = .nobody }
        return caller
    }

    /// Names the caller before the transfer is started.
    func will(tell caller: Caller) {
        self.caller = caller
    }

    /// Tells the caller, once.
    func finish(_ outcome: Outcome) {
        switch takeCaller() {
        case .nobody: break
        case .task(let continuation): continuation.resume(returning: outcome)
        case .listener(let listener, let number): listener.tell([NumberedEnding(number: number, result: outcome)])
        }
    }

    func response() -> ClientResponse {
        let isPlain = (200..<300).contains(status) && !request.wantsFieldsOfSuccess
        return ClientResponse(
            status: status,
            fields: isPlain ? HeaderFields() : fields,
            body: body,
            duration: ContinuousClock.now - started
        )
    }
}

// What libcurl reports while the exchange runs.
extension Transfer {
    /// Beyond its limit a truncated body is read on this far, so that a slightly longer answer leaves the
    /// connection usable.
    private static let readOn = 64 << 10

    /// Room made at once for a body whose length is told; a longer one grows as it comes.
    private static let mostReserved = 4 << 20

    /// Takes one line of the head; false ends the exchange.
    func receiveHead(_ line: UnsafeRawBufferPointer) -> Bool {
        headBytes += line.count
        guard headBytes <= maxHead else {
            exceeded = "The head of the answer exceeds \(maxHead) bytes."
            return false
        }
        if line.starts(with: "HTTP/".utf8) {
            // A status line: the one that counts is the last (RFC 9110 §15.2, interim responses).
            head.removeAll(keepingCapacity: true)
        } else {
            head.append(contentsOf: line)
        }
        return true
    }

    private var fields: HeaderFields {
        var fields = HeaderFields()
        for line in head.split(separator: UInt8(ascii: "\n")) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            var value = line[(colon + 1)...]
            while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
            while let last = value.last, last <= 0x20 { value.removeLast() }
            fields.add(String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
        }
        return fields
    }

    /// Takes a piece of the body; false ends the exchange.
    func receiveBody(_ piece: UnsafeRawBufferPointer) -> Bool {
        let room = request.maxBody - body.count
        if body.isEmpty, !request.truncatesBody, let length = fields["Content-Length"].flatMap({ Int($0) }),
            length > piece.count
        {
            body.reserveCapacity(min(length, request.maxBody, Self.mostReserved))
        }
        guard piece.count > room else {
            body.append(contentsOf: piece)
            return true
        }
        guard request.truncatesBody else {
            exceeded = "The body of the answer exceeds \(request.maxBody) bytes."
            return false
        }
        body.append(contentsOf: piece.prefix(max(0, room)))
        dropped += piece.count - room
        isTruncated = true
        return dropped <= Self.readOn
    }

    /// Judges an address before a socket is opened for it.
    func mayOpen(_ address: String) -> Bool {
        guard mayUse(address) else { return false }
        openedAnySocket = true
        return true
    }

    /// Judges the connection that the request is about to be sent over, new or reused.
    func maySend(to address: String) -> Bool {
        guard mayUse(address) else { return false }
        // libcurl sends again by itself when a reused connection breaks before any answer. What is not idempotent
        // must not go out twice (RFC 9110 §9.2.2: "SHOULD NOT automatically retry a request with a non-idempotent
        // method").
        if sendings > 0, request.method == .post || request.method == .patch {
            wouldRepeat = true
            return false
        }
        sendings += 1
        return true
    }

    private func mayUse(_ address: String) -> Bool {
        guard let allows = request.allowsAddress, !allows(address) else { return true }
        refusedAddress = address
        return false
    }
}
