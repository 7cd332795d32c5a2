import Conversion
import Foundation
import PipelineCore
import SupermetricsAPI

/// Turns the tree of a job into typed values, and collects every mistake on the way.
///
/// The shape of the tree is checked first; what follows reads leniently what the shape check has already reported.
struct JobReader {
    let context: JobContext
    var mistakes: [JobMistake] = []
    private var unsupported: [JobMistake] = []

    init(_ context: JobContext) { self.context = context }

    /// The job a file's tree describes.
    ///
    /// - Throws: `JobFileError` with every mistake.
    mutating func job(_ root: JobNode) throws(JobFileError) -> Job {
        var shape = ShapeCheck()
        shape.check(root, .object(JobFormat.job), named: "the job")
        mistakes += shape.mistakes
        let zone = timeZone(root["time_zone"])
        let api = apiSettings(root["api"])
        let nodes = root["exports"]?.elements ?? []
        let exports = nodes.map { export($0, zone: zone) }
        checkNames(nodes)
        checkPlaces(exports)
        guard mistakes.isEmpty, let name = root["name"]?.text else { throw JobFileError(mistakes) }
        unsupported = unsupported.isEmpty ? [] : JobFileError(unsupported).mistakes
        return Job(
            name: name,
            renamedFrom: root["renamed_from"]?.text,
            api: api,
            timeZone: zone,
            exports: exports,
            unsupported: unsupported
        )
    }

    private mutating func mistake(_ message: String, at location: JobLocation) {
        mistakes.append(JobMistake(message, at: location))
    }

    private mutating func postpone(_ message: String, at location: JobLocation) {
        unsupported.append(JobMistake(message, at: location))
    }

    private mutating func timeZone(_ node: JobNode?) -> TimeZone {
        guard let node, let name = node.text else { return .gmt }
        if let zone = TimeZone(identifier: name) { return zone }
        let known = TimeZone.knownTimeZoneIdentifiers
        let city = known.filter { $0.split(separator: "/").last?.lowercased() == name.lowercased() }
        let nearest = node.interpolated.isEmpty ? city.first ?? NearestName.find(name, in: known) : nil
        let hint = nearest.map { "; did you mean '\($0)'?" } ?? ""
        mistake(
            "'time_zone' must be a name such as Europe/Helsinki or UTC, not \(node.shown)\(hint)",
            at: node.location
        )
        return .gmt
    }
}

// MARK: api

extension JobReader {
    private mutating func apiSettings(_ node: JobNode?) -> APISettings {
        var settings = APISettings()
        guard let node else { return settings }
        func number(_ name: String) -> Int? { node[name]?.text.flatMap { Int($0) } }
        func duration(_ name: String) -> Duration? { node[name]?.text.flatMap { Duration(jobText: $0) } }
        settings.allowInsecureHTTP = node["allow_insecure_http"]?.bool ?? false
        settings.baseURL = url(node["base_url"], "base_url", settings)
        settings.dtsBaseURL = url(node["dts_base_url"], "dts_base_url", settings)
        settings.pathPrefix = pathPrefix(node["path_prefix"])
        settings.requestsPerSecond =
            node["requests_per_second"]?.text.flatMap { Double($0) } ?? settings.requestsPerSecond
        settings.concurrentQueries = number("concurrent_queries") ?? settings.concurrentQueries
        settings.pageRows = number("page_rows") ?? settings.pageRows
        settings.rowLimit = number("row_limit") ?? settings.rowLimit
        settings.connectTimeout = duration("connect_timeout") ?? settings.connectTimeout
        settings.idleTimeout = duration("idle_timeout") ?? settings.idleTimeout
        settings.requestTimeout = duration("request_timeout") ?? settings.requestTimeout
        settings.queryTimeout = duration("query_timeout") ?? settings.queryTimeout
        settings.pollInterval = duration("poll_interval") ?? settings.pollInterval
        settings.maxAttempts = number("max_attempts") ?? settings.maxAttempts
        settings.customHeaders = headers(node["custom_headers"])
        settings.userAgent = headerValue(node["user_agent"], "user_agent")
        return settings
    }

    private mutating func url(_ node: JobNode?, _ name: String, _ settings: APISettings) -> String? {
        guard let node, let text = node.text else { return nil }
        if let problem = ServiceURL.problem(with: text, allowsInsecureHTTP: settings.allowInsecureHTTP) {
            mistake("'\(name)' \(problem)", at: node.location)
        }
        return text
    }

