/// Replaces `${NAME}`, `${NAME:-default}` and `${file:PATH}` in the texts of a job; `$$` is a dollar sign.
///
/// It works on the parsed tree, so that a value cannot add keys, close a quote or change the type of what it stands in.
struct Interpolation {
    /// The variables that can be read.
    var environment: [String: String]
    /// Reads a secret file, relative to the job file; throws a sentence for the user.
    var readFile: (_ path: String) throws(SecretFileError) -> String

    /// The tree with every reference replaced; references that cannot be resolved are added to `mistakes`.
    func resolve(_ node: JobNode, _ mistakes: inout [JobMistake]) -> JobNode {
        var resolved = node
        switch node.content {
        case .list(let elements): resolved.content = .list(elements.map { resolve($0, &mistakes) })
        case .map(let members):
            resolved.content = .map(
                members.map { JobMember($0.name, at: $0.location, resolve($0.value, &mistakes)) }
            )
        case .scalar(let text, let plain):
            guard text.contains("$") else { return node }
            do throws(Failure) {
                let (text, references) = try expand(text)
                resolved.content = .scalar(text, plain: plain)
                resolved.interpolated = references
            } catch {
                mistakes.append(JobMistake(error.message, at: node.location))
                // The text stays, marked as coming from outside, so that nothing else is said about it.
                resolved.interpolated = ["${…}"]
                resolved.isUnresolved = true
            }
        }
        return resolved
    }

    private struct Failure: Error { var message: String }

    private func expand(_ text: String) throws(Failure) -> (text: String, references: [String]) {
        var rest = text[...]
        var output = ""
        var references: [String] = []
        while let dollar = rest.firstIndex(of: "$") {
            output += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                output += "$"
                rest = rest.dropFirst()
            } else if rest.first == "{" {
                guard let end = rest.firstIndex(of: "}") else {
                    throw Failure(message: "'${' without its '}'; write $$ for a dollar sign")
                }
                let body = rest[rest.index(after: rest.startIndex)..<end]
                let (value, reference) = try value(of: body)
                output += value
                references.append(reference)
                rest = rest[rest.index(after: end)...]
            } else {
                output += "$"
            }
        }
        return (output + rest, references)
    }

    private func value(of body: Substring) throws(Failure) -> (value: String, reference: String) {
        if body.hasPrefix("file:") {
            let path = String(body.dropFirst(5))
            do throws(SecretFileError) {
                var value = try readFile(path)
                if value.last?.isNewline == true { value.removeLast() }
                return (value, "${file:\(path)}")
            } catch {
                throw Failure(message: "${file:\(path)}: \(error.reason)")
            }
        }
        let separator = body.firstRange(of: ":-")
        let name = String(body[..<(separator?.lowerBound ?? body.endIndex)])
        guard Self.isName(name) else {
            throw Failure(
                message: """
                    '${' must be followed by a variable's name and '}', as in ${NAME}, ${NAME:-default} or ${file:PATH}; \
                    write $$ for a dollar sign
                    """
            )
        }
        if let separator {
            let value = environment[name] ?? ""
            return (value.isEmpty ? String(body[separator.upperBound...]) : value, "${\(name)}")
        }
        guard let value = environment[name] else {
            throw Failure(
                message: "the environment variable \(name) is not set; set it, or write ${\(name):-default}"
            )
        }
        return (value, "${\(name)}")
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte & 0xDF)
        }
    }
}
