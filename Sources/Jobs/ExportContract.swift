import Conversion
import PipelineCore
import SupermetricsAPI

extension Export {
    /// The contract as the stage that holds the rows to it; nil where there is none.
    var contractStage: ContractStage? {
        guard let contract, !contract.members.isEmpty else { return nil }
        return ContractStage(
            contract.members.map { member in
                ContractStage.Term(
                    member.name,
                    type: member.value["type"]?.textValue.flatMap { ColumnType($0) },
                    isNullable: member.value["nullable"]?.boolValue ?? true,
                    values: member.value["values"]?.arrayValue?.compactMap(\.textValue)
                )
            }
        )
    }
}
