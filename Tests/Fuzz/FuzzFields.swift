//  The target for what stands in single fields, queries and paths: whatever a client or a vendor writes there.

import API
import HTTPCore
import Platform
import Store

/// Each reader takes the text or refuses it; what it takes it writes as it was read.
func fuzzFields(_ input: [UInt8]) {
    let text = String(decoding: input, as: UTF8.self)
    var fields = HeaderFields()
    for name in ["Prefer", "Retry-After", "RateLimit", "RateLimit-Reset", "X-RateLimit-Reset"] {
        fields.add(name, text)
    }
    law(0...300 ~= Preferences(fields).waitSeconds ?? 0, "nobody waits longer than 300 seconds")
    _ = EntityTag.list(text, contains: 1, weakly: true)
    _ = RetryAfter(fields: fields, status: 429, now: Timestamp(milliseconds: 1_700_000_000_000))
    if let trace = TraceContext(traceparent: input.span) {
        law(TraceContext(traceparent: trace.traceparent().utf8.span) != nil, "a trace that is sent on can be read")
        law(TraceContext(stored: trace.stored) == trace, "a trace is kept as it came")
    }
    _ = try? Parameters(input.span, known: ["a"])
    if let key = PageToken.key(of: text) { law(PageToken.make(after: key) == text, "a page has one token") }
    if let id = ContactID(text) { law("\(id)" == text, "a contact has one id") }
    if let time = Timestamp(rfc3339: text) {
        law(Timestamp(rfc3339: time.rfc3339) == time, "a moment that is written is read as the same")
    }
    _ = Timestamp(httpDate: text)
    for alphabet in [Base64.Alphabet.standard, .url] {
        guard let bytes = Base64.decode(text, alphabet) else { continue }
        law(Base64.decode(Base64.encode(bytes, alphabet), alphabet) == bytes, "what is encoded is decoded as the same")
    }
}
