//  Named switches for what a vendor's pages leave open.

import JSON

/// One switch of a simulator.
struct Knob: Sendable {
    /// What it may be set to.
    enum Values: Sendable {
        case choice([String])
        case flag
        case number(ClosedRange<Int>)
    }

    /// Its name in the faults file.
    var name: String
    /// What it may be set to.
    var values: Values
    /// What it is until somebody sets it.
    var initial: JSONValue
    /// What it does, in a line.
    var meaning: String

    static func choice(_ name: String, _ values: [String], _ meaning: String) -> Knob {
        Knob(name: name, values: .choice(values), initial: .string(values[0]), meaning: meaning)
    }

    static func flag(_ name: String, _ initial: Bool, _ meaning: String) -> Knob {
        Knob(name: name, values: .flag, initial: .bool(initial), meaning: meaning)
    }

    static func number(_ name: String, _ initial: Int, in range: ClosedRange<Int>, _ meaning: String) -> Knob {
        Knob(name: name, values: .number(range), initial: .int(initial), meaning: meaning)
    }
}

/// The switches of one simulator with their present positions.
struct Knobs: Sendable {
    /// Every switch, in the order of the documentation.
    let declared: [Knob]
    private var positions: [String: JSONValue]

    /// The vendor's switches and those that every vendor has.
    init(_ declared: [Knob]) {
        self.declared = declared + Self.common
        positions = Dictionary(uniqueKeysWithValues: self.declared.map { ($0.name, $0.initial) })
    }

    private static let common = [
        Knob.number(
            "clock_offset",
            0,
            in: -100_000_000...100_000_000,
            "seconds that the vendor's clock is ahead; raise it to let tokens expire"
        )
    ]

    /// The position of a choice.
    func text(_ name: String) -> String { position(name).stringValue ?? "" }
    /// The position of a flag.
    func flag(_ name: String) -> Bool { position(name).boolValue ?? false }
    /// The position of a number.
    func number(_ name: String) -> Int { position(name).intValue ?? 0 }

    private func position(_ name: String) -> JSONValue {
        guard let value = positions[name] else { preconditionFailure("no knob is named \(name)") }
        return value
    }

    /// Sets a switch.
    mutating func set(_ name: String, to value: JSONValue) throws(Refusal) {
        guard let knob = declared.first(where: { $0.name == name }) else {
            throw Refusal(422, "no knob is named \(name); there are \(declared.map(\.name).joined(separator: ", "))")
        }
        switch (knob.values, value) {
        case (.choice(let choices), .string(let choice)) where choices.contains(choice): break
        case (.flag, .bool): break
        case (.number(let range), _) where value.intValue.map(range.contains) ?? false: break
        default: throw Refusal(422, "the knob \(name) takes \(knob.values.words)")
        }
        positions[name] = value
    }

    /// Puts every switch back.
    mutating func reset() {
        for knob in declared { positions[knob.name] = knob.initial }
    }

    /// Every switch with its position, for people.
    var json: JSONValue {
        .array(
            declared.map {
                [
                    "name": .string($0.name), "value": position($0.name), "takes": .string($0.values.words),
                    "meaning": .string($0.meaning),
                ]
            }
        )
    }
}

extension Knob.Values {
    /// What may be given, in words.
    fileprivate var words: String {
        switch self {
        case .choice(let choices): "one of \(choices.joined(separator: ", "))"
        case .flag: "true or false"
        case .number(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        }
    }
}
