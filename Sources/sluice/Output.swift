import ArgumentParser
import SupermetricsAPI

/// In which form a command writes what the API says.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json, ndjson, csv

    /// What was asked for; else a table on a terminal and JSON elsewhere.
    static func chosen(_ format: OutputFormat?) -> OutputFormat {
        format ?? (Terminal.hasOutputTerminal ? .table : .json)
    }
}

/// What a command shows.
enum Shown {
    /// One thing with all its members.
    case one(JSONObject)
    /// Things of a kind, with the members worth a column.
    case list([JSONObject], columns: [String])

    static func one(_ model: some APIModel) -> Shown { .one(model.json) }

    static func list(_ models: [some APIModel], columns: String...) -> Shown {
        .list(models.map(\.json), columns: columns)
    }
}

/// Writes what the API says to standard output, under the API's own names.
struct Output {
    var format: OutputFormat

    /// The widest cell of a table on a terminal.
    private static let widestCell = 60

    func write(_ shown: Shown) {
        switch (format, shown) {
        case (.json, .one(let object)), (.ndjson, .one(let object)): Terminal.write("\(JSONValue.object(object))\n")
        case (.json, .list(let objects, _)):
            Terminal.write("\(JSONValue.array(objects.map(JSONValue.object)))\n")
        case (.ndjson, .list(let objects, _)):
            Terminal.write(objects.map { "\(JSONValue.object($0))\n" }.joined())
        case (.csv, .one(let object)):
            writeCSV([object], columns: object.members.map(\.name))
        case (.csv, .list(let objects, let columns)): writeCSV(objects, columns: columns)
        case (.table, .one(let object)):
            let table = Table(
                header: ["name", "value"],
                rows: object.members.map { [cell(.string($0.name)), cell($0.value)] }
            )
            Terminal.write(table.text)
        case (.table, .list(let objects, let columns)):
            let table = Table(
                header: columns,
                rows: objects.map { object in columns.map { cell(Self.member($0, of: object)) } }
            )
            Terminal.write(table.text)
        }
    }

    private func writeCSV(_ objects: [JSONObject], columns: [String]) {
        Terminal.write(Self.csvLine(columns))
        for object in objects {
            Terminal.write(Self.csvLine(columns.map { Self.text(Self.member($0, of: object)) }))
        }
    }

    /// A line of CSV (RFC 4180), quoted only where it must be.
    static func csvLine(_ cells: [String]) -> String {
        cells.map { cell in
            let mustQuote = cell.utf8.contains { "\",\r\n".utf8.contains($0) }
            return mustQuote ? "\"" + cell.replacing("\"", with: "\"\"") + "\"" : cell
        }.joined(separator: ",") + "\n"
    }

    /// A member by its name, or by its path, as in `ds_info.name`.
    private static func member(_ path: String, of object: JSONObject) -> JSONValue {
        var value = JSONValue.object(object)
        for name in path.split(separator: ".") { value = value[String(name)] ?? .null }
        return value
    }

    /// A value as text: strings bare, nothing for null, the rest as JSON.
    static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: ""
        case .string(let text): text
        default: value.description
        }
    }

    /// A value as a cell of a table: on one line and not too wide, whatever the API sent.
    func cell(_ value: JSONValue) -> String {
        var line = String.UnicodeScalarView()
        for scalar in Self.text(value).unicodeScalars {
            line.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        let text = String(line)
        guard Terminal.hasOutputTerminal, text.count > Self.widestCell else { return text }
        return text.prefix(Self.widestCell - 1) + "…"
    }
}
