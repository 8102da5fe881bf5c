//! Hooks: what is told that a channel moved, such as a cache that must forget what it has.
//!
//! A hook is called once when a move is done, as a question to the world whose answer decides nothing: it is reported, and never undoes
//! a move. What it calls is said by the policy in force. Deliberately absent: retries; `tagwarden follow` calls the hooks of a move again,
//! so what they do must be the same a second time.

use super::{
    Answer, Ask, Context, Got,
    probe::{CommandAsk, HttpAsk},
    shapes,
};
use crate::{
    domain::{ChannelName, state::Entry},
    text::template::{Slot, Template},
};
use serde_json::json;
use std::collections::BTreeMap;

pub struct Hook {
    pub name: String,
    /// `None`: every channel.
    pub channels: Option<Vec<ChannelName>>,
    /// What a cache is to forget, as the hook names it.
    pub keys: Vec<Template>,
    pub call: Call,
}

pub enum Call {
    /// A request with what moved as its JSON body.
    Post { url: Template, headers: Vec<(String, Template)> },
    /// A program and its arguments, with what moved in its environment.
    Run { run: Vec<Template>, env: Vec<String> },
}

/// A hook with everything filled in.
pub struct Filled {
    pub keys: Vec<String>,
    pub ask: Ask,
}

impl Hook {
    pub fn applies(&self, channel: &ChannelName) -> bool {
        self.channels.as_ref().is_none_or(|channels| channels.contains(channel))
    }

    /// What a cache is told to forget. The error is the placeholder that has no value.
    pub fn keys(&self, cx: &Context) -> Result<Vec<String>, Slot> {
        let placeholders = cx.placeholders();
        self.keys.iter().map(|key| key.expand(|slot| value(&placeholders, slot))).collect()
    }

    /// The error is the placeholder that has no value.
    pub fn fill(&self, cx: &Context, entry: &Entry) -> Result<Filled, Slot> {
        let placeholders = cx.placeholders();
        let value = |slot: &Slot| value(&placeholders, slot);
        let keys = self.keys(cx)?;
        let ask = match &self.call {
            Call::Post { url, headers } => {
                let headers = headers.iter().map(|(name, text)| Ok((name.clone(), text.stage(value)?)));
                Ask::Http(HttpAsk {
                    method: "POST".to_owned(),
                    url: shapes::stage_url(url, value)?,
                    headers: headers.collect::<Result<BTreeMap<_, _>, Slot>>()?,
                    json: Some(json!({
                        "schema": "tagwarden.moved/1", "verb": entry.action, "channel": entry.channel, "serial": entry.serial,
                        "commit": entry.candidate, "releases": entry.releases, "moves": entry.moves.iter().map(|moved| {
                            json!({ "ref": moved.name, "from": moved.from, "to": moved.to })
                        }).collect::<Vec<_>>(), "keys": keys,
                    })),
                    ..HttpAsk::default()
                })
            }
            Call::Run { run, env } => {
                let mut set: BTreeMap<String, String> =
                    placeholders.iter().map(|(name, value)| (format!("TAGWARDEN_{}", name.to_uppercase()), value.clone())).collect();
                set.insert("TAGWARDEN_SERIAL".to_owned(), entry.serial.to_string());
                set.insert("TAGWARDEN_KEYS".to_owned(), keys.join("\n"));
                let run = run.iter().map(|argument| argument.expand(value)).collect::<Result<Vec<String>, Slot>>()?;
                Ask::Command(CommandAsk { run, env: env.clone(), set, ..CommandAsk::default() })
            }
        };
        Ok(Filled { keys, ask })
    }
}

fn value(placeholders: &[(&'static str, String)], slot: &Slot) -> Option<String> {
    match slot {
        Slot::Value(name) => placeholders.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
        Slot::Env(_) | Slot::Capture(_) => None,
    }
}

/// What came of a call: `Ok` where it was taken.
pub fn outcome(answer: &Answer) -> Result<String, String> {
    match answer.result() {
        Ok(Got::Http(got)) if (200..300).contains(&got.status) => Ok(format!("status {}", got.status)),
        Ok(Got::Http(got)) => Err(format!("status {}", got.status)),
        Ok(Got::Command(got)) => match got.exit {
            Some(0) => Ok("exit code 0".to_owned()),
            Some(exit) => Err(format!("exit code {exit}")),
            None => Err("it was ended by a signal".to_owned()),
        },
        Ok(_) => Err("the answer has another shape".to_owned()),
        Err(unavailable) => {
            let detail = unavailable.detail.map(|detail| format!(": {detail}")).unwrap_or_default();
            Err(format!("{}{detail}", unavailable.why.replace('-', " ")))
        }
    }
}
