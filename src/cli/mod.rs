//! Command-line shapes and one file per verb.
