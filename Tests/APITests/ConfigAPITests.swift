//  What a caller is shown of the configuration.

import Config
import HTTPCore
import JSON
import Log
import Platform
import Testing

@testable import API

@Suite struct ConfigAPITests {
    @Test func `a key limited to some connections sees nothing of the others in the configuration`() throws {
        let text = """
            {"keys": [{"name": "app"}, {"name": "shop", "connections": ["crm"]}],
             "connections": [{"id": "crm"}, {"id": "book"}],
             "facades": [{"name": "f", "connection": "crm"}, {"name": "g", "connection": "book"}],
             "bridges": [{"id": "b", "from": "book", "to": "crm"}], "changes": {"retain": "30d"}}
            """
        let config = try JSONValue(parsing: Array(text.utf8))
        let whole = ConfigAPI.visible(config, to: Caller(name: "any", scopes: [.admin], connections: nil))
        #expect(whole == config)
        let limited = ConfigAPI.visible(config, to: Caller(name: "app", scopes: [.admin], connections: ["book"]))
        let expected = """
            {"keys": [{"name": "app"}], "connections": [{"id": "book"}],
             "facades": [{"name": "g", "connection": "book"}], "bridges": [], "changes": {"retain": "30d"}}
            """
        #expect(try limited == JSONValue(parsing: Array(expected.utf8)))
    }

    @Test func `a key limited to some connections checks and reloads nothing, and hears of no rejection`() async throws
    {
        try await withReadingBench { bench in
            let error = ConfigError(pointer: "/connections/1/vendor", line: 3, column: 7, message: "unknown vendor")
            let rejection = ConfigStatus.Rejection(at: .now(), errors: [error])
            let status = ConfigStatus(generation: 1, sha256: "", loadedAt: .now(), lastError: rejection)
            let control = ConfigControl(
                status: { status },
                reload: { ReloadReport(status: status, changes: []) },
                check: { _ in [] }
            )
            let api = ConfigAPI(live: bench.live, control: control, log: .silent)
            let get = bench.request(.get, "/v1/config")
            #expect(await api.get(get).tree["last_error"]?["errors"]?.arrayValue?.count == 1)
            #expect(await api.get(bench.request(.get, "/v1/config", seeing: ["book"])).tree["last_error"] == .null)
            for path in ["/v1/config/reload", "/v1/config/check"] {
                let ask = path.hasSuffix("reload") ? api.reload : api.check
                #expect(await ask(bench.request(.post, path)).status == 200)
                for some in [["book"], ["book", "desk"], []] as [Set<String>] {
                    let refused = await ask(bench.request(.post, path, seeing: some))
                    #expect(refused.status == 403)
                    #expect(refused.tree["code"] == "insufficient_scope")
                }
            }
        }
    }
}
