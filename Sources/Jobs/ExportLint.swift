import Conversion
import Foundation
import PipelineCore

/// Checks of one export that need more than one of its keys.
struct ExportLint {
    /// The `query` as it was written.
    let query: JobNode
    /// The `window` as it was written.
    let window: JobNode?
    let context: JobContext
    let zone: TimeZone
    private(set) var mistakes: [JobMistake] = []

    init(query: JobNode, window: JobNode?, context: JobContext, zone: TimeZone) {
        self.query = query
        self.window = window
        self.context = context
        self.zone = zone
    }

    /// Checks the export, and makes a size that nobody chose `all` where the fields do not allow a cut.
    mutating func check(_ export: inout Export) {
        if isSizeKnown {
            settleSize(&export)
            checkCut(export)
        }
        checkDates(export)
        checkColumns(export)
    }

    /// Whether the size was left out, or was understood.
    private var isSizeKnown: Bool {
        window?["size"].map { $0.text.map { WindowSize($0) != nil } ?? false } ?? true
    }

    private mutating func settleSize(_ export: inout Export) {
        let size = export.window.size
        guard TimeCut.judge(fieldIDs: export.query.rowFieldIDs, size: size) == .refused else { return }
        guard export.window.isSizeChosen else {
            export.window.size = .all
            return
        }
        let location = window?["size"]?.location ?? query.location
        mistake(
            """
            the window size '\(size)' would cut a period among the fields in two: ask for a date, or write size: all
            """,
            at: location
        )
    }

    private mutating func checkDates(_ export: Export) {
        // A date that is no date has been reported by its shape.
        guard
            ["start_date", "end_date"].allSatisfy({ name in
                query[name].map { $0.text.map { RelativeDate($0) != nil } ?? false } ?? true
            })
        else { return }
        do throws(QueryDatesError) {
            let days = try export.query.days(now: context.now, zone: zone)
            guard days == nil, isSizeKnown, export.window.size != .all else { return }
            mistake(
                """
                query has no start_date and end_date, but its windows are cut by \(export.window.size); add them, or \
                write window: {size: all}
                """,
                at: query.location
            )
        } catch {
            mistake(error.message, at: query[error.member]?.location ?? query.location)
        }
    }

    private mutating func checkCut(_ export: Export) {
        if export.window.perAccount, export.query.accounts == .none {
            mistake(
                "per_account needs the accounts to be named: query has no 'ds_accounts'",
                at: window?["per_account"]?.location ?? query.location
            )
        }
        guard export.window.perAccount || !isOneWindow(export) else { return }
        if let compare = query["compare_type"], let word = compare.text, ["prev_range", "custom"].contains(word) {
            mistake(
                "'compare_type' \(word) would compare each window by itself, not the whole: write window: {size: all}",
                at: compare.location
            )
        }
        let cut = export.window.size == .all ? "per_account" : "size \(export.window.size)"
        for name in ["max_rows", "order_rows"] {
            guard let member = query.members.first(where: { $0.name == name }) else { continue }
            mistake(
                """
                '\(name)' would count for each window by itself, not for the whole: with it, write window: {size: all} \
                (now \(cut))
                """,
                at: member.location
            )
        }
    }

    /// Whether the whole range is one window, today and at every later run: days that are written out and lie in one cell.
    private func isOneWindow(_ export: Export) -> Bool {
        let size = export.window.size
        let ends = ["start_date", "end_date"].map { query[$0]?.text.flatMap { RelativeDate($0)?.fixed } }
        guard size != .all, let first = ends[0], let last = ends[1] else { return size == .all }
        return size.cell(holding: first) == size.cell(holding: last)
    }

    private mutating func checkColumns(_ export: Export) {
        var owners: [String: Int] = [:]
        let ids = export.query.fieldIDs
        if ids.isEmpty, let fields = query["fields"], fields.text?.isEmpty == false {
            mistake("'fields' names no field", at: fields.location)
        }
        for (index, id) in ids.enumerated() {
            let field = fieldNode(index)
            guard !field.isUnresolved else { continue }
            let shown = field.interpolated.isEmpty ? "'\(id)'" : field.shown
            guard let name = export.columns.name(of: id) else {
                mistake(
                    "the field \(shown) has no letter or digit to name a column after; write columns: keep",
                    at: field.location
                )
                continue
            }
            guard !name.hasPrefix(ColumnName.reservedPrefix) else {
                mistake(
                    "the field \(shown) would land in a column that begins with '\(ColumnName.reservedPrefix)'; such "
                        + "names are sluice's own",
                    at: field.location
                )
                continue
            }
            guard !ids[..<index].contains(id) else {
                mistake("the field \(shown) is asked for twice", at: field.location)
                continue
            }
            guard let owner = owners[name] else {
                owners[name] = index
                continue
            }
            let other = fieldNode(owner)
            let first = other.interpolated.isEmpty ? "'\(ids[owner])'" : other.shown
            let cure = export.columns == .keep ? "" : "write columns: keep, or "
            mistake(
                "the fields \(first) and \(shown) would land in the same column; \(cure)ask for one of them",
                at: field.location
            )
        }
    }

    /// The node a field was written in; that of all fields where it has none of its own.
    private func fieldNode(_ index: Int) -> JobNode {
        guard let fields = query["fields"] else { return query }
        guard let elements = fields.elements, elements.indices.contains(index) else { return fields }
        return elements[index]
    }

    private mutating func mistake(_ message: String, at location: JobLocation) {
        mistakes.append(JobMistake(message, at: location))
    }
}

extension ColumnNaming {
    /// The column a field lands in; nil where nothing of the id is left.
    fileprivate func name(of fieldID: String) -> String? {
        let name = self == .keep ? fieldID : ColumnName.normalized(fieldID)
        return name?.isEmpty == false ? name : nil
    }
}
