//! Statements out of words and operators: where each ends, which blocks it opens and closes.

use super::{
    Assignment, Command, Fault, Redirect, Statement, Word,
    lexer::{Lexer, Op, Place, Token, is_name},
};
use crate::text::markdown::Bytes;

/// How deep `$(...)` in `$(...)` is read.
const DEEPEST: usize = 6;

/// How often reading starts anew behind a statement that is never closed.
const MOST_FAULTS: usize = 8;

/// Reads a text into its statements. With `first`, only the first of them.
pub fn read(text: &str, first: bool) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    let (mut at, mut faults) = (0, 0);
    while at < text.len() {
        let mut parser = Parser::new(text, at);
        let result = parser.statement();
        let doubtful = faults > 0;
        let statement = match result {
            Ok(None) => break,
            Ok(Some(range)) => {
                at = parser.lexer.at;
                let mut statement = parser.finish(range);
                statement.doubtful = doubtful;
                statement.fault = statement.fault.filter(|_| !doubtful);
                statement
            }
            // What is open hides the rest: its line is taken alone.
            Err(fault) => {
                let start = parser.start.unwrap_or(fault.range.start);
                faults += 1;
                at = if faults > MOST_FAULTS { text.len() } else { end_of_line(text, start) };
                let range = start..start + text[start..at].trim_end().len();
                let line = one_line(text, &range, &parser.lexer.holes);
                Statement {
                    range,
                    line,
                    fault: (!doubtful).then_some(fault),
                    doubtful,
                    comment: parser.lexer.comment,
                    ..Statement::default()
                }
            }
        };
        statements.push(statement);
        if first {
            break;
        }
    }
    for statement in &mut statements {
        statement.commands.retain(|_| statement.fault.is_none());
    }
    statements
}

/// Past the end of the line at `at`, with the lines that go on with it.
fn end_of_line(text: &str, at: usize) -> usize {
    let mut end = at;
    for line in text[at..].split_inclusive('\n') {
        end += line.len();
        if !line.trim_end_matches('\n').ends_with('\\') {
            break;
        }
    }
    end
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    If,
    /// `for`, `while`: whether its `do` has come.
    Loop {
        body: bool,
    },
    /// Whether a pattern comes next.
    Case {
        pattern: bool,
    },
    Brace,
    Paren,
}

impl Block {
    fn fault(self) -> &'static str {
        match self {
            Block::If => "`if` without `fi`",
            Block::Loop { body: true } => "`do` without `done`",
            Block::Loop { body: false } => "a loop without `do`",
            Block::Case { .. } => "`case` without `esac`",
            Block::Brace => "`{` without `}`",
            Block::Paren => "`(` without `)`",
        }
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    start: Option<usize>,
    end: usize,
    open: Vec<(Block, Bytes)>,
    /// How many parentheses are open.
    parens: usize,
    command: Command,
    commands: Vec<Command>,
    sets: Vec<String>,
    fault: Option<Fault>,
    /// The operator that wants a command behind it.
    wants: Option<Bytes>,
    /// `;` or `&` has just come.
    separated: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A command may start.
    Start,
    /// Inside of a simple command.
    Inside,
    /// Behind `fi`, `done`, `}` and the like.
    Closed,
    /// Behind `for`, up to the end of its line.
    Header,
    /// Behind `case`, up to `in`.
    Subject,
    /// Between `[[` and `]]`.
    Test,
    /// The next word is the target of a redirection.
    Target { writes: bool, back: Back },
}