    private mutating func pathPrefix(_ node: JobNode?) -> String {
        guard let node, let text = node.text, !text.isEmpty else { return "" }
        let isPath = text.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
        }
        if !isPath || !text.hasPrefix("/") || text.hasPrefix("//") {
            mistake("'path_prefix' must be a path such as /enterprise/v2, not \(node.shown)", at: node.location)
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    private mutating func headers(_ node: JobNode?) -> [String: String] {
        var headers: [String: String] = [:]
        for member in node?.members ?? [] {
            let isToken =
                !member.name.isEmpty
                && member.name.utf8.allSatisfy { byte in
                    byte > 0x20 && byte < 0x7F && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
                }
            if !isToken {
                mistake("'\(member.name)' is not the name of a header", at: member.location)
            } else if member.name.lowercased() == "authorization" {
                mistake(
                    """
                    'Authorization' cannot be set here: the API key comes from SUPERMETRICS_API_KEY or \
                    --api-key-file
                    """,
                    at: member.location
                )
            }
            headers[member.name] = headerValue(member.value, member.name)
        }
        return headers
    }

    private mutating func headerValue(_ node: JobNode?, _ name: String) -> String? {
        guard let node, let text = node.text else { return nil }
        if !text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            mistake("'\(name)' must be ASCII without control characters, as a header is", at: node.location)
        }
        return text
    }
}

// MARK: exports

extension JobReader {
    private mutating func export(_ node: JobNode, zone: TimeZone) -> Export {
        var export = Export(
            name: node["name"]?.text ?? "",
            renamedFrom: node["renamed_from"]?.text,
            location: node["name"]?.location ?? node.location,
            query: query(node["query"]),
            window: window(node["window"]),
            stages: stages(node["stages"]),
            onBadRow: badRowRule(node["on_bad_row"]),
            onSampled: word(node["on_sampled"]) ?? .warn,
            onEmpty: word(node["on_empty"]),
            onShrink: shrink(node["on_shrink"]),
            onSchemaChange: word(node["on_schema_change"]) ?? .fail,
            columns: node["columns"]?.text == "keep" ? .keep : .snakeCase,
            contract: node["contract"].flatMap { $0.json.objectValue },
            expected: expectation(node["expect"]),
            into: destinations(node["into"])
        )
        guard let queryNode = node["query"] else { return export }
        var lint = ExportLint(query: queryNode, window: node["window"], context: context, zone: zone)
        lint.check(&export)
        mistakes += lint.mistakes
        // What a stage would say of a value that is known to be wrong is no news.
        let stages = node["stages"]
        guard !mistakes.contains(where: { stages?.holds($0.location) ?? false }) else { return export }
        mistakes += StageLint.mistakes(of: export, contractAt: node["contract"]?.location, sinks: context.sinks)
        return export
    }

    private func query(_ node: JobNode?) -> ExportQuery {
        var object = JSONObject()
        for member in node?.members ?? [] where !member.value.isNull {
            let field = JobFormat.query.fields.first { $0.name == member.name }
            object[member.name] = field.map { Self.json(member.value, $0.shape) } ?? member.value.json
        }
        return ExportQuery(object)
    }

    /// A member of the query as the API declares it: an id of digits is a text there, whether or not it was quoted.
    private static func json(_ node: JobNode, _ shape: Shape) -> JSONValue {
        switch (shape, node.content) {
        case (.whole, _): node.text.flatMap { JSONNumber($0) }.map(JSONValue.number) ?? node.json
        case (.any, _), (.map(of: .any), _): node.json
        case (.either, .map): node.json
        case (_, .list(let elements)): .array(elements.map { json($0, .text) })
        case (_, .scalar(let text, _)): .string(text)
        case (_, .map): node.json
        }
    }

    private func window(_ node: JobNode?) -> WindowRule {
        var rule = WindowRule()
        if let size = node?["size"]?.text.flatMap({ WindowSize($0) }) {
            rule.size = size
            rule.isSizeChosen = true
        }
        rule.perAccount = node?["per_account"]?.bool ?? false
        rule.lookback = node?["lookback"]?.text.flatMap { Duration(jobText: $0)?.wholeDays } ?? rule.lookback
        return rule
    }

    /// The stages of a list of one-key maps.
    mutating func stages(_ node: JobNode?) -> [StageEntry] {
        var entries: [StageEntry] = []
        for element in node?.elements ?? [] {
            guard let member = element.members.first, element.members.count == 1 else { continue }
            entries.append(StageEntry(name: member.name, argument: member.value, location: member.location))
        }
        return entries
    }

    private func expectation(_ node: JobNode?) -> Expectation {
        var expected = Expectation()
        expected.rows = node?["rows"]?.text.flatMap { RowRule($0) }
        expected.hasAllDays = node?["days"]?.text == "all"
        expected.hasAllAccounts = node?["accounts"]?.text == "all"
        expected.key = (node?["unique"]?.elements ?? []).compactMap(\.text)
        expected.isUnique = node?["unique"]?.bool ?? !expected.key.isEmpty
        return expected
    }

