//! The words behind a command's name, from left to right.

use super::problem::{Mistake, Wrong};
use crate::text::markdown::Bytes;

/// One word, without its quotes and escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// With the quotes.
    pub range: Bytes,
    pub text: String,
    pub quoted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Value(Word),
    /// `--name` or `--name=value`.
    Flag {
        /// With the hyphens, without the value.
        range: Bytes,
        name: String,
        value: Option<Word>,
    },
}

/// Reads words up to `end`; offsets are those of the whole comment.
pub struct Words<'a> {
    text: &'a str,
    at: usize,
    end: usize,
}

type Read<T> = Result<T, Mistake>;

/// What word processors and telephones make of `"`.
const CURLY: [char; 6] = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{201f}', '\u{ab}', '\u{bb}'];
/// And of `--`.
const DASHES: [char; 3] = ['\u{2013}', '\u{2014}', '\u{2212}'];

impl<'a> Words<'a> {
    pub fn new(text: &'a str, within: Bytes) -> Words<'a> {
        Words { text, at: within.start, end: within.end }
    }

    pub fn next(&mut self) -> Read<Option<Token>> {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        let start = self.at;
        let Some(first) = self.rest().chars().next() else { return Ok(None) };
        match first {
            '"' => self.quoted().map(|word| Some(Token::Value(word))),
            '-' if self.rest().starts_with("--") => self.flag().map(Some),
            _ if first.is_whitespace() => {
                let range = start..start + first.len_utf8();
                let message = format!("U+{:04X} is not a plain space", u32::from(first));
                Err(Mistake::new(Wrong::Hidden, range.clone(), message).help("write a space").edit(range, " "))
            }
            _ if CURLY.contains(&first) => Err(self.curly(start)),
            _ if DASHES.contains(&first) => {
                let dashes = self.rest().len() - self.rest().trim_start_matches(DASHES).len();
                let mistake = Mistake::new(Wrong::UnknownFlag, self.word_at(start), "this is a dash, and a flag begins with two hyphens");
                Err(mistake.help("write `--`").edit(start..start + dashes, "--"))
            }
            '\'' | '`' => Err(self.other_quotes(first)),
            _ => self.bare().map(|word| Some(Token::Value(word))),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..self.end]
    }

    fn flag(&mut self) -> Read<Token> {
        let start = self.at;
        let rest = self.rest();
        let length = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let (range, name) = (start..start + length, rest["--".len()..length].to_owned());
        if let Some(at) = name.find(['"', '\\']) {
            let at = start + "--".len() + at;
            return Err(misplaced(at, &self.text[at..at + 1]));
        }
        self.at = range.end;
        let value = match self.rest().strip_prefix('=') {
            None => None,
            Some(value) => {
                self.at += 1;
                Some(if value.starts_with('"') { self.quoted()? } else { self.bare()? })
            }
        };
        Ok(Token::Flag { range, name, value })
    }

    /// Up to the next blank; may be empty.
    fn bare(&mut self) -> Read<Word> {
        let start = self.at;
        let rest = self.rest();
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        if let Some(at) = rest[..length].find(['"', '\\']) {
            return Err(misplaced(start + at, &rest[at..at + 1]));
        }
        if let Some(at) = rest[..length].find(CURLY) {
            return Err(self.curly(start + at));
        }
        self.at += length;
        Ok(Word { range: start..self.at, text: rest[..length].to_owned(), quoted: false })
    }

    fn quoted(&mut self) -> Read<Word> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + at + 1;
                    if let Some(next) = self.rest().chars().next().filter(|next| !next.is_whitespace()) {
                        let range = self.at..self.at + next.len_utf8();
                        let mistake = Mistake::new(Wrong::Quotes, range, "a closing quote is followed by something that is no space");
                        return Err(mistake.help("inside of a value write `\\\"` for a double quote"));
                    }
                    return Ok(Word { range: start..self.at, text, quoted: true });
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((_, other)) => {
                        let range = start + at..start + at + 1 + other.len_utf8();
                        let message = format!("`\\{}` is not an escape", other.escape_debug());
                        let mistake = Mistake::new(Wrong::Quotes, range.clone(), message);
                        return Err(mistake.help("`\\\"` and `\\\\` are the only ones").edit(range.start..range.start, "\\"));
                    }
                    None => break,
                },
                _ => text.push(c),
            }
        }
        let mistake = Mistake::new(Wrong::Quotes, start..self.end, "the double quote that opens here is not closed on this line");
        let mistake = mistake.help("end the value with a double quote");
        // A curly quote at its end was meant to close it.
        Err(match self.text[start..self.end].char_indices().rev().find(|(_, c)| CURLY.contains(c)) {
            Some((at, c)) => mistake.edit(start + at..start + at + c.len_utf8(), "\""),
            None => mistake.edit(self.end..self.end, "\""),
        })
    }

    fn curly(&self, at: usize) -> Mistake {
        let quotes = self.text[at..self.end].char_indices().filter(|(_, c)| CURLY.contains(c));
        let length = self.text[at..self.end].chars().next().map_or(1, char::len_utf8);
        let mistake = Mistake::new(Wrong::Quotes, at..at + length, "a value stands in plain double quotes, not in typographic ones");
        let mistake = mistake.help("write `\"`");
        quotes.fold(mistake, |mistake, (inside, c)| mistake.edit(at + inside..at + inside + c.len_utf8(), "\""))
    }

    fn other_quotes(&self, quote: char) -> Mistake {
        let start = self.at;
        let mistake = Mistake::new(Wrong::Quotes, start..start + 1, "a value stands in double quotes").help("write `\"`");
        let inner = &self.rest()[1..];
        let closing = inner.char_indices().find(|(at, c)| *c == quote && inner[at + 1..].chars().next().is_none_or(char::is_whitespace));
        match closing {
            Some((length, _)) => {
                let value = &inner[..length];
                let written = format!("\"{}\"", escaped(value));
                mistake.edit(start..start + length + 2, &written)
            }
            None => mistake,
        }
    }

    fn word_at(&self, start: usize) -> Bytes {
        let rest = &self.text[start..self.end];
        start..start + rest.find(char::is_whitespace).unwrap_or(rest.len())
    }
}

fn misplaced(at: usize, c: &str) -> Mistake {
    let (what, help) = match c {
        "\"" => ("a double quote stands in the middle of a word", "put the whole value in double quotes, and write `\\\"` for one in it"),
        _ => ("a backslash stands outside of double quotes", "put the value in double quotes, and write `\\\\` for a backslash in it"),
    };
    Mistake::new(Wrong::Quotes, at..at + 1, what).help(help)
}

/// The value as it is written: in double quotes where it needs them.
pub fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/@:+-".contains(c);
    if !value.is_empty() && !value.starts_with('-') && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("\"{}\"", escaped(value))
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}
