package import Conversion
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

    /// The name of the job that an export by flags makes.
    package static let jobName = "export"

    package init() {}

    /// Fails where what was given so far makes no sense by itself, whatever is still missing.
    package func check() throws(JobFileError) {
        guard mistakes.isEmpty else { throw JobFileError(mistakes) }
    }

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

    /// Pins columns: the `contract` of the export.
    package mutating func setContract(_ terms: [ContractStage.Term]) {
        let location = JobLocation("--contract")
        func node(_ text: String) -> JobNode { JobNode(.scalar(text, plain: true), at: location) }
        let members = terms.map { term in
            var members = term.type.map { [JobMember("type", at: location, node("\($0)"))] } ?? []
            if !term.isNullable { members.append(JobMember("nullable", at: location, node("false"))) }
            return JobMember(term.column, at: location, JobNode(.map(members), at: location))
        }
        Self.set("contract", JobNode(.map(members), at: location), in: &export)
    }

    /// What was said of a member of the query so far; nil where nothing was.
    package func queryText(_ name: String) -> String? { query.first { $0.name == name }?.value.text }

    /// Whether a member of the query was set.
    package func hasQuery(_ name: String) -> Bool { query.contains { $0.name == name } }

    /// The job of the one export, not cut into windows unless that was asked for.
    ///
    /// - Parameters:
    ///   - name: The export's name; by default it is made of the query without its dates.
    ///   - context: What reading a job needs from outside.
    /// - Returns: The job, named ``jobName``.
    /// - Throws: `JobFileError` with every mistake.
    package func job(named name: String? = nil, _ context: JobContext) throws(JobFileError) -> Job {
        let name = name ?? Self.defaultName(JobNode(.map(wholeQuery), at: Self.location))
        return try read(members(named: name, size: "all"), of: Self.jobName, context)
    }

    /// The same as a job file to be written, which cuts the export into windows as job files do where it can be cut.
    ///
    /// - Parameters:
    ///   - job: The job's name.
    ///   - name: The export's name.
    ///   - context: What reading a job needs from outside.
    /// - Returns: What to write; connection strings and keys that were given as values are references in it.
    /// - Throws: `JobFileError` with every mistake.
    package func draft(of job: String, named name: String, _ context: JobContext) throws(JobFileError) -> JobDraft {
        var members = members(named: name, size: nil)
        do throws(JobFileError) {
            _ = try read(members, of: job, context)
        } catch {
            members = self.members(named: name, size: "all")
            _ = try read(members, of: job, context)
        }
        var secrets = SecretNames()
        let written = members.compactMap { member -> JobMember? in
            var member = member
            switch member.name {
            case "query": member.value = member.value.withLists.inFileNotation(.object(JobFormat.query))
            case "window" where member.value.members.isEmpty, "stages" where stages.isEmpty: return nil
            case "window": member.value = member.value.inFileNotation(.object(JobFormat.window))
            // A stage is written as in a job file already.
            case "stages": member.value = secrets.hide("key", of: "hash", as: "HASH_KEY", in: member.value)
            case "into":
                member.value = secrets.hide("url", as: "DATABASE_URL", in: member.value.inFileNotation(.any))
            default: member.value = member.value.inFileNotation(.any)
            }
            return member
        }
        let jobName = JobNode(text: job, at: Self.location).inFileNotation(.any)
        let marked = written.flatMap { $0.value.beginningWithMark }
        guard marked.isEmpty else {
            let message = "the text begins with a byte order mark (U+FEFF), which readers of YAML drop; leave it out"
            throw JobFileError(marked.map { JobMistake(message, at: $0) })
        }
        return JobDraft(name: jobName, export: written, secrets: secrets)
    }

    private static let location = JobLocation("export")

    /// The query with the settings given one by one.
    private var wholeQuery: [JobMember] {
        var query = query
        guard !settings.isEmpty else { return query }
        var merged = query.first { $0.name == "settings" }?.value.members ?? []
        for setting in settings { Self.set(setting.name, setting.value, in: &merged) }
        Self.set("settings", JobNode(.map(merged), at: Self.location), in: &query)
        return query
    }

    /// The keys of the export, with this window size where none was chosen.
    private func members(named name: String, size: String?) -> [JobMember] {
        var window = window
        if let size, !window.contains(where: { $0.name == "size" }) {
            Self.set("size", JobNode(text: size, at: Self.location), in: &window)
        }
        func member(_ name: String, _ content: JobNode.Content) -> JobMember {
            JobMember(name, at: Self.location, JobNode(content, at: Self.location))
        }
        return export + [
            member("name", .scalar(name, plain: false)), member("query", .map(wholeQuery)),
            member("window", .map(window)), member("stages", .list(stages)), member("into", .list(destinations)),
        ]
    }

    /// Reads a job of one export with these keys.
    private func read(_ export: [JobMember], of job: String, _ context: JobContext) throws(JobFileError) -> Job {
        var reader = JobReader(context)
        reader.mistakes = mistakes
        let interpolation = Interpolation(environment: context.environment) { path throws(SecretFileError) in
            try TextFile.contents(of: path, relativeTo: nil)
        }
        let members = export.map { member in
            guard member.name == "stages" else { return member }
            return JobMember(member.name, at: member.location, interpolation.resolve(member.value, &reader.mistakes))
        }
        func node(_ content: JobNode.Content) -> JobNode { JobNode(content, at: Self.location) }
        let root = node(
            .map([
                JobMember("name", at: Self.location, node(.scalar(job, plain: false))),
                JobMember("exports", at: Self.location, node(.list([node(.map(members))]))),
            ])
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

/// Values that must not stand in a file, by the environment variables it reads them from.
struct SecretNames {
    private(set) var values: [String: String] = [:]

    /// The list of one-key maps, each with a reference in place of one of its options.
    ///
    /// - Parameters:
    ///   - option: The option that is a secret.
    ///   - kind: The key of the maps that have it; nil for all.
    ///   - variable: The variable it is read from; a second value has one of its own.
    ///   - list: The list, in the notation of a job file.
    /// - Returns: The list; an option that is a reference already is left alone.
    mutating func hide(_ option: String, of kind: String? = nil, as variable: String, in list: JobNode) -> JobNode {
        var list = list
        list.content = .list(
            (list.elements ?? []).map { element in
                element.changingMembers { member in
                    guard kind == nil || member.name == kind else { return }
                    member.value = member.value.changingMembers { inner in
                        guard inner.name == option, let text = inner.value.text, !Self.isReference(text) else { return }
                        inner.value.content = .scalar("${\(name(for: text, variable))}", plain: false)
                    }
                }
            }
        )
        return list
    }

    private mutating func name(for text: String, _ variable: String) -> String {
        var (name, number) = (variable, 1)
        while let taken = values[name], taken != text {
            number += 1
            name = "\(variable)_\(number)"
        }
        values[name] = text
        return name
    }

    /// Whether the text is read from outside as a whole; a default behind `:-` would stand in the file.
    private static func isReference(_ text: String) -> Bool {
        text.wholeMatch(of: /\$\{[^:}]+\}|\$\{file:[^}]+\}/) != nil
    }
}

