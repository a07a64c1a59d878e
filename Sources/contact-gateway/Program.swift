//  The program: which command, with which arguments, and how it exits.

import Config
import Gateway
import Glibc
import Log
import Simulators

/// The commands and their exit codes: 0 done, 1 failed, 2 wrong usage.
enum Program {
    static let version = Gateway.version

    static let usage = """
        usage:
          contact-gateway serve    --config FILE [--listen HOST:PORT]
          contact-gateway check    FILE
          contact-gateway simulate VENDOR --listen HOST:PORT [--contacts FILE] [--count N] [--seed N] [--faults FILE]
          contact-gateway listen   --listen HOST:PORT --secret whsec_…
          contact-gateway --help | --version

        serve     runs the gateway and logs JSON lines to stderr
        check     names every error of a configuration file; exits 0 when it is valid, 1 when not
        simulate  answers as a vendor does: portsip, taptalk, contact-source or activecampaign
        listen    receives webhooks, verifies and prints them

        """

    /// Runs the command and ends the process.
    static func run(_ arguments: [String]) async -> Never {
        let code: Int32
        do {
            code = try await Self.code(arguments)
        } catch let error as UsageError {
            print("contact-gateway: \(error.message)\n\n\(usage)", to: 2)
            code = 2
        } catch {
            print("contact-gateway: \(error)\n", to: 2)
            code = 1
        }
        LogWriter.standardError.flush()
        exit(code)
    }

    private static func code(_ arguments: [String]) async throws -> Int32 {
        guard let command = arguments.first else { throw UsageError(message: "a command is missing") }
        let rest = Array(arguments.dropFirst())
        if rest.contains("--help"), ["serve", "check", "simulate", "listen"].contains(command) {
            print(usage, to: 1)
            return 0
        }
        switch command {
        case "serve": return try await serve(rest)
        case "check": return try check(rest)
        case "simulate": return try await simulate(rest)
        case "listen": return try await listen(rest)
        case "--help", "-h", "help": print(usage, to: 1)
        case "--version": print("contact-gateway \(version)\n", to: 1)
        default: throw UsageError(message: "there is no command \(command)")
        }
        return 0
    }

    private static func serve(_ arguments: [String]) async throws -> Int32 {
        let arguments = try Arguments(arguments, options: ["--config", "--listen"], operands: 0)
        let config = try arguments.required("--config")
        let listen = arguments["--listen"]
        if let listen, ListenAddress(listen) == nil {
            throw UsageError(message: "--listen must be HOST:PORT, not \(listen)")
        }
        return await Gateway.serve(configPath: config, listen: listen)
    }

    private static func check(_ arguments: [String]) throws -> Int32 {
        let path = try Arguments(arguments, options: [], operands: 1).operands[0]
        do throws(InvalidConfig) {
            let bytes = try ConfigFile(path: path).read()
            let decoded = try GatewayConfig.decode(bytes, surroundings: .gateway)
            print(
                decoded.warnings.map { "\(path):\($0.line):\($0.column): \($0.pointer): warning: \($0.message)\n" }
                    .joined(),
                to: 1
            )
            let count = decoded.config.connections.count
            print("\(path): valid; \(count) connection\(count == 1 ? "" : "s")\n", to: 1)
            return 0
        } catch {
            print(error.errors.map { "\(path):\($0)\n" }.joined(), to: 1)
            return 1
        }
    }

    private static func simulate(_ arguments: [String]) async throws -> Int32 {
        let options = ["--listen", "--contacts", "--count", "--seed", "--faults"]
        let arguments = try Arguments(arguments, options: options, operands: 1)
        let vendor = arguments.operands[0]
        guard SimulatedVendor(rawValue: vendor) != nil else {
            let all = SimulatedVendor.allCases.map(\.rawValue).joined(separator: ", ")
            throw UsageError(message: "there is no vendor \(vendor) to simulate; there are \(all)")
        }
        try await Simulator.run(
            vendor: vendor,
            listen: try arguments.required("--listen"),
            contacts: arguments["--contacts"],
            count: try arguments.number("--count") ?? 0,
            seed: try arguments.number("--seed") ?? 1,
            faults: arguments["--faults"]
        )
        return 0
    }

    private static func listen(_ arguments: [String]) async throws -> Int32 {
        let arguments = try Arguments(arguments, options: ["--listen", "--secret"], operands: 0)
        try await WebhookListener.run(
            listen: try arguments.required("--listen"),
            secret: try arguments.required("--secret")
        )
        return 0
    }

    private static func print(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
