//! Words and operators of a shell text, one after the other.

use super::{
    Fault, Part, PartKind, Use, Word,
    skip::{self, Open, unclosed},
};
use crate::text::markdown::Bytes;

/// A placeholder, a synopsis in brackets or a parenthesised remark is not looked for further than this many bytes.
const WINDOW: usize = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `|`, `|&`
    Pipe,
    And,
    Or,
    /// `;`, `&`
    Semi,
    /// `;;`, `;&`, `;;&`
    Case,
    Open,
    Close,
    /// `>`, `>>`, `&>`, `>&`, `>|`
    Out,
    /// `<`, `<&`, `<<<`
    In,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Word(Word),
    Op(Op, Bytes),
    /// `<<WORD`
    Here(Bytes),
    /// Where the here-documents behind it end, if there were some.
    Newline(Option<usize>),
    End,
}

/// What may stand at the present place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Command,
    Argument,
    /// Before the `)` of a `case`.
    Pattern,
    /// Between `[[` and `]]`, where operators are words.
    Test,
}

/// A here-document that was announced and has not come yet.
pub struct Heredoc {
    pub word: String,
    /// `<<-`: tabs before its lines do not count.
    pub tabs: bool,
    pub expands: bool,
    pub range: Bytes,
}

pub struct Lexer<'t> {
    /// Up to where it is read.
    pub text: &'t str,
    pub at: usize,
    pub uses: Vec<Use>,
    /// The insides of `$(...)`.
    pub inner: Vec<Bytes>,
    /// Comments and continued line ends.
    pub holes: Vec<Bytes>,
    pub comment: Option<Bytes>,
    heredocs: Vec<Heredoc>,
}

impl<'t> Lexer<'t> {
    pub fn new(text: &'t str, at: usize) -> Lexer<'t> {
        Lexer { text, at, uses: Vec::new(), inner: Vec::new(), holes: Vec::new(), comment: None, heredocs: Vec::new() }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// What follows, at most so far as anything but a quote is looked for, and not beyond the line.
    fn ahead(&self) -> &'t str {
        let mut end = (self.at + WINDOW).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let ahead = &self.text[self.at..end];
        ahead.split('\n').next().unwrap_or_default()
    }

    pub fn next(&mut self, place: Place) -> Result<Token, Fault> {
        loop {
            let Some(byte) = self.byte(self.at) else { return Ok(Token::End) };
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.byte(self.at + 1) == Some(b'\n') => {
                    self.holes.push(self.at..self.at + 2);
                    self.at += 2;
                }
                b'#' => self.skip_comment(),
                b'\n' => return self.newline(),
                _ if place == Place::Test => return self.word(place).map(Token::Word),
                _ => return self.token(byte, place),
            }
        }
    }