/// Where a redirection goes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Back {
    Start,
    Inside,
    Closed,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, at: usize) -> Parser<'t> {
        Parser {
            lexer: Lexer::new(text, at),
            start: None,
            end: at,
            open: Vec::new(),
            parens: 0,
            command: Command::default(),
            commands: Vec::new(),
            sets: Vec::new(),
            fault: None,
            wants: None,
            separated: false,
            state: State::Start,
        }
    }

    /// Reads one statement; `Ok(None)`: there is no further one.
    fn statement(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            let in_pattern = matches!(self.open.last(), Some((Block::Case { pattern: true }, _)));
            let place = match self.state {
                State::Start if in_pattern => Place::Pattern,
                State::Start => Place::Command,
                State::Test => Place::Test,
                _ => Place::Argument,
            };
            let at = self.lexer.at;
            let token = match self.lexer.next(place) {
                Ok(token) => token,
                Err(fault) => {
                    self.start = self.start.or_else(|| Some(at + self.blanks(at)));
                    return Err(fault);
                }
            };
            match token {
                Token::End => {
                    self.end_command();
                    self.unwanted();
                    return self.closed().map(|()| self.start.map(|start| start..self.end));
                }
                Token::Newline(heredoc) => {
                    self.separated = false;
                    self.end = heredoc.unwrap_or(self.end);
                    if self.start.is_none() || matches!(self.state, State::Test | State::Subject) {
                        continue;
                    }
                    self.end_command();
                    if self.open.is_empty() && self.wants.is_none() {
                        return Ok(self.start.map(|start| start..self.end));
                    }
                }
                Token::Word(word) => {
                    self.reach(&word.range);
                    self.word(word, in_pattern);
                }
                Token::Here(range) => {
                    self.reach(&range);
                    self.wants = None;
                    if self.state == State::Start {
                        self.state = State::Inside;
                    }
                }
                Token::Op(op, range) => {
                    self.reach(&range);
                    self.operator(op, range, in_pattern);
                }
            }
        }
    }

    /// How many bytes of blanks and whole comment lines come next.
    fn blanks(&self, at: usize) -> usize {
        let mut rest = &self.lexer.text[at..];
        loop {
            let trimmed = rest.trim_start();
            rest = match trimmed.strip_prefix('#') {
                Some(comment) => comment.find('\n').map_or("", |end| &comment[end..]),
                None => return self.lexer.text.len() - at - trimmed.len(),
            };
        }
    }

    fn reach(&mut self, range: &Bytes) {
        self.start.get_or_insert(range.start);
        self.end = range.end;
    }

    fn blame(&mut self, range: Bytes, message: impl Into<String>) {
        self.fault.get_or_insert(Fault { range, message: message.into(), weak: false });
    }

    /// Something closes, or goes on, that nothing has opened.
    fn blame_weakly(&mut self, range: Bytes, message: impl Into<String>) {
        self.fault.get_or_insert(Fault { range, message: message.into(), weak: true });
    }

    fn closed(&mut self) -> Result<(), Fault> {
        match self.open.pop() {
            // A bracket at the very start may be that of some output.
            Some((block, range)) => {
                let weak = block == Block::Brace && self.start == Some(range.start);
                Err(Fault { range, message: block.fault().to_owned(), weak })
            }
            None => Ok(()),
        }
    }

    /// An operator still wants a command where none can come.
    fn unwanted(&mut self) {
        if let Some(range) = self.wants.take() {
            let operator = &self.lexer.text[range.clone()];
            self.blame(range, format!("no command behind `{operator}`"));
        }
    }

    fn end_command(&mut self) {
        let command = std::mem::take(&mut self.command);
        if !command.words.is_empty() || !command.assignments.is_empty() || !command.redirects.is_empty() {
            self.commands.push(command);
        }
        self.state = State::Start;
    }

    fn operator(&mut self, op: Op, range: Bytes, in_pattern: bool) {
        let nothing = self.state == State::Start;
        match op {
            Op::In | Op::Out => {
                self.wants = None;
                let back = match self.state {
                    State::Start => Back::Start,
                    State::Closed => Back::Closed,
                    _ => Back::Inside,
                };
                self.state = State::Target { writes: op == Op::Out, back };
            }
            Op::Pipe | Op::Open if in_pattern => {}
            Op::Pipe | Op::And | Op::Or => {
                if nothing {
                    let operator = self.lexer.text[range.clone()].to_owned();
                    self.blame_weakly(range.clone(), format!("no command before `{operator}`"));
                }
                self.end_command();
                self.wants = Some(range);
            }
            Op::Semi => {
                if nothing {
                    self.unwanted();
                }
                if nothing && self.separated {
                    let operator = self.lexer.text[range.clone()].to_owned();
                    self.blame(range, format!("no command before `{operator}`"));
                }
                self.end_command();
                self.separated = true;
            }
            Op::Case => {
                self.end_command();
                match self.open.last_mut() {
                    Some((Block::Case { pattern }, _)) => *pattern = true,
                    _ => {
                        let operator = self.lexer.text[range.clone()].to_owned();
                        self.blame_weakly(range, format!("`{operator}` outside of `case`"));
                    }
                }
            }
            Op::Open if nothing => {
                self.wants = None;
                self.parens += 1;
                self.open.push((Block::Paren, range));
            }
            Op::Open => self.parenthesis(),
            Op::Close => self.close(range),
        }
    }

    /// `name()` opens a function; any other parenthesis among arguments is text.
    fn parenthesis(&mut self) {
        let rest = self.lexer.text[self.lexer.at..].trim_start_matches([' ', '\t']);
        if self.state == State::Inside && self.command.words.len() == 1 && rest.starts_with(')') {
            self.lexer.at = self.lexer.text.len() - rest.len() + 1;
            self.end = self.lexer.at;
            self.command = Command::default();
            self.state = State::Start;
            // Its body may start on the next line.
            self.wants = None;
        }
    }

    fn close(&mut self, range: Bytes) {
        match self.open.last_mut() {
            Some((Block::Case { pattern }, _)) => {
                *pattern = false;
                self.state = State::Start;
            }
            Some((Block::Paren, _)) => {
                self.unwanted();
                self.end_command();
                self.open.pop();
                self.parens -= 1;
                self.state = State::Closed;
            }
            _ if self.parens > 0 => {
                // Whatever is open inside of the parentheses is never closed.
                while let Some((block, at)) = self.open.pop().filter(|(block, _)| *block != Block::Paren) {
                    self.blame(at, block.fault());
                }
                self.parens -= 1;
                self.end_command();
                self.state = State::Closed;
            }
            _ if self.state == State::Start => self.blame_weakly(range, "`)` without `(`"),
            _ => {}
        }
    }

    fn word(&mut self, word: Word, in_pattern: bool) {
        self.wants = None;
        self.separated = false;
        let text = self.lexer.text;
        let raw = word.raw(text);
        match self.state {
            State::Start if in_pattern => {
                if raw == "esac" {
                    self.open.pop();
                    self.state = State::Closed;
                }
            }
            State::Start => {
                if !(word.is_bare() && self.keyword(raw, &word.range)) {
                    self.state = State::Inside;
                    if raw == "[[" {
                        self.state = State::Test;
                    }
                    self.first(word);
                }
            }
            State::Inside if self.command.words.is_empty() => self.first(word),
            State::Inside => self.command.words.push(word),
            State::Test => {
                if raw == "]]" {
                    self.state = State::Inside;
                }
                self.command.words.push(word);
            }
            State::Closed => {}
            // `for i do` goes through the arguments.
            State::Header if raw == "do" && self.command.words.len() == 1 => {
                self.command = Command::default();
                self.state = State::Start;
                self.keyword(raw, &word.range);
            }
            State::Header => {
                if self.command.words.is_empty() && is_name(raw) {
                    self.sets.push(raw.to_owned());
                }
                // Only so that the name is the first word.
                self.command.words.push(word);
            }
            State::Subject => {
                if raw == "in" {
                    self.state = State::Start;
                }
            }
            State::Target { writes, back } => {
                self.state = match back {
                    Back::Start | Back::Inside => State::Inside,
                    Back::Closed => State::Closed,
                };
                if back != Back::Closed {
                    self.command.redirects.push(Redirect { writes, word });
                }
            }
        }
    }

    /// An assignment, or the command word.
    fn first(&mut self, word: Word) {
        let raw = word.raw(self.lexer.text);
        let name = raw.split('=').next().unwrap_or_default();
        let name = name.strip_suffix('+').unwrap_or(name);
        if raw.contains('=') && is_name(name) {
            let range = word.range.start..word.range.start + name.len();
            self.command.assignments.push(Assignment { name: name.to_owned(), range });
        } else {
            self.command.words.push(word);
        }
    }

    /// Takes a reserved word; `false`: it is none.
    fn keyword(&mut self, raw: &str, range: &Bytes) -> bool {
        let top = self.open.last().map(|(block, _)| *block);
        match raw {
            // A prompt is none, but stands where a further shell has been started.
            "!" | "time" | "coproc" | "$" => {}
            "function" => self.function(),
            "if" => self.open.push((Block::If, range.clone())),
            "while" | "until" => self.open.push((Block::Loop { body: false }, range.clone())),
            "for" | "select" => {
                self.open.push((Block::Loop { body: false }, range.clone()));
                self.state = State::Header;
            }
            "case" => {
                self.open.push((Block::Case { pattern: true }, range.clone()));
                self.state = State::Subject;
            }
            "{" => self.open.push((Block::Brace, range.clone())),
            "then" | "elif" | "else" if top == Some(Block::If) => {}
            "do" if top == Some(Block::Loop { body: false }) => {
                if let Some((block, at)) = self.open.last_mut() {
                    (*block, *at) = (Block::Loop { body: true }, range.clone());
                }
            }
            "fi" => self.shut(Block::If, top, range, "`fi` without `if`"),
            "done" => self.shut(Block::Loop { body: true }, top, range, "`done` without `do`"),
            "}" => self.shut(Block::Brace, top, range, "`}` without `{`"),
            "esac" => self.shut(Block::Case { pattern: false }, top, range, "`esac` without `case`"),
            "then" | "elif" | "else" => self.blame_weakly(range.clone(), format!("`{raw}` without `if`")),
            "do" => self.blame_weakly(range.clone(), "`do` without a loop"),
            _ => return false,
        }
        true
    }

    /// Passes the name of a function and its parentheses, so that its body comes next.
    fn function(&mut self) {
        let all = self.lexer.text;
        let rest = all[self.lexer.at..].trim_start_matches([' ', '\t']);
        let rest = rest.trim_start_matches(|c: char| !c.is_whitespace() && !"(){};|&<>'\"`$".contains(c));
        let behind = rest.trim_start_matches([' ', '\t']);
        let rest = behind
            .strip_prefix('(')
            .map(|inner| inner.trim_start_matches([' ', '\t']))
            .and_then(|inner| inner.strip_prefix(')'))
            .unwrap_or(rest);
        self.lexer.at = all.len() - rest.len();
        self.end = self.lexer.at;
    }

    fn shut(&mut self, block: Block, top: Option<Block>, range: &Bytes, message: &str) {
        if top == Some(block) {
            self.open.pop();
        } else {
            self.blame_weakly(range.clone(), message);
        }
        self.state = State::Closed;
    }

    fn finish(mut self, range: Bytes) -> Statement {
        let text = self.lexer.text;
        let line = one_line(text, &range, &self.lexer.holes);
        let mut statement = Statement {
            line,
            commands: std::mem::take(&mut self.commands),
            uses: std::mem::take(&mut self.lexer.uses),
            sets: std::mem::take(&mut self.sets),
            fault: self.fault.take(),
            comment: self.lexer.comment.take().filter(|comment| comment.start < range.start),
            range,
            doubtful: false,
        };
        if statement.fault.is_none() {
            substitutions(text, std::mem::take(&mut self.lexer.inner), &mut statement);
        }
        statement
    }
}