    private func badRowRule(_ node: JobNode?) -> BadRowRule {
        guard let node, (node.text ?? node["action"]?.text) == "quarantine" else { return .fail }
        return .quarantine(max: node["max"]?.text.flatMap { RowLimit($0) })
    }

    private func shrink(_ node: JobNode?) -> Percentage? {
        guard let text = node?.text else { return Percentage("50%") }
        return text == "allow" ? nil : Percentage(text)
    }

    private func word<Word: RawRepresentable<String>>(_ node: JobNode?) -> Word? {
        node?.text.flatMap { Word(rawValue: $0) }
    }
}

// MARK: destinations

extension JobReader {
    /// Documented destinations: one that is not installed is missing from this build, not misspelt.
    private static let documentedSinks = ["csv", "ndjson", "postgres"]

    private mutating func destinations(_ node: JobNode?) -> [SinkEntry] {
        var entries: [SinkEntry] = []
        for element in node?.elements ?? [] {
            guard let member = element.members.first, element.members.count == 1 else {
                if !element.members.isEmpty || element.hasMapContent {
                    mistake(
                        "each of 'into' must have exactly one key, the kind of destination, not \(element.members.count)",
                        at: element.location
                    )
                }
                continue
            }
            let entry = SinkEntry(kind: member.name, options: member.value, location: member.location)
            entries.append(entry)
            if let type = context.sinks.first(where: { $0.kind == entry.kind }) {
                mistakes += SinkOptionsCheck.mistakes(of: entry, for: type)
            } else if Self.documentedSinks.contains(entry.kind) {
                postpone("this build of sluice has no '\(entry.kind)' destination", at: entry.location)
            } else {
                let known = context.sinks.map { $0.kind }
                let hint = NearestName.hint(for: entry.kind, in: known, called: "destinations")
                mistake("unknown destination '\(entry.kind)'\(hint)", at: entry.location)
            }
        }
        return entries
    }

    /// Finds names used twice, and names under which the rows of two exports would be kept.
    private mutating func checkNames(_ exports: [JobNode]) {
        var names: [String: JobLocation] = [:]
        var kept: [String: JobLocation] = [:]
        func line(_ location: JobLocation) -> String { location.line.map { " (line \($0))" } ?? "" }
        for export in exports {
            guard let node = export["name"], let name = node.text else { continue }
            if let first = names.updateValue(node.location, forKey: name) {
                mistake("another export is named \(node.shown) already\(line(first))", at: node.location)
                continue
            }
            let former = export["renamed_from"] ?? node
            guard let identity = former.text, let first = kept.updateValue(former.location, forKey: identity) else {
                continue
            }
            mistake(
                "the rows of another export are kept under the name \(former.shown) already\(line(first));"
                    + " give the newer of the two a name that none had before",
                at: former.location
            )
        }
    }

    /// Finds two destinations in one place, where what one writes the other would replace, and names whose placeholders
    /// would be written as they are.
    private mutating func checkPlaces(_ exports: [Export]) {
        var places: [String: (index: Int, location: JobLocation)] = [:]
        for (index, export) in exports.enumerated() {
            for path in export.into.compactMap({ $0.options["path"] }) {
                guard let text = path.text else { continue }
                for word in text.matches(of: /\{([A-Za-z_]+)\}/).map({ String($0.output.1) })
                where !SinkEntry.placeholders.contains(word) {
                    let hint = NearestName.hint(for: word, in: SinkEntry.placeholders, called: "placeholders")
                    mistake("\(path.shown) has the unknown placeholder '{\(word)}'\(hint)", at: path.location)
                }
                let place = Self.place(text.replacing("{export}", with: export.name))
                guard let first = places[place] else {
                    places[place] = (index, path.location)
                    continue
                }
                let line = first.location.line.map { " (line \($0))" } ?? ""
                let cure =
                    first.index == index ? "" : "; give each export its own, for example with {export} in the path"
                let whose = first.index == index ? "this" : "another"
                mistake("\(path.shown) is a path of \(whose) export already\(line)\(cure)", at: path.location)
            }
        }
    }

    /// The same text for paths that name the same place.
    private static func place(_ path: String) -> String {
        let parts = path.split(separator: "/").filter { $0 != "." }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }
}

extension JobNode {
    fileprivate var hasMapContent: Bool {
        if case .map = content { true } else { false }
    }
}

extension JobNode {
    /// Whether a place lies in what was written for this value.
    func holds(_ place: JobLocation) -> Bool {
        location == place
            || members.contains { $0.location == place || $0.value.holds(place) }
            || (elements ?? []).contains { $0.holds(place) }
    }
}
