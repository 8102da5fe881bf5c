//! What the gates of a protocol ask of the world, read off their own first questions: names of variables, paths of endpoints.

use crate::{
    domain::{Timestamp, Verb},
    gate::{
        Context, Evidence, Protocol, Setting,
        probe::{Ask, EVIDENCE_SCHEMA},
    },
    tree::MapTree,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Stands for a base URL that a channel lacks, so that its paths can be told from it.
const NO_HOST: &str = "http://localhost";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub variables: BTreeMap<String, Variable>,
    /// URL paths.
    pub endpoints: BTreeSet<String>,
}

/// What gates ask of one variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// Title of the first gate that asks for it.
    pub gate: String,
    /// By channel.
    pub channels: BTreeMap<String, Cell>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub prefixes: Vec<String>,
    pub literals: Vec<String>,
    /// As each gate that asks for it says.
    pub settings: Vec<Setting>,
}

impl Asked {
    pub fn of(protocol: &Arc<Protocol>) -> Asked {
        let mut asked = Asked::default();
        for (name, channel) in &protocol.channels {
            let cx = Context {
                verb: Verb::Promote,
                channel: name.clone(),
                base_url: Some(channel.base_url.clone().unwrap_or_else(|| NO_HOST.to_owned())),
                releases: Vec::new(),
                candidate: None,
                policy: None,
                now: Timestamp::from_unix(0),
                actor: None,
                protocol: Arc::clone(protocol),
                tree: Arc::new(MapTree::new(BTreeMap::new())),
            };
            for gate in protocol.gates.iter().filter(|gate| gate.header.channels.as_ref().is_none_or(|channels| channels.contains(name))) {
                let seen = Evidence {
                    schema: EVIDENCE_SCHEMA.to_owned(),
                    gate: gate.id.clone(),
                    kind: gate.kind.id.to_owned(),
                    verb: cx.verb,
                    channel: name.clone(),
                    candidate: None,
                    policy: None,
                    answers: Vec::new(),
                };
                for (variable, setting) in gate.gate.settings(name) {
                    let first = || Variable { gate: gate.header.title.clone(), ..Variable::default() };
                    let variable = asked.variables.entry(variable.to_owned()).or_insert_with(first);
                    variable.channels.entry(name.to_string()).or_default().settings.push(setting);
                }
                for probe in gate.gate.asks(&cx, &seen) {
                    match probe.ask {
                        Ask::Env(ask) => {
                            let first = || Variable { gate: gate.header.title.clone(), ..Variable::default() };
                            let variable = asked.variables.entry(ask.name).or_insert_with(first);
                            let cell = variable.channels.entry(name.to_string()).or_default();
                            cell.prefixes.extend(ask.prefixes);
                            cell.literals.extend(ask.literals);
                        }
                        Ask::Http(ask) => asked.endpoints.extend(path_of(&ask.url)),
                        _ => {}
                    }
                }
            }
        }
        asked
    }
}

fn path_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let at = rest.find('/')?;
    Some(rest[at..].to_owned())
}
