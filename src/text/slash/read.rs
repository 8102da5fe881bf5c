//! From a comment to its command.

use super::{
    arguments::Arguments,
    command::Command,
    dialect::Dialect,
    problem::{Mistake, Problem, Wrong},
    table::{COMMANDS, Spec},
    value::Values,
};
use crate::text::{
    hidden::is_hidden,
    markdown::{self, Bytes},
};

/// The command of a comment, with the bytes of each of its parts in the comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    pub command: Command,
    /// The whole line, without blanks at its end.
    pub range: Bytes,
    /// The prefix and the name.
    pub head: Bytes,
    /// What follows, in the order of the comment.
    pub parts: Vec<Part>,
}

/// One argument as it stands in the comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As in the table.
    pub name: &'static str,
    /// The flag with its hyphens; none of an argument by position.
    pub flag: Option<Bytes>,
    /// The value with its quotes; none of a switch.
    pub value: Option<Bytes>,
}

/// No comment on GitHub is longer.
pub const MAX_CHARACTERS: usize = 65_536;

/// The command of a comment. `None`: it holds none, and nothing is to be answered. Takes time in proportion to the text.
pub fn read(comment: &str, dialect: &Dialect) -> Result<Option<Invocation>, Problem> {
    let candidates = candidates(comment, dialect);
    let Some(first) = candidates.first() else { return Ok(None) };
    if comment.chars().nth(MAX_CHARACTERS).is_some() {
        let mistake = Mistake::new(Wrong::Long, first.head.clone(), format!("the comment is longer than {MAX_CHARACTERS} characters"));
        return Err(mistake.help("write the command in a comment of its own").problem(comment, &first.line, first.spec(), dialect));
    }
    let plain = markdown::plain_lines(comment).map_err(|unread| {
        let mistake = Mistake::new(Wrong::Unreadable, first.head.clone(), format!("the comment cannot be read: {}", unread.about()));
        mistake.help("write the command in a comment of its own").problem(comment, &first.line, first.spec(), dialect)
    })?;
    let starts: std::collections::HashSet<usize> = plain.iter().map(|line| line.start).collect();
    let mut commands = candidates.into_iter().filter(|candidate| starts.contains(&candidate.line.start));
    let (Some(one), second) = (commands.next(), commands.next()) else { return Ok(None) };
    if let Some(second) = second {
        let mistake = Mistake::new(Wrong::Several, second.head.clone(), "the comment holds more than one command");
        return Err(mistake.help("write each in a comment of its own").problem(comment, &second.line, second.spec(), dialect));
    }
    let problem = |mistake: Mistake| mistake.problem(comment, &one.line, one.spec(), dialect);
    if let Some((at, c)) = comment[one.line.clone()].char_indices().find(|(_, c)| is_hidden(*c) && *c != '\t') {
        let at = one.line.start + at;
        let message = format!("the command holds U+{:04X}, which nobody sees or which changes the order of the text", u32::from(c));
        let mistake = Mistake::new(Wrong::Hidden, at..at + c.len_utf8(), message);
        return Err(problem(mistake.help("type the command, do not paste it")));
    }
    let spec = match one.found {
        Found::Command(spec) => spec,
        Found::Near(spec) => {
            let name = one.head.start + dialect.prefix.as_str().len()..one.head.end;
            let message = format!("`{}` is not a command", comment[one.head.clone()].escape_debug());
            let help = format!("did you mean `{}{}`?", dialect.prefix, spec.name);
            return Err(problem(Mistake::new(Wrong::UnknownCommand, one.head.clone(), message).help(help).edit(name, spec.name)));
        }
    };
    let mut arguments =
        Arguments { comment, line: one.line.clone(), head: one.head.clone(), spec, dialect, values: Values::default(), parts: Vec::new() };
    arguments.read().map_err(problem)?;
    let incomplete = || problem(Mistake::new(Wrong::Missing, one.line.end..one.line.end, "an argument is missing"));
    let command = (spec.make)(&mut arguments.values).ok_or_else(incomplete)?;
    Ok(Some(Invocation { command, range: one.line.clone(), head: one.head.clone(), parts: arguments.parts }))
}

/// A line that begins with the prefix and a name, or with what was meant as one.
struct Candidate {
    line: Bytes,
    head: Bytes,
    found: Found,
}

enum Found {
    Command(&'static Spec),
    Near(&'static Spec),
}

impl Candidate {
    /// The row of the table, where the name is written right.
    fn spec(&self) -> Option<&'static Spec> {
        match self.found {
            Found::Command(spec) => Some(spec),
            Found::Near(_) => None,
        }
    }
}

/// Lines by their first word alone, wherever they stand.
fn candidates(comment: &str, dialect: &Dialect) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut start = 0;
    for line in comment.split_inclusive(['\n', '\r']) {
        let text = line.trim_end_matches([' ', '\t', '\r', '\n']);
        if let Some(rest) = text.strip_prefix(dialect.prefix.as_str()) {
            let name = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
            if let Some(found) = find(name) {
                let head = start..start + dialect.prefix.as_str().len() + name.len();
                candidates.push(Candidate { line: start..start + text.len(), head, found });
            }
        }
        start += line.len();
    }
    candidates
}

/// The command that a first word is or was meant as. Hidden characters do not make it another word: they are refused later.
fn find(name: &str) -> Option<Found> {
    /// A longer word is no slip of any name, and need not be compared.
    const LONGEST: usize = 32;
    let visible: String = name.chars().filter(|c| !is_hidden(*c)).take(LONGEST).collect();
    if let Some(spec) = COMMANDS.iter().find(|spec| spec.name == visible) {
        return Some(Found::Command(spec));
    }
    if !visible.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') {
        return None;
    }
    let folded = visible.to_lowercase();
    let near = |spec: &&Spec| folded == spec.name || (spec.name.len() >= 4 && strsim::damerau_levenshtein(&folded, spec.name) <= 1);
    COMMANDS.iter().find(near).map(Found::Near)
}