/// Adds what stands in `$(...)`, level by level.
fn substitutions(text: &str, inner: Vec<Bytes>, statement: &mut Statement) {
    let mut level = inner;
    for _ in 0..DEEPEST {
        let mut next = Vec::new();
        for range in std::mem::take(&mut level) {
            let Some(text) = text.get(..range.end) else { continue };
            let mut at = range.start;
            while at < range.end {
                let mut parser = Parser::new(text, at);
                if !matches!(parser.statement(), Ok(Some(_))) {
                    break;
                }
                at = parser.lexer.at;
                statement.commands.append(&mut parser.commands);
                statement.uses.append(&mut parser.lexer.uses);
                statement.sets.append(&mut parser.sets);
                next.append(&mut parser.lexer.inner);
            }
        }
        level = next;
    }
}

/// The text without its holes, every run of blanks as one.
fn one_line(text: &str, range: &Bytes, holes: &[Bytes]) -> String {
    let mut line = String::with_capacity(range.len());
    let mut add = |part: Bytes| {
        for word in text.get(part).unwrap_or_default().split_inclusive(char::is_whitespace) {
            let bare = word.trim_end();
            if !bare.is_empty() {
                line.push_str(bare);
            }
            if bare.len() < word.len() && !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        }
    };
    let mut at = range.start;
    for hole in holes.iter().filter(|hole| hole.start >= range.start && hole.end <= range.end) {
        if hole.start > at {
            add(at..hole.start);
        }
        at = at.max(hole.end);
    }
    add(at..range.end);
    line.truncate(line.trim_end().len());
    line
}
