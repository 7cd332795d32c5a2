// ndjson
