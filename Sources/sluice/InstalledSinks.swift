import CSVSink
import NDJSONSink
import PipelineCore

#if Postgres
import PostgresSink
#endif

/// The destinations this build can load into; a new sink is a new line here.
let installedSinks: [any Sink.Type] =
    [
        CSVSink.self,
        NDJSONSink.self,
    ] + databases

#if Postgres
private let databases: [any Sink.Type] = [PostgresSink.self]
#else
private let databases: [any Sink.Type] = []
#endif
