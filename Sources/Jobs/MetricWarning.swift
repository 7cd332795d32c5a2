import PipelineCore
import SupermetricsAPI

extension Export {
    /// What a reader of the rows must know of metrics that cannot be added up, such as people reached: whoever is counted
    /// on two days or in two accounts is one person still, so that no sum over rows gives the figure for them together.
    ///
    /// Which metrics these are the API alone knows (`is_non_aggregatable`, API §14.2).
    /// - Parameters:
    ///   - size: How its days are cut.
    ///   - known: The fields of its data source.
    /// - Returns: A sentence without the export's name; nil where there is no such metric, or nothing to add up.
    func metricWarning(size: WindowSize, known: [SupermetricsAPI::Field]) -> String? {
        let cuts = cuts(size: size)
        guard !cuts.isEmpty else { return nil }
        let wanted = Set(query.fieldIDs.map { $0.lowercased() })
        let metrics = known.filter { $0.isNonAggregatable == true && wanted.contains($0.id.lowercased()) }
        guard !metrics.isEmpty else { return nil }
        let names = metrics.map { "'\($0.id)'" }.joined(separator: ", ")
        return
            "the rows are split by \(cuts.joined(separator: " and by ")), and \(names) cannot be added up: each value"
            + " holds for its row alone; for a longer period or several accounts together, ask for that in an export of"
            + " its own with window: {size: all} and no date among the fields"
    }

    /// What makes several rows of one figure: `day`, or else the size of the windows; `account`.
    func cuts(size: WindowSize) -> [String] {
        let hasDay = query.fieldIDs.contains(where: TimeCut.holdsDay)
        let period = hasDay ? ["day"] : size == .all ? [] : ["\(size)"]
        return period + (window.perAccount ? ["account"] : [])
    }
}

/// The fields of a data source.
enum SourceFields {
    case listed([SupermetricsAPI::Field])
    /// Why the API did not list them.
    case unknown(Failure)
}

extension JobRun {
    /// What must be known of the metrics of an export before it is run; where the API cannot be asked, that.
    ///
    /// - Parameters:
    ///   - export: The export.
    ///   - size: How its days are cut.
    ///   - client: Asks the API.
    ///   - known: The fields of data sources that were asked for before, or why they could not be had.
    /// - Returns: Sentences without the export's name.
    /// - Throws: `CancellationError` alone.
    func metricWarnings(
        of export: Export,
        size: WindowSize,
        _ client: SupermetricsClient,
        known: inout [String: SourceFields]
    ) async throws -> [String] {
        guard !export.cuts(size: size).isEmpty else { return [] }
        let source = export.query.dsID
        if known[source] == nil {
            known[source] = try await fields(of: source, client, known.values)
        }
        switch known[source] {
        case .listed(let fields)?: return [export.metricWarning(size: size, known: fields)].compactMap { $0 }
        case .unknown(let failure)?: return ["whether its metrics can be added up is not known: \(failure.message)"]
        case nil: return []
        }
    }

    /// A plan is worth having without this: it asks once, and no more where the API has failed for another source.
    private func fields(
        of source: String,
        _ client: SupermetricsClient,
        _ others: some Sequence<SourceFields>
    ) async throws -> SourceFields {
        for case .unknown(let failure) in others where failure.kind == .source { return .unknown(failure) }
        var options = RequestOptions()
        options.retryBudget = RetryBudget(retries: 0)
        do {
            return .listed(try await client.fields.list(dsID: source, options: options).value)
        } catch {
            guard let failure = Failure(error) else { throw error }
            return .unknown(failure)
        }
    }
}
