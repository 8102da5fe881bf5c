//! Reads shell text: statements, their simple commands and words, each with its bytes, and what is wrong with the syntax.
//!
//! This is a reader for documents. Every text has an answer, in linear time, and placeholders (`<target>`, `{x}`, `[options]`,
//! `{{ x }}`) are words, never redirections or groups. It knows quotes, expansions, here-documents, pipelines and blocks of
//! POSIX shells and bash as far as they decide where a statement ends. Deliberately absent: expansion, evaluation, aliases.

mod lexer;
mod parser;
mod skip;

use crate::{lockdown::commands::mapped::Mapped, text::markdown::Bytes};

pub use parser::read;

/// A line of commands with everything that belongs to it: a pipeline, its continuation lines, here-documents, blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    pub range: Bytes,
    /// The same on one line, without comments.
    pub line: String,
    /// In the order of the text, those in `$(...)` behind the others. Empty where there is a fault.
    pub commands: Vec<Command>,
    /// Variables that are expanded.
    pub uses: Vec<Use>,
    /// Variables that `for` and the like set.
    pub sets: Vec<String>,
    pub fault: Option<Fault>,
    /// An earlier statement of the same text is never closed, so that this one may be part of it.
    pub doubtful: bool,
    /// The comments between the statement before and this one.
    pub comment: Option<Bytes>,
}

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    pub assignments: Vec<Assignment>,
    /// The command word and its arguments.
    pub words: Vec<Word>,
    /// Files that it is redirected to or from.
    pub redirects: Vec<Redirect>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    pub writes: bool,
    pub word: Word,
}

/// `NAME=value` before a command word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub name: String,
    /// The bytes of the name.
    pub range: Bytes,
}

/// The name in `$NAME` or `${NAME}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub name: String,
    pub range: Bytes,
}

/// Why a text is no lawful shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub range: Bytes,
    pub message: String,
    /// It is as likely that the text is no shell at all, but output or prose.
    pub weak: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    pub range: Bytes,
    /// None where all of it is plain, as most words are.
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub kind: PartKind,
    /// With its quotes.
    pub range: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    Plain,
    /// A backslash and a character.
    Escape,
    Single,
    /// Whether something is expanded inside.
    Double {
        expands: bool,
    },
    /// `$x`, `${x}`, `$(x)`, `` `x` ``, `<(x)`
    Expansion,
    /// Stands for something that the reader puts in.
    Placeholder,
}

impl Word {
    /// The word without its quotes; `None`: something in it is expanded.
    pub fn value(&self, text: &str) -> Option<String> {
        match self.parts.is_empty() {
            true => Some(self.raw(text).to_owned()),
            false => self.mapped(text).map(|mapped| mapped.text),
        }
    }

    /// [`Word::value`] with the way back to the text.
    pub fn mapped(&self, text: &str) -> Option<Mapped> {
        let mut value = Mapped::default();
        if self.parts.is_empty() {
            value.push(self.raw(text), self.range.start);
        }
        for Part { kind, range } in &self.parts {
            let raw = text.get(range.clone()).unwrap_or_default();
            match kind {
                PartKind::Plain | PartKind::Placeholder => value.push(raw, range.start),
                PartKind::Escape => value.push(&raw[1.min(raw.len())..], range.start + 1),
                PartKind::Single => {
                    let inner = raw.strip_prefix('$').unwrap_or(raw);
                    let start = range.start + raw.len() - inner.len() + 1;
                    value.push(inner.get(1..inner.len() - 1).unwrap_or_default(), start);
                }
                PartKind::Double { expands: false } => {
                    let mut at = range.start + 1;
                    let mut rest = raw.get(1..raw.len() - 1).unwrap_or_default();
                    // A backslash counts only before these.
                    while let Some(found) =
                        rest.match_indices('\\').map(|(at, _)| at).find(|at| rest[at + 1..].starts_with(['"', '\\', '$', '`', '\n']))
                    {
                        value.push(&rest[..found], at);
                        let next = usize::from(rest[found + 1..].starts_with('\n'));
                        let kept = &rest[found + 1..found + 2];
                        if next == 0 {
                            value.push(kept, at + found + 1);
                        }
                        at += found + 2;
                        rest = &rest[found + 2..];
                    }
                    value.push(rest, at);
                }
                PartKind::Double { expands: true } | PartKind::Expansion => return None,
            }
        }
        Some(value)
    }

    /// The word as it is written.
    pub fn raw<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.range.clone()).unwrap_or_default()
    }

    /// Without quotes, escapes, expansions and placeholders.
    pub fn is_bare(&self) -> bool {
        self.parts.is_empty() && !self.range.is_empty()
    }

    pub fn has_placeholder(&self, text: &str) -> bool {
        let marked = |raw: &str| {
            raw.contains(['\u{2026}', '{']) || raw.contains("...") || raw.find('<').is_some_and(|at| raw[at..].contains('>')) || raw == "*"
        };
        self.parts.iter().any(|part| part.kind == PartKind::Placeholder) || marked(self.raw(text))
    }
}

#[cfg(test)]
mod tests;
