//  Pages of a directory are asked for by every phone: a loop gives the same bytes again while nothing has happened.

import HTTPCore
import Platform

/// The answers that one loop gave lately and may give again.
///
/// The rule of validity: a kept answer was made of the query's bytes, of the caller, of the configuration in force and
/// of what the store held, and of nothing else. So it is given again only for the same bytes, to the same caller (that
/// object, whom no other key and no later configuration has), and only while its ``Basis`` is still the one in force:
/// no other configuration, and nothing at all committed since before it was read. Commits that change no contact count
/// too, for the search index that catches up and the end of a run show in answers. Any other basis empties everything.
/// What an answer says besides, such as its request's id, the date and the caller's quota, is written anew each time.
///
/// An answer is kept when it is asked for a second time on one basis: a store that is always written to pays next to
/// nothing. All together stay within ``mostBytes``, and ``release()`` gives them back.
struct AnswerCache: ~Copyable {
    /// As of when answers are made.
    struct Basis: Equatable {
        /// ``Snapshot/committedVersion``, taken before the answer was read.
        var commits: UInt64
        /// ``LiveState/version`` of the configuration it was made with.
        var configuration: UInt64
    }

    static let mostBytes = 1 << 20
    static let mostAnswers = 1024
    static let longestAnswer = mostBytes / 4

    /// So long a body is sent without a copy.
    static let leastInFile = 16_384

    /// Where an answer and its question lie.
    private struct Kept {
        let caller: Caller
        let query: Range<Int>
        /// In ``bytes``: everything behind the first fields, or only what of it is head.
        let rest: Range<Int>
        /// How much of the rest is head.
        let headCount: Int
        /// In ``file``.
        let body: FilePart?
    }

    private var basis: Basis?
    private var kept: [UInt64: Kept] = [:]
    private var bytes = ByteBuffer(capacity: 0)
    /// Long bodies. Never emptied: a socket may have more to send of it.
    private var file: MemoryFile?
    /// Questions that were asked on this basis; a later one may take the place of an earlier one.
    private var asked = InlineArray<64, UInt64>(repeating: 0)
    private let hash = Hash64(seed: RandomSource.shared.next())

    /// How much memory the answers have.
    var byteCount: Int {
        switch file {
        case .some(let file): bytes.count + file.count
        case .none: bytes.count
        }
    }

    /// Answers as before.
    ///
    /// - Returns: False when there is no such answer; then nothing was written.
    mutating func answer(
        _ query: Span<UInt8>,
        to caller: Caller,
        on basis: Basis,
        _ out: inout ResponseWriter
    ) -> Bool {
        stand(on: basis)
        guard let found = kept[question(query, caller)], found.caller === caller,
            bytes.span.extracting(found.query).isSame(as: query)
        else { return false }
        out.beginJSON(200)
        out.end(again: bytes.span.extracting(found.rest), headCount: found.headCount, body: found.body)
        return true
    }

    /// Keeps the answer to a GET that was just written, when its question has been asked before.
    ///
    /// - Parameters:
    ///   - query: The question.
    ///   - caller: Who asked.
    ///   - basis: As of when the answer is: what held before anything of it was read.
    ///   - place: Where in the output ``ResponseWriter/beginJSON(_:)`` had come to.
    ///   - out: Ends with the whole answer.
    mutating func keep(
        _ query: Span<UInt8>,
        to caller: Caller,
        on basis: Basis,
        from place: Int,
        of out: borrowing ResponseWriter
    ) {
        stand(on: basis)
        let question = question(query, caller)
        let slot = Int(question % 64)
        guard asked[slot] == question else {
            asked[slot] = question
            return
        }
        let rest = out.output.span.extracting(place...)
        guard query.count + rest.count <= Self.longestAnswer else { return }
        if byteCount + query.count + rest.count > Self.mostBytes || kept.count == Self.mostAnswers { empty() }
        if bytes.count == 0 { bytes.reserve(Self.mostBytes) }
        let headCount = out.bodyStart - place
        let body = inFile(rest.extracting(headCount...))
        let start = bytes.count
        bytes.append(query)
        bytes.append(body == nil ? rest : rest.extracting(first: headCount))
        kept[question] = Kept(
            caller: caller,
            query: start..<(start + query.count),
            rest: (start + query.count)..<bytes.count,
            headCount: headCount,
            body: body
        )
    }

    /// Puts a long body into the file. Without a descriptor or memory for that, it is kept as a short one is.
    private mutating func inFile(_ body: Span<UInt8>) -> FilePart? {
        guard body.count >= Self.leastInFile else { return nil }
        if file == nil { file = try? MemoryFile() }
        return try? file?.append(body)
    }

    /// Forgets everything and gives the memory back.
    mutating func release() {
        basis = nil
        kept = [:]
        file = nil
        bytes.removeAll()
        bytes.shrink(to: 0)
    }

    private mutating func stand(on basis: Basis) {
        if self.basis == basis { return }
        self.basis = basis
        asked = InlineArray(repeating: 0)
        empty()
    }

    private mutating func empty() {
        if kept.isEmpty { return }
        kept.removeAll(keepingCapacity: true)
        file = nil
        bytes.removeAll()
    }

    private func question(_ query: Span<UInt8>, _ caller: Caller) -> UInt64 {
        hash(query) ^ Hash64.scramble(UInt64(UInt(bitPattern: ObjectIdentifier(caller))))
    }
}

extension Span<UInt8> {
    fileprivate func isSame(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] { return false }
        return true
    }
}
