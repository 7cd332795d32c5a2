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
                let spec = try? await ExportResolver(job: job, client: client, now: now).resolve(export).spec
                let (findings, landing) = await checkSource(of: export, size: spec?.size ?? export.window.size, client)
                for finding in findings { found(finding) }
                for entry in export.into {
                    for finding in await checkDestination(entry, export, spec, landing) { found(finding) }
                }
            }
        }
    }

    /// The columns that would land, and the ids of the query's dimensions.
    private struct Landing {
        var schema: Schema
        var dimensions: [String]

        /// Why `merge` needs a key of its own; nil where it can go by the dimensions.
        var problemWithoutKey: String? {
            let lost = dimensions.filter { schema.dimensions(of: [$0]) == nil }
            guard dimensions.isEmpty || !lost.isEmpty else { return nil }
            let names = lost.map { "'\($0)'" }.joined(separator: ", ")
            let reason = lost.isEmpty ? "the query has none" : "the stages leave out \(names)"
            return "merge goes by the query's dimensions, and \(reason); name the columns that identify a row:"
                + " key: [date, …]"
        }
    }

    /// What is found about key, accounts and fields, and the columns that would land where these are in order.
    private func checkSource(
        of export: Export,
        size: WindowSize,
        _ client: SupermetricsClient
    ) async -> (findings: [CheckFinding], landing: Landing?) {
        let place = "export '\(export.name)'"
        do {
            var findings: [CheckFinding] = []
            let fields = try await client.fields.list(dsID: export.query.dsID).value
            let landing = checkFields(export, known: fields, place, &findings)
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
            if findings.isEmpty {
                findings = [CheckFinding(state: .fine, text: "\(place): key, accounts and fields are in order")]
            }
            if let warning = export.metricWarning(size: size, known: fields) {
                findings.append(CheckFinding(state: .warning, text: "\(place): \(warning)"))
            }
            return (findings, landing)
        } catch {
            let failure = Failure(error) ?? Failure(.unexpected, "the check was cancelled")
            return ([CheckFinding(state: .failure(failure.kind), text: "\(place): \(failure.message)")], nil)
        }
    }

    /// The columns that would land; nil where fields or stages do not allow any.
    private func checkFields(
        _ export: Export,
        known: [SupermetricsAPI::Field],
        _ place: String,
        _ findings: inout [CheckFinding]
    ) -> Landing? {
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
        guard findings.isEmpty else { return nil }
        guard !export.query.isNamedByHeader else {
            findings.append(
                CheckFinding(
                    state: .fine,
                    text: "\(place): key and fields are in order; its columns are named by its rows, so stages and the"
                        + " destination's columns are checked when it runs"
                )
            )
            return nil
        }
        do throws(StageError) {
            let schema = try Schema(landing: landed, naming: export.columns)
            let interest = try export.expected.interest(
                in: landed,
                schema,
                hasDays: export.query.object["start_date"] != nil || export.query.object["date_range_type"] != nil,
                accounts: 1,
                isOneAccount: export.window.perAccount
            )
            var made: [any Stage] = export.window.perAccount ? [AccountColumn(account: "")] : []
            made.append(RowAudit(interest))
            for entry in export.stages { made.append(try entry.stage()) }
            if let contract = export.contractStage { made.append(contract) }
            return Landing(
                schema: try BoundPipeline(reading: schema, through: made).output,
                dimensions: landed.filter { !$0.isMetric }.map(\.id)
            )
        } catch {
            findings.append(CheckFinding(state: .failure(.usage), text: "\(place): \(error)"))
            return nil
        }
    }

    private func checkDestination(
        _ entry: SinkEntry,
        _ export: Export,
        _ spec: ExportSpec?,
        _ landing: Landing?
    ) async -> [CheckFinding] {
        let place = "export '\(export.name)'"
        do {
            let resolved = spec.map { entry.withPath(of: $0, chosen: nil) } ?? entry
            return try await withSinks([resolved], installed: installed) { sinks in
                var findings: [CheckFinding] = []
                for sink in sinks {
                    let notes = try await sink.check(landing: landing?.schema)
                    if let spec { _ = try await sink.ledger(of: spec.id) }
                    let whole = "\(place): \(sink.destination)"
                    if sink.mode == .merge, sink.key.isEmpty, let problem = landing?.problemWithoutKey {
                        findings.append(CheckFinding(state: .failure(.usage), text: "\(whole): \(problem)"))
                        continue
                    }
                    findings.append(CheckFinding(state: .fine, text: "\(whole) can be written"))
                    findings += notes.map { note in
                        switch note.kind {
                        case .change: CheckFinding(state: .fine, text: "\(whole): a run would \(note.text)")
                        case .warning: CheckFinding(state: .warning, text: "\(whole): \(note.text)")
                        }
                    }
                }
                return findings
            }
        } catch {
            let failure = Failure(error) ?? Failure(.unexpected, "the check was cancelled")
            return [CheckFinding(state: .failure(failure.kind), text: "\(place): \(failure.message)")]
        }
    }
}
