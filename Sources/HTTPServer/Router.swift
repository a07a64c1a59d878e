//  The table of routes: which path goes to which handler, and whether it answers at once or later.

public import HTTPCore

/// How a route answers.
public enum Handler {
    /// On the loop, synchronously: read, write the response, return. Must not block.
    case now((borrowing RequestView, inout ResponseWriter) -> Void)
    /// An `async` function, started on the loop's executor; the connection waits for it.
    case later(@Sendable (Request) async -> Response)
    /// Tries to answer at once; when the first function returns false, having written nothing, the second is started.
    case nowOrLater((borrowing RequestView, inout ResponseWriter) -> Bool, @Sendable (Request) async -> Response)
}

/// One row of the table.
public struct Route {
    /// The methods it answers; GET brings HEAD along.
    public var methods: [Method]
    /// The path; `{name}` stands for one segment, a last `{name*}` for all the rest, `/` included.
    public var pattern: String
    /// A short word for who makes the authorize hook, such as the scope that is needed.
    public var access: String
    /// The largest body in bytes.
    public var maxBody: Int
    /// How it answers.
    public var handler: Handler

    /// Makes a route.
    public init(
        _ methods: [Method],
        _ pattern: String,
        access: String = "",
        maxBody: Int = 1 << 20,
        _ handler: Handler
    ) {
        self.methods = methods
        self.pattern = pattern
        self.access = access
        self.maxBody = maxBody
        self.handler = handler
    }

    /// A route for GET and HEAD.
    public static func get(_ pattern: String, access: String = "", _ handler: Handler) -> Route {
        Route([.get], pattern, access: access, handler)
    }

    /// A route for POST.
    public static func post(
        _ pattern: String,
        access: String = "",
        maxBody: Int = 1 << 20,
        _ handler: Handler
    ) -> Route {
        Route([.post], pattern, access: access, maxBody: maxBody, handler)
    }

    /// A route for PUT.
    public static func put(_ pattern: String, access: String = "", maxBody: Int = 1 << 20, _ handler: Handler) -> Route
    {
        Route([.put], pattern, access: access, maxBody: maxBody, handler)
    }

    /// A route for PATCH.
    public static func patch(
        _ pattern: String,
        access: String = "",
        maxBody: Int = 1 << 20,
        _ handler: Handler
    ) -> Route {
        Route([.patch], pattern, access: access, maxBody: maxBody, handler)
    }

    /// A route for DELETE.
    public static func delete(_ pattern: String, access: String = "", _ handler: Handler) -> Route {
        Route([.delete], pattern, access: access, handler)
    }
}

/// What the authorize hook decided.
public enum Admission {
    /// The request goes on; the object is the view's and the request's `principal`. `fields` are whole field lines,
    /// each with its CRLF, that go into the answer.
    case admitted((any AnyObject & Sendable)? = nil, fields: [UInt8]? = nil)
    /// The request is answered with this; its body is not read.
    case refused(Problem, fields: [UInt8]? = nil)
}

/// What happened to one request, for metrics: numbers only, so that nothing is counted or copied for it.
public struct Observation: BitwiseCopyable {
    /// The place of the route in ``Router/routes``; `nil` when none matched.
    public var route: Int?
    /// The method; `nil` when the request could not be read.
    public var method: Method?
    /// The status answered.
    public var status: Int
    /// Bytes of the answer, head included; what is streamed is not counted.
    public var bytesSent: Int
    /// From the whole head to the whole answer, in nanoseconds.
    public var duration: Int64
}

/// What is called around requests, always on the loop.
public struct RouterHooks {
    /// Called before the first synchronous handler of a batch of events: the place to begin a read transaction.
    public var batchBegan: () -> Void = {}
    /// Called after the batch, when ``batchBegan`` was called.
    public var batchEnded: () -> Void = {}
    /// Called once the head is read and a route matched, before `100 Continue` and before the body; gets the place of
    /// the route in ``Router/routes``.
    public var authorize: (borrowing RequestView, Int) -> Admission = { _, _ in .admitted(nil) }
    /// Called after every answer.
    public var observe: ((Observation) -> Void)?

    /// Hooks that do nothing.
    public init() {}
}

/// A loop's table of routes, compiled to a tree of path segments. It belongs to one loop and is never shared.
public final class Router {
    /// What is called around requests.
    public let hooks: RouterHooks
    /// Every route, in the order of the table.
    public let routes: [Route]
    /// The same, each in a box: a row is looked at for every request and never copied.
    let rows: [Row]
    private var nodes: [Node] = [Node()]

