public import PipelineCore

/// `select`: keeps the columns it names, in its order.
public struct SelectStage: Stage {
    private let columns: [String]

    /// Keeps `columns`, in this order.
    public init(_ columns: [String]) { self.columns = columns }

    /// Ties the stage to columns; each it names must be there, and be named once.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        Projection(of: input, to: try input.positions(of: columns, for: Self.name))
    }
}

extension SelectStage: NamedStage {
    static let name = "select"

    init(arguments: StageArgument) throws(StageError) { self.init(try arguments.columnNames(of: Self.name)) }
}
