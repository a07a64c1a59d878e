//  The paths of a table as a tree of segments, laid flat: finding a route follows numbers and counts no references.

import HTTPCore

/// Finds the row of a table by method and path.
struct RouteTree {
    enum Match {
        /// The row, by its place in the table.
        case row(Int)
        /// The path is known; these are the methods it answers.
        case otherMethods([Method])
        case none
    }

    private struct Node {
        /// Its places in `edges`: the segments that lead on from here, by name.
        var edges: Range<Int>
        /// Where any segment leads; -1 for nowhere.
        var parameter: Int
        /// Its places in `choices`: what is answered here.
        var here: Range<Int>
        /// The same for a pattern that ends in `{name*}` here.
        var rest: Range<Int>
    }

    private struct Edge {
        /// Its place in `names`.
        var name: Range<Int>
        var node: Int
    }

    private struct Choice {
        var method: Method
        var row: Int
    }

    private let nodes: [Node]
    private let edges: [Edge]
    private let choices: [Choice]
    private let names: [UInt8]

    /// Lays out the patterns of a table. Two rows must not answer the same method on the same path.
    init(_ routes: [Route]) {
        var branches = [Branch()]
        for (row, route) in routes.enumerated() { Self.add(route, row, to: &branches) }
        var nodes: [Node] = []
        var edges: [Edge] = []
        var choices: [Choice] = []
        var names: [UInt8] = []
        for branch in branches {
            let firstEdge = edges.count
            for (name, node) in branch.literals {
                edges.append(Edge(name: names.count..<(names.count + name.count), node: node))
                names += name
            }
            let firstChoice = choices.count
            choices += branch.here
            let firstRest = choices.count
            choices += branch.rest
            nodes.append(
                Node(
                    edges: firstEdge..<edges.count,
                    parameter: branch.parameter ?? -1,
                    here: firstChoice..<firstRest,
                    rest: firstRest..<choices.count
                )
            )
        }
        self.nodes = nodes
        self.edges = edges
        self.choices = choices
        self.names = names
    }

    /// Finds the row of a path and notes where its parameters are.
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
            let segment = bytes.extracting(start..<stop)
            if let next = step(from: node, segment) {
                node = next
            } else if nodes[node].parameter >= 0, stop > start {
                parameters.append(ByteRange(start, stop))
                node = nodes[node].parameter
            } else {
                break
            }
            if stop == end {
                if !nodes[node].here.isEmpty { return choose(nodes[node].here, method) }
                break
            }
            start = stop + 1
        }
        guard let rest else { return .none }
        parameters.removeFrom(offset: rest.start)
        parameters.append(ByteRange(rest.start, end))
        return choose(nodes[rest.node].rest, method)
    }

    private func step(from node: Int, _ segment: Span<UInt8>) -> Int? {
        for place in nodes[node].edges {
            let edge = edges[place]
            if edge.name.count == segment.count, segment.equals(names.span.extracting(edge.name)) { return edge.node }
        }
        return nil
    }

    private func choose(_ places: Range<Int>, _ method: Method) -> Match {
        for place in places where choices[place].method == method { return .row(choices[place].row) }
        if method == .head {
            for place in places where choices[place].method == .get { return .row(choices[place].row) }
        }
        var methods = choices[places].map(\.method)
        if methods.contains(.get), !methods.contains(.head) { methods.append(.head) }
        return .otherMethods(methods)
    }

    // MARK: Building

    private struct Branch {
        var literals: [(name: [UInt8], node: Int)] = []
        var parameter: Int?
        var here: [Choice] = []
        var rest: [Choice] = []
    }

    private static func add(_ route: Route, _ row: Int, to branches: inout [Branch]) {
        precondition(route.pattern.hasPrefix("/"), "a pattern begins with a slash")
        var node = 0
        let segments = route.pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var isRest = false
        for segment in segments {
            precondition(!isRest, "{name*} is the last segment")
            if segment.hasPrefix("{"), segment.hasSuffix("*}") {
                isRest = true
            } else if segment.hasPrefix("{"), segment.hasSuffix("}") {
                if let next = branches[node].parameter {
                    node = next
                } else {
                    branches.append(Branch())
                    branches[node].parameter = branches.count - 1
                    node = branches.count - 1
                }
            } else {
                let name = Array(segment.utf8)
                if let next = branches[node].literals.first(where: { $0.name == name }) {
                    node = next.node
                } else {
                    branches.append(Branch())
                    branches[node].literals.append((name, branches.count - 1))
                    node = branches.count - 1
                }
            }
        }
        for method in route.methods {
            let taken = (isRest ? branches[node].rest : branches[node].here).contains { $0.method == method }
            precondition(!taken, "two routes for \(method.rawValue) \(route.pattern)")
            let choice = Choice(method: method, row: row)
            if isRest { branches[node].rest.append(choice) } else { branches[node].here.append(choice) }
        }
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
