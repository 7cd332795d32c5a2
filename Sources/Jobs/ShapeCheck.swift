import Conversion

/// Checks a tree against its shape and collects what does not fit.
struct ShapeCheck {
    /// What does not fit, in the order it was found.
    private(set) var mistakes: [JobMistake] = []

    /// Checks one value.
    ///
    /// - Parameters:
    ///   - node: The value.
    ///   - shape: What it may look like.
    ///   - name: What error texts call it.
    mutating func check(_ node: JobNode, _ shape: Shape, named name: String) {
        guard !node.isUnresolved else { return }
        guard shape.hasKind(of: node) else { return expect(shape, named: name, at: node) }
        switch shape {
        case .text, .any, .destination: break
        case .word(let words):
            guard let text = node.text, !words.contains(text) else { return }
            let nearest = node.interpolated.isEmpty ? NearestName.find(text, in: words) : nil
            let hint = nearest.map { "; did you mean '\($0)'?" } ?? ""
            expect(shape, named: name, at: node, hint: hint)
        case .bool: if node.bool == nil { expect(shape, named: name, at: node) }
        case .whole(let range):
            guard let value = node.text.flatMap({ Int($0) }), range.contains(value) else {
                return expect(shape, named: name, at: node)
            }
        case .positive:
            guard let value = node.text.flatMap({ Double($0) }), value > 0, value.isFinite else {
                return expect(shape, named: name, at: node)
            }
        case .notation(let notation):
            if let text = node.text, !notation.accepts(text) { expect(shape, named: name, at: node) }
        case .list(of: let element, let nonEmpty):
            let elements = node.elements ?? []
            if nonEmpty, elements.isEmpty {
                mistakes.append(JobMistake("'\(name)' is an empty list", at: node.location))
            }
            for each in elements { check(each, element, named: "each of '\(name)'") }
        case .map(of: let value):
            for member in node.members { check(member.value, value, named: member.name) }
        case .object(let object): check(node, object)
        case .oneKey(let fields): checkOneKey(node, fields, named: name)
        case .either(let shapes):
            let candidates = shapes.filter { $0.hasKind(of: node) }
            if candidates.count == 1 { return check(node, candidates[0], named: name) }
            // A scalar may be of several notations: it is wrong when it is of none.
            let fits = candidates.contains { candidate in
                var trial = ShapeCheck()
                trial.check(node, candidate, named: name)
                return trial.mistakes.isEmpty
            }
            if !fits { expect(shape, named: name, at: node) }
        }
    }

    private mutating func check(_ node: JobNode, _ object: ObjectShape) {
        let known = object.fields.filter { $0.refusal == nil }.map(\.name)
        for member in node.members {
            guard let field = object.fields.first(where: { $0.name == member.name }) else {
                unknown(member, in: object.name, known: known)
                continue
            }
            if let refusal = field.refusal {
                mistakes.append(JobMistake("'\(field.name)' cannot be written here: \(refusal)", at: member.location))
            } else if field.isRequired, member.value.text == "" {
                mistakes.append(JobMistake("'\(field.name)' is empty", at: member.value.location))
            } else if !member.value.isNull {
                check(member.value, field.shape, named: field.name)
            } else if !field.shape.mayBeLeftEmpty || field.isRequired {
                mistakes.append(
                    JobMistake("'\(field.name)' has no value; expected \(field.shape.expected)", at: member.location)
                )
            }
        }
        for field in object.fields where field.isRequired && !node.members.contains(where: { $0.name == field.name }) {
            mistakes.append(JobMistake("\(object.name) has no '\(field.name)': \(field.summary)", at: node.location))
        }
    }

    private mutating func checkOneKey(_ node: JobNode, _ fields: [Field], named name: String) {
        guard let member = node.members.first, node.members.count == 1 else {
            mistakes.append(
                JobMistake("\(name) must have exactly one key, not \(node.members.count)", at: node.location)
            )
            return
        }
        guard let field = fields.first(where: { $0.name == member.name }) else {
            let known = fields.map(\.name)
            let hint = NearestName.hint(for: member.name, in: known, called: "stages")
            mistakes.append(JobMistake("unknown stage '\(member.name)'\(hint)", at: member.location))
            return
        }
        check(member.value, field.shape, named: field.name)
    }

    /// Reports a key nobody knows.
    mutating func unknown(_ member: JobMember, in name: String, known: [String]) {
        let hint = NearestName.hint(for: member.name, in: known, called: "keys")
        mistakes.append(JobMistake("unknown key '\(member.name)' in \(name)\(hint)", at: member.location))
    }

    private mutating func expect(_ shape: Shape, named name: String, at node: JobNode, hint: String = "") {
        let subject = name.contains(" ") ? name : "'\(name)'"
        mistakes.append(
            JobMistake("\(subject) must be \(shape.expected), not \(node.shown)\(hint)", at: node.location)
        )
    }
}
