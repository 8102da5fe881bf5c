//! A typed finding: a stable code, a place, and a help line. Rendering is elsewhere.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
    Note,
}

/// A place in a text file. Lines and columns count from 1; columns count characters, not bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Path relative to the repository root (or as the user gave it).
    pub file: String,
    pub line: u32,
    pub column: u32,
    /// One past the last marked character of the line, where known.
    pub end_column: Option<u32>,
    /// The source line, for the excerpt. Never serialised: reports quote it, scripts have the position.
    #[serde(skip)]
    pub source: Option<String>,
}

/// One thing that is wrong (or worth saying), with a stable code of the form `<kind>/<what>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub code: String,
    pub severity: Severity,
    pub message: String,
    pub place: Option<Place>,
    /// JSON pointer into a structured answer or file.
    pub pointer: Option<String>,
    pub help: Option<String>,
    /// The rule that was broken, where rules are declared: `<rail>/<rule>`. The message begins with it.
    pub rule: Option<String>,
    /// The last lines that the judged program wrote to its error output, without secrets. People see them with `-v`.
    pub output: Vec<String>,
}

impl Finding {
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding::new(Severity::Error, code, message)
    }

    pub fn warning(code: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding::new(Severity::Warning, code, message)
    }

    pub fn note(code: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding::new(Severity::Note, code, message)
    }

    fn new(severity: Severity, code: impl Into<String>, message: impl Into<String>) -> Finding {
        let (code, message) = (code.into(), message.into());
        Finding { code, severity, message, place: None, pointer: None, help: None, rule: None, output: Vec::new() }
    }

    #[must_use]
    pub fn at(mut self, place: Place) -> Finding {
        self.place = Some(place);
        self
    }

    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Finding {
        self.pointer = Some(pointer.into());
        self
    }

    /// Says which declared rule was broken.
    #[must_use]
    pub fn of_rule(mut self, rule: impl Into<String>) -> Finding {
        let rule = rule.into();
        self.message = format!("{rule}: {}", self.message);
        self.rule = Some(rule);
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }
}

/// The wire shape: flat, every field always present but `rule`, which only declared rules have, and `output`, which only programs have.
#[derive(Serialize, Deserialize)]
struct Flat {
    code: String,
    severity: Severity,
    message: String,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    end_column: Option<u32>,
    pointer: Option<String>,
    help: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    output: Vec<String>,
}

impl Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = self.place.as_ref();
        Flat {
            code: self.code.clone(),
            severity: self.severity,
            message: self.message.clone(),
            file: place.map(|place| place.file.clone()),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            end_column: place.and_then(|place| place.end_column),
            pointer: self.pointer.clone(),
            help: self.help.clone(),
            rule: self.rule.clone(),
            output: self.output.clone(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Finding {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Finding, D::Error> {
        let flat = Flat::deserialize(deserializer)?;
        let place = flat.file.map(|file| Place {
            file,
            line: flat.line.unwrap_or(1),
            column: flat.column.unwrap_or(1),
            end_column: flat.end_column,
            source: None,
        });
        let Flat { code, severity, message, pointer, help, rule, output, .. } = flat;
        Ok(Finding { code, severity, message, place, pointer, help, rule, output })
    }
}
