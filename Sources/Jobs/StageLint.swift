import Conversion
import PipelineCore
import SupermetricsAPI

/// Tries the stages of an export on the columns its query alone shows, so that a wrong name is found before any request.
///
/// Column types are known to the API only; here all are text, and where a stage minds its types only its names are tried.
enum StageLint {
    /// What is wrong with the stages: of each whether it can read its arguments, and the first that does not fit the
    /// columns which reach it; and whether the contract and the destinations take the columns that land.
    static func mistakes(
        of export: Export,
        contractAt location: JobLocation?,
        sinks: [any Sink.Type]
    ) -> [JobMistake] {
        var mistakes: [JobMistake] = []
        var columns = columns(of: export)
        for entry in export.stages where Stages.names.contains(entry.name) {
            let input = columns
            columns = nil
            do throws(StageError) {
                columns = try output(of: entry, from: input)
            } catch {
                mistakes.append(mistake(error, of: entry, on: input))
            }
        }
        if let columns, let location {
            do throws(StageError) { _ = try export.contractStage?.bind(to: columns) } catch {
                mistakes.append(JobMistake(error.description, at: location))
            }
        }
        guard let columns else { return mistakes }
        for entry in export.into {
            guard let sink = sinks.first(where: { $0.kind == entry.kind }) else { continue }
            let taken = columns.names.filter(reservedColumns(of: sink).contains)
            mistakes += taken.map { name in
                JobMistake(
                    "\(entry.kind) has a column '\(name)' of its own; rename the export's in stages",
                    at: entry.location
                )
            }
        }
        return mistakes
    }

    private static func reservedColumns<S: Sink>(of sink: S.Type) -> Set<String> { S.Options.reservedColumns }

    /// The columns that reach the first stage; nil where the query alone does not tell.
    private static func columns(of export: Export) -> Schema? {
        let query = export.query
        let isPlain: Bool =
            switch query.object["fields"] {
            case .string: true
            case .array(let elements): elements.allSatisfy { $0.textValue != nil }
            default: false
            }
        guard isPlain, query.object["compare_type"] == nil,
            export.stages.allSatisfy({ Stages.names.contains($0.name) }),
            var schema = try? Schema(landing: query.fieldIDs.map { LandedField(id: $0) }, naming: export.columns)
        else { return nil }
        if export.window.perAccount {
            schema.columns.append(Column(name: ColumnName.reservedPrefix + "account", type: .text))
        }
        return schema
    }

    /// The columns that a stage makes of others; nil where those are not known.
    private static func output(of entry: StageEntry, from input: Schema?) throws(StageError) -> Schema? {
        let stage = try entry.stage()
        guard let input else { return nil }
        var output: Schema
        if let stage = stage as? any NameCheckedStage {
            output = try stage.names(from: input)
        } else {
            output = try stage.bind(to: input).output
        }
        output.forgetTypes()
        return output
    }

    private static func mistake(_ error: StageError, of entry: StageEntry, on input: Schema?) -> JobMistake {
        let references = entry.argument.references
        guard references.isEmpty || isSame(error, of: entry, on: input) else {
            let values = references.joined(separator: ", ")
            return JobMistake(
                "the stage '\(entry.name)' does not fit, for a reason that would show \(values)",
                at: entry.location
            )
        }
        return JobMistake(error.description, at: entry.location)
    }

    /// Whether a stage that never saw what came from outside the file says the same, so that none of it is in the words.
    private static func isSame(_ error: StageError, of entry: StageEntry, on input: Schema?) -> Bool {
        var blind = entry
        blind.argument = entry.argument.withReferences
        do throws(StageError) {
            _ = try output(of: blind, from: input)
            return false
        } catch let other {
            return other.description == error.description
        }
    }
}

extension Schema {
    /// Makes every column text.
    fileprivate mutating func forgetTypes() {
        for index in columns.indices { columns[index].type = .text }
    }
}
