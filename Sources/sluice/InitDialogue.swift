import Conversion
import Foundation
import Jobs
import PipelineCore
import SupermetricsAPI

/// Asks on the terminal for what the flags of `sluice init` leave out.
struct InitDialogue {
    /// Tells what there is to choose from; nil where there is no key to ask it with.
    let client: SupermetricsClient?

    /// Asks for what is missing, in the order of a query.
    ///
    /// - Parameters:
    ///   - flags: What was said; takes the answers.
    ///   - landing: How rows land; takes the table.
    ///   - into: The destination, where it was said.
    ///   - name: The export's name, of which defaults are made.
    /// - Returns: The destination.
    /// - Throws: `CommandFailure` where the answers end.
    func complete(
        _ flags: inout ExportFlags,
        _ landing: inout LandingOptions,
        into: String?,
        name: (ExportFlags) -> String
    ) async throws -> String {
        if !flags.hasQuery("ds_id") {
            let sources = await choices("data sources") { client in
                try await client.logins.list().value.compactMap { login in
                    login.dsID.map { Choice(id: $0, about: login.dsName ?? "") }
                }
            }
            let id = try pick("Data source", ", such as AW", from: sources, "data sources", isOpen: true, default: nil)
            flags.setQuery("ds_id", id, flag: "the data source")
        }
        let source = flags.queryText("ds_id") ?? ""
        if !flags.hasQuery("ds_accounts") {
            let accounts = await choices("accounts of \(source)") {
                try await $0.accounts.list(dsID: source).value.accounts.map { Choice(id: $0.id, about: $0.name ?? "") }
            }
            let ids = try pick(
                "Accounts",
                ", with commas; \(Self.none) for a source without accounts",
                from: accounts,
                "accounts",
                also: [Self.allAccounts, Self.none],
                default: accounts?.isEmpty == true ? Self.none : Self.allAccounts
            )
            if ids != Self.none { flags.setQuery("ds_accounts", ids, flag: "the accounts") }
        }
        if !flags.hasQuery("fields") {
            let fields = await choices("fields of \(source)") {
                try await $0.fields.list(dsID: source).value.map { Choice(id: $0.id, about: $0.name ?? "") }
            }
            let ids = try pick("Fields", ", with commas", from: fields, "fields", default: nil)
            flags.setQuery("fields", ids, flag: "the fields")
        }
        if !flags.hasQuery("date_range_type") { try askDates(&flags) }
        if let into { return into }
        let name = name(flags)
        let destination = try answer(
            "Destination: a folder/, a file such as \(name).csv.gz, or postgresql:// for a table",
            default: "\(name)/"
        ) { text in
            do {
                if !LandingOptions.isTable(text) { _ = try landing.format(of: text) }
                return nil
            } catch {
                return CommandFailure(error).message
            }
        }
        if LandingOptions.isTable(destination), landing.table == nil {
            landing.table = try answer("Table, as schema.name or name", default: name)
        }
        return destination
    }

    private func askDates(_ flags: inout ExportFlags) throws {
        func wrong(_ text: String) -> String? {
            RelativeDate(text) == nil && text != Self.none ? "'\(text)' is not \(RelativeDate.expected)" : nil
        }
        if !flags.hasQuery("start_date") {
            let start = try answer(
                "First day, such as 2024-01-31 or 90 days ago; \(Self.none) for a query without dates",
                default: "30 days ago",
                wrong
            )
            guard start != Self.none else { return }
            flags.setQuery("start_date", start, flag: "the first day")
        }
        guard !flags.hasQuery("end_date") else { return }
        flags.setQuery("end_date", try answer("Last day", default: "yesterday", wrong), flag: "the last day")
    }

    private static let none = "none"
    /// The API's own list of every account of a source.
    private static let allAccounts = "list.all_accounts"

    // MARK: One question