extension JobNode {
    /// The map with every member changed; the same for anything else.
    fileprivate func changingMembers(_ change: (inout JobMember) -> Void) -> JobNode {
        guard case .map(var members) = content else { return self }
        for index in members.indices { change(&members[index]) }
        var node = self
        node.content = .map(members)
        return node
    }

    /// Where a text or a key begins with a byte order mark, wherever it stands in the value.
    fileprivate var beginningWithMark: [JobLocation] {
        func begins(_ text: String) -> Bool { text.unicodeScalars.first == "\u{FEFF}" }
        return switch content {
        case .scalar(let text, _): begins(text) ? [location] : []
        case .list(let elements): elements.flatMap(\.beginningWithMark)
        case .map(let members):
            members.flatMap { (begins($0.name) ? [$0.location] : []) + $0.value.beginningWithMark }
        }
    }

    /// The query with lists where its flags had texts with commas.
    fileprivate var withLists: JobNode {
        changingMembers { member in
            guard ["ds_accounts", "ds_segments", "fields"].contains(member.name), let text = member.value.text else {
                return
            }
            let ids = ExportQuery.ids(of: .string(text))
            guard ids.count > 1 || ids.first?.hasPrefix("list.") == false else { return }
            member.value.content = .list(ids.map { JobNode(text: $0, at: member.location) })
        }
    }

    /// The value as a job file writes it: a dollar sign that would begin a reference is doubled, and what its key makes
    /// a number or a truth value needs no quotes.
    fileprivate func inFileNotation(_ shape: Shape) -> JobNode {
        var node = self
        switch content {
        case .scalar(let text, let plain):
            let isBare =
                switch shape {
                case .bool: bool != nil
                case .whole: Int(text) != nil
                default: false
                }
            node.content = .scalar(text.withDollarsDoubled, plain: plain || isBare)
        case .list(let elements): node.content = .list(elements.map { $0.inFileNotation(.any) })
        case .map:
            var fields: [Field] = []
            if case .object(let object) = shape { fields = object.fields }
            node = changingMembers { member in
                let shape = fields.first { $0.name == member.name }?.shape ?? .any
                member.value = member.value.inFileNotation(shape)
            }
        }
        return node
    }
}

extension String {
    /// The text in which every dollar sign stands for itself when `Interpolation` reads it.
    fileprivate var withDollarsDoubled: String {
        var text = ""
        for index in indices {
            let next = self.index(after: index)
            let needsMore = self[index] == "$" && next < endIndex && (self[next] == "$" || self[next] == "{")
            text += needsMore ? "$$" : String(self[index])
        }
        return text
    }
}
