//  Finds the records in a page: boundaries and ids only, so that an unchanged record costs next to nothing.

import JSON

/// What a scan learns of one element of a page's list.
struct ScannedRecord {
    /// The id, a string or a whole number; `nil` when it cannot be read.
    var id: String?
    /// The element's text in the page.
    var range: Range<Int>
    /// Why there is no id.
    var complaint = ""
    /// The range of the member that the caller asked for, a string; `nil` without one.
    var tag: JSONString?
}

extension JSONReader {
    /// Reads one element of a list of records, and a further member of interest whose value is a string. Of a repeated
    /// member the last one counts.
    mutating func scanRecord(tag: StaticString? = nil) throws(JSONError) -> ScannedRecord {
        guard try peek() == .object else {
            return ScannedRecord(range: try skipValue(), complaint: "the record is no object")
        }
        var record = ScannedRecord(range: offset..<offset, complaint: "id is missing")
        try beginObject()
        while let name = try nextMember() {
            if equals(name, "id") {
                (record.id, record.complaint) = try scanID()
            } else if let tag, equals(name, tag), try peek() == .string {
                record.tag = try string()
            } else {
                try skipValue()
            }
        }
        record.range = record.range.lowerBound..<offset
        return record
    }

    /// Reads an id: vendors write it as a string or as a number.
    mutating func scanID() throws(JSONError) -> (id: String?, complaint: String) {
        switch try peek() {
        case .string:
            let id = text(try string())
            return WireText.isBlank(id) ? (nil, "id is empty") : (id, "")
        case .number:
            let digits = try number()
            guard integer(digits) != nil else { return (nil, "id is no whole number") }
            return (rawText(digits), "")
        default:
            try skipValue()
            return (nil, "id is neither a string nor a number")
        }
    }

    /// Reads a list of records into a page.
    mutating func scanRecords(of body: [UInt8], into page: inout RecordPage) throws(JSONError) {
        try beginArray()
        while try nextElement() {
            page.add(try scanRecord(), of: body)
        }
    }

    /// Reads a flag that some servers write as a string; `nil` for anything else.
    mutating func lenientBool() throws(JSONError) -> Bool? {
        switch try peek() {
        case .bool: return try bool()
        case .string:
            switch text(try string()).lowercased() {
            case "true", "1", "yes": return true
            case "false", "0", "no", "": return false
            default: return nil
            }
        case .number: return integer(try number()).map { $0 != 0 }
        default:
            try skipValue()
            return nil
        }
    }

    /// Reads a count that some servers write as a string; `nil` for anything else.
    mutating func lenientCount() throws(JSONError) -> Int? {
        switch try peek() {
        case .number: return integer(try number()).flatMap { Int(exactly: $0) }
        case .string: return Int(text(try string()))
        default:
            try skipValue()
            return nil
        }
    }
}

extension RecordPage {
    /// Adds what a scan found.
    mutating func add(_ record: ScannedRecord, of body: [UInt8]) {
        if let id = record.id {
            records.append(VendorRecord(vendorID: id, bytes: body[record.range]))
        } else {
            rejected.append(RejectedRecord(vendorID: nil, reason: record.complaint, bytes: body[record.range]))
        }
    }
}

// MARK: - Members of one record

extension JSONReader {
    /// Begins the record's object.
    mutating func beginRecord() throws(RecordError) {
        do throws(JSONError) {
            guard try peek() == .object else { throw JSONError(offset: offset, reason: "the record is no object") }
            try beginObject()
        } catch {
            throw RecordError(reason: error.reason)
        }
    }

    /// The next member's name.
    mutating func nextRecordMember() throws(RecordError) -> JSONString? {
        do throws(JSONError) { return try nextMember() } catch { throw RecordError(reason: error.reason) }
    }

    /// Reads and ignores a member.
    mutating func skipRecordMember() throws(RecordError) {
        do throws(JSONError) { try skipValue() } catch { throw RecordError(reason: error.reason) }
    }

    /// Reads a text; `nil` for null. Where numbers are taken they count as their digits.
    mutating func recordText(_ member: String, takesNumbers: Bool = false) throws(RecordError) -> String? {
        do throws(JSONError) {
            switch try peek() {
            case .string: return text(try string())
            case .null:
                try null()
                return nil
            case .number where takesNumbers: return rawText(try number())
            case let kind: throw JSONError(offset: offset, reason: "\(member) is \(kind.words), not a string")
            }
        } catch {
            throw RecordError(reason: error.reason)
        }
    }

    /// Reads the record's own id; what is no id counts as none.
    mutating func recordID() throws(RecordError) -> String? {
        do throws(JSONError) { return try scanID().id } catch { throw RecordError(reason: error.reason) }
    }

    /// Reads a flag; `nil` for null and for what is none.
    mutating func recordFlag() throws(RecordError) -> Bool? {
        do throws(JSONError) { return try lenientBool() } catch { throw RecordError(reason: error.reason) }
    }

    /// Begins a list; false for null.
    mutating func beginRecordList(_ member: String) throws(RecordError) -> Bool {
        do throws(JSONError) {
            switch try peek() {
            case .array:
                try beginArray()
                return true
            case .null:
                try null()
                return false
            case let kind: throw JSONError(offset: offset, reason: "\(member) is \(kind.words), not a list")
            }
        } catch {
            throw RecordError(reason: error.reason)
        }
    }

    /// Whether the list has another element.
    mutating func nextRecordElement() throws(RecordError) -> Bool {
        do throws(JSONError) { return try nextElement() } catch { throw RecordError(reason: error.reason) }
    }
}

extension JSONReader.Kind {
    /// With its article, for errors.
    fileprivate var words: String {
        switch self {
        case .object: "an object"
        case .array: "a list"
        case .string: "a string"
        case .number: "a number"
        case .bool: "a truth value"
        case .null: "null"
        }
    }
}