    fn skip_comment(&mut self) {
        let end = self.at + self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at);
        let comment = self.at..end;
        self.comment = Some(self.comment.take().map_or(comment.clone(), |before| before.start..end));
        self.holes.push(comment);
        self.at = end;
    }

    fn newline(&mut self) -> Result<Token, Fault> {
        self.at += 1;
        if self.heredocs.is_empty() {
            return Ok(Token::Newline(None));
        }
        let (text, mut bodies) = (self.text, Vec::new());
        self.at = skip::bodies(text, self.at, &mut self.heredocs, &mut |body| bodies.push(body.clone()))?;
        for body in bodies {
            self.expansions(&body);
        }
        let end = self.text[..self.at].trim_end_matches('\n').len();
        Ok(Token::Newline(Some(end)))
    }

    fn token(&mut self, byte: u8, place: Place) -> Result<Token, Fault> {
        let rest = &self.text[self.at..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits <= 2 && rest[digits..].starts_with(['<', '>']) && !(digits == 0 && self.is_word_behind_angle()) {
            return self.redirect(digits);
        }
        let (op, length) = match byte {
            b'|' if rest.starts_with("||") => (Op::Or, 2),
            b'|' if rest.starts_with("|&") => (Op::Pipe, 2),
            b'|' => (Op::Pipe, 1),
            b'&' if rest.starts_with("&&") => (Op::And, 2),
            b'&' if rest.starts_with("&>>") => (Op::Out, 3),
            b'&' if rest.starts_with("&>") => (Op::Out, 2),
            b'&' => (Op::Semi, 1),
            b';' if rest.starts_with(";;&") => (Op::Case, 3),
            b';' if rest.starts_with(";;") || rest.starts_with(";&") => (Op::Case, 2),
            b';' => (Op::Semi, 1),
            b'(' if place == Place::Command && rest.starts_with("((") => return self.word(place).map(Token::Word),
            b'(' if place == Place::Argument && self.remark().is_some() => return self.word(place).map(Token::Word),
            b'(' => (Op::Open, 1),
            b')' => (Op::Close, 1),
            _ => return self.word(place).map(Token::Word),
        };
        let start = self.at;
        self.at += length;
        Ok(Token::Op(op, start..self.at))
    }

    /// Whether the angle bracket here opens a placeholder or a process substitution.
    fn is_word_behind_angle(&self) -> bool {
        let rest = &self.text[self.at..];
        rest.starts_with("<(") || rest.starts_with(">(") || self.placeholder().is_some()
    }

    fn redirect(&mut self, digits: usize) -> Result<Token, Fault> {
        let start = self.at;
        self.at += digits;
        let rest = &self.text[self.at..];
        let operators =
            [("<<<", Op::In), ("<&", Op::In), ("<>", Op::In), (">>", Op::Out), (">&", Op::Out), (">|", Op::Out), (">", Op::Out)];
        if rest.starts_with("<<") && !rest.starts_with("<<<") {
            return self.announce(start);
        }
        let (operator, op) = operators.into_iter().find(|(operator, _)| rest.starts_with(operator)).unwrap_or(("<", Op::In));
        self.at += operator.len();
        Ok(Token::Op(op, start..self.at))
    }

    /// `<<WORD`
    fn announce(&mut self, start: usize) -> Result<Token, Fault> {
        self.at += 2;
        let tabs = self.byte(self.at) == Some(b'-');
        self.at += usize::from(tabs);
        while matches!(self.byte(self.at), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let word = self.word(Place::Argument)?;
        if !word.raw(self.text).is_empty() {
            let raw = word.raw(self.text);
            let expands = !raw.contains(['\'', '"', '\\']);
            let shown: String = raw.chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).collect();
            self.heredocs.push(Heredoc { word: shown, tabs, expands, range: start..self.at });
        }
        Ok(Token::Here(start..self.at))
    }

    /// `<target>`, `<<x>>`: its length. Something after a blank, a number at the end or an `&` show a redirection.
    fn placeholder(&self) -> Option<usize> {
        let ahead = self.ahead();
        if ahead.starts_with("<<") && ahead[2..].starts_with(|c: char| c.is_alphabetic()) {
            let end = ahead.find(">>")?;
            return (!ahead[2..end].contains([' ', '<', '\'', '"'])).then_some(end + 2);
        }
        let inner = ahead.strip_prefix('<')?;
        let end = inner.find('>')?;
        let inner = &inner[..end];
        let opens = inner.starts_with(|c: char| c.is_alphanumeric() || "_/.…$[{-".contains(c));
        let last = inner.rsplit(' ').next().unwrap_or_default();
        let number = last.len() < inner.len() && last.bytes().all(|byte| byte.is_ascii_digit());
        // `<the fix's commit>`
        let quoted = inner.match_indices('\'').any(|(at, _)| !inner[at + 1..].starts_with(char::is_alphabetic));
        (opens && !number && !quoted && !inner.ends_with([' ', '&']) && !inner.contains(['<', ';', '"', '`'])).then_some(end + 2)
    }

    /// `{{ x }}`, `{% x %}`, `{a|b}`, `${{ x }}`: its length.
    fn braces(&self) -> Option<usize> {
        let ahead = self.ahead();
        let marked = ahead.strip_prefix('$').unwrap_or(ahead);
        let dollar = ahead.len() - marked.len();
        let close = match marked {
            _ if marked.starts_with("{{") => "}}",
            _ if dollar > 0 => return None,
            _ if marked.starts_with("{%") => "%}",
            _ => {
                let end = marked.find('}')?;
                let inner = &marked[1..end];
                let choice = inner.contains(['|', '<', '>']) && !inner.contains([' ', '\t', ';', '(', '{', '"', '\'', '&']);
                return choice.then_some(end + 1);
            }
        };
        Some(dollar + marked.find(close)? + close.len())
    }

    /// `[options]`, `[--a | --b]`, `[a-z]`: its length.
    fn brackets(&self) -> Option<usize> {
        let ahead = self.ahead();
        if ahead[1..].starts_with(|c: char| c.is_whitespace() || c == '[' && ahead[2..].starts_with(' ')) {
            return None;
        }
        let end = balanced(ahead, '[', ']')?;
        ahead[..end].contains(['|', '<', '>', '&', ';', '(', ')', ' ']).then_some(end)
    }

    /// `(a remark)`: its length. A parenthesis among arguments is nothing to a shell, but no harm in a document.
    fn remark(&self) -> Option<usize> {
        balanced(self.ahead(), '(', ')').filter(|length| *length > 2)
    }

    fn word(&mut self, place: Place) -> Result<Word, Fault> {
        let start = self.at;
        let mut parts: Vec<Part> = Vec::new();
        let mut plain = self.at;
        if place == Place::Command && self.text[self.at..].starts_with("((") {
            let end = skip::end_of(self.text, Open::Paren { cases: 0 }, self.at, self.at + 1)?;
            self.at = end;
            return Ok(Word { range: start..end, parts: vec![Part { kind: PartKind::Expansion, range: start..end }] });
        }
        while let Some(byte) = self.byte(self.at) {
            let from = self.at;
            let first = from == start;
            let kind = match byte {
                b' ' | b'\t' | b'\r' | b'\n' => break,
                b'\\' if matches!(self.byte(from + 1), None | Some(b'\n')) && !first => break,
                b'\\' => {
                    self.at += 1 + self.text[from + 1..].chars().next().map_or(0, char::len_utf8);
                    PartKind::Escape
                }
                b'\'' => {
                    self.at = skip::single_end(self.text, from)?;
                    PartKind::Single
                }
                b'"' => self.double(from, from + 1)?,
                b'`' => {
                    self.at = skip::backtick_end(self.text, from)?;
                    self.inner.push(from + 1..self.at - 1);
                    PartKind::Expansion
                }
                b'$' => match self.dollar()? {
                    Some(kind) => kind,
                    None => continue,
                },
                b'<' | b'>' if self.byte(from + 1) == Some(b'(') => {
                    self.at = skip::end_of(self.text, Open::Paren { cases: 0 }, from + 1, from + 2)?;
                    self.inner.push(from + 2..self.at - 1);
                    PartKind::Expansion
                }
                b'<' if self.placeholder().is_some() => self.take(self.placeholder()),
                b'{' if self.braces().is_some() => self.take(self.braces()),
                b'[' if !(first && place == Place::Command) && place != Place::Test && self.brackets().is_some() => {
                    self.take(self.brackets())
                }
                b'(' if place != Place::Test && self.opens_value(start) => {
                    self.at = skip::end_of(self.text, Open::Paren { cases: 0 }, from, from + 1)?;
                    PartKind::Expansion
                }
                b'(' if place == Place::Argument && first && self.remark().is_some() => self.take(self.remark()),
                b'|' | b'&' | b';' | b'(' | b')' | b'<' | b'>' if place == Place::Test && &self.text[start..from] != "]]" => {
                    self.at += 1;
                    continue;
                }
                b'|' | b'&' | b';' | b'(' | b')' | b'<' | b'>' => break,
                _ => {
                    self.at += 1;
                    continue;
                }
            };
            if plain < from {
                parts.push(Part { kind: PartKind::Plain, range: plain..from });
            }
            parts.push(Part { kind, range: from..self.at });
            plain = self.at;
        }
        if start < plain && plain < self.at {
            parts.push(Part { kind: PartKind::Plain, range: plain..self.at });
        }
        Ok(Word { range: start..self.at, parts })
    }

    fn take(&mut self, length: Option<usize>) -> PartKind {
        self.at += length.unwrap_or(1);
        PartKind::Placeholder
    }

    /// `NAME=(`, `@(`
    fn opens_value(&self, start: usize) -> bool {
        let before = &self.text[start..self.at];
        let name = before.strip_suffix('=').map(|name| name.strip_suffix('+').unwrap_or(name));
        name.is_some_and(is_name) || before.ends_with(['@', '!', '?', '*', '+'])
    }

    /// A quote that was opened at `opener` and starts at `from`.
    fn double(&mut self, opener: usize, from: usize) -> Result<PartKind, Fault> {
        self.at = skip::end_of(self.text, Open::Double, from - 1, from)?;
        let (end, before) = (self.at, (self.uses.len(), self.inner.len()));
        let expands = self.expansions(&(from..end - 1));
        self.at = end;
        let expands = expands || before != (self.uses.len(), self.inner.len()) || opener + 1 < from;
        Ok(PartKind::Double { expands })
    }

    /// Notes what is expanded in the inside of a quote or a here-document; whether there is something.
    fn expansions(&mut self, range: &Bytes) -> bool {
        let (keep, text) = (self.at, self.text);
        let mut expands = false;
        self.text = &text[..range.end];
        self.at = range.start;
        while self.at < range.end {
            match text.as_bytes()[self.at] {
                b'\\' => self.at += 2,
                b'$' => match self.dollar() {
                    Ok(found) => expands |= found.is_some_and(|kind| kind != PartKind::Placeholder),
                    // What is open to the end of a here-document is only text.
                    Err(_) => break,
                },
                b'`' => match skip::backtick_end(self.text, self.at) {
                    Ok(end) => {
                        self.inner.push(self.at + 1..end - 1);
                        (self.at, expands) = (end, true);
                    }
                    Err(_) => break,
                },
                _ => self.at += 1,
            }
        }
        (self.text, self.at) = (text, keep);
        expands
    }

    /// Something that starts with `$`; `None`: only the character, which was passed.
    fn dollar(&mut self) -> Result<Option<PartKind>, Fault> {
        let start = self.at;
        let rest = &self.text[start + 1..];
        let name = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
        match self.byte(start + 1) {
            Some(b'(') => {
                self.at = skip::end_of(self.text, Open::Paren { cases: 0 }, start, start + 2)?;
                if !rest.starts_with("((") {
                    self.inner.push(start + 2..self.at - 1);
                }
            }
            Some(b'{') => {
                if self.braces().is_some() {
                    return Ok(Some(self.take(self.braces())));
                }
                self.at = skip::end_of(self.text, Open::Brace, start, start + 2)?;
                let inner = &self.text[start + 2..self.at - 1];
                let bare = inner.trim_start_matches(['#', '!']);
                let length = bare.len() - bare.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
                let from = start + 2 + inner.len() - bare.len();
                self.note(from..from + length);
            }
            Some(b'\'') => {
                let mut end = start + 2;
                while let Some(byte) = self.byte(end).filter(|byte| *byte != b'\'') {
                    end += if byte == b'\\' { 2 } else { 1 };
                }
                if end >= self.text.len() {
                    return Err(unclosed("'", start + 1..start + 2));
                }
                self.at = end + 1;
                return Ok(Some(PartKind::Single));
            }
            Some(b'"') => return self.double(start, start + 2).map(Some),
            Some(byte) if byte.is_ascii_digit() || b"@*#?!$-".contains(&byte) => self.at += 2,
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                self.at += 1 + name;
                self.note(start + 1..self.at);
            }
            _ => {
                self.at += 1;
                return Ok(None);
            }
        }
        Ok(Some(PartKind::Expansion))
    }

    fn note(&mut self, range: Bytes) {
        let name = self.text[range.clone()].to_owned();
        if is_name(&name) {
            self.uses.push(Use { name, range });
        }
    }
}

pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The length of a text up to what closes its first character.
fn balanced(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some(at + 1);
            }
        }
    }
    None
}
