//  Reloading without the whole program: what fails although the file is good.

import API
import Config
import HTTPClient
import Log
import Platform
import Store
import Synchronization
import Testing
import Vendors

@testable import Gateway

@Suite struct ReloadTests {
    @Test(.timeLimit(.minutes(1))) func `what cannot be put in force is logged, shown and tried again`() async throws {
        // Its directory goes with it.
        let gateway = try await RunningGateway()
        let path = gateway.directory + "/other.json"
        func write(_ region: String) throws {
            let config = RunningGateway.config().replacing("US", with: region)
            try RunningGateway.write(config.replacing("DIRECTORY", with: gateway.directory), to: path)
        }
        try write("US")
        let loaded = try LoadedConfig(file: ConfigFile(path: path))
        try write("DE")
        let store = try Store(path: gateway.directory + "/other.db", log: .silent)
        await store.close()
        let client = Client(log: .silent)
        let lines = Mutex<[UInt8]>([])
        let live = LiveState(
            GatewayState(config: loaded.config, keys: KeyRing([]), connections: ConnectionDirectory([]))
        )
        let reload = Reload(
            loaded: loaded,
            listen: nil,
            builder: ConnectionBuilder(store: store, sender: client, meters: CallMeters(), log: .silent),
            live: live,
            log: Log(sink: { line in lines.withLock { $0 += line } }),
            retryPause: .milliseconds(1),
            follower: { _ in },
            report: { _ in }
        )
        let running = Task { await reload.run { _ in } }
        await #expect(throws: StoreError.self) { try await reload.control.reload() }
        let first = try #require(reload.control.status().lastError)
        #expect(first.errors.first?.message.hasPrefix("could not be put in force: ") == true)
        while reload.control.status().lastError?.at == first.at { await Task.yield() }
        #expect(reload.control.status().generation == 1)
        running.cancel()
        await running.value
        // The same once more is no news.
        let text = lines.withLock { String(decoding: $0, as: UTF8.self) }
        #expect(text.split(separator: "\n").count == 1)
        #expect(text.contains(#""event":"config.rejected""#) && text.contains(#""trigger":"api""#))
        await client.close()
        #expect(await gateway.stop() == 0)
    }
}
