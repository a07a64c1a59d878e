//  `/openapi.json`: the program's description of itself, made of the same table that its router is made of.

import Crypto
import HTTPCore
public import HTTPServer
import JSON
import Synchronization

/// The description, built at the first request and kept.
public final class OpenAPI: Sendable {
    private let version: String
    private let built = Mutex<Built?>(nil)

    private struct Built {
        var bytes: [UInt8]
        var tag: String
    }

    /// Makes the resource.
    ///
    /// - Parameter version: The program's version.
    public init(version: String) {
        self.version = version
    }

    /// Its row of the table.
    ///
    /// - Parameter rows: Every other row.
    /// - Returns: The row that describes them and itself.
    public func route(describing rows: [Route]) -> Route {
        var route = Route.get("/openapi.json", access: "read", .now { _, _ in })
        let served = (rows + [route]).map { ServedRoute($0) }
        route.handler = .now { [self] view, out in answer(view, &out, served) }
        return route
    }

    private func answer(_ view: borrowing RequestView, _ out: inout ResponseWriter, _ served: [ServedRoute]) {
        do {
            _ = try Parameters(view.query, known: [])
        } catch {
            return out.write(error)
        }
        let document = document(of: served)
        let held = view.has(.ifNoneMatch) ? view.field(.ifNoneMatch).text : nil
        let isUnchanged = held.map { EntityTag.list($0, contains: document.tag, weakly: true) } ?? false
        if isUnchanged { out.begin(304) } else { out.beginJSON(200) }
        out.field("ETag", document.tag)
        if isUnchanged { out.end() } else { out.end(document.bytes) }
    }

    private func document(of served: [ServedRoute]) -> Built {
        built.withLock { built in
            if let built { return built }
            let bytes = OpenAPIDocument(version: version, routes: served).json.encoded()
            let made = Built(bytes: bytes, tag: "\"\(SHA256.hexDigest(of: bytes).prefix(16))\"")
            built = made
            return made
        }
    }
}

extension Route {
    /// The same row, refusing a query where its description names no parameter of one: what is passed over in silence
    /// answers a question that nobody asked.
    public var refusingUnknownQuery: Route {
        guard !access.isEmpty else { return self }
        let described = OpenAPIDocument.allOperations.filter { $0.path == pattern && methods.contains($0.method) }
        let takesQuery = described.contains { $0.parameters.contains { $0.place == .query } }
        guard !takesQuery else { return self }
        var route = self
        switch handler {
        case .later(let work): route.handler = .later(Self.refusingQuery(work))
        case .handedOver(let handOver, let work):
            route.handler = .handedOver({ !$0.hasQuery && handOver($0, $1) }, Self.refusingQuery(work))
        case .now, .nowOrLater: break
        }
        return route
    }

    private static func refusingQuery(
        _ work: @escaping @Sendable (Request) async -> Response
    ) -> @Sendable (Request) async -> Response {
        { request in
            do throws(Problem) {
                _ = try Parameters(request.query, known: [])
            } catch {
                return error.response(requestID: request.id)
            }
            return await work(request)
        }
    }
}
