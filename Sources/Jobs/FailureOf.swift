import Extraction
import PipelineCore
import SupermetricsAPI

extension Failure {
    /// The failure an error stands for; nil for a cancellation, which is no failure of what was cancelled.
    package init?(_ error: any Error) {
        let (kind, cause): (FailureKind, String)
        switch error {
        case is CancellationError: return nil
        case var error as SupermetricsError:
            guard error.kind != .cancelled else { return nil }
            error.requestID = nil
            (kind, cause) = (Self.kind(of: error), "\(error)")
        case let error as ExtractionError:
            (kind, cause) = (error.code == .clock ? .usage : .refused, error.text.withoutFigures)
        case let error as StageError:
            (kind, cause) = (error.code == .schema ? .usage : .refused, error.description.withoutFigures)
        case let error as Refusal: (kind, cause) = (.refused, error.cause.withoutFigures)
        case let error as SinkError: (kind, cause) = (Self.kind(of: error), error.description.withoutFigures)
        case is JobFileError, is PlanError: (kind, cause) = (.usage, "\(error)")
        default:
            self.init(.unexpected, "\(error); please report this as a bug")
            return
        }
        self.init(kind, "\(error)", cause: cause)
    }

    private static func kind(of error: SupermetricsError) -> FailureKind {
        switch error.kind {
        case .permission where error.isOutsideLicence: .quota
        case .authentication, .permission: .authentication
        case .quota: .quota
        case .client: .usage
        default: .source
        }
    }

    private static func kind(of error: SinkError) -> FailureKind {
        switch error.code {
        case .configuration: .usage
        case .destination: .destination
        case .locked, .leaseLost: .locked
        case .schema, .value: .refused
        }
    }

    /// Whether every other window of the run would meet the same, so that going on only costs.
    static func stopsRun(_ error: any Error) -> Bool {
        guard let error = error as? SupermetricsError else {
            return (error as? ExtractionError)?.code == .clock
        }
        return error.isAuthentication || error.isQuota
    }
}

extension String {
    /// The text with every number in it alike: days, rows and counts differ from window to window.
    fileprivate var withoutFigures: String {
        var text = ""
        for character in self {
            let isFigure = character.isASCII && character.isNumber
            if !(isFigure && text.last == "0") { text.append(isFigure ? "0" : character) }
        }
        return text
    }
}