    /// An answer; the default where nothing was typed.
    ///
    /// - Parameters:
    ///   - question: What is asked.
    ///   - standard: What nothing stands for; nil where something must be typed.
    ///   - problem: What is wrong with an answer, nothing where that was shown already; nil where it will do.
    /// - Returns: The first answer that will do, without spaces around it.
    /// - Throws: `CommandFailure` where the answers end.
    private func answer(
        _ question: String,
        default standard: String?,
        _ problem: (String) -> String? = { _ in nil }
    ) throws -> String {
        while true {
            Terminal.writeError(question + (standard.map { " [\($0)]" } ?? "") + ": ")
            guard let line = readLine() else {
                throw CommandFailure(.usage, "no answer; nothing was written")
            }
            let typed = line.trimmingCharacters(in: .whitespaces)
            guard let text = typed.isEmpty ? standard : typed else { continue }
            guard let problem = problem(text) else { return text }
            if !problem.isEmpty { Terminal.writeError(problem + "\n") }
        }
    }

    // MARK: Choices

    /// One of the things there are to choose from.
    private struct Choice {
        var id: String
        var about: String
    }

    /// The most choices shown without being asked for.
    private static let mostShown = 40

    /// What there is to choose from; nil where the API cannot tell.
    private func choices(_ things: String, _ list: (SupermetricsClient) async throws -> [Choice]) async -> [Choice]? {
        guard let client else { return nil }
        do {
            var seen: Set<String> = []
            return try await list(client).filter { seen.insert($0.id).inserted }
        } catch {
            Terminal.writeError("the \(things) cannot be listed: \(CommandFailure(error).message)\n")
            return nil
        }
    }

    /// Ids chosen by themselves or by their numbers in the list, separated by commas.
    ///
    /// - Parameters:
    ///   - things: What is asked for.
    ///   - hint: How it is written.
    ///   - offered: What there is; where it is nothing, any answer will do.
    ///   - plural: What the choices are called.
    ///   - others: Answers that are no choice and will do.
    ///   - isOpen: Whether an id that is not among the choices will do as well.
    ///   - standard: What nothing stands for.
    /// - Returns: The ids, separated by commas.
    /// - Throws: `CommandFailure` where the answers end.
    private func pick(
        _ things: String,
        _ hint: String,
        from offered: [Choice]?,
        _ plural: String,
        also others: [String] = [],
        isOpen: Bool = false,
        default standard: String?
    ) throws -> String {
        let choices = offered ?? []
        if choices.count > Self.mostShown {
            Terminal.writeError("\(choices.count) \(plural); ?word lists those that hold the word, ? lists all\n")
        } else {
            show(choices) { _ in true }
        }
        let known = choices.map(\.id)
        func id(_ text: String) -> String {
            guard !known.contains(text), let number = Int(text), choices.indices.contains(number - 1) else {
                return text
            }
            return known[number - 1]
        }
        let ids = { (text: String) in
            text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }.map(id)
        }
        let question = things + (choices.isEmpty ? "" : " by number or id") + hint
        let text = try answer(question, default: standard) { text in
            if text.hasPrefix("?"), !choices.isEmpty {
                let word = text.dropFirst().lowercased()
                show(choices) { word.isEmpty || ($0.id + " " + $0.about).lowercased().contains(word) }
                return ""
            }
            if ids(text).isEmpty { return "name at least one" }
            guard !others.contains(text), !choices.isEmpty, !isOpen else { return nil }
            let unknown = ids(text).first { one in
                !known.contains { $0.lowercased() == one.lowercased() } && !one.hasPrefix("list.")
            }
            return unknown.map { "there is no '\($0)'" + NearestName.hint(for: $0, in: known, called: plural) }
        }
        return others.contains(text) ? text : ids(text).joined(separator: ",")
    }

    private func show(_ choices: [Choice], where isShown: (Choice) -> Bool) {
        var table = Table(header: ["", "id", "name"], rightAligned: [0])
        for (index, choice) in choices.enumerated() where isShown(choice) {
            let texts = ["\(index + 1)", choice.id, choice.about]
            table.rows.append(texts.map { Output(format: .table).cell(.string($0)) })
        }
        if !table.rows.isEmpty { Terminal.writeError(table.text) }
    }
}