    private struct Node {
        var literals: [(name: [UInt8], node: Int)] = []
        var parameter: Int?
        /// The route of each method here, by index into `routes`.
        var routes: [(method: Method, route: Int)] = []
        /// The same for a pattern that ends in `{name*}` here.
        var rest: [(method: Method, route: Int)] = []
    }

    /// Compiles a table. Two rows must not answer the same method on the same path.
    public init(_ routes: [Route], hooks: RouterHooks = RouterHooks()) {
        self.routes = routes
        rows = routes.map { Row($0) }
        self.hooks = hooks
        for (index, route) in routes.enumerated() { add(route, index) }
    }

    private func add(_ route: Route, _ index: Int) {
        precondition(route.pattern.hasPrefix("/"), "a pattern begins with a slash")
        var node = 0
        let segments = route.pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var isRest = false
        for segment in segments {
            precondition(!isRest, "{name*} is the last segment")
            if segment.hasPrefix("{"), segment.hasSuffix("*}") {
                isRest = true
            } else if segment.hasPrefix("{"), segment.hasSuffix("}") {
                if let next = nodes[node].parameter {
                    node = next
                } else {
                    nodes.append(Node())
                    nodes[node].parameter = nodes.count - 1
                    node = nodes.count - 1
                }
            } else {
                let name = Array(segment.utf8)
                if let next = nodes[node].literals.first(where: { $0.name == name }) {
                    node = next.node
                } else {
                    nodes.append(Node())
                    nodes[node].literals.append((name, nodes.count - 1))
                    node = nodes.count - 1
                }
            }
        }
        for method in route.methods {
            let taken = (isRest ? nodes[node].rest : nodes[node].routes).contains { $0.method == method }
            precondition(!taken, "two routes for \(method.rawValue) \(route.pattern)")
            if isRest { nodes[node].rest.append((method, index)) } else { nodes[node].routes.append((method, index)) }
        }
    }

    final class Row {
        let route: Route
        /// What the request log says of the route.
        let pattern: [UInt8]

        init(_ route: Route) {
            self.route = route
            pattern = Array(route.pattern.utf8)
        }
    }

    enum Match {
        /// The route, by index.
        case route(Int)
        /// The path is known; these are the methods it answers.
        case otherMethods([Method])
        case none
    }

    /// Finds the route of a path and notes where its parameters are.
    func match(
        _ method: Method,
        _ path: ByteRange,
        _ bytes: Span<UInt8>,
        _ parameters: inout PathParameters
    ) -> Match {
        var node = 0
        var rest: (node: Int, start: Int)?
        let end = path.offsets.upperBound
        var start = path.offsets.lowerBound + 1
        guard path.count > 0, bytes[start - 1] == UInt8(ascii: "/") else { return .none }
        while true {
            if !nodes[node].rest.isEmpty { rest = (node, start) }
            var stop = start
            while stop < end, bytes[stop] != UInt8(ascii: "/") { stop += 1 }
            guard let next = step(from: node, bytes.extracting(start..<stop)) else { break }
            if next.isParameter { parameters.append(ByteRange(start, stop)) }
            node = next.node
            if stop == end {
                if !nodes[node].routes.isEmpty { return choose(nodes[node].routes, method) }
                break
            }
            start = stop + 1
        }
        guard let rest else { return .none }
        parameters.removeFrom(offset: rest.start)
        parameters.append(ByteRange(rest.start, end))
        return choose(nodes[rest.node].rest, method)
    }

    private func step(from node: Int, _ segment: Span<UInt8>) -> (node: Int, isParameter: Bool)? {
        for literal in nodes[node].literals where segment.equals(literal.name.span) { return (literal.node, false) }
        guard let parameter = nodes[node].parameter, segment.count > 0 else { return nil }
        return (parameter, true)
    }

    private func choose(_ rows: [(method: Method, route: Int)], _ method: Method) -> Match {
        for row in rows where row.method == method { return .route(row.route) }
        if method == .head {
            for row in rows where row.method == .get { return .route(row.route) }
        }
        var methods = rows.map(\.method)
        if methods.contains(.get), !methods.contains(.head) { methods.append(.head) }
        return .otherMethods(methods)
    }
}

/// Where the values of a pattern's placeholders are in the head.
struct PathParameters {
    private var ranges = InlineArray<6, ByteRange>(repeating: ByteRange())
    private(set) var count = 0

    subscript(_ index: Int) -> ByteRange { ranges[index] }

    mutating func append(_ range: ByteRange) {
        precondition(count < 6, "a pattern has at most six placeholders")
        ranges[count] = range
        count += 1
    }

    mutating func removeFrom(offset: Int) {
        while count > 0, Int(ranges[count - 1].start) >= offset { count -= 1 }
    }
}
