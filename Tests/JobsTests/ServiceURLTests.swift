import Jobs
import Testing

@Suite struct ServiceURLTests {
    @Test(arguments: [
        "https://api.supermetrics.com", "https://api.supermetrics.com/enterprise/v2", "HTTPS://x:8443/",
        "http://localhost:8080", "http://127.0.0.1", "http://127.8.9.10:1", "http://[::1]:8080/x",
    ])
    func `Addresses a key may be sent to`(text: String) {
        #expect(ServiceURL.problem(with: text, allowsInsecureHTTP: false) == nil)
    }

    @Test(arguments: [
        "http://api.supermetrics.com", "http://localhost.evil.example", "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example", "http://128.0.0.1", "http://127.0.0", "http://127.1.2.256", "http://[::2]",
        "http://0.0.0.0", "https://user:hunter2@host", "https://host/?key=hunter2", "https://host/#hunter2",
        "ftp://host",
        "//host", "host", "", "https://", "https:host", "file:///etc/passwd",
    ])
    func `Addresses it may not be sent to`(text: String) throws {
        let problem = try #require(ServiceURL.problem(with: text, allowsInsecureHTTP: false))
        #expect(!problem.contains("hunter2"))
    }

    @Test func `Plain http can be allowed`() {
        #expect(ServiceURL.problem(with: "http://api.supermetrics.com", allowsInsecureHTTP: true) == nil)
        #expect(ServiceURL.problem(with: "http://user@host", allowsInsecureHTTP: true) != nil)
    }
}
