//! Slash commands: what a comment asks for, read from its Markdown with the place of every part.
//!
//! [`COMMANDS`] is the one table: the parser, usage lines, help, the page and the tests read it. The words and flags are those of the
//! program's own command line. [`read`] answers with nothing, one command, or a [`Problem`] with its place; it looks at nothing but
//! the text.
//!
//! A command is one line of a top-level paragraph ([`crate::text::markdown::plain_lines`]) that literally begins with the prefix and
//! a name of the table. Behind the name stand values and flags with spaces or tabs between; a value with a space in it stands in
//! double quotes, in which `\"` is a quote and `\\` a backslash, and nothing else is an escape. A line whose first word is one slip
//! (a letter too many, too few, wrong, or two exchanged) away from a name of four letters or more is a mistyped command; any other
//! word behind the prefix belongs to somebody else.
//!
//! Deliberately absent: who may do it, whether the comment was edited, where it stands, what the protocol knows (whether there is
//! such a channel or release), and running it.

mod arguments;
mod command;
mod dialect;
mod problem;
mod read;
mod table;
mod value;
mod words;

pub use command::{Ack, Command, Hold, HoldOn, Promote, Rollback, Status, Verdict, VerdictOn, Verify, Waive};
pub use dialect::{Dialect, Prefix};
pub use problem::{Problem, Wrong};
pub use read::{Invocation, MAX_CHARACTERS, Part, read};
pub use table::{Argument, COMMANDS, Form, Need, On, Right, Spec, spec};
pub use value::Kind;

#[cfg(test)]
mod tests;
