package import SupermetricsAPI

/// Results whose columns no metadata describe: those with a field that is split into columns, and comparisons.
///
/// Their names stand in the header row alone, which comes with every page and may or may not take a place in the count of
/// offsets (Supermetrics API: pivot, comparison). So such a result is asked for with its header row, and as one page.
package enum HeaderRow {
    /// Whether an element of a query's `fields` is split into columns: an object that says so, or a nested list.
    package static func isSplit(_ field: JSONValue) -> Bool {
        if case .array = field { return true }
        return ["split", "field_split"].contains { field[$0]?.textValue?.lowercased() == "column" }
    }

    /// Whether the result of `query` has columns that its header row alone names.
    package static func names(columnsOf query: JSONObject) -> Bool {
        if let comparison = query["compare_type"]?.textValue, !["", "none"].contains(comparison) { return true }
        return query["fields"]?.arrayValue?.contains(where: isSplit) ?? false
    }

    /// The labels of a header row as sent; nil where it is none.
    static func labels(_ row: JSONValue) -> [String]? {
        guard let cells = row.arrayValue else { return nil }
        var labels: [String] = []
        for cell in cells {
            guard let label = cell.isNull ? "" : cell.textValue else { return nil }
            labels.append(label)
        }
        return labels
    }
}

extension ResultMeta {
    /// Takes the columns' names from the header row; nil where a result without rows came without it.
    ///
    /// A column belongs to a field where the field's metadata claim its place and its label is the field's display name.
    /// Any other column has its label for an id, with a number behind it where the label stands there before or is a
    /// field's id, and holds values of the metrics.
    mutating func name(columns row: JSONValue?) {
        guard let row else {
            (fields, labels, fieldsProblem) = (described.map(\.field), [], nil)
            return
        }
        guard let labels = HeaderRow.labels(row), !labels.isEmpty else {
            fieldsProblem = "the first row is not one of names"
            return
        }
        self.labels = labels
        let names = labels.map { $0.isEmpty ? "(empty)" : $0 }
        let written = Set(names)
        var (used, found) = (Set(described.map(\.field.id)), 0)
        fields = labels.enumerated().map { place, label in
            if let known = described.first(where: { $0.column == place && $0.field.name == label }) {
                found += 1
                used.insert(label)
                return known.field
            }
            var (id, count) = (names[place], 1)
            while used.contains(id) || count > 1 && written.contains(id) {
                count += 1
                id = "\(names[place]) \(count)"
            }
            used.insert(id)
            return ResultField(id: id, name: label, dataType: metricType, isMetric: true)
        }
        fieldsProblem =
            found > 0 || described.allSatisfy(\.field.isMetric)
            ? nil : "the first row should name the columns, and holds none of the fields' names"
    }

    /// What the columns of metrics hold: what all metrics do, else numbers, else text.
    private var metricType: String {
        let types = Set(described.filter(\.field.isMetric).map { $0.field.dataType.lowercased() })
        if types.count == 1, let type = types.first { return type }
        return types.contains { $0.hasPrefix("string") || $0.hasPrefix("bool") } ? "string.text.value" : ""
    }
}
