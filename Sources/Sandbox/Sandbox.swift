import Glibc
import NIOCore

/// A running API server on the loopback interface, with invented data and, on demand, every kind of trouble.
///
/// It speaks the query part of the API under all its prefixes, logins, teams, connectors, and the warehouse with its
/// backfills.
///
/// The rows are a pure function of `SandboxOptions.seed`, data source, account, days, field and row: there are (days ×
/// accounts × `rowsPerDay`) of them with a date among the fields, (weeks or months × …) with a coarser period,
/// (accounts × …) without; in the order days, accounts as asked, rows. So the rows of a range are the rows of its
/// parts, one after the other. What a query asks of dimensions does not change how many rows there are, and days in
/// the future have rows like any other.
public struct Sandbox: Sendable {
    private let service: SandboxService

    fileprivate init(_ service: SandboxService) { self.service = service }

    /// Scheme, host and port, without a slash at the end.
    public var baseURL: String { service.baseURL }

    /// A key the sandbox accepts.
    public var apiKey: String { service.options.apiKey }

    /// The team of that key.
    public var teamID: Int { service.options.teamID }

    /// The warehouse transfers of that team.
    public var transferIDs: [Int] { service.options.transferIDs }

    /// The requests received so far, oldest first, at most the latest `requestLogLimit`.
    public var requests: [RecordedRequest] { service.requests }

    /// Empties the log of requests.
    public func clearRequests() { service.clearLog() }

    /// The options as they are now.
    public var options: SandboxOptions { service.options }

    /// Changes options of the running sandbox.
    ///
    /// Queries already submitted keep the data they had; a changed list of faults starts counting anew.
    ///
    /// - Parameter change: Edits the options; runs inside a lock, so it must be quick and not call the sandbox.
    public func update(_ change: (inout SandboxOptions) -> Void) { service.update(change) }

    /// Chooses the fault of each request by program, before the list in the options is asked.
    ///
    /// - Parameter choice: Gives the fault of a request, or nil; may be asked more than once for a request, as the
    ///   sandbox decides first whether to replace the answer and later whether to damage it. Nil removes an earlier
    ///   choice.
    public func chooseFaults(_ choice: (@Sendable (RecordedRequest) -> Fault.Kind?)?) { service.setFaultChoice(choice) }

    /// What the backfills really did until now, and every create seen.
    public var backfillHistory: BackfillHistory { service.backfillHistory }

    /// Cancels a backfill as another user of the team would.
    ///
    /// - Parameter id: The `transfer_backfill_id`.
    /// - Returns: Whether there was one that could be cancelled.
    @discardableResult
    public func cancelBackfill(_ id: Int) -> Bool { service.cancelBackfill(id) }

    /// Removes a backfill as another user of the team would: the API knows it no longer and no further run starts.
    ///
    /// - Parameter id: The `transfer_backfill_id`.
    /// - Returns: Whether there was one.
    @discardableResult
    public func removeBackfill(_ id: Int) -> Bool { service.removeBackfill(id) }

    /// Completes the authentication a login link invites to, as a browser does at its `login_url`.
    ///
    /// - Parameters:
    ///   - id: The `link_id`.
    ///   - username: Who authenticates; nil for the one the link requires, or anyone.
    /// - Returns: The `login_id`; nil when the link is not open, or not for this user.
    @discardableResult
    public func useLoginLink(_ id: String, username: String? = nil) -> String? {
        service.useLoginLink(id, username: username)?.login?.id
    }

    /// Suspends until the surrounding task is cancelled, then returns: what serves a sandbox until interrupted.
    public func serveUntilCancelled() async {
        while (try? await Task.sleep(for: .seconds(86_400))) != nil {}
    }
}

/// Why a sandbox could not be had.
public enum SandboxError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another process listens on this port.
    case portInUse(Int)
    /// The server could not be started for another reason.
    case startFailed(port: Int, reason: String)
    /// A fault's text cannot be read.
    case invalidFault(text: String, reason: String)
    /// The text of an event of days cannot be read.
    case invalidDayEvent(text: String, reason: String)

    /// What failed, why, and what to do.
    public var description: String {
        switch self {
        case .portInUse(let port): "Port \(port) is in use by another process. Choose another, or 0 for any free one."
        case .startFailed(let port, let reason): "The sandbox cannot listen on port \(port): \(reason)."
        case .invalidFault(let text, let reason):
            "The fault '\(text)' cannot be read: \(reason). "
                + "Write KIND[@PHASE][:AMOUNT], such as 429:0.05 or cut@page:2x."
        case .invalidDayEvent(let text, let reason):
            "The event '\(text)' cannot be read: \(reason). "
                + "Write KIND@[TRANSFER/]DAYS[:COUNTx], such as fail@2024-01-05:1x or fail@0.02."
        }
    }
}

/// Runs a sandbox for the time of `body`.
///
/// The server accepts requests before `body` begins, and is closed with all its connections when `body` returns,
/// throws or is cancelled.
///
/// - Parameters:
///   - options: How it behaves.
///   - port: The port on 127.0.0.1; 0 takes a free one.
///   - body: What is done with it.
/// - Returns: What `body` returns.
/// - Throws: `SandboxError` when the server cannot start, else what `body` throws.
public func withSandbox<R>(
    _ options: SandboxOptions = SandboxOptions(),
    port: Int = 0,
    _ body: (Sandbox) async throws -> R
) async throws -> R {
    let service = SandboxService(options)
    let server: HTTPServer
    do {
        server = try await HTTPServer.bind(port: port) { service.options.compressesAnswers }
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
        throw SandboxError.portInUse(port)
    } catch {
        throw SandboxError.startFailed(port: port, reason: String(describing: error))
    }
    service.baseURL = "http://127.0.0.1:\(server.port)"
    let pipeline = RequestPipeline(service: service)
    let writer = AnswerWriter { duration in try await service.options.clock.sleep(for: duration) }
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await server.serve({ try await pipeline.answer($0) }, writer: writer) }
        defer { group.cancelAll() }
        return try await body(Sandbox(service))
    }
}
