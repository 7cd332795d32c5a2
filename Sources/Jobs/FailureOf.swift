import Extraction
import PipelineCore
import SupermetricsAPI

extension Failure {
    /// The failure an error stands for; nil for a cancellation, which is no failure of what was cancelled.
    package init?(_ error: any Error) {
        switch error {
        case is CancellationError: return nil
        case let error as SupermetricsError:
            guard error.kind != .cancelled else { return nil }
            self.init(Self.kind(of: error), "\(error)")
        case let error as ExtractionError: self.init(error.code == .clock ? .usage : .refused, "\(error)")
        case let error as StageError: self.init(error.code == .schema ? .usage : .refused, "\(error)")
        case let error as Refusal: self.init(.refused, "\(error)")
        case let error as JobFileError: self.init(.usage, "\(error)")
        case let error as PlanError: self.init(.usage, "\(error)")
        case let error as SinkError: self.init(Self.kind(of: error), "\(error)")
        default: self.init(.unexpected, "\(error); please report this as a bug")
        }
    }

    private static func kind(of error: SupermetricsError) -> FailureKind {
        switch error.kind {
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
