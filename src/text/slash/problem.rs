//! What is wrong with a command, for people.

use super::{Dialect, Spec, table::COMMANDS};
use crate::{
    domain::{Fault, Finding, Place, Reason},
    text::{
        hidden::is_hidden,
        markdown::{self, Bytes},
        source::Source,
    },
};

/// Why a comment that holds a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The comment is longer than one can be.
    Long,
    /// The comment's Markdown cannot be read.
    Unreadable,
    /// More than one command.
    Several,
    /// A character that nobody sees, or that changes the order of the text.
    Hidden,
    UnknownCommand,
    UnknownFlag,
    /// The program takes this flag, a comment does not.
    NotHere,
    /// A flag, or a value, a second time.
    Twice,
    /// A flag without its value, or an argument that must be there.
    Missing,
    /// Nothing but the commit is missing, which the policy asks for.
    NoSha,
    /// Flags that exclude each other.
    Conflict,
    /// A value where none belongs.
    Unexpected,
    /// A value that breaks the rules of its type.
    Value,
    /// Quotes and escapes.
    Quotes,
}

impl Wrong {
    /// The finding code.
    pub const fn code(self) -> &'static str {
        match self {
            Wrong::Long => "comment/too-long",
            Wrong::Unreadable => "comment/unreadable",
            Wrong::Several => "comment/several-commands",
            Wrong::Hidden => "comment/hidden-character",
            Wrong::UnknownCommand => "comment/unknown-command",
            Wrong::UnknownFlag => "comment/unknown-flag",
            Wrong::NotHere => "comment/not-here",
            Wrong::Twice => "comment/twice",
            Wrong::Missing => "comment/missing",
            Wrong::NoSha => "comment/no-sha",
            Wrong::Conflict => "comment/conflict",
            Wrong::Unexpected => "comment/unexpected",
            Wrong::Value => "comment/wrong-value",
            Wrong::Quotes => "comment/quotes",
        }
    }
}

/// A refusal with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub wrong: Wrong,
    /// The name of the command, where it is known.
    pub command: Option<&'static str>,
    /// What is wrong, one clause. Parts of the comment in it are foreign text.
    pub message: String,
    /// The bytes of the comment that show it; empty where something is missing.
    pub range: Bytes,
    pub help: String,
    /// The command to type, corrected as far as that can be known; foreign text too.
    pub correct: String,
}

impl Problem {
    /// The place in the comment.
    pub fn place(&self, comment: &str) -> Place {
        Source::new("comment", markdown::line_feeds(comment)).place(self.range.clone())
    }

    /// The refusal as every verb gives it.
    pub fn fault(&self, comment: &str) -> Fault {
        let finding = Finding::error(self.wrong.code(), self.message.clone()).at(self.place(comment)).help(self.help.clone());
        Fault::new(Reason::BadUsage, self.message.clone()).finding(finding).help(format!("write `{}`", self.correct))
    }
}

/// Something wrong in a line, before it is known what to type in place of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    wrong: Wrong,
    range: Bytes,
    message: String,
    help: String,
    edits: Vec<(Bytes, String)>,
}

/// A command that is corrected is no longer than this many characters; people write shorter ones.
const LONGEST: usize = 1000;

impl Mistake {
    pub fn new(wrong: Wrong, range: Bytes, message: impl Into<String>) -> Mistake {
        Mistake { wrong, range, message: message.into(), help: String::new(), edits: Vec::new() }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Mistake {
        self.help = help.into();
        self
    }

    /// What would mend it.
    #[must_use]
    pub fn edit(mut self, range: Bytes, text: &str) -> Mistake {
        self.edits.push((range, text.to_owned()));
        self
    }

    /// In this line of the comment, of this command where that is known.
    pub fn problem(self, comment: &str, line: &Bytes, spec: Option<&'static Spec>, dialect: &Dialect) -> Problem {
        let correct = self.mended(comment, line).unwrap_or_else(|| match spec {
            Some(spec) => spec.usage(dialect),
            None => format!("{}help", dialect.prefix),
        });
        let Mistake { wrong, range, message, help, .. } = self;
        Problem { wrong, command: spec.map(|spec| spec.name), message, range, help, correct }
    }

    fn mended(&self, comment: &str, line: &Bytes) -> Option<String> {
        let mut edits = self.edits.clone();
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let (mut text, mut at) = (String::new(), line.start);
        for (range, written) in &edits {
            text.push_str(comment.get(at..range.start)?);
            text.push_str(written);
            at = range.end;
        }
        text.push_str(comment.get(at..line.end)?);
        let text = text.trim_end();
        let fits = text.chars().nth(LONGEST).is_none() && !text.chars().any(is_hidden);
        (!edits.is_empty() && fits).then(|| text.to_owned())
    }
}

/// The names of the commands that take this flag, for who gave it to another one.
pub(super) fn takers(flag: &str) -> Vec<&'static str> {
    COMMANDS.iter().filter(|spec| spec.flags().any(|known| known.name == flag)).map(|spec| spec.name).collect()
}
