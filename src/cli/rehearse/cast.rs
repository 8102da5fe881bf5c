//! Who acts in a rehearsal: for every part a person of the protocol who may do it, or one that is added for the drill.
//!
//! Identities become SSH principals, each with a throw-away key. Pure; the keys are made elsewhere.

use crate::{
    domain::{ChannelName, GateId, Verb},
    gate::protocol::{Protocol, Role},
};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// A verdict or ack gate of the protocol, with the identities that it names.
pub struct Asked {
    pub gate: GateId,
    pub kind: &'static str,
    pub who: Vec<String>,
}

/// The parts, by principal, and the roles that let them act.
#[derive(Debug, Default)]
pub struct Cast {
    /// Promotes and rolls back.
    pub mover: String,
    /// Holds and lifts holds.
    pub warden: String,
    /// Waives; never the mover.
    pub waiver: String,
    /// Acts at the same time as the mover.
    pub rival: String,
    /// A program, as far as the policy is concerned.
    pub automation: String,
    /// A signer without any right.
    pub bystander: String,
    /// Whose verdicts the gates want.
    pub reviewers: Vec<String>,
    /// Who acknowledges which gate.
    pub ackers: BTreeMap<GateId, String>,
    /// Everybody whose key is in the scratch `allowed_signers`, the parts above among them.
    pub principals: BTreeSet<String>,
    pub roles: IndexMap<String, Role>,
    pub automations: BTreeSet<String>,
    /// What was added to the protocol's own roles, in words.
    pub added: Vec<String>,
}

/// The principal that stands for an identity: the name behind `ssh:` or `local:`, other kinds with their kind in it.
pub fn principal(identity: &str) -> String {
    let name = match identity.split_once(':') {
        Some(("ssh" | "local", name)) => name.to_owned(),
        Some((kind, name)) => format!("{kind}-{name}"),
        None => identity.to_owned(),
    };
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "@._+-".contains(c) { c } else { '-' }).collect()
}

/// The identity as the scratch protocol writes it.
pub fn identity(of: &str) -> String {
    format!("ssh:{}", principal(of))
}

impl Cast {
    /// Fills the parts. `signers` are the principals of `allowed_signers`; `channels` those that the drill moves.
    pub fn of(protocol: &Protocol, signers: &[String], asked: &[Asked], channels: &[ChannelName]) -> Cast {
        let mut cast = Cast { automations: protocol.automation.iter().map(|id| principal(id)).collect(), ..Cast::default() };
        for (name, role) in &protocol.roles {
            let who = role.who.iter().map(|id| identity(id)).collect();
            cast.roles.insert(name.clone(), Role { who, may: role.may.clone(), on: role.on.clone() });
        }
        let named = protocol.roles.values().flat_map(|role| &role.who).chain(&protocol.automation);
        let named = named.chain(asked.iter().flat_map(|asked| &asked.who)).chain(signers);
        cast.principals = named.map(|id| principal(id)).collect();
        if cast.roles.is_empty() {
            cast.everybody();
        }
        cast.reviewers(asked);
        cast.mover = cast.part("rehearsal-mover", &[Verb::Stage, Verb::Promote, Verb::Rollback], channels, &cast.reviewers.clone());
        cast.warden = cast.part("rehearsal-warden", &[Verb::Hold, Verb::Unhold], channels, &[]);
        cast.waiver = cast.part("rehearsal-waiver", &[Verb::Waive], channels, &[cast.mover.clone()]);
        cast.ackers(asked, channels);
        cast.rival = cast.add("rehearsal-rival", &[Verb::Stage, Verb::Promote, Verb::Rollback, Verb::Hold]);
        cast.automation = cast.add("rehearsal-automation", &[Verb::Stage, Verb::Promote, Verb::Rollback, Verb::Unhold]);
        cast.automations.insert(cast.automation.clone());
        cast.bystander = cast.add("rehearsal-bystander", &[]);
        for number in 1..=protocol.signing.threshold.saturating_sub(cast.principals.len() as u32) {
            cast.add(&format!("rehearsal-signer-{number}"), &[]);
        }
        cast
    }

