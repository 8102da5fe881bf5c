//! How a gate ended, and what a caller should do next. Values, never a bool: the unknown has its own name.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How one gate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Passed,
    /// A well-formed fact said no.
    Failed,
    /// The fact could not be had. Blocks like a failure.
    Inconclusive,
    /// An earlier gate halted the run.
    Skipped,
}

impl Outcome {
    pub const fn slug(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Inconclusive => "inconclusive",
            Outcome::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

/// What a calling script should do: `done` (the asked-for state is reached), `continue` (nothing stands in the way of the
/// next step: gates passed, a dry run planned), `stop` (refused, failed or unknown).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Done,
    Stop,
    Continue,
}

/// A reviewer's verdict on one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictWord {
    Safe,
    Findings,
}

impl VerdictWord {
    pub const ALL: &'static [VerdictWord] = &[VerdictWord::Safe, VerdictWord::Findings];

    pub const fn slug(self) -> &'static str {
        match self {
            VerdictWord::Safe => "SAFE",
            VerdictWord::Findings => "FINDINGS",
        }
    }
}

impl fmt::Display for VerdictWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for VerdictWord {
    type Err = String;

    /// In any letter case.
    fn from_str(text: &str) -> Result<VerdictWord, String> {
        let found = VerdictWord::ALL.iter().copied().find(|word| word.slug().eq_ignore_ascii_case(text));
        found.ok_or_else(|| format!("`{}` is neither SAFE nor FINDINGS", text.escape_debug()))
    }
}
