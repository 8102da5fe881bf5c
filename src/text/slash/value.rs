//! The values of arguments: each sort is read by the type of [`crate::domain`] that it is.

use super::table;
use crate::{
    domain::{ChannelName, GateId, Oid, ReleaseWord, Until, VerdictWord, actor::sentence},
    text::near,
};

/// What sort of value an argument takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Release,
    Channel,
    Gate,
    /// A full commit id.
    Sha,
    Text,
    Until,
    Verdict,
    /// The name of a command.
    Command,
    /// This word and no other.
    Word(&'static str),
    /// A flag without a value.
    Switch,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Release(ReleaseWord),
    Channel(ChannelName),
    Gate(GateId),
    Sha(Oid),
    Text(String),
    Until(Until),
    Verdict(VerdictWord),
    Command(&'static str),
    Nothing,
}

/// No name is longer; a longer one is not shown.
const LONGEST_NAME: usize = 256;

impl Kind {
    /// What stands for it in a usage line.
    pub const fn placeholder(self) -> &'static str {
        match self {
            Kind::Release => "RELEASE",
            Kind::Channel => "CHANNEL",
            Kind::Gate => "GATE",
            Kind::Sha => "SHA",
            Kind::Text => "TEXT",
            Kind::Until => "SPAN|TIME",
            Kind::Verdict => "SAFE|FINDINGS",
            Kind::Command => "COMMAND",
            Kind::Word(word) => word,
            Kind::Switch => "",
        }
    }

    pub(super) fn parse(self, text: &str) -> Result<Value, String> {
        if self != Kind::Text && text.chars().nth(LONGEST_NAME).is_some() {
            return Err(format!("it is longer than {LONGEST_NAME} characters"));
        }
        match self {
            Kind::Release => text.parse().map(Value::Release),
            Kind::Channel => text.parse().map(Value::Channel),
            Kind::Gate => text.parse().map(Value::Gate),
            Kind::Sha => text.parse().map(Value::Sha),
            Kind::Text => sentence(text).map(Value::Text),
            Kind::Until => text.parse().map(Value::Until),
            Kind::Verdict => text.parse().map(Value::Verdict),
            Kind::Command => table::spec(text).map(|spec| Value::Command(spec.name)).ok_or_else(|| {
                let names: Vec<&str> = table::COMMANDS.iter().map(|spec| spec.name).collect();
                format!("`{}` is not a command; {}", text.escape_debug(), near::help(text, &names))
            }),
            Kind::Word(word) if word == text => Ok(Value::Nothing),
            Kind::Word(word) => Err(format!("the word `{word}` comes before `{}`", text.escape_debug())),
            Kind::Switch => Err("it takes no value".to_owned()),
        }
    }
}

/// Values by the name of their argument, as they were read.
#[derive(Debug, Default)]
pub struct Values(pub(super) Vec<(&'static str, Value)>);

impl Values {
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }

    pub(super) fn all<T: Of>(&mut self, name: &str) -> Vec<T> {
        let found = self.0.iter().filter(|(known, _)| *known == name);
        found.filter_map(|(_, value)| T::of(value.clone())).collect()
    }

    pub(super) fn one<T: Of>(&mut self, name: &str) -> Option<T> {
        self.all(name).pop()
    }
}

/// A type that a value can have.
pub(super) trait Of: Sized {
    fn of(value: Value) -> Option<Self>;
}

macro_rules! of {
    ($($variant:ident $type:ty;)*) => {
        $(impl Of for $type {
            fn of(value: Value) -> Option<$type> {
                match value {
                    Value::$variant(value) => Some(value),
                    _ => None,
                }
            }
        })*
    };
}

of! {
    Release ReleaseWord;
    Channel ChannelName;
    Gate GateId;
    Sha Oid;
    Text String;
    Until Until;
    Verdict VerdictWord;
    Command &'static str;
}
