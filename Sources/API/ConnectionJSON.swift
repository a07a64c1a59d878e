//  One connection as `/v1/connections` shows it.

import Contacts
import JSON
import Platform
import Store
import Vendors

/// A connection's memory, its life, and what comes next.
struct ConnectionJSON {
    let memory: ConnectionMemory
    /// `nil` once it left the configuration.
    let connection: LiveConnection?
    let nextRun: Timestamp?

    /// `{"id","vendor","state","capabilities","contacts","synced_at","last_run","next_run_at","backlog","rate_limit",
    /// "breaker","last_error","removed_at"}`; the link's members are null for `local` and for removed connections.
    func write() -> [UInt8] {
        let status = connection?.link?.status
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.name("id")
        writer.string(memory.row.name)
        writer.name("vendor")
        writer.string(memory.row.vendor)
        writer.name("state")
        writer.string(state(status))
        writer.name("capabilities")
        if let connection { write(connection.adapter.capabilities, &writer) } else { writer.null() }
        writer.name("contacts")
        writer.int(memory.contacts)
        writer.name("synced_at")
        writer.string(memory.row.lastGoodRunAt?.rfc3339)
        writer.name("last_run")
        if let run = memory.lastRun {
            writer.raw(RunJSON.write(run, connection: memory.row.name))
        } else {
            writer.null()
        }
        writer.name("next_run_at")
        writer.string(nextRun?.rfc3339)
        writer.name("backlog")
        writer.raw(
            JSONValue.object([
                JSONMember("calls_waiting", .int(status?.waiting ?? 0)),
                JSONMember("writes_queued", .int(memory.queuedWrites)),
                JSONMember("quarantined", .int(memory.quarantined)),
            ]).encoded()
        )
        writer.name("rate_limit")
        writer.raw(rateLimit(status).encoded())
        writer.name("breaker")
        writer.raw(breaker(status).encoded())
        writer.name("last_error")
        writer.raw(lastError(status).encoded())
        writer.name("removed_at")
        writer.string(memory.row.removedAt?.rfc3339)
        writer.endObject()
        return writer.bytes
    }

    /// `removed`, `degraded` (the breaker is not closed, or the last run failed), `held`, `new` (nothing read yet) or
    /// `ok`.
    private func state(_ status: LinkStatus?) -> String {
        guard let connection else { return "removed" }
        if let status, status.breaker != .closed { return "degraded" }
        switch memory.lastRun?.state {
        case .failed: return "degraded"
        case .held: return "held"
        case nil where connection.adapter.capabilities.reads: return "new"
        default: return "ok"
        }
    }

    private func write(_ capabilities: Capabilities, _ writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("read")
        writer.bool(capabilities.reads)
        writer.name("delta")
        writer.bool(capabilities.delta)
        writer.name("write")
        writer.bool(capabilities.writes)
        writer.name("delete")
        writer.bool(capabilities.removes)
        writer.name("deletes")
        writer.string(capabilities.deletes.rawValue)
        writer.name("unique_email")
        writer.bool(capabilities.uniqueEmail)
        writer.name("store_is_truth")
        writer.bool(capabilities.storeIsTruth)
        writer.name("fields")
        writer.beginArray()
        for field in capabilities.fields {
            writer.beginObject()
            writer.name("field")
            writer.string(field.field.rawValue)
            writer.name("max_length")
            if let most = field.maxLength { writer.int(most) } else { writer.null() }
            writer.name("max_count")
            if let most = field.maxCount { writer.int(most) } else { writer.null() }
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    private func rateLimit(_ status: LinkStatus?) -> JSONValue {
        guard let status else { return .null }
        return [
            "requests_per_second": status.requestsPerSecond.map { .number(Self.number($0)) } ?? .null,
            "remaining": status.remaining.map { .int($0) } ?? .null,
            "held_for_seconds": status.heldForSeconds.map { .int($0) } ?? .null,
        ]
    }

    private func breaker(_ status: LinkStatus?) -> JSONValue {
        guard let status else { return .null }
        return [
            "state": .string(status.breaker.rawValue),
            "next_try_in_seconds": status.breakerOpensInSeconds.map { .int($0) } ?? .null,
        ]
    }

    private func lastError(_ status: LinkStatus?) -> JSONValue {
        guard let error = status?.lastError else { return .null }
        return [
            "kind": .string(error.kind.rawValue), "status": error.status.map { .int($0) } ?? .null,
            "message": .string(error.message), "at": .optional(status?.lastErrorAt?.rfc3339),
        ]
    }

    /// A whole number without a fraction, and no exponent that JSON readers stumble over.
    private static func number(_ value: Double) -> String {
        value == value.rounded() && value < 1e15 ? String(Int64(value)) : String(value)
    }
}
