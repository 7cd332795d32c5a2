#if Postgres
/// Names and texts within SQL.
enum SQLText {
    /// How many bytes of a name the server keeps (PostgreSQL, "Identifiers and Key Words"); it cuts longer ones silently.
    static let maximumNameBytes = 63

    /// The name in quotes, so that it means itself whatever it holds; it must hold no NUL.
    static func name(_ name: String) -> String { "\"" + name.replacing("\"", with: "\"\"") + "\"" }

    /// The text in quotes, whatever `standard_conforming_strings` says; it must hold no NUL.
    ///
    /// For statements that take no parameters; elsewhere parameters are better.
    static func literal(_ text: String) -> String {
        let quoted = "'" + text.replacing("'", with: "''") + "'"
        return quoted.contains("\\") ? " E" + quoted.replacing("\\", with: "\\\\") : quoted
    }
}
#endif
