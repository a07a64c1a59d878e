//  A page's list before anybody has looked at its records: most are as they were, which their bytes alone tell.

import JSON
import Platform

/// The records of a page as its text has them.
public struct UnreadRecords: Sendable {
    private let body: [UInt8]
    /// Where the list stands, brackets included.
    private let list: Range<Int>
    /// A number that two lists share when they have the same text.
    public let fingerprint: UInt64
    /// Finds the list's elements in a text that is not as simple as it looked.
    private let findElements: @Sendable ([UInt8]) throws(JSONError) -> [Range<Int>]

    init(
        of body: [UInt8],
        in list: Range<Int>,
        otherwise findElements: @escaping @Sendable ([UInt8]) throws(JSONError) -> [Range<Int>]
    ) {
        self.body = body
        self.list = list
        fingerprint = Self.hash(body.span.extracting(list))
        self.findElements = findElements
    }

    /// How long the list is in bytes.
    public var size: Int { list.count }

    /// The records, each as it stands in the page.
    ///
    /// - Throws: ``VendorError`` of kind `malformed` for a text that is no JSON.
    public func records() throws(VendorError) -> [ArraySlice<UInt8>] {
        do throws(JSONError) {
            return try elements().map { body[$0] }
        } catch {
            throw VendorError(
                .malformed,
                message: "The vendor's answer breaks off or is no JSON, at byte \(error.offset): \(error.reason)"
            )
        }
    }

    private func elements() throws(JSONError) -> [Range<Int>] {
        var elements: [Range<Int>] = []
        var reader = JSONReader(body.span.extracting(list))
        do throws(JSONError) {
            try reader.beginArray()
            while try reader.nextElement() {
                let range = try reader.skipValue()
                elements.append((list.lowerBound + range.lowerBound)..<(list.lowerBound + range.upperBound))
            }
            try reader.end()
            return elements
        } catch {
            // The list may end before its last bracket, or not be where it seemed to be.
            return try findElements(body)
        }
    }

    private static let hash = Hash64(seed: 0)
}

extension RecordPage {
    /// Reads a record's id and puts the record among ``records``, or among ``rejected``.
    public mutating func read(_ bytes: ArraySlice<UInt8>) {
        var reader = JSONReader(bytes.span)
        do throws(JSONError) {
            let record = try reader.scanRecord()
            if let id = record.id {
                records.append(VendorRecord(vendorID: id, bytes: bytes))
            } else {
                rejected.append(RejectedRecord(vendorID: nil, reason: record.complaint, bytes: bytes))
            }
        } catch {
            rejected.append(RejectedRecord(vendorID: nil, reason: error.reason, bytes: bytes))
        }
    }

    /// The page with all of its records read.
    public func readThrough() throws(VendorError) -> RecordPage {
        guard let unread else { return self }
        var page = self
        page.unread = nil
        for bytes in try unread.records() { page.read(bytes) }
        return page
    }
}
