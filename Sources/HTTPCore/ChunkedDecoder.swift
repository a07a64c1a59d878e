//  The chunked transfer coding (RFC 9112 §7.1), strictly.

/// Takes the framing off a chunked body that may arrive in any pieces. Trailers are checked and dropped.
public struct ChunkedDecoder: Sendable {
    private enum Place: Sendable {
        case size, sizeLineFeed, extensions
        case data, dataReturn, dataLineFeed
        case trailer, trailerLineFeed, lastLineFeed, done
    }

    private static let maxExtensions = 4096
    private static let maxTrailers = 8192

    private var place = Place.size
    private var sizeDigits = 0
    private var remaining: UInt64 = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var trailerName: [UInt8] = []
    private var extensionIsEmpty = true
    private var trailerHasColon = false
    private var trailerLineBytes = 0

    /// Expects a first chunk.
    public init() {}

    /// Whether the last chunk and the trailers were read.
    public var isDone: Bool { place == .done }

    /// Reads on.
    ///
    /// - Parameters:
    ///   - input: What arrived since the last call.
    ///   - output: Gets the data.
    ///   - limit: The most bytes that `output` may hold; 413 beyond it.
    /// - Returns: How many bytes of the input belong to this body: all of them until ``isDone``.
    /// - Throws: ``RequestRefusal``; the body cannot be read any further.
    public mutating func decode(
        _ input: Span<UInt8>,
        into output: inout [UInt8],
        limit: Int
    ) throws(RequestRefusal) -> Int {
        var index = 0
        while index < input.count, place != .done {
            if place == .data {
                let count = Int(min(remaining, UInt64(input.count - index)))
                output.append(copying: input.extracting(index..<(index + count)))
                index += count
                remaining -= UInt64(count)
                if remaining == 0 { place = .dataReturn }
                continue
            }
            try take(input[index], held: output.count, limit: limit)
            index += 1
        }
        return index
    }

    private mutating func take(_ byte: UInt8, held: Int, limit: Int) throws(RequestRefusal) {
        switch place {
        case .size:
            if let digit = byte.hexDigitValue {
                sizeDigits += 1
                guard sizeDigits <= 16 else { throw .malformed("a chunk size has at most 16 digits") }
                remaining = remaining << 4 | UInt64(digit)
            } else if sizeDigits > 0, byte == 0x0D {
                place = .sizeLineFeed
            } else if sizeDigits > 0, byte == UInt8(ascii: ";") {
                place = .extensions
                extensionIsEmpty = true
            } else {
                throw .malformed("the chunk size")
            }
        case .extensions:
            extensionBytes += 1
            guard extensionBytes <= Self.maxExtensions else { throw .malformed("chunk extensions exceed 4 KiB") }
            if byte == 0x0D {
                guard !extensionIsEmpty else { throw .malformed("an empty chunk extension") }
                place = .sizeLineFeed
            } else if byte.isForbiddenInValue {
                throw .malformed("a control character in a chunk extension")
            }
            extensionIsEmpty = false
        case .sizeLineFeed:
            guard byte == 0x0A else { throw .malformed("a chunk size ends with CRLF") }
            sizeDigits = 0
            guard remaining <= UInt64(max(0, limit - held)) else {
                throw RequestRefusal(413, "the body exceeds its limit")
            }
            place = remaining == 0 ? .trailer : .data
        case .dataReturn:
            guard byte == 0x0D else { throw .malformed("a chunk ends with CRLF") }
            place = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0A else { throw .malformed("a chunk ends with CRLF") }
            place = .size
        case .trailer: try trailer(byte)
        case .trailerLineFeed:
            guard byte == 0x0A, trailerHasColon else { throw .malformed("a trailer line") }
            trailerHasColon = false
            trailerName = []
            trailerLineBytes = 0
            place = .trailer
        case .lastLineFeed:
            guard byte == 0x0A else { throw .malformed("the body ends with CRLF") }
            place = .done
        case .data, .done: break
        }
    }

    private mutating func trailer(_ byte: UInt8) throws(RequestRefusal) {
        trailerBytes += 1
        guard trailerBytes <= Self.maxTrailers else { throw RequestRefusal(431, "the trailers exceed 8 KiB") }
        if byte == 0x0D {
            place = trailerLineBytes == 0 ? .lastLineFeed : .trailerLineFeed
            return
        }
        trailerLineBytes += 1
        if trailerHasColon {
            if byte.isForbiddenInValue { throw .malformed("a control character in a trailer") }
        } else if byte == UInt8(ascii: ":"), !trailerName.isEmpty {
            // RFC 9110 §6.5.1: a sender must not put framing or routing into trailers; who does means harm.
            let name = trailerName
            for framing: StaticString in ["content-length", "transfer-encoding", "host"] {
                if name.span.equalsIgnoringCase(framing) { throw .malformed("a framing field among the trailers") }
            }
            trailerHasColon = true
        } else if byte.isTokenCharacter {
            trailerName.append(byte)
        } else {
            throw .malformed("a trailer line")
        }
    }
}

extension [UInt8] {
    /// Adds a copy of the bytes.
    @inline(__always)
    public mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
