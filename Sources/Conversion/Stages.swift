public import PipelineCore

/// A stage that a job file can name.
protocol NamedStage: Stage {
    /// Its key under `stages:`.
    static var name: String { get }
    /// The stage that a job file writes as `arguments`.
    init(arguments: StageArgument) throws(StageError)
}

/// The stages a job file can name.
public enum Stages {
    private static let known: [any NamedStage.Type] = [
        SelectStage.self, DropStage.self, RenameStage.self, CastStage.self, DefaultStage.self, MapStage.self,
        HashStage.self, DeriveStage.self, FilterStage.self, DedupeStage.self, UnpivotStage.self,
    ]

    /// The names, in the order of the documentation.
    public static var names: [String] { known.map { $0.name } }

    /// The stage that a job file writes as `name: arguments`.
    ///
    /// - Parameters:
    ///   - name: The stage's key.
    ///   - arguments: What stands behind it.
    /// - Returns: The stage, not yet tied to columns.
    /// - Throws: `StageError` with the code `.schema` where there is no such stage or it cannot read its arguments.
    public static func make(_ name: String, _ arguments: StageArgument) throws(StageError) -> any Stage {
        if let type = known.first(where: { $0.name == name }) { return try type.init(arguments: arguments) }
        throw StageError(
            .schema,
            "there is no stage '\(name)'\(NearestName.hint(for: name, in: names, called: "stages"))"
        )
    }
}

extension Schema {
    /// The position of a column that `stage` names.
    func position(of name: String, for stage: String) throws(StageError) -> Int {
        guard let position = index(of: name) else {
            throw StageError(
                .schema,
                "\(stage): there is no column '\(name)'\(NearestName.hint(for: name, in: names, called: "columns"))"
            )
        }
        return position
    }

    /// The positions of columns that `stage` names, each once.
    func positions(of names: [String], for stage: String) throws(StageError) -> [Int] {
        var positions: [Int] = []
        for name in names {
            let position = try position(of: name, for: stage)
            guard !positions.contains(position) else {
                throw StageError(.schema, "\(stage): the column '\(name)' is named twice; name it once")
            }
            positions.append(position)
        }
        return positions
    }
}