    /// No roles at all mean that every signer may do everything; those who are added for the drill must not.
    fn everybody(&mut self) {
        let may = Verb::ALL.iter().copied().filter(|verb| verb.is_for_roles()).collect();
        let who: Vec<String> = self.principals.iter().map(|name| identity(name)).collect();
        if !who.is_empty() {
            self.added.push("a role that lets every signer of the protocol do everything".to_owned());
            self.roles.insert("rehearsal-everybody".to_owned(), Role { who, may, on: None });
        }
    }

    fn reviewers(&mut self, asked: &[Asked]) {
        let wanted: BTreeSet<String> =
            asked.iter().filter(|asked| asked.kind == "verdict").flat_map(|asked| &asked.who).map(|id| principal(id)).collect();
        for name in wanted {
            if !self.may(&name, Verb::Verdict, None) {
                self.grant(&name, &[Verb::Verdict]);
                self.added.push(format!("the right to record verdicts for {name}, whom a gate asks and no role lets"));
            }
            self.reviewers.push(name);
        }
    }

    fn ackers(&mut self, asked: &[Asked], channels: &[ChannelName]) {
        for gate in asked.iter().filter(|asked| asked.kind == "ack") {
            let mut named: Vec<String> = gate.who.iter().map(|id| principal(id)).collect();
            // Whoever moves may be refused as their own witness, and programs witness nothing.
            named.sort_by_key(|name| (*name == self.mover) || self.automations.contains(name));
            let acker = match named.into_iter().next() {
                None => {
                    let mover = self.mover.clone();
                    self.part("rehearsal-witness", &[Verb::Ack], channels, &[mover])
                }
                Some(name) => {
                    if !channels.iter().all(|channel| self.may(&name, Verb::Ack, Some(channel))) {
                        self.grant(&name, &[Verb::Ack]);
                        self.added.push(format!("the right to acknowledge for {name}, whom gate {} asks and no role lets", gate.gate));
                    }
                    name
                }
            };
            self.ackers.insert(gate.gate.clone(), acker);
        }
    }

    /// The first person who may do all of this on all of these channels; otherwise somebody who is added.
    fn part(&mut self, otherwise: &str, verbs: &[Verb], channels: &[ChannelName], not: &[String]) -> String {
        // Some verbs are also asked for without a channel: a role that is limited to channels does not give them.
        let everywhere = |verb: &Verb| !matches!(verb, Verb::Stage | Verb::Hold | Verb::Unhold);
        let may_one = |name: &str, verb: &Verb| {
            channels.iter().all(|channel| self.may(name, *verb, Some(channel))) && (everywhere(verb) || self.may(name, *verb, None))
        };
        let may_all = |name: &&String| verbs.iter().all(|verb| may_one(name, verb));
        let fits = |name: &&String| !not.contains(name) && !self.automations.contains(*name) && may_all(name);
        match self.principals.iter().find(fits).cloned() {
            Some(name) => name,
            None => self.add(otherwise, verbs),
        }
    }

    fn add(&mut self, name: &str, verbs: &[Verb]) -> String {
        let rights: Vec<&str> = verbs.iter().map(|verb| verb.slug()).collect();
        self.added.push(match rights.is_empty() {
            true => format!("the signer {name}, who may do nothing"),
            false => format!("the signer {name}, who may {}", rights.join(", ")),
        });
        self.principals.insert(name.to_owned());
        if !verbs.is_empty() {
            self.grant(name, verbs);
        }
        name.to_owned()
    }

    fn grant(&mut self, name: &str, verbs: &[Verb]) {
        let number = self.roles.len();
        self.roles.insert(format!("rehearsal-{number}"), Role { who: vec![identity(name)], may: verbs.to_vec(), on: None });
    }

