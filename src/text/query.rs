//! jq programs. The only importer of the jq engine.
