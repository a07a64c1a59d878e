//  An OpenAPI document as a judge of real exchanges: is what the program did what it says of itself?

public import JSON

/// One request and its answer.
public struct Exchange: Sendable {
    /// `GET`, `POST` …
    public var method: String
    /// The path, without the query.
    public var path: String
    /// The JSON that was sent; `nil` for none.
    public var sent: JSONValue?
    /// The status answered.
    public var status: Int
    /// The value of a header field of the answer.
    public var field: @Sendable (String) -> String?
    /// The body of the answer.
    public var body: [UInt8]

    /// Makes an exchange.
    public init(
        method: String,
        path: String,
        sent: JSONValue?,
        status: Int,
        body: [UInt8],
        field: @escaping @Sendable (String) -> String?
    ) {
        self.method = method
        self.path = path
        self.sent = sent
        self.status = status
        self.field = field
        self.body = body
    }
}

/// What the document says, asked.
public struct APIDescription: Sendable {
    /// The whole document.
    public let document: JSONValue
    private let checker: SchemaChecker

    /// Takes a document.
    public init(_ document: JSONValue) {
        self.document = document
        checker = SchemaChecker(document: document)
    }

    /// Every path with its methods, in capital letters.
    public var operations: [(path: String, methods: Set<String>)] {
        (document["paths"]?.objectValue ?? []).map { item in
            (item.name, Set((item.value.objectValue ?? []).map { $0.name.uppercased() }.filter { $0 != "PARAMETERS" }))
        }
    }

    /// What of an exchange the document does not say; empty when all is as described.
    public func complaints(_ exchange: Exchange) -> [String] {
        let label = "\(exchange.method) \(exchange.path) \(exchange.status)"
        guard let item = item(of: exchange.path) else {
            return exchange.status == 404 ? [] : ["\(label): the path is not described"]
        }
        guard let operation = item[exchange.method.lowercased()] else {
            let isRefused = exchange.status == 405 || (exchange.method == "OPTIONS" && exchange.status == 204)
            return isRefused ? [] : ["\(label): the method is not described"]
        }
        guard let answer = resolved(operation["responses"]?[String(exchange.status)]) else {
            return ["\(label): the status is not described"]
        }
        var complaints = fieldComplaints(exchange, answer) + bodyComplaints(exchange, answer)
        if exchange.status < 300 { complaints += requestComplaints(exchange, operation) }
        return complaints.map { "\(label) \($0)" }
    }

    /// What is wrong with a value of a component's schema.
    public func complaints(_ value: JSONValue, component: String) -> [String] {
        checker.complaints(value, ["$ref": .string("#/components/schemas/\(component)")])
    }

    /// What is wrong with an event's body.
    public func complaints(event: JSONValue) -> [String] {
        let type = event["type"]?.stringValue ?? ""
        let content = document["webhooks"]?[type]?["post"]?["requestBody"]?["content"]?["application/json"]
        guard let schema = content?["schema"] else { return ["the event `\(type)` is not described"] }
        return checker.complaints(event, schema)
    }

    private func item(of path: String) -> JSONValue? {
        let steps = path.split(separator: "/", omittingEmptySubsequences: false)
        let items = document["paths"]?.objectValue ?? []
        if let literal = items.first(where: { $0.name == path }) { return literal.value }
        return items.first { item in
            let pattern = item.name.split(separator: "/", omittingEmptySubsequences: false)
            guard pattern.count == steps.count else { return false }
            return zip(pattern, steps).allSatisfy { $0 == $1 || ($0.hasPrefix("{") && !$1.isEmpty) }
        }?.value
    }

    private func resolved(_ value: JSONValue?) -> JSONValue? {
        guard let pointer = value?["$ref"]?.stringValue else { return value }
        return checker.resolve(pointer)
    }

    private func fieldComplaints(_ exchange: Exchange, _ answer: JSONValue) -> [String] {
        (answer["headers"]?.objectValue ?? []).flatMap { header -> [String] in
            let description = resolved(header.value)
            guard let value = exchange.field(header.name) else {
                return description?["required"] == true ? ["has no \(header.name)"] : []
            }
            let schema = description?["schema"] ?? true
            let isNumber = schema["type"] == "integer"
            return checker.complaints(isNumber ? .number(value) : .string(value), schema, at: header.name)
        }
    }

    private func bodyComplaints(_ exchange: Exchange, _ answer: JSONValue) -> [String] {
        if exchange.method == "HEAD" { return exchange.body.isEmpty ? [] : ["has a body"] }
        guard let content = answer["content"]?.objectValue else { return exchange.body.isEmpty ? [] : ["has a body"] }
        let type = (exchange.field("Content-Type") ?? "").split(separator: ";").first.map(String.init) ?? ""
        guard let schema = content.first(where: { $0.name == type })?.value["schema"] else {
            return ["is \(type), which is not described"]
        }
        guard type.hasSuffix("json") else { return [] }
        guard let value = try? JSONValue(parsing: exchange.body) else { return ["is no JSON"] }
        return checker.complaints(value, schema)
    }

    private func requestComplaints(_ exchange: Exchange, _ operation: JSONValue) -> [String] {
        guard let sent = exchange.sent else { return [] }
        let content = operation["requestBody"]?["content"]?.objectValue ?? []
        guard let schema = content.first?.value["schema"] else { return ["took a body that is not described"] }
        // Each operation of a batch is judged by itself, so a batch may hold what is none.
        if schema["$ref"] == "#/components/schemas/BatchInput" { return [] }
        return checker.complaints(sent, schema).map { "took \($0)" }
    }
}
