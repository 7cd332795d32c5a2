import FoundationEssentials

/// Reads the parameters of everything that is not a query, as strictly as the API documents them.
///
/// In a JSON body a text must be a string; in a query string or a form everything is one.
struct StrictReader {
    let parameters: RequestParameters
    /// The status of a refusal: the API has 400 for some endpoints and 422 for others.
    var status = 400

    func refusal(_ name: String, _ reason: String) -> APIFailure {
        APIFailure(status, status == 422 ? "UNPROCESSABLE_ENTITY" : "INVALID_PARAMETER", "\(name): \(reason)")
    }

    /// A text, or nil when it is absent, null or empty.
    func text(
        _ name: String,
        limit: Int,
        _ isAllowed: (Unicode.Scalar) -> Bool = { _ in true }
    ) throws(APIFailure) -> String? {
        guard let value = parameters[name] else { return nil }
        guard case .string(let text) = value else { throw refusal(name, "must be a string.") }
        guard text.count <= limit else { throw refusal(name, "must not be longer than \(limit) characters.") }
        guard text.unicodeScalars.allSatisfy(isAllowed) else { throw refusal(name, "has a character not allowed.") }
        return text.isEmpty ? nil : text
    }

    /// A text that must be there.
    func requiredText(
        _ name: String,
        limit: Int,
        _ isAllowed: (Unicode.Scalar) -> Bool = { _ in true }
    ) throws(APIFailure) -> String {
        guard let text = try text(name, limit: limit, isAllowed) else { throw refusal(name, "is required.") }
        return text
    }

    func number(_ name: String, _ range: ClosedRange<Int>) throws(APIFailure) -> Int? {
        guard let value = parameters[name] else { return nil }
        guard let number = value.wholeNumber, range.contains(number) else {
            throw refusal(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    func flag(_ name: String) throws(APIFailure) -> Bool? {
        guard let value = parameters[name] else { return nil }
        switch value.scalarText {
        case "true", "1": return true
        case "false", "0": return false
        default: throw refusal(name, "must be true or false.")
        }
    }

    /// One of a few words.
    func word(_ name: String, of words: [String]) throws(APIFailure) -> String? {
        guard let text = try text(name, limit: 100) else { return nil }
        guard words.contains(text) else { throw refusal(name, "must be one of \(words.joined(separator: ", ")).") }
        return text
    }

    /// A point in time that must be there.
    func instant(_ name: String) throws(APIFailure) -> Date {
        guard let date = DateText.instant(try requiredText(name, limit: 50)) else {
            throw refusal(name, "is not a date and time.")
        }
        return date
    }
}

extension Exchange {
    var strict: StrictReader { StrictReader(parameters: parameters) }

    /// Fails unless the path names the team of the key.
    func checkTeam(orElse status: Int = 403) throws(APIFailure) {
        guard let id = segments["team_id"].flatMap({ Int($0) }), id >= 1 else {
            throw .invalid("team_id", "must be a whole number of at least 1.")
        }
        guard id == options.teamID else {
            throw status == 404
                ? APIFailure(404, "NOT_FOUND", "Team \(id) does not exist.")
                : APIFailure(403, "ACCESS_DENIED", "The key has no access to team \(id).")
        }
    }

    /// A whole number of at least 1 in the path.
    func pathNumber(_ name: String) throws(APIFailure) -> Int {
        guard let id = segments[name].flatMap({ Int($0) }), id >= 1 else {
            throw .invalid(name, "must be a whole number of at least 1.")
        }
        return id
    }
}
