//  Looks at a store's file from outside, with SQL of its own, and says what does not agree.

import CSQLite
import Contacts
import JSON
import Platform

/// A look at the file through another connection, while nobody writes.
final class StoreAudit {
    private let handle: OpaquePointer

    init(path: String, vfs: String?) throws {
        var handle: OpaquePointer?
        guard sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, vfs) == SQLITE_OK, let handle else {
            sqlite3_close(handle)
            throw Failure(message: "the file cannot be opened")
        }
        self.handle = handle
        sqlite3_busy_timeout(handle, 5000)
    }

    deinit { sqlite3_close(handle) }

    struct Failure: Error, CustomStringConvertible {
        let message: String
        var description: String { message }
    }

    /// Every cell as it is: contacts, deliveries, answers, runs, and the places of webhooks.
    func cells() throws -> Cells {
        var cells: Cells = [:]
        for row in try rows(Self.cells) { cells[row[0] ?? ""] = row[1] ?? "" }
        return cells
    }

    /// The key of each contact by its name.
    func keys() throws -> [String: Int64] {
        var keys: [String: Int64] = [:]
        for row in try rows("select json_extract(doc, '$.name.full'), id from contact") {
            keys[row[0] ?? ""] = Int64(row[1] ?? "")
        }
        return keys
    }

    /// What does not agree; empty when everything does.
    func problems() throws -> [String] {
        var problems: [String] = []
        let integrity = try rows("pragma integrity_check")
        if integrity.count != 1 || integrity[0] != ["ok"] { problems.append("integrity: \(integrity.prefix(3))") }
        for (rule, query) in Self.rules {
            for row in try rows(query).prefix(3) {
                problems.append("\(rule): \(row.map { $0 ?? "null" }.joined(separator: ", "))")
            }
        }
        let contacts = try rows("select id, doc from contact").map { row in
            (key: Int64(row[0] ?? "") ?? 0, content: try Self.contact(row[1]).content)
        }
        return problems + (try lookupProblems(contacts)) + (try wordProblems(contacts.map(\.content)))
    }

    /// Look-up keys of each contact against what the tree and the sorted runs beside it hold for it.
    private func lookupProblems(_ contacts: [(key: Int64, content: ContactContent)]) throws -> [String] {
        var found: [Int64: Int] = [:]
        for row in try rows("select contact, count(*) from lookup group by contact") {
            found[Int64(row[0] ?? "") ?? 0] = Int(row[1] ?? "")
        }
        for row in try rows("select hex(entries) from lookup_block") {
            for contact in Self.contacts(ofBlock: row[0] ?? "") { found[contact, default: 0] += 1 }
        }
        var problems: [String] = []
        for (key, content) in contacts {
            let emails = Set(content.emails.map { $0.address.lowercased() }.filter { !$0.isEmpty })
            let others = (content.owner == nil ? 0 : 1) + Set(content.tags).count
            let wanted = emails.count + Self.numberKeys(content).count + others
            let count = found.removeValue(forKey: key) ?? 0
            if count != wanted { problems.append("contact \(key) has \(count) look-up keys, not \(wanted)") }
        }
        return problems + found.keys.sorted().prefix(3).map { "look-up keys lead to \($0), which is not there" }
    }

    /// A number stands once among those that end alike: by its E.164 and, where they differ, as it is written.
    private static func numberKeys(_ content: ContactContent) -> Set<[String]> {
        var keys: Set<[String]> = []
        for phone in content.phones {
            for text in [phone.number, phone.e164].compactMap(\.self) {
                let digits = text.filter { "0" <= $0 && $0 <= "9" }.suffix(7)
                if digits.count >= 3 { keys.insert([String(digits), phone.e164 ?? ""]) }
            }
        }
        return keys
    }

    /// A block's entries are sixteen bytes each, key and contact, the lowest byte first.
    private static func contacts(ofBlock hex: String) -> [Int64] {
        let bytes = stride(from: 0, to: hex.utf8.count, by: 2).map { place in
            let start = hex.index(hex.startIndex, offsetBy: place)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16) ?? 0
        }
        var contacts: [Int64] = []
        for entry in stride(from: 8, to: bytes.count, by: 16) {
            var contact: Int64 = 0
            for place in 0..<8 { contact |= Int64(bytes[entry + place]) << Int64(8 * place) }
            contacts.append(contact)
        }
        return contacts
    }

    /// The words of all contacts against the words of the index, each with the number of contacts that have it.
    private func wordProblems(_ contacts: [ContactContent]) throws -> [String] {
        var wanted: [String: Int] = [:]
        for content in contacts {
            // Names of a workload are ASCII.
            let words = content.searchText.lowercased().utf8.split {
                !(97...122).contains($0) && !(48...57).contains($0)
            }
            for word in Set(words.map { String(decoding: $0, as: UTF8.self) }) { wanted[word, default: 0] += 1 }
        }
        _ = try rows("create virtual table if not exists temp.words using fts5vocab('main', 'search', 'row')")
        var found: [String: Int] = [:]
        for row in try rows("select term, doc from temp.words") { found[row[0] ?? ""] = Int(row[1] ?? "") }
        return Set(wanted.keys).union(found.keys).sorted().filter { wanted[$0] != found[$0] }.prefix(3).map { word in
            "the index has `\(word)` \(found[word] ?? 0) times, and the contacts have it \(wanted[word] ?? 0) times"
        }
    }

    private static func contact(_ document: String?) throws -> Contact {
        do throws(JSONError) { return try Contact(document: Array((document ?? "").utf8)) } catch {
            throw Failure(message: "a contact cannot be read at byte \(error.offset): \(document?.prefix(80) ?? "")")
        }
    }

    private func rows(_ sql: String) throws -> [[String?]] {
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else { throw failure() }
        var rows: [[String?]] = []
        while true {
            let result = sqlite3_step(statement)
            if result == SQLITE_DONE { return rows }
            guard result == SQLITE_ROW else { throw failure() }
            rows.append(
                (0..<sqlite3_column_count(statement)).map { column in
                    sqlite3_column_text(statement, column).map { String(cString: $0) }
                }
            )
        }
    }

    private func failure() -> Failure { Failure(message: String(cString: sqlite3_errmsg(handle))) }

    private static let cells = """
        select 'contact/' || json_extract(doc, '$.name.full'),
               json_extract(doc, '$.title') || ' '
                   || ifnull(length(json_extract(doc, '$.notes')), 0) || ' '
                   || json_extract(doc, '$.emails[0].address') || ' '
                   || ifnull(json_extract(doc, '$.vendor_id'), '-')
        from   contact
        union all
        select 'delivery/' || webhook || '/' || sequence, state || ' ' || attempts from delivery
        union all
        select 'webhook/' || id, cursor from webhook
        union all
        select 'answer/' || key, cast(body as text) from idempotency where status > 0
        union all
        select 'run/' || id, state || ' ' || seen || ' '
                   || (select count(*) from run_seen s where s.run = run.id)
        from   run
        where  state <> 'running'
        """

    /// What must hold at every moment, as queries that find what breaks it. A log that was shortened begins anywhere.
    private static let rules: [(String, String)] = [
        (
            "the log has holes",
            "select min(sequence), max(sequence), count(*) from change having max(sequence) - min(sequence) + 1 <> count(*)"
        ),
        (
            "a contact is not as its last change left it",
            """
            select k.id, k.revision, max(c.sequence)
            from   contact k
            left   join change c on c.contact = k.id
            group  by k.id
            having k.revision <> max(c.sequence)
                or max(c.sequence) is null and k.revision >= (select min(sequence) from change)
            """
        ),
        (
            "a change does not follow the one before it",
            """
            select sequence, contact, prior, before
            from   (select sequence, contact, prior, type,
                           lag(sequence) over (partition by contact order by sequence) as before
                    from   change)
            where  before is not null and before <> prior or type = 1 and before is not null
            """
        ),
        (
            "a deleted contact is still there, or has left no trace",
            """
            select c.sequence, c.contact
            from   change c
            where  c.type = 3 and (exists (select 1 from contact k where k.id = c.contact)
                or not exists (select 1 from tombstone t where t.contact = c.contact and t.sequence = c.sequence))
            """
        ),
        (
            "a contact whose change says that it is there is not",
            """
            select c.sequence, c.contact
            from   change c
            where  c.type <> 3
            and    c.sequence = (select max(sequence) from change d where d.contact = c.contact)
            and    not exists (select 1 from contact k where k.id = c.contact)
            """
        ),
        (
            "a link leads nowhere",
            """
            select l.vendor_id, l.contact
            from   link l
            left   join contact k on k.id = l.contact
            where  k.id is null or json_extract(k.doc, '$.vendor_id') is not l.vendor_id
            """
        ),
        (
            "a vendor's contact has no link",
            """
            select k.id
            from   contact k
            where  json_extract(k.doc, '$.vendor_id') is not null
            and    not exists (select 1 from link l where l.contact = k.id)
            """
        ),
        (
            "a record has no contact",
            "select contact from projection where contact not in (select id from contact)"
        ),
        (
            "attempts do not add up",
            """
            select d.id, d.attempts, count(a.n)
            from   delivery d
            left   join attempt a on a.delivery = d.id
            group  by d.id
            having d.attempts <> count(a.n)
            """
        ),
        (
            "an attempt has no delivery",
            "select delivery from attempt where delivery not in (select id from delivery)"
        ),
        (
            "the index is ahead of the log",
            """
            select value from meta
            where  name = 'search_position'
            and    value > (select max(coalesce((select max(sequence) from change), 0),
                                       coalesce((select max(revision) from contact), 0)))
            """
        ),
    ]
}
