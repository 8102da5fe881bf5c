//! From the words behind a command's name to its values, by its row of the table.

use super::{
    dialect::Dialect,
    problem::{Mistake, Wrong, takers},
    read::Part,
    table::{Argument, Form, Need, Spec},
    value::{Kind, Value, Values},
    words::{Token, Word, Words, quoted},
};
use crate::text::{markdown::Bytes, near};

/// The words of one command, and what was read of them.
pub struct Arguments<'a> {
    pub comment: &'a str,
    /// The whole line.
    pub line: Bytes,
    /// The prefix and the name.
    pub head: Bytes,
    pub spec: &'static Spec,
    pub dialect: &'a Dialect,
    pub values: Values,
    pub parts: Vec<Part>,
}

impl Arguments<'_> {
    pub fn read(&mut self) -> Result<(), Mistake> {
        let mut words = Words::new(self.comment, self.head.end..self.line.end);
        // The last word was the value of a flag that takes text, and stood in no quotes.
        let mut loose: Option<Word> = None;
        while let Some(token) = words.next()? {
            match token {
                Token::Value(word) => {
                    self.position(&word, loose.take())?;
                }
                Token::Flag { range, name, value } => {
                    let flag = self.known(&name, &range)?;
                    self.once(flag, &range)?;
                    let value = match (flag.kind, value) {
                        (Kind::Switch, None) => None,
                        (Kind::Switch, Some(value)) => {
                            let message = format!("`{}` takes no value", flag.shown());
                            let end = value.range.end;
                            return Err(Mistake::new(Wrong::Unexpected, value.range, message)
                                .help("leave it out")
                                .edit(range.end..end, ""));
                        }
                        (_, Some(value)) => Some(value),
                        (_, None) => Some(self.behind(flag, &range, &mut words)?),
                    };
                    loose = value.clone().filter(|value| flag.kind == Kind::Text && !value.quoted);
                    self.take(flag, Some(range), value)?;
                }
            }
        }
        self.complete()
    }

    /// The word behind a flag: its value, whatever it looks like. Only what could have been meant as a flag needs quotes.
    fn behind(&self, flag: &'static Argument, range: &Bytes, words: &mut Words<'_>) -> Result<Word, Mistake> {
        let next = words.next()?;
        if let Some(Token::Value(word)) = next {
            if word.quoted || !word.text.starts_with('-') {
                return Ok(word);
            }
        } else if next.is_none() {
            let mistake = Mistake::new(Wrong::Missing, range.end..range.end, format!("`{}` has no value", flag.shown()));
            let help = format!("write `{}`", flag.written());
            return Err(mistake.help(help).edit(range.end..range.end, &format!(" {}", flag.kind.placeholder())));
        }
        let mistake =
            Mistake::new(Wrong::Missing, range.clone(), format!("`{}` is followed by a flag in place of its value", flag.shown()));
        let help = format!("write `{}`; a value that begins with a hyphen stands in double quotes", flag.written());
        Err(mistake.help(help).edit(range.end..range.end, &format!(" {}", flag.kind.placeholder())))
    }

    /// The flag of this name.
    fn known(&self, name: &str, range: &Bytes) -> Result<&'static Argument, Mistake> {
        if let Some(flag) = self.spec.argument(Form::Flag, name) {
            return Ok(flag);
        }
        let command = self.spec.name;
        if let Some((flag, instead)) = self.spec.not_here.iter().find(|(flag, _)| *flag == name) {
            return Err(Mistake::new(Wrong::NotHere, range.clone(), format!("a comment does not take `--{flag}`")).help(*instead));
        }
        let mistake = Mistake::new(Wrong::UnknownFlag, range.clone(), format!("`{command}` has no flag `--{}`", shown(name)));
        let names: Vec<&str> = self.spec.flags().map(|flag| flag.name).collect();
        if let Some(near) = near::nearest(name, names.iter().copied()) {
            return Err(mistake.help(format!("did you mean `--{near}`?")).edit(range.clone(), &format!("--{near}")));
        }
        let flags: Vec<String> = names.iter().map(|name| format!("`--{name}`")).collect();
        Err(mistake.help(match (takers(name).as_slice(), flags.as_slice()) {
            ([], []) => format!("`{command}` has no flags"),
            ([], flags) => format!("its flags are {}", flags.join(", ")),
            (takers, _) => format!("it is a flag of {}", takers.join(", ")),
        }))
    }

    fn once(&self, flag: &'static Argument, range: &Bytes) -> Result<(), Mistake> {
        if flag.repeats || !self.values.has(flag.name) {
            return Ok(());
        }
        let mistake = Mistake::new(Wrong::Twice, range.clone(), format!("`{}` is given a second time", flag.shown()));
        Err(mistake.help("leave one of them out"))
    }

    /// A word that is no flag and no flag's value.
    fn position(&mut self, word: &Word, loose: Option<Word>) -> Result<(), Mistake> {
        if let Some(before) = loose {
            let rest = &self.comment[before.range.start..self.line.end];
            let end = rest.find(" --").unwrap_or(rest.len());
            let text = rest[..end].trim_end();
            let whole = before.range.start..before.range.start + text.len();
            let mistake = Mistake::new(Wrong::Quotes, whole.clone(), "a text of several words stands in double quotes");
            return Err(mistake.help("put it in double quotes").edit(whole, &quoted(text)));
        }
        let open = self.spec.positions().find(|position| position.repeats || !self.values.has(position.name));
        let flags_began = self.parts.iter().any(|part| part.flag.is_some());
        match open {
            None => {
                let mistake = Mistake::new(Wrong::Unexpected, word.range.clone(), format!("`{}` is one word too many", shown(&word.text)));
                Err(mistake.help("leave it out, or put it in double quotes with the value that it belongs to").edit(word.range.clone(), ""))
            }
            Some(_) if word.text.starts_with('-') && !word.quoted => {
                let mistake = Mistake::new(Wrong::UnknownFlag, word.range.clone(), format!("`{}` is not a flag", shown(&word.text)));
                Err(mistake.help("flags begin with two hyphens"))
            }
            Some(position) if flags_began => {
                let what = position.shown();
                let mistake = Mistake::new(Wrong::Unexpected, word.range.clone(), format!("`{}` stands behind a flag", shown(&word.text)));
                let mistake = mistake.help(format!("{what} stands before the flags"));
                Err(match position.kind.parse(&word.text) {
                    Ok(_) => {
                        let before = self.parts.iter().take_while(|part| part.flag.is_none()).filter_map(|part| part.value.clone()).last();
                        let at = before.map_or(self.head.end, |value| value.end);
                        mistake.edit(at..at, &format!(" {}", quoted(&word.text))).edit(word.range.clone(), "")
                    }
                    Err(_) => mistake,
                })
            }
            Some(position) => self.take(position, None, Some(word.clone())),
        }
    }

    fn take(&mut self, argument: &'static Argument, flag: Option<Bytes>, word: Option<Word>) -> Result<(), Mistake> {
        let value = match &word {
            None => Value::Nothing,
            Some(word) => argument.kind.parse(&word.text).map_err(|why| self.refused(argument, word, why))?,
        };
        if let Some(word) = word.as_ref().filter(|_| self.values.0.contains(&(argument.name, value.clone()))) {
            let mistake = Mistake::new(Wrong::Twice, word.range.clone(), format!("`{}` is given a second time", shown(&word.text)));
            return Err(mistake.help("leave one of them out"));
        }
        self.values.0.push((argument.name, value));
        self.parts.push(Part { name: argument.name, flag, value: word.map(|word| word.range) });
        Ok(())
    }

    fn refused(&self, argument: &'static Argument, word: &Word, why: String) -> Mistake {
        let mistake = Mistake::new(Wrong::Value, word.range.clone(), format!("{}: {why}", argument.shown()));
        match argument.kind {
            Kind::Sha => {
                mistake.help("the full id, as `git rev-parse` prints it: a branch or a short id could mean another commit tomorrow")
            }
            Kind::Word(it) => mistake.help(format!("write `{it}` before it")).edit(word.range.start..word.range.start, &format!("{it} ")),
            Kind::Command => {
                let names: Vec<&str> = super::COMMANDS.iter().map(|spec| spec.name).collect();
                match near::nearest(&word.text, names) {
                    Some(near) => mistake.help(format!("did you mean `{near}`?")).edit(word.range.clone(), near),
                    None => mistake.help("`help` alone lists them"),
                }
            }
            _ => mistake.help(format!("{} is {}", argument.shown(), lower(argument.about))),
        }
    }

    /// Whether everything is there that must be.
    fn complete(&self) -> Result<(), Mistake> {
        let end = self.line.end..self.line.end;
        let given: Vec<&Part> = self.parts.iter().filter(|part| part.flag.is_some() && self.spec.one_of.contains(&part.name)).collect();
        if let [one, two, ..] = given[..] {
            let range = two.flag.clone().unwrap_or(end);
            let message = format!("`--{}` and `--{}` exclude each other", one.name, two.name);
            return Err(Mistake::new(Wrong::Conflict, range, message).help("leave one of them out"));
        }
        let absent = |argument: &&Argument| !argument.need.is_met_by(self.dialect) && !self.values.has(argument.name);
        let missing: Vec<&Argument> = self.spec.arguments.iter().filter(absent).collect();
        let choice = given.is_empty() && !self.spec.one_of.is_empty();
        if missing.is_empty() && !choice {
            return Ok(());
        }
        let mut names: Vec<String> = missing.iter().map(|argument| format!("`{}`", argument.shown())).collect();
        if choice {
            names.push(format!("one of {}", self.spec.one_of.iter().map(|name| format!("`--{name}`")).collect::<Vec<_>>().join(", ")));
        }
        let are = if names.len() == 1 { "is" } else { "are" };
        let message = format!("{} {are} missing", names.join(" and "));
        if let [Argument { need: Need::Policy, .. }] = missing[..] {
            let help = "name the release's full commit id, so that nothing else can be moved by that name";
            return Err(Mistake::new(Wrong::NoSha, end.clone(), message).help(help).edit(end, " --sha SHA"));
        }
        let mistake = Mistake::new(Wrong::Missing, end.clone(), message).help("add what is missing");
        if choice {
            return Err(mistake);
        }
        Err(missing.into_iter().fold(mistake, |mistake, argument| {
            let (at, written) = match argument.form {
                Form::Position => (self.head.end, argument.shown()),
                Form::Flag => (self.line.end, argument.written()),
            };
            mistake.edit(at..at, &format!(" {written}"))
        }))
    }
}

/// Foreign text in a message: what could act is escaped, and only the start of it is shown.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let cut = if text.chars().nth(MOST).is_some() { "..." } else { "" };
    let start: String = text.chars().take(MOST).collect();
    format!("{}{cut}", start.escape_debug())
}

fn lower(about: &str) -> String {
    let mut chars = about.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
