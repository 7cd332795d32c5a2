import Conversion
import PipelineCore
import SupermetricsAPI

extension StageCatalog {
    /// The stages sluice comes with.
    package static let standard = StageCatalog(names: Stages.names) { entry throws(StageError) in
        try Stages.make(entry.name, entry.argument.stageArgument)
    }
}

extension JobNode {
    /// The value as a stage takes it; plain scalars have their YAML meaning.
    var stageArgument: StageArgument {
        switch content {
        case .list(let elements): return .list(elements.map(\.stageArgument))
        case .map(let members): return .map(members.map { .init($0.name, $0.value.stageArgument) })
        case .scalar(let text, let plain):
            guard plain, interpolated.isEmpty else { return .text(text) }
            if isNull { return .null }
            if let bool { return .bool(bool) }
            guard case .number(let number) = json else { return .text(text) }
            return .number(number.text)
        }
    }
}
