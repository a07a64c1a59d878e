//  Command-line arguments: options with values, and what stands alone.

/// Why arguments could not be used.
struct UsageError: Error {
    var message: String
}

/// The arguments of one command, read by name.
struct Arguments {
    private var options: [String: String] = [:]
    private(set) var operands: [String] = []

    /// Reads `--name value`, `--name=value` and operands; every option may stand once. After `--` all are operands.
    init(_ arguments: [String], options known: [String], operands count: Int) throws(UsageError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                operands += rest
                break
            }
            guard argument.hasPrefix("-"), argument != "-" else {
                operands.append(argument)
                continue
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard known.contains(name) else { throw UsageError(message: "unknown option \(name)") }
            guard options[name] == nil else { throw UsageError(message: "\(name) is given twice") }
            if parts.count == 2 {
                options[name] = String(parts[1])
            } else if let value = rest.popFirst() {
                options[name] = value
            } else {
                throw UsageError(message: "\(name) needs a value")
            }
        }
        guard operands.count == count else {
            let message = operands.count < count ? "an argument is missing" : "too many arguments: \(operands[count])"
            throw UsageError(message: message)
        }
    }

    /// The value of an option, or `nil` when it is not given.
    subscript(_ name: String) -> String? { options[name] }

    /// The value of an option that must be given.
    func required(_ name: String) throws(UsageError) -> String {
        guard let value = options[name] else { throw UsageError(message: "\(name) is missing") }
        return value
    }

    /// A whole number from 0; `nil` when it is not given.
    func number<Number: FixedWidthInteger>(_ name: String) throws(UsageError) -> Number? {
        guard let text = options[name] else { return nil }
        guard let number = Number(text), number >= 0 else {
            throw UsageError(message: "\(name) must be a whole number, not \(text)")
        }
        return number
    }
}
