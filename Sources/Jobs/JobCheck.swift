import Conversion
import PipelineCore
import SupermetricsAPI

/// One thing `check` looked at.
package struct CheckFinding: Sendable {
    /// How it was found.
    package enum State: Sendable, Equatable {
        /// In order.
        case fine
        /// The job can run all the same.
        case warning
        /// The job cannot run, and would fail for this.
        case failure(FailureKind)
    }

    /// How it was found.
    package var state: State
    /// What was looked at and what was found, with the cure where something is wrong.
    package var text: String
}

extension JobRun {
    /// Asks the API and the destinations whether the job can run: key, accounts, fields, stages, destinations.
    ///
    /// Every finding is handed to `found` as soon as it is there; nothing is loaded and no query is run.
    package func check(_ found: (CheckFinding) -> Void) async throws {
        let exports = try wantedExports()
        try await withSupermetricsClient(configuration) { client in
            for export in exports {
                for finding in await checkSource(of: export, client) { found(finding) }
                let spec = try? await ExportResolver(job: job, client: client, now: now).resolve(export).spec
                for entry in export.into { found(await checkDestination(entry, export, spec)) }
            }
        }
    }

    private func checkSource(of export: Export, _ client: SupermetricsClient) async -> [CheckFinding] {
        let place = "export '\(export.name)'"
        do {
            var findings: [CheckFinding] = []
            let fields = try await client.fields.list(dsID: export.query.dsID).value
            findings += checkFields(export, known: fields, place)
            if case .named(let ids) = export.query.accounts, !export.query.accounts.needsResolving {
                let accounts = try await client.accounts.list(dsID: export.query.dsID).value.accounts.map(\.id)
                for id in ids where !accounts.contains(id) {
                    let nearest = NearestName.hint(for: id, in: accounts, called: "accounts")
                    findings.append(
                        CheckFinding(
                            state: .failure(.usage),
                            text: "\(place): no login reaches account '\(id)'\(nearest)"
                        )
                    )
                }
            }
            return findings.isEmpty
                ? [CheckFinding(state: .fine, text: "\(place): key, accounts and fields are in order")] : findings
        } catch {
            let failure = Failure(error) ?? Failure(.unexpected, "the check was cancelled")
            return [CheckFinding(state: .failure(failure.kind), text: "\(place): \(failure.message)")]
        }
    }

    private func checkFields(_ export: Export, known: [SupermetricsAPI::Field], _ place: String) -> [CheckFinding] {
        var findings: [CheckFinding] = []
        let byID = Dictionary(known.map { ($0.id.lowercased(), $0) }) { first, _ in first }
        var landed: [LandedField] = []
        for id in export.query.fieldIDs {
            guard let field = byID[id.lowercased()] else {
                let nearest = NearestName.hint(for: id, in: known.map(\.id), called: "fields")
                findings.append(
                    CheckFinding(
                        state: .failure(.usage),
                        text: "\(place): \(export.query.dsID) has no field '\(id)'\(nearest)"
                    )
                )
                continue
            }
            landed.append(
                LandedField(id: id, dataType: field.dataType ?? "", isMetric: field.fieldType == "met")
            )
        }
        guard findings.isEmpty else { return findings }
        do throws(StageError) {
            let schema = try Schema(landing: landed, naming: export.columns)
            var made: [any Stage] = []
            for entry in export.stages { made.append(try entry.stage()) }
            _ = try BoundPipeline(reading: schema, through: made)
        } catch {
            findings.append(CheckFinding(state: .failure(.usage), text: "\(place): \(error)"))
        }
        return findings
    }

    private func checkDestination(
        _ entry: SinkEntry,
        _ export: Export,
        _ spec: ExportSpec?
    ) async -> CheckFinding {
        let place = "export '\(export.name)'"
        do {
            let resolved = spec.map { entry.withPath(of: $0, chosen: nil) } ?? entry
            return try await withSinks([resolved], installed: installed) { sinks in
                var notes: [String] = []
                for sink in sinks {
                    notes += try await sink.check()
                    if let spec { _ = try await sink.ledger(of: spec.id) }
                }
                let name = sinks.map(\.destination).joined(separator: ", ")
                guard notes.isEmpty else {
                    return CheckFinding(
                        state: .warning,
                        text: "\(place): \(name): \(notes.joined(separator: "; "))"
                    )
                }
                return CheckFinding(state: .fine, text: "\(place): \(name) can be written")
            }
        } catch {
            let failure = Failure(error) ?? Failure(.unexpected, "the check was cancelled")
            return CheckFinding(state: .failure(failure.kind), text: "\(place): \(failure.message)")
        }
    }
}
