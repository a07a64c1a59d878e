//  The running program: what is started in which order, and how it ends.

import API
import Config
import Crypto
import Glibc
import HTTPClient
import HTTPCore
import HTTPServer
import Log
import Platform
import Store
import Vendors

/// Everything that serves, wired.
struct App {
    /// How the program ends.
    enum Ending: Int32 {
        case drained = 0
        case failed = 1
    }

    private let log: Log
    private let services: Services
    private let server: Server
    private let reload: Reload
    private let signals: AsyncStream<Int32>

    /// Starts everything up to the bound listener; what it throws is a reason not to serve.
    init(configPath: String, listen: String?, signals: AsyncStream<Int32>, log: Log) async throws {
        self.signals = signals
        self.log = log
        var loaded = try LoadedConfig(file: ConfigFile(path: configPath))
        if let listen { loaded.config.server.listen = listen }
        let config = loaded.config
        log.setLevel(config.server.logLevel)
        loaded.warn(log)
        Self.warn(of: config, log)
        let seal = try KeyFile.seal(for: config.database)
        let store = try Store(
            path: config.database.path,
            log: log,
            onFailure: { error in
                // After a failed sync nothing more can be promised: the next start recovers what is on the disk.
                log.error("store.failed", ["error": "\(error)"])
                LogWriter.standardError.flush()
                _exit(Ending.failed.rawValue)
            }
        )
        let client = Client(log: log)
        let meters = CallMeters()
        let builder = ConnectionBuilder(store: store, sender: client, meters: meters, log: log)
        let connections = try await builder.connections(for: config, keeping: [])
        let live = LiveState(
            GatewayState(config: config, keys: KeyRing(config.keys), connections: ConnectionDirectory(connections))
        )
        let services = Services(store: store, client: client, live: live, seal: seal, log: log)
        let reload = Reload(
            loaded: loaded,
            listen: listen,
            builder: builder,
            live: live,
            log: log,
            follower: { await services.follow($0) },
            report: { await services.report($0) }
        )
        let scrape = Scrape(services: services, meters: meters, status: reload.control.status)
        let table = Routes(services: services, control: reload.control, scrape: scrape)
        let settings = try Self.settings(config.server)
        do throws(ListenError) {
            server = try Server(settings: settings, log: log) { _ in try table.router() }
        } catch {
            let wanted = error.role == .main ? config.server.listen : config.server.adminListen ?? ""
            throw StartError(description: "cannot listen on \(wanted): \(error.cause.reason)")
        }
        scrape.watch(server)
        self.services = services
        self.reload = reload
    }

    /// Serves until a signal, or a failure of what nothing works without.
    func run() async -> Ending {
        log.info("server.listening", ["address": server.address, "version": Gateway.version])
        if let address = server.adminAddress { log.info("server.admin_listening", ["address": address]) }
        let ending = await withTaskGroup(of: Ending?.self) { group in
            group.addTask { await serve() }
            group.addTask {
                await services.run()
                return nil
            }
            group.addTask {
                await reload.run { server.replaceIdentity($0) }
                return nil
            }
            group.addTask {
                await obey()
                return nil
            }
            group.addTask {
                // By then what starting alone needs has run.
                if (try? await ContinuousClock().sleep(for: .seconds(1))) != nil { ProcessMemory.releaseCode() }
                return nil
            }
            var ending = Ending.failed
            for await case let result? in group {
                ending = result
                break
            }
            services.drain()
            await services.settle()
            group.cancelAll()
            return ending
        }
        await services.close()
        log.info("server.stopped", ["ending": "\(ending)"])
        return ending
    }

    private func serve() async -> Ending {
        do {
            try await server.run()
            return .drained
        } catch {
            log.error("server.failed", ["error": "\(error)"])
            return .failed
        }
    }

    /// Acts on signals: SIGHUP reloads, the first SIGTERM or SIGINT drains, the second ends at once.
    private func obey() async {
        await withDiscardingTaskGroup { group in
            var isDraining = false
            for await signal in signals {
                if signal == SIGHUP {
                    reload.request(.signal)
                } else if isDraining {
                    log.warning("server.stopping")
                    LogWriter.standardError.flush()
                    _exit(128 + signal)
                } else {
                    isDraining = true
                    log.info("server.draining")
                    services.drain()
                    server.drain()
                    group.addTask {
                        // Orchestrators kill after 30 s: better to cut the last ones off than to lose the clean end.
                        guard (try? await ContinuousClock().sleep(for: .seconds(25))) != nil else { return }
                        server.stop()
                    }
                }
            }
        }
    }

    /// What the configuration asks for and this version does not do.
    private static func warn(of config: GatewayConfig, _ log: Log) {
        if !config.facades.isEmpty { log.warning("config.not_served", ["path": "/facades"]) }
        if !config.bridges.isEmpty { log.warning("config.not_served", ["path": "/bridges"]) }
    }

    private static func settings(_ config: ServerConfig) throws -> ServerSettings {
        guard var settings = ServerSettings(listen: config.listen) else {
            throw InvalidConfig(unreadable: "server.listen is not HOST:PORT: \(config.listen)")
        }
        settings.admin = config.adminListen.flatMap { ListenTarget($0) }
        settings.workers = config.workers ?? Processors.count
        settings.maxConnections = config.maxConnections
        if let tls = config.tls {
            settings.tls = try TLSContext(tls.identity)
        }
        return settings
    }
}

/// Why the program does not start.
struct StartError: Error, CustomStringConvertible {
    var description: String
}

/// The machine's processors.
enum Processors {
    /// How many this process may use; at least one.
    static var count: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}
