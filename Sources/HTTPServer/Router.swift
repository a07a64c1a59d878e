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
    /// Hands the request to another thread, which answers it through the place it got, without a task; when the first
    /// function returns false, having handed nothing over, the second is started.
    case handedOver((borrowing RequestView, AnswerPlace) -> Bool, @Sendable (Request) async -> Response)
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
    /// The same after a pause, in which the connection waits and nothing else does.
    case refusedLater(Problem, after: Duration)
}

/// What is called around requests, always on the loop.
public struct RouterHooks {
    /// Called before the first synchronous handler of a batch of events: the place to begin a read transaction.
    public var batchBegan: () -> Void = {}
    /// Called after the batch, when ``batchBegan`` was called.
    public var batchEnded: () -> Void = {}
    /// Called once when, behind a batch, nothing has happened for a while: the place to give memory back.
    public var rested: () -> Void = {}
    /// Called once the head is read and a route matched, before `100 Continue` and before the body; gets the place of
    /// the route in ``Router/routes``.
    public var authorize: (borrowing RequestView, Int) -> Admission = { _, _ in .admitted(nil) }

    /// Hooks that do nothing.
    public init() {}
}

/// A loop's table of routes, ready for requests. It belongs to one loop and is never shared.
public final class Router {
    /// What is called around requests.
    public let hooks: RouterHooks
    /// Every route, in the order of the table.
    public let routes: [Route]
    /// The same, each in a box: a row is looked at for every request and never copied.
    let rows: [Row]
    /// Finds the row of a request.
    let tree: RouteTree

    /// Compiles a table. Two rows must not answer the same method on the same path.
    public init(_ routes: [Route], hooks: RouterHooks = RouterHooks()) {
        self.routes = routes
        self.hooks = hooks
        rows = routes.map { Row($0) }
        tree = RouteTree(routes)
    }

    final class Row {
        /// What the request log says of the route.
        let pattern: [UInt8]
        let maxBody: Int
        let handler: Handler

        init(_ route: Route) {
            pattern = Array(route.pattern.utf8)
            maxBody = route.maxBody
            handler = route.handler
        }
    }
}
