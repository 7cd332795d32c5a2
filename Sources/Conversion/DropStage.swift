public import PipelineCore

/// `drop`: takes the columns it names out.
public struct DropStage: Stage {
    private let columns: [String]

    /// Takes `columns` out; the others keep their order.
    public init(_ columns: [String]) { self.columns = columns }

    /// Ties the stage to columns; each it names must be there, and one must be left.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        let dropped = try input.positions(of: columns, for: Self.name)
        let kept = input.columns.indices.filter { !dropped.contains($0) }
        guard !kept.isEmpty else {
            throw StageError(.schema, "\(Self.name): no column would be left; keep at least one")
        }
        return Projection(of: input, to: kept)
    }
}

extension DropStage: NamedStage {
    static let name = "drop"

    init(arguments: StageArgument) throws(StageError) { self.init(try arguments.columnNames(of: Self.name)) }
}
