import Crypto
import SupermetricsAPI

/// A one-shot export put together from flags, under the same checks as a job file.
package struct ExportFlags {
    private var query: [JobMember] = []
    private var settings: [JobMember] = []
    private var window: [JobMember] = []
    private var export: [JobMember] = []
    private var stages: [JobNode] = []
    private var destinations: [JobNode] = []
    private var mistakes: [JobMistake] = []

    package init() {}

    /// Sets a member of the query; a later one of the same name wins.
    ///
    /// - Parameters:
    ///   - name: The API's name, such as `ds_id`.
    ///   - text: Its value.
    ///   - flag: The flag, for error texts.
    package mutating func setQuery(_ name: String, _ text: String, flag: String) {
        Self.set(name, JobNode(text: text, at: JobLocation(flag)), in: &query)
    }

    /// Sets a member of the query that is a list; a later one of the same name wins.
    package mutating func setQuery(_ name: String, _ elements: [String], flag: String) {
        let location = JobLocation(flag)
        let nodes = elements.map { JobNode(.scalar($0, plain: false), at: location) }
        Self.set(name, JobNode(.list(nodes), at: location), in: &query)
    }

    /// Sets one of the query's settings, written `key=value`; numbers, true and false are such.
    package mutating func addSetting(_ text: String, flag: String) {
        let location = JobLocation(flag)
        guard let separator = text.firstIndex(of: "="), separator != text.startIndex else {
            mistakes.append(JobMistake("a setting is written key=value", at: location))
            return
        }
        let value = String(text[text.index(after: separator)...])
        let isPlain = !["", "~", "null", "Null", "NULL"].contains(value)
        Self.set(
            String(text[..<separator]),
            JobNode(.scalar(value, plain: isPlain), at: location),
            in: &settings
        )
    }

    /// Takes the members of a JSON query object; what is set by flags later wins.
    ///
    /// - Parameters:
    ///   - json: One JSON object.
    ///   - source: The file it came from, for error texts.
    package mutating func addQuery(json: String, source: String) {
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONValue(parsing: Array(json.utf8))
        } catch {
            let before = String(decoding: json.utf8.prefix(error.offset), as: UTF8.self)
                .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            let location = JobLocation(source, line: before.count, column: (before.last?.count ?? 0) + 1)
            mistakes.append(JobMistake("not JSON: \(error.reason)", at: location))
            return
        }
        let location = JobLocation(source)
        guard let object = value.objectValue else {
            mistakes.append(JobMistake("a query must be one JSON object", at: location))
            return
        }
        var names: Set<String> = []
        for member in object.members {
            if !names.insert(member.name).inserted {
                mistakes.append(JobMistake("the key '\(member.name)' is written twice", at: location))
            }
            Self.set(member.name, JobNode(member.value, at: location), in: &query)
        }
    }

    /// Sets a key of `window:`.
    package mutating func setWindow(_ name: String, _ text: String, flag: String) {
        Self.set(name, JobNode(text: text, at: JobLocation(flag)), in: &window)
    }

    /// Sets another key of the export, such as `on_empty`.
    package mutating func setExport(_ name: String, _ text: String, flag: String) {
        Self.set(name, JobNode(text: text, at: JobLocation(flag)), in: &export)
    }

    /// Adds a stage, written as in a job file: `cast: {cost: decimal(18,6)}`.
    ///
    /// References such as `${PEPPER}` are read as in a job file, so that a secret need not stand on the command line;
    /// paths are relative to the working folder.
    package mutating func addStage(_ yaml: String, flag: String) {
        do throws(JobFileError) {
            guard let node = try YAMLReader.read(yaml, source: flag), !node.isNull else {
                mistakes.append(
                    JobMistake("a stage is written as in a job file: 'drop: [note]'", at: JobLocation(flag))
                )
                return
            }
            stages.append(node)
        } catch {
            mistakes += error.mistakes
        }
    }

    /// Adds a destination.
    ///
    /// - Parameters:
    ///   - kind: Its kind, such as `csv`.
    ///   - options: The options that were given.
    ///   - flag: The flag, for error texts.
    package mutating func addDestination(_ kind: String, _ options: [(name: String, text: String)], flag: String) {
        let location = JobLocation(flag)
        let members = options.map { option in
            JobMember(option.name, at: location, JobNode(text: option.text, at: location))
        }
        let entry = JobMember(kind, at: location, JobNode(.map(members), at: location))
        destinations.append(JobNode(.map([entry]), at: location))
    }

    /// The job of the one export, not cut into windows unless that was asked for.
    ///
    /// - Parameters:
    ///   - name: The export's name; by default it is made of the query without its dates.
    ///   - context: What reading a job needs from outside.
    /// - Returns: The job, named `export`.
    /// - Throws: `JobFileError` with every mistake.
    package func job(named name: String? = nil, _ context: JobContext) throws(JobFileError) -> Job {
        let location = JobLocation("export")
        var query = query
        if !settings.isEmpty {
            var merged = query.first { $0.name == "settings" }?.value.members ?? []
            for setting in settings { Self.set(setting.name, setting.value, in: &merged) }
            Self.set("settings", JobNode(.map(merged), at: location), in: &query)
        }
        var window = window
        if !window.contains(where: { $0.name == "size" }) {
            Self.set("size", JobNode(text: "all", at: location), in: &window)
        }
        func member(_ name: String, _ content: JobNode.Content) -> JobMember {
            JobMember(name, at: location, JobNode(content, at: location))
        }
        let queryNode = JobNode(.map(query), at: location)
        var reader = JobReader(context)
        reader.mistakes = mistakes
        let interpolation = Interpolation(environment: context.environment) { path throws(SecretFileError) in
            try TextFile.contents(of: path, relativeTo: nil)
        }
        let stages = stages.map { interpolation.resolve($0, &reader.mistakes) }
        let members =
            export + [
                member("name", .scalar(name ?? Self.defaultName(queryNode), plain: false)),
                JobMember("query", at: location, queryNode), member("window", .map(window)),
                member("stages", .list(stages)), member("into", .list(destinations)),
            ]
        let root = JobNode(
            .map([
                member("name", .scalar("export", plain: false)),
                member("exports", .list([JobNode(.map(members), at: location)])),
            ]),
            at: location
        )
        return try reader.job(root)
    }

    /// `export-` and twelve hexadecimal digits of a digest of the query without its dates.
    private static func defaultName(_ query: JobNode) -> String {
        let object = ExportQuery(query.json.objectValue ?? JSONObject()).withoutDates.canonical
        let digest = SHA256.hash(data: JSONValue.object(object).serialized)
        let digits = digest.prefix(6).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }
        return "export-" + digits.joined()
    }

    private static func set(_ name: String, _ value: JobNode, in members: inout [JobMember]) {
        members.removeAll { $0.name == name }
        members.append(JobMember(name, at: value.location, value))
    }
}
