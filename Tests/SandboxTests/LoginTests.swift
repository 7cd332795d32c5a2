import Foundation
import Sandbox
import Testing

@Suite("Logins and login links")
struct LoginTests {
    static func post(_ client: RawClient, _ json: String) async throws -> RawAnswer {
        try await client.post(json, to: "/ds/login/link")
    }

    static func link(_ client: RawClient, _ id: String) async throws -> [String: Any] {
        try await client.send("GET", "/ds/login/link/\(id)").object
    }

    @Test("A link is open until it is used; the login it made is listed")
    func use() async throws {
        let clock = LifecycleTests.clock()
        try await withSandbox(LifecycleTests.timed(clock)) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let made = try await Self.post(
                client,
                #"{"ds_id":"AW","description":"For Åsa","require_username":"a@b.c"}"#
            )
            #expect(made.status == 201)
            let id = try #require(made.object["link_id"] as? String)
            #expect(made.headers["location"] == sandbox.baseURL + "/ds/login/link/" + id)
            #expect(made.object["status_code"] as? String == "OPEN" && made.object["login_id"] is NSNull)
            #expect(made.object["description"] as? String == "For Åsa")
            #expect(made.object["expiry_time"] as? String == "2023-11-15T22:13:20+00:00")
            let url = try #require(made.object["login_url"] as? String)
            #expect(url.hasPrefix(sandbox.baseURL))
            let page = String(url.dropFirst(sandbox.baseURL.count))
            #expect(try await client.send("GET", page + "?username=x@y.z", authorization: nil).status == 403)
            clock.advance(by: .seconds(60))
            #expect(try await client.send("GET", page, authorization: nil).status == 200)
            #expect(try await client.send("GET", page, authorization: nil).status == 403)
            let used = try await Self.link(client, id)
            #expect(used["status_code"] as? String == "CLOSED")
            #expect(used["login_time"] as? String == "2023-11-14T22:14:20+00:00")
            #expect(used["login_username"] as? String == "a@b.c")
            let login = try #require(used["login_id"] as? String)
            let logins = try await client.send("GET", "/ds/logins").json?["data"] as? [[String: Any]] ?? []
            #expect(logins.contains { $0["login_id"] as? String == login })
            #expect(try await client.send("GET", "/ds/login/\(login)").object["username"] as? String == "a@b.c")
        }
    }

    @Test("A used link sends the browser on, with its verifier")
    func redirect() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let made = try await Self.post(client, #"{"ds_id":"FA","redirect_url":"https://example.com/done?x=1"}"#)
            let verifier = try #require(made.object["redirect_verifier"] as? String)
            let id = try #require(made.object["link_id"] as? String)
            let sent = try await client.send("GET", "/sandbox/login/\(id)", authorization: nil)
            #expect(sent.status == 302)
            #expect(sent.headers["location"] == "https://example.com/done?x=1&redirect_verifier=\(verifier)")
        }
    }

    @Test("A link expires when its time is up, as a date or from now")
    func expiry() async throws {
        let clock = LifecycleTests.clock()
        try await withSandbox(LifecycleTests.timed(clock)) { sandbox in
            let client = RawClient(sandbox: sandbox)
            var ids: [String] = []
            for text in ["10 hours", "2023-11-15T10:13:20.000+02:00", "+1 day"] {
                let made = try await Self.post(client, "{\"ds_id\":\"AW\",\"expiry_time\":\"\(text)\"}")
                ids.append(try #require(made.object["link_id"] as? String))
            }
            clock.advance(by: .seconds(10 * 3600 - 1))
            for id in ids { #expect(try await Self.link(client, id)["status_code"] as? String == "OPEN") }
            clock.advance(by: .seconds(1))
            var words: [String?] = []
            for id in ids { words.append(try await Self.link(client, id)["status_code"] as? String) }
            #expect(words == ["EXPIRED", "EXPIRED", "OPEN"])
            #expect(sandbox.useLoginLink(ids[0]) == nil)
            #expect(sandbox.useLoginLink(ids[2]) != nil)
        }
    }

    @Test("Only the description of a link can be changed; closing ends it")
    func change() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let id = try #require(try await Self.post(client, #"{"ds_id":"AW"}"#).object["link_id"] as? String)
            let path = "/v2/ds/login/link/\(id)"
            let patched = try await client.send("PATCH", path, body: #"{"description":"new"}"#)
            #expect(patched.object["description"] as? String == "new")
            #expect(try await client.send("PATCH", path, body: "{}").object["description"] as? String == "new")
            let cleared = try await client.send("PATCH", path, body: #"{"description":null}"#)
            #expect(cleared.object["description"] as? String == "")
            #expect(try await client.send("PATCH", path, body: #"{"ds_id":"FA"}"#).status == 400)
            let closed = try await client.send("PUT", path + "/close")
            #expect(closed.status == 200 && closed.object["status_code"] as? String == "CLOSED")
            #expect(sandbox.useLoginLink(id) == nil)
            let listed = try await client.send("GET", "/enterprise/v2/ds/login/links").json?["data"]
            #expect((listed as? [[String: Any]])?.map { $0["link_id"] as? String } == [id])
        }
    }

    @Test(
        "Links that are not right are refused",
        arguments: [
            ("{}", 422, "ds_id"), (#"{"ds_id":"XX"}"#, 422, "'XX'"), (#"{"ds_id":7}"#, 422, "ds_id"),
            (#"{"ds_id":"AW","expiry_time":"2020-01-01"}"#, 422, "past"),
            (#"{"ds_id":"AW","expiry_time":"soon"}"#, 422, "expiry_time"),
            (#"{"ds_id":"AW","redirect_url":"javascript:x"}"#, 422, "redirect_url"),
            ("{\"ds_id\":\"AW\",\"description\":\"\(String(repeating: "x", count: 1001))\"}", 422, "1000"),
            (#"{"ds_id":"AW","colour":"red"}"#, 400, "colour"),
        ]
    )
    func refused(json: String, status: Int, names: String) async throws {
        try await withSandbox { sandbox in
            let answer = try await Self.post(RawClient(sandbox: sandbox), json)
            #expect(answer.status == status && answer.errorMessage.contains(names))
        }
    }

    @Test("Unknown links and logins, and too many links, have an error that is a string")
    func ownShapes() async throws {
        var options = SandboxOptions()
        options.loginLinkLimit = 1
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            _ = try await Self.post(client, #"{"ds_id":"AW"}"#)
            let many = try await Self.post(client, #"{"ds_id":"AW"}"#)
            #expect(many.status == 403 && many.json?["error"] as? String == "LINK_LIMIT_EXCEEDED")
            let link = try await client.send("GET", "/ds/login/link/nothing")
            #expect(link.status == 404 && link.json?["error"] as? String == "LINK_NOT_FOUND")
            let login = try await client.send("GET", "/ds/login/dsl_nothing")
            #expect(login.status == 404 && login.json?["error"] as? String == "LOGIN_NOT_FOUND")
            let accounts = try await client.send("GET", "/ds/login/dsl_nothing/accounts")
            #expect(accounts.status == 404 && accounts.errorCode == "LOGIN_NOT_FOUND")
            sandbox.update { $0.errorShape = .problem }
            #expect(try await client.send("GET", "/ds/login/link/x").json?["title"] as? String == "LINK_NOT_FOUND")
        }
    }

    @Test("A login has accounts in pages; revoked, it is known but not listed")
    func logins() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let logins = try await client.send("GET", "/ds/logins").json?["data"] as? [[String: Any]] ?? []
            #expect(logins.count >= 4)
            let ads = try #require(logins.first { $0["username"] as? String == "ads@example.com" })
            #expect((ads["ds_info"] as? [String: String]) == ["@type": "ds", "ds_id": "AW", "name": "Google Ads"])
            #expect(ads["default_scopes"] == nil)
            let path = "/ds/login/\(try #require(ads["login_id"] as? String))"
            #expect(try await client.send("GET", path).object["default_scopes"] is [String])
            let page = try await client.send("GET", path + "/accounts?offset=1&limit=1")
            #expect(
                (page.json?["data"] as? [[String: String]]) == [
                    [
                        "@type": "ds_account", "account_id": "987-654-3210", "name": "Example Sverige",
                        "group": "Example MCC",
                    ]
                ]
            )
            #expect((page.meta["paginate"] as? [String: Int]) == ["offset": 1, "limit": 1, "total": 3])
            #expect(try await client.send("GET", path + "/accounts?limit=1001").status == 422)
            #expect(try await client.send("DELETE", path).object["result"] as? Bool == true)
            #expect(try await client.send("DELETE", path).object["result"] as? Bool == false)
            #expect(try await client.send("GET", path).object["revoked_time"] is String)
            let left = try await client.send("GET", "/ds/logins").json?["data"] as? [[String: Any]]
            #expect(left?.count == logins.count - 1)
        }
    }
}