    fn may(&self, name: &str, verb: Verb, channel: Option<&ChannelName>) -> bool {
        let on = |role: &Role| role.on.as_ref().is_none_or(|on| channel.is_some_and(|channel| on.contains(channel)));
        self.roles.values().any(|role| role.may.contains(&verb) && on(role) && role.who.iter().any(|who| principal(who) == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::config::{GateFiles, load};

    fn protocol(rest: &str) -> Protocol {
        let text = format!(
            "version: 1\npackages: {{ a: {{ release_tag: \"v{{version}}\" }} }}\nrelease_branches: [main]\n\
             channels: {{ c: {{ tag: c, base_url: \"http://x\" }}, d: {{ tag: d, base_url: \"http://x\" }} }}\n{rest}\n"
        );
        let gate = b"title: t\nhttp: [{ get: \"{base_url}/\", expect: { status: 200 } }]\n".to_vec();
        let files =
            [("protocol.yaml".to_owned(), text.into_bytes()), ("1-x.yaml".to_owned(), gate), ("allowed_signers".to_owned(), vec![])];
        load(&GateFiles { files: files.into(), root: "gates".to_owned() }).unwrap()
    }

    fn asked(kind: &'static str, who: &[&str]) -> Asked {
        Asked { gate: kind.parse().unwrap(), kind, who: who.iter().map(|who| (*who).to_owned()).collect() }
    }

    fn channels(names: &[&str]) -> Vec<ChannelName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn identities_become_principals() {
        for (identity, name) in
            [("ssh:a@b", "a@b"), ("local:a@b", "a@b"), ("github:12", "github-12"), ("team:x/y", "team-x-y"), ("ssh:a b\"", "a-b-")]
        {
            assert_eq!(principal(identity), name, "{identity}");
        }
    }

    #[test]
    fn people_of_the_protocol_play_where_they_may() {
        let roles = "roles:\n  m: { who: [\"ssh:m\", \"ssh:r\"], may: [stage, promote, rollback] }\n  \
                     half: { who: [\"ssh:h\"], may: [stage, promote, rollback, waive], on: [d] }\n";
        let protocol = protocol(&format!("signing: {{ key: \"env:K\" }}\n{roles}"));
        let asked = [asked("verdict", &["ssh:r"]), asked("ack", &["ssh:m", "ssh:w"])];
        let cast = Cast::of(&protocol, &["s".to_owned()], &asked, &channels(&["c", "d"]));
        assert_eq!(cast.mover, "m", "r is a reviewer, h may not on c");
        assert_eq!(cast.waiver, "rehearsal-waiver");
        assert_eq!(cast.reviewers, ["r"]);
        assert_eq!(cast.ackers.values().collect::<Vec<_>>(), ["w"], "the mover is no witness of their own");
        assert!(cast.may("r", Verb::Verdict, None) && cast.may("w", Verb::Ack, None), "{:?}", cast.added);
        assert!(cast.principals.contains("s") && !cast.may("s", Verb::Promote, None));
        assert!(!Verb::ALL.iter().any(|verb| cast.may(&cast.bystander, *verb, None)));
        assert!(cast.automations.contains(&cast.automation) && !cast.automations.contains(&cast.mover));
    }

    #[test]
    fn nobody_at_all_is_replaced_and_no_roles_mean_everybody() {
        let lone = Cast::of(&protocol("signing: { key: none }"), &[], &[], &channels(&["c"]));
        assert_eq!((lone.mover.as_str(), lone.warden.as_str()), ("rehearsal-mover", "rehearsal-warden"));
        let signers = ["z".to_owned(), "y".to_owned()];
        let open = Cast::of(&protocol("signing: { key: \"env:K\", threshold: 9 }"), &signers, &[], &channels(&["c"]));
        assert_eq!((open.mover.as_str(), open.waiver.as_str()), ("y", "z"));
        assert!(!open.may(&open.bystander, Verb::Promote, None), "who is added is not everybody");
        assert_eq!(open.principals.len(), 9, "as many as the threshold wants");
    }
}
