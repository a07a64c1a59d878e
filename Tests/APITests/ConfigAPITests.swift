//  What a caller is shown of the configuration.

import Config
import JSON
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
}
