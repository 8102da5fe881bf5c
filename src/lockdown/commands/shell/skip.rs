//! Finds where something nested ends: a quote, `$(...)`, `${...}`, a parenthesis. Keeps a stack of its own.

use super::{Fault, lexer::Heredoc};
use crate::text::markdown::Bytes;

/// What is open, and where it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    Double,
    /// `${`
    Brace,
    /// `(` or `$(`, with how many `case` are open in it.
    Paren {
        cases: u32,
    },
}

impl Open {
    fn fault(self, at: usize) -> Fault {
        match self {
            Open::Double => unclosed("\"", at..at + 1),
            Open::Brace => unclosed("${", at..at + 2),
            Open::Paren { .. } => unclosed("(", at..at + 1),
        }
    }
}

pub fn unclosed(what: &str, range: Bytes) -> Fault {
    Fault { range, message: format!("`{what}` is never closed"), weak: false }
}

/// Just past what closes the thing that was opened at `opener`; `from` is just past its opening.
pub fn end_of(text: &str, open: Open, opener: usize, from: usize) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    let mut stack = vec![(open, opener)];
    let mut doubles = usize::from(open == Open::Double);
    let mut heredocs: Vec<Heredoc> = Vec::new();
    let mut at = from;
    while let Some((open, opener)) = stack.last_mut() {
        let Some(byte) = bytes.get(at).copied() else { return Err(open.fault(*opener)) };
        let next = bytes.get(at + 1).copied();
        match (byte, next, open) {
            (b'\\', _, _) => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            (b'$', Some(b'('), _) => {
                stack.push((Open::Paren { cases: 0 }, at));
                at += 2;
            }
            (b'$', Some(b'{'), _) => {
                stack.push((Open::Brace, at));
                at += 2;
            }
            (b'`', _, _) => at = backtick_end(text, at)?,
            (b'"', _, Open::Double) | (b'}', _, Open::Brace) | (b')', _, Open::Paren { cases: 0 }) => {
                doubles -= usize::from(byte == b'"');
                stack.pop();
                at += 1;
            }
            (b'"', _, _) => {
                doubles += 1;
                stack.push((Open::Double, at));
                at += 1;
            }
            // Inside of `"${x:-don't}"` an apostrophe is one.
            (b'\'', _, Open::Paren { .. }) => at = single_end(text, at)?,
            (b'\'', _, Open::Brace) if doubles == 0 => at = single_end(text, at)?,
            (b'(', _, Open::Paren { .. }) => {
                stack.push((Open::Paren { cases: 0 }, at));
                at += 1;
            }
            (b'#', _, Open::Paren { .. }) if at == from || bytes[at - 1].is_ascii_whitespace() => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
            }
            (b'<', Some(b'<'), Open::Paren { .. }) => at = heredoc(text, at, &mut heredocs),
            (b'\n', _, Open::Brace | Open::Paren { .. }) if !heredocs.is_empty() => at = bodies(text, at + 1, &mut heredocs, &mut |_| {})?,
            (b'c', _, Open::Paren { cases }) if word_at(text, at, "case") && opens_command(text, from, at) => {
                *cases += 1;
                at += 4;
            }
            (b'e', _, Open::Paren { cases }) if *cases > 0 && word_at(text, at, "esac") => {
                *cases -= 1;
                at += 4;
            }
            _ => at += 1,
        }
    }
    Ok(at)
}

/// Just past the `'` that closes the one at `at`.
pub fn single_end(text: &str, at: usize) -> Result<usize, Fault> {
    // In prose it stands within a word.
    let within = || text[..at].ends_with(char::is_alphanumeric) && text[at + 1..].starts_with(char::is_alphabetic);
    text[at + 1..].find('\'').map(|end| at + end + 2).ok_or_else(|| Fault { weak: within(), ..unclosed("'", at..at + 1) })
}

/// Just past the backtick that closes the one at `at`.
pub fn backtick_end(text: &str, at: usize) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'`' => return Ok(end + 1),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    Err(unclosed("`", at..at + 1))
}

/// Notes a here-document that is announced at `at`; just past its word.
fn heredoc(text: &str, at: usize, heredocs: &mut Vec<Heredoc>) -> usize {
    let rest = &text[at + 2..];
    if rest.starts_with('<') {
        return at + 3;
    }
    let tabs = rest.starts_with('-');
    let word = rest[usize::from(tabs)..].trim_start_matches([' ', '\t']);
    let length = word.find(|c: char| c.is_whitespace() || ";&|)<>".contains(c)).unwrap_or(word.len());
    let start = text.len() - word.len();
    let word: String = word[..length].chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).collect();
    // `1 << 2` is arithmetic.
    if word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        heredocs.push(Heredoc { word, tabs, expands: false, range: at..start + length });
    }
    start + length
}

/// Just past the bodies of these here-documents, the first of which starts at `at`. `visit` is shown each body.
pub fn bodies(text: &str, at: usize, heredocs: &mut Vec<Heredoc>, visit: &mut dyn FnMut(&Bytes)) -> Result<usize, Fault> {
    let mut at = at;
    for heredoc in heredocs.drain(..) {
        let start = at;
        loop {
            if at >= text.len() {
                let message = format!("no line `{}` ends this here-document", heredoc.word);
                return Err(Fault { range: heredoc.range, message, weak: false });
            }
            let line = text[at..].split('\n').next().unwrap_or_default();
            let shown = if heredoc.tabs { line.trim_start_matches('\t') } else { line };
            let here = at;
            at = (at + line.len() + 1).min(text.len());
            if shown == heredoc.word {
                if heredoc.expands {
                    visit(&(start..here));
                }
                break;
            }
        }
    }
    Ok(at)
}

fn word_at(text: &str, at: usize, word: &str) -> bool {
    text[at..].strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-'))
}

/// Whether a command may start at `at`.
fn opens_command(text: &str, from: usize, at: usize) -> bool {
    let before = text[from..at].trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with(['\n', ';', '(', '|', '&'])
}
