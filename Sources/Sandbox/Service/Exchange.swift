/// One request on its way to an answer: what a handler may look at.
struct Exchange: Sendable {
    let service: SandboxService
    /// The options as they were when the request came in.
    let options: SandboxOptions
    let requestID: String
    /// The request as the log holds it, without its outcome.
    let request: RecordedRequest
    let parameters: RequestParameters
    let segments: [String: String]
    /// The key the request was made with.
    let credential: String?

    var style: EscapeStyle { options.escapeStyle }

    /// What a fault is drawn for: everything asked, but nothing that differs from run to run.
    func faultSubject(carriesRows: Bool = false) -> FaultDeck.Subject {
        let volatile: Set<String> = ["schedule_id", "sync_timeout", "api_key"]
        let asked = request.parameters.filter { !volatile.contains($0.key) }.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value)" }.joined(separator: "&")
        let query = request.scheduleID.flatMap { id in
            service.withQueries { table, now in table.entry(id, now: now)?.canonicalDigest }
        }
        return FaultDeck.Subject(
            phase: request.phase,
            identity: mix(digest(request.endpoint + "?" + asked), query ?? 0),
            carriesRows: carriesRows
        )
    }

    /// The fault this request gets among those that are eligible at this point.
    func drawFault(carriesRows: Bool = false, where isEligible: (Fault.Kind) -> Bool) -> Fault? {
        let fault = service.drawFault(
            for: request,
            subject: faultSubject(carriesRows: carriesRows),
            where: isEligible
        )
        if let fault { service.amend(request.number) { $0.fault = fault } }
        return fault
    }
}
