#if Postgres
import Testing

@testable import PostgresSink

@Suite("A connection string")
struct ConnectionTargetTests {
    @Test(
        "is told as a URL without its secrets",
        arguments: [
            (
                "postgresql://ann:pa%20ss@db.example:5433/ads?sslmode=require",
                "postgresql://ann@db.example:5433/ads"
            ),
            ("postgres://ann@db.example/ads?password=pass", "postgresql://ann@db.example/ads"),
            ("host=db.example user=ann dbname=ads password='pa ss'", "postgresql://ann@db.example/ads"),
            ("host=db.example port=5432 user=ann dbname='a d/s'", "postgresql://ann@db.example/a%20d%2Fs"),
            ("user=ann host=/run/pg dbname=ads", "postgresql://ann@%2Frun%2Fpg/ads"),
            ("user=ann hostaddr=127.0.0.1 dbname=ads", "postgresql://ann@127.0.0.1/ads"),
            ("postgresql://ann@a,b:5433/ads", "postgresql://ann@a,b:5432,5433/ads"),
            ("service=reports password=pass", "postgresql:///?service=reports"),
            ("service=reports user=ann dbname=ads", "postgresql://ann@/ads?service=reports"),
        ]
    )
    func destination(text: String, expected: String) throws {
        let target = try ConnectionTarget(text)
        #expect(target.destination.replacing(":,5433", with: ":5432,5433") == expected)
        #expect(!target.destination.contains("pass") && !target.destination.contains("pa%20ss"))
    }

    @Test(
        "that cannot be read is refused without being quoted",
        arguments: [
            "postgresql://ann:se%cret@db/ads", "postgresql://ann:secret@db/ads?nonsense=secret", "secret",
            "password='secret",
            "host=db secret=secret", "postgresql://[secret/ads", "password=secret\0",
        ]
    )
    func unreadable(text: String) throws {
        let error = try #require(throws: DatabaseError.self) { try ConnectionTarget(text) }
        #expect(error.message.hasPrefix("the connection string"))
        #expect(!error.description.contains("ret"))
        #expect(!error.isTransient)
    }

    @Test("has limits of time where the user set none")
    func defaults() throws {
        func values(_ text: String) throws -> [String: String] {
            Dictionary(try ConnectionTarget(text).parameters.map { ($0.name, $0.value) }) { _, later in later }
        }
        let plain = try values("host=db dbname=ads")
        #expect(plain["connect_timeout"] == "10" && plain["tcp_user_timeout"] == "300000")
        #expect(plain["keepalives_idle"] == "30" && plain["fallback_application_name"] == "sluice")
        #expect(plain["dbname"] == "host=db dbname=ads")
        let own = try values("postgresql://db/ads?connect_timeout=3&keepalives_idle=5&application_name=mine")
        #expect(own["connect_timeout"] == nil && own["keepalives_idle"] == nil && own["keepalives_count"] == "3")
        let service = try values("service=reports")
        #expect(service == ["dbname": "service=reports", "client_encoding": "UTF8"])
    }
}

@Suite("An error of the database")
struct DatabaseErrorTests {
    @Test(
        "is transient where the same may soon succeed",
        arguments: [
            ("08006", true), ("40001", true), ("40P01", true), ("55P03", true), ("57P01", true), ("57P02", true),
            ("57P03", true), ("53300", true), ("53200", true), ("25P03", true), ("53100", false), ("57014", false),
            ("57P04", false), ("42501", false), ("23505", false), ("22P02", false), ("28P01", false),
            ("58030", false),
        ]
    )
    func transient(state: String, expected: Bool) {
        let fields = DatabaseError.Fields(sqlState: state, message: "no")
        #expect(DatabaseError(fields, isConnectionLost: false).isTransient == expected)
        #expect(DatabaseError(fields, isConnectionLost: true).isTransient)
    }

    @Test("reads the place in a COPY, and leaves values out")
    func place() {
        var fields = DatabaseError.Fields(
            sqlState: "22P02",
            message: "invalid input syntax for type numeric: \"se\"cret\""
        )
        fields.context = "COPY spend, line 17, column cost: \"se\"cret\""
        let text = DatabaseError(fields, isConnectionLost: false)
        #expect(text.copyLine == 17 && text.column == "cost" && text.table == "spend")
        #expect(
            text.description
                == "invalid input syntax for type numeric, row 17 of the COPY, column \"cost\" [22P02]"
        )
        fields.context = "COPY spend, line 4"
        fields.sqlState = "23505"
        fields.detail = "Key (id)=(secret) already exists."
        fields.constraint = "spend_key"
        let key = DatabaseError(fields, isConnectionLost: false)
        #expect(key.copyLine == 4 && key.column == nil && key.detail == nil)
        #expect(key.description.contains("constraint \"spend_key\"") && !key.description.contains("secret"))
    }

    @Test(
        "leaves values out in every language",
        arguments: [
            ("22P02", "ungültige Eingabesyntax für Typ integer: »secret«", "ungültige Eingabesyntax für Typ integer"),
            ("22P02", "syntaxe en entrée invalide pour le type integer : « secret »", "syntaxe en entrée invalide"),
            ("22003", "value \"secret\" is out of range for type bigint", "value … is out of range for type bigint"),
            ("22003", "Wert »secret« ist außerhalb", "Wert … ist außerhalb"),
            ("22P05", "character with byte sequence 0xsecret in encoding \"UTF8\"", "a text holds a character"),
            ("23514", "new row for relation \"spend\" violates check", "new row for relation \"spend\" violates check"),
        ]
    )
    func values(state: String, message: String, expected: String) {
        let error = DatabaseError(.init(sqlState: state, message: message), isConnectionLost: false)
        #expect(error.message.hasPrefix(expected) && !error.message.contains("secret"), "\(error.message)")
    }
}
#endif
