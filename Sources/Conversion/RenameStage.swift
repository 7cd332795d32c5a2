public import PipelineCore

/// `rename`: gives columns other names, all at once, so that two may swap theirs.
public struct RenameStage: Stage {
    /// A column's old and new name.
    public struct Renaming: Hashable, Sendable {
        /// The name of the column that reaches the stage.
        public var column: String
        /// The name it goes on under.
        public var name: String

        /// Gives `column` the name `name`.
        public init(_ column: String, to name: String) {
            self.column = column
            self.name = name
        }
    }

    private let renamings: [Renaming]

    /// Gives columns other names.
    public init(_ renamings: [Renaming]) { self.renamings = renamings }

    /// Ties the stage to columns; those it names must be there, and no two may end up with one name.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        let positions = try input.positions(of: renamings.map(\.column), for: Self.name)
        var output = input
        for (position, renaming) in zip(positions, renamings) {
            guard !renaming.name.isEmpty else {
                throw StageError(.schema, "\(Self.name): the new name of '\(renaming.column)' is empty; give it one")
            }
            guard !renaming.name.hasPrefix(ColumnName.reservedPrefix) || renaming.name == renaming.column else {
                throw StageError(
                    .schema,
                    "\(Self.name): '\(renaming.name)': names that begin with '\(ColumnName.reservedPrefix)' "
                        + "are sluice's own; choose another"
                )
            }
            output.columns[position].name = renaming.name
        }
        var owners: [String: String] = [:]
        for (old, new) in zip(input.names, output.names) {
            guard let owner = owners.updateValue(old, forKey: new) else { continue }
            throw StageError(
                .schema,
                "\(Self.name): the columns '\(owner)' and '\(old)' would both be named '\(new)'; "
                    + "give one of them another name"
            )
        }
        return BoundRename(output: output)
    }
}

extension RenameStage: NamedStage {
    static let name = "rename"

    init(arguments: StageArgument) throws(StageError) {
        var renamings: [Renaming] = []
        for entry in try arguments.entries(of: Self.name, example: "{campaign: campaign_name}") {
            guard let name = entry.value.name else {
                throw StageError(
                    .schema,
                    "\(Self.name): the new name of '\(entry.key)' is not text; put it in quotes"
                )
            }
            renamings.append(Renaming(entry.key, to: name))
        }
        self.init(renamings)
    }
}

private struct BoundRename: TracedStage {
    let output: Schema

    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) { batch.schema = output }
}
