import CSVSink
import NDJSONSink
import PipelineCore

#if Postgres
import PostgresSink
#endif

/// The destinations this build can load into; a new sink is a new line here.
let installedSinks: [any Sink.Type] = {
    var sinks: [any Sink.Type] = [CSVSink.self, NDJSONSink.self]
    #if Postgres
    sinks.append(PostgresSink.self)
    #endif
    return sinks
}()
