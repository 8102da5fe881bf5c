//! YAML with exact places. The only importer of the YAML crate.
