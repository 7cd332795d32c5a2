public import PipelineCore

extension ColumnType {
    /// The type of the column a field lands in: `decimal`, `date`, or `text` for everything doubtful.
    ///
    /// The API's `data_type` is `type.group.class`, and a hint only: it casts nothing (Supermetrics API: field data
    /// types). So a type is believed only where a value that does not fit is a mistake.
    /// - Parameters:
    ///   - dataType: The hint, for instance `float.currency.value`; empty where it is not known.
    ///   - isMetric: Whether the field's `field_type` is `met`.
    public init(dataType: String, isMetric: Bool) {
        let parts = dataType.lowercased().split(separator: ".", omittingEmptySubsequences: false)
        let (kind, group, format) = (parts.first ?? "", parts.dropFirst().first, parts.dropFirst(2).first)
        let isNumeric = kind == "float" || kind == "int"
        switch group {
        case "number": self = .decimal(nil)
        case "currency" where isNumeric || format == "value": self = .decimal(nil)
        case "time" where kind == "string" && format == "date": self = .date
        default: self = isMetric && kind != "string" && kind != "bool" ? .decimal(nil) : .text
        }
    }
}
