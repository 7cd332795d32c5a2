package import Conversion
package import PipelineCore
import SupermetricsAPI

/// One stage as it was written.
package struct StageEntry: Hashable, Sendable {
    /// Which stage.
    package var name: String
    /// What it is given.
    package var argument: JobNode
    /// Where it was written.
    package var location: JobLocation

    package init(name: String, argument: JobNode, location: JobLocation) {
        self.name = name
        self.argument = argument
        self.location = location
    }

    /// The stage, not yet tied to columns.
    ///
    /// - Throws: `StageError` where it cannot read what it is given; its text may hold what came from outside the file.
    package func stage() throws(StageError) -> any Stage {
        try Stages.make(name, argument.stageArgument)
    }
}

extension JobNode {
    /// The value as a stage takes it; a text that came from outside stays a text, whatever it spells.
    package var stageArgument: StageArgument {
        switch content {
        case .list(let elements): return .list(elements.map(\.stageArgument))
        case .map(let members): return .map(members.map { StageArgument.Entry($0.name, $0.value.stageArgument) })
        case .scalar(let text, _):
            return switch json {
            case .null: .null
            case .bool(let bool): .bool(bool)
            case .number(let number): .number(number.text)
            default: .text(text)
            }
        }
    }

    /// The value with the names of what was read from outside in place of what was read.
    var withReferences: JobNode {
        var node = self
        switch content {
        case .list(let elements): node.content = .list(elements.map(\.withReferences))
        case .map(let members):
            node.content = .map(members.map { JobMember($0.name, at: $0.location, $0.value.withReferences) })
        case .scalar:
            guard !interpolated.isEmpty else { break }
            node.content = .scalar(interpolated.joined(), plain: false)
        }
        return node
    }

    /// What was read into this value from outside, wherever it stands in it.
    var references: [String] {
        interpolated + (elements ?? []).flatMap(\.references) + members.flatMap(\.value.references)
    }
}
