import Foundation
import Sandbox
import Testing

@Suite("Teams, data sources and connectors")
struct TeamTests {
    @Test("The team and its members; another team is refused")
    func team() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let team = try await client.send("GET", "/v1/teams/1")
            #expect(team.object["team_id"] as? Int == 1 && team.object["display_id"] as? String == "SM_1")
            let users = try await client.send("GET", "/v1/teams/1/users").json?["data"] as? [[String: Any]]
            #expect(users?.map { $0["role"] as? String } == ["ADMIN", "member"])
            #expect(try await client.send("GET", "/v1/teams/2").errorCode == "ACCESS_DENIED")
            #expect(try await client.send("GET", "/v1/teams/one").errorCode == "INVALID_PARAMETER")
            #expect(try await client.send("GET", "/teams/1").status == 404)
            #expect(try await client.send("GET", "/v2/v1/teams/1").status == 404)
        }
    }

    @Test("Details of a data source, with or without an application id")
    func details() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let source = try await client.send("GET", "/teams/1/datasource/GAWA", headers: ["Sm-App-Id": "XPLD"])
            #expect(source.object["id"] as? String == "GAWA" && source.object["has_segments"] as? Bool == true)
            #expect((source.object["report_types"] as? [[String: Any]])?.first?["label"] is String)
            #expect(sandbox.requests.last?.header("sm-app-id") == ["XPLD"])
            #expect(try await client.send("GET", "/teams/1/datasource/XX").errorCode == "NOT_FOUND")
            #expect(try await client.send("GET", "/teams/2/datasource/AW").status == 404)
            let long = String(repeating: "x", count: 101)
            #expect(try await client.send("GET", "/teams/1/datasource/AW", headers: ["Sm-App-Id": long]).status == 400)
            #expect(try await client.send("GET", "/v1/teams/1/datasource/AW").status == 404)
        }
    }

    @Test("Segments stand beside the login they belong to")
    func segments() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let answer = try await client.get(
                "/v2/query/segments",
                #"{"ds_id":"GAWA","ds_users":"ANALYST@example.com"}"#
            )
            let logins = answer.json?["data"] as? [[String: Any]] ?? []
            #expect(logins.map { $0["ds_user"] as? String } == ["analyst@example.com"])
            let segments = logins.first?["segments"] as? [[String: String]]
            #expect(segments?.first == ["segment_id": "-1", "segment_name": "All users"])
            #expect(try await client.get("/query/segments", #"{"ds_id":"GAWA","cache_minutes":59}"#).status == 400)
        }
    }

    static let path = "/v1/teams/1/connector_builder/connectors"

    @Test("Connectors are made from JSON or a form, listed with or without their configuration, and duplicated")
    func connectors() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let form = try await client.send(
                "POST",
                Self.path,
                headers: ["Content-Type": "application/x-www-form-urlencoded"],
                body: "title=My+shop&description=%C3%84"
            )
            #expect(form.status == 201 && form.json?["meta"] == nil)
            #expect(form.json?["name"] as? String == "My shop" && form.json?["description"] as? String == "Ä")
            let id = try #require(form.json?["connector_identifier"] as? String)
            #expect(id.contains(/^[A-Z][0-9A-Z]{4}$/))
            let copy = try await client.post(#"{"title":"Copy","connector_identifier":"T3S70"}"#, to: Self.path)
            let original = try await client.send("GET", Self.path + "/T3S70")
            func configuration(_ answer: RawAnswer) throws -> NSDictionary {
                let outer = try #require(answer.json?["configuration"] as? [String: Any])
                return try #require(outer["configuration_json"] as? NSDictionary)
            }
            #expect(try configuration(copy) == configuration(original))
            #expect(try configuration(copy) != configuration(form))
            for (parameters, hasConfiguration) in [
                ("", false), ("?include_configs=true", true), ("?include_configs=0", false),
            ] {
                let list = try await client.send("GET", Self.path + parameters)
                let all = list.json?["connectors"] as? [[String: Any]] ?? []
                #expect(list.json?["count"] as? Int == 3 && all.count == 3)
                #expect(all.allSatisfy { ($0["configuration"] != nil) == hasConfiguration })
            }
        }
    }

    @Test("Connectors that are not right are refused")
    func refused() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            for (body, status, code) in [
                (#"{"description":"x"}"#, 422, "UNPROCESSABLE_ENTITY"), (#"{"name":"x"}"#, 400, "INVALID_PARAMETER"),
                (#"{"title":"x","connector_identifier":"NOPE1"}"#, 404, "CONNECTOR_NOT_FOUND"),
                ("{\"title\":\"\(String(repeating: "x", count: 256))\"}", 422, "UNPROCESSABLE_ENTITY"),
            ] {
                let answer = try await client.post(body, to: Self.path)
                #expect(answer.status == status && answer.errorCode == code)
            }
            #expect(try await client.send("GET", Self.path + "/NOPE1").errorCode == "CONNECTOR_NOT_FOUND")
            #expect(try await client.send("GET", Self.path + "?include_configs=maybe").status == 400)
            #expect(try await client.send("GET", Self.path, authorization: nil).status == 401)
        }
    }

    @Test("Optional keys can be left out, data can stand first")
    func forms() async throws {
        var options = SandboxOptions()
        options.omitsNulls = true
        options.dataFirst = true
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let connector = try await client.send("GET", Self.path + "/T3S70")
            #expect(connector.json?["description"] == nil && connector.json?["name"] != nil)
            let team = try await client.send("GET", "/v1/teams/1")
            #expect(String(decoding: team.body, as: UTF8.self).hasPrefix(#"{"data":"#) && team.requestID != nil)
        }
    }
}
