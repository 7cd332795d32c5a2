import CSVSink
import NDJSONSink
import PipelineCore

/// The destinations this build can load into; a new sink is a new line here.
let installedSinks: [any Sink.Type] = [
    CSVSink.self,
    NDJSONSink.self,
]
