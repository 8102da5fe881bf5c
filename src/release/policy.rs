//! Who may do what. A [`Permit`] is the proof that the adopted policy gives an actor this right; appending to the ledger
//! demands one.
//!
//! Roles are additive: any role that names the actor, the verb and the channel permits. A role that is limited to channels
//! permits nothing that names no channel. Where a policy has no roles, every signer may do everything. Adopting is decided by
//! the signers and the threshold, never by roles.

use super::{chain::GIT_NAMESPACE, state::holds_on};
use crate::{
    attest::ssh::AllowedSigners,
    domain::{
        Actor, ActorKind, ChannelName, Digest, Fault, Finding, Oid, Reason, Result, Timestamp, Verb,
        digest::canonical_json,
        state::{Hold, HoldScope, State},
    },
    gate::{
        OnFail, Protocol, WaitsFor, When,
        config::{self, GateFiles},
        protocol::PERMISSIONS,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// The namespace of co-signatures over statements.
pub const STATEMENT_NAMESPACE: &str = "tagwarden";

/// A policy: a tree of `gates/`, parsed once.
#[derive(Clone)]
pub struct Policy {
    pub tree: Oid,
    pub protocol: Arc<Protocol>,
    pub allowed: Option<Arc<AllowedSigners>>,
}

/// The policies that were read, by their tree.
pub type Policies = HashMap<Oid, Policy>;

impl Policy {
    /// Reads the signers; every wrong line is a finding.
    pub fn new(tree: Oid, protocol: Arc<Protocol>) -> std::result::Result<Policy, Vec<Finding>> {
        let allowed = protocol.allowed_signers.as_deref().map(AllowedSigners::parse).transpose()?;
        Ok(Policy { tree, protocol, allowed: allowed.map(Arc::new) })
    }

    /// Reads a policy from the files of its tree.
    pub fn read(tree: &Oid, files: BTreeMap<String, Vec<u8>>) -> std::result::Result<Policy, Vec<Finding>> {
        match config::load(&GateFiles { files, root: "gates".to_owned() }) {
            Ok(protocol) => Policy::new(tree.clone(), Arc::new(protocol)),
            Err(fault) if fault.findings.is_empty() => Err(vec![Finding::error("ledger/bad-policy", fault.message)]),
            Err(fault) => Err(fault.findings),
        }
    }

    /// Whether somebody who signed a statement earlier has the right to it under this policy: `by` with what gave the right
    /// then. A signer who was taken out of the list has none.
    pub fn still_permits(&self, by: &str, rights: &[String], verb: Verb, channel: Option<&ChannelName>) -> bool {
        let listed =
            |principal: &str| self.allowed.as_ref().is_some_and(|allowed| allowed.signers().any(|signer| signer.principal == principal));
        let is_signer = by.strip_prefix("ssh:").is_none_or(listed);
        is_signer && permits(&self.protocol, by, rights, verb, channel)
    }
}

impl Policy {
    /// Why this policy would be the last one, or could move nothing: nobody whose signature counts at that time could adopt
    /// another, or promote to any channel. A policy whose channels have no tags promotes nothing, and need not.
    pub fn dead_ends(&self, at: Timestamp) -> Vec<Finding> {
        let protocol = self.protocol.as_ref();
        let named = |namespace: &str| -> BTreeSet<&str> {
            let signers = self.allowed.iter().flat_map(|allowed| allowed.signers());
            let counts = signers.filter(|signer| signer.is_valid_at(at) && signer.may_sign_for(namespace));
            counts.map(|signer| signer.principal.as_str()).collect()
        };
        // Where nothing is signed nobody is known by a key.
        let writers = if protocol.is_unsigned() { BTreeSet::new() } else { named(GIT_NAMESPACE) };
        let others = named(STATEMENT_NAMESPACE);
        let mut found = Vec::new();
        // Whoever writes the adoption signs its entry, the others its statement.
        let most = writers.iter().map(|writer| others.iter().filter(|other| *other != writer).count() + 1).max().unwrap_or(0);
        if !protocol.is_unsigned() && (most as u64) < u64::from(protocol.signing.threshold) {
            let message = format!(
                "nobody could adopt another policy after this one: that needs {} signers whose keys count now, and there are {most}",
                protocol.signing.threshold
            );
            let help = "list more signers in gates/allowed_signers (their `valid-after`, `valid-before` and `namespaces` count), or lower `signing.threshold`";
            found.push(Finding::error("policy/nobody-adopts", message).help(help));
        }
        let tagged: Vec<&ChannelName> = protocol.channels.iter().filter(|(_, rules)| rules.tag.is_some()).map(|(name, _)| name).collect();
        let acting = |verb, channel| self.acting(&writers, verb, channel);
        if !tagged.is_empty() && tagged.iter().all(|channel| acting(Verb::Promote, Some(*channel)).is_empty()) {
            let help = "a role with `may: [promote]` names a signer of gates/allowed_signers as `ssh:NAME`; with `signing: none` people are `local:MAIL`";
            found.push(Finding::error("policy/nobody-promotes", "nobody could promote to any channel under this policy").help(help));
            return found;
        }
        let closed: Vec<Option<Finding>> = tagged.iter().map(|channel| self.waits_for_nobody(channel, &writers)).collect();
        if !tagged.is_empty() && closed.iter().all(Option::is_some) {
            found.extend(closed.into_iter().flatten().next());
        }
        found
    }

    /// The first required gate before a promotion to this channel that waits for people of whom too few could answer.
    fn waits_for_nobody(&self, channel: &ChannelName, writers: &BTreeSet<&str>) -> Option<Finding> {
        let required = self.protocol.gates_for(Verb::Promote, channel, When::Before);
        let required = required.filter(|gate| gate.header.on_fail == OnFail::Halt && !gate.header.waivable);
        required.filter_map(|gate| Some((gate, gate.gate.waits_for()?))).find_map(|(gate, WaitsFor { verb, people, least })| {
            // A verdict is about a commit, on whichever channel.
            let acting = self.acting(writers, verb, Some(channel).filter(|_| verb != Verb::Verdict));
            let able = match &people {
                None => acting.len(),
                Some(people) => people.iter().filter(|forms| self.is_able(writers, forms, verb, channel)).count(),
            };
            (able < least).then(|| {
                let message = format!(
                    "nobody could promote to any channel under this policy: gate {} waits for {least} of whom it names to record a {verb}, and {able} could",
                    gate.id
                );
                let help = format!("list their keys in gates/allowed_signers, and a role with `may: [{verb}]` that names them as `ssh:NAME`");
                Finding::error("policy/nobody-promotes", message).help(help)
            })
        })
    }

    /// Whether somebody of these identities can record this: with a key that counts, or through a mover.
    fn is_able(&self, writers: &BTreeSet<&str>, forms: &[String], verb: Verb, channel: &ChannelName) -> bool {
        let channel = Some(channel).filter(|_| verb != Verb::Verdict);
        // Who is in a team, and who has a permission, is known to the forge alone.
        let unknown = || self.acting(writers, verb, channel).iter().any(|who| who.starts_with("team:") || who.starts_with("permission:"));
        forms.iter().any(|who| self.is_acting(writers, who, verb, channel) || (who.starts_with("github:") && unknown()))
    }

    /// Who of those that roles name could do this; without roles, every signer. `writers`: who can sign an entry.
    fn acting<'a>(&'a self, writers: &BTreeSet<&'a str>, verb: Verb, channel: Option<&ChannelName>) -> Vec<&'a str> {
        let protocol = self.protocol.as_ref();
        match protocol.roles.is_empty() {
            true if protocol.is_unsigned() => vec!["local:"],
            true => writers.iter().copied().collect(),
            false => {
                let named = protocol.roles.values().flat_map(|role| &role.who).map(String::as_str);
                named.filter(|who| self.is_acting(writers, who, verb, channel)).collect()
            }
        }
    }

    fn is_acting(&self, writers: &BTreeSet<&str>, who: &str, verb: Verb, channel: Option<&ChannelName>) -> bool {
        let protocol = self.protocol.as_ref();
        let is_writer = |id: &str| id.strip_prefix("ssh:").is_some_and(|principal| writers.contains(principal));
        let may = |id: &str, rights: &[String]| permits(protocol, id, rights, verb, channel);
        match who.split_once(':').map_or("", |(form, _)| form) {
            "ssh" => is_writer(who) && may(who, &[]),
            "local" => protocol.is_unsigned() && may(who, &[]),
            // Somebody on a forge acts through a mover.
            _ if !protocol.movers.iter().any(|mover| is_writer(mover)) => false,
            "github" => may(who, &[]),
            _ => may("github:0", &[who.to_owned()]),
        }
    }
}

/// Proof of a right. Only [`permit`], [`permit_by_threshold`] and [`permit_first`] make it.
#[derive(Debug)]
pub struct Permit {
    actor: Actor,
    verb: Verb,
    channel: Option<ChannelName>,
}

impl Permit {
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Whether this permit is for what an entry records.
    pub fn covers(&self, actor: &Actor, verb: Verb, channel: Option<&ChannelName>) -> bool {
        self.actor.id == actor.id && self.verb == verb && self.channel.as_ref() == channel
    }
}

/// The actor behind an identity, with its kind from the policy.
pub fn actor(protocol: &Protocol, id: &str, name: &str) -> Actor {
    let kind = if protocol.automation.iter().any(|automation| automation == id) { ActorKind::Automation } else { ActorKind::Human };
    Actor { id: id.to_owned(), kind, name: name.to_owned() }
}

/// Whether a role permits this. `rights`: what the actor has beside their identity, as `team:ORG/SLUG` or `permission:LEVEL`.
fn permits(protocol: &Protocol, id: &str, rights: &[String], verb: Verb, channel: Option<&ChannelName>) -> bool {
    if protocol.roles.is_empty() {
        // Without roles every signer may do everything; who signs nothing has to be named.
        return !id.starts_with("github:");
    }
    let level = |right: &str| right.strip_prefix("permission:").and_then(|level| PERMISSIONS.iter().position(|known| *known == level));
    let gives = |who: &String| {
        *who == id || rights.contains(who) || level(who).is_some_and(|least| rights.iter().any(|right| level(right) >= Some(least)))
    };
    // A role that is limited to channels says nothing about a request that is about all of them, or none.
    let on = |on: &Option<Vec<ChannelName>>| match (on, channel) {
        (None, _) => true,
        (Some(on), Some(channel)) => on.contains(channel),
        (Some(_), None) => false,
    };
    protocol.roles.values().any(|role| role.may.iter().any(|may| may.grants(verb)) && on(&role.on) && role.who.iter().any(gives))
}

/// Whether any role names them, whatever it permits.
pub fn has_a_role(protocol: &Protocol, id: &str, rights: &[String]) -> bool {
    let channels = || protocol.channels.keys().map(Some).chain([None]);
    Verb::ALL.iter().any(|verb| channels().any(|channel| permits(protocol, id, rights, *verb, channel)))
}

/// The right to do `verb` on `channel` (`None`: on no channel in particular). `rights` as in [`Policy::still_permits`].
pub fn permit(protocol: &Protocol, actor: &Actor, rights: &[String], verb: Verb, channel: Option<&ChannelName>) -> Result<Permit> {
    if permits(protocol, &actor.id, rights, verb, channel) {
        return Ok(Permit { actor: actor.clone(), verb, channel: channel.cloned() });
    }
    let place = channel.map(|channel| format!(" on {channel}")).unwrap_or_default();
    let fault = Fault::new(Reason::NotPermitted, format!("{} may not {verb}{place}: no role of the adopted policy permits it", actor.id));
    let elsewhere = channel.is_none() && protocol.channels.keys().any(|channel| permits(protocol, &actor.id, rights, verb, Some(channel)));
    Err(match elsewhere {
        true => fault
            .help(format!("roles with `on:` permit only what names one of their channels; a role without `on:` permits {verb} everywhere")),
        false => fault,
    })
}

/// The right to write entry 0, where there is no ledger.
pub fn permit_first(actor: &Actor) -> Permit {
    Permit { actor: actor.clone(), verb: Verb::Adopt, channel: None }
}

/// What co-signers of an adoption sign: canonical JSON, bound to the entry it follows, and a line break, so that
/// the file that printing it gives is exactly what is signed.
pub fn statement(verb: Verb, previous: &Oid, about: serde_json::Value) -> Result<Vec<u8>> {
    let mut statement = canonical_json(&serde_json::json!({
        "schema": "tagwarden.statement/1",
        "action": verb.slug(),
        "previous": previous,
        "about": about,
    }))?;
    statement.push(b'\n');
    Ok(statement)
}

/// What co-signers of an adoption sign beside the place in the chain.
pub fn adoption(policy: &Oid, version: u64) -> serde_json::Value {
    serde_json::json!({ "policy": policy, "version": version })
}

/// Who signed, counted: a key counts once, a person counts once.
#[derive(Default)]
pub struct Signers {
    principals: BTreeSet<String>,
    keys: BTreeSet<String>,
    pub refused: Vec<Finding>,
}

impl Signers {
    /// Who signs an adoption: the actor by the entry itself, the others by their signatures over `statement`.
    pub fn of_adoption(policy: &Policy, actor: &Actor, statement: &[u8], signatures: &[String], at: Timestamp) -> Signers {
        let mut signers = Signers::default();
        if let Some(principal) = actor.id.strip_prefix("ssh:") {
            // No key is listed under two names, so which of theirs the actor used makes no difference.
            let listed = policy.allowed.iter().flat_map(|allowed| allowed.signers());
            let key = listed.filter(|signer| signer.principal == principal).map(|signer| signer.fingerprint.clone()).next();
            signers.add(principal, &key.unwrap_or_default());
        }
        if let Some(allowed) = &policy.allowed {
            signers.add_signatures(allowed, statement, signatures, at);
        }
        signers
    }

    pub fn add(&mut self, principal: &str, key: &str) {
        if self.principals.contains(principal) || self.keys.contains(key) {
            let message = format!("the signature of {principal} does not count twice");
            self.refused.push(Finding::note("policy/signature-again", message));
            return;
        }
        self.principals.insert(principal.to_owned());
        self.keys.insert(key.to_owned());
    }

    /// Verifies co-signatures over `statement` and counts those that are good.
    pub fn add_signatures(&mut self, allowed: &AllowedSigners, statement: &[u8], signatures: &[String], at: Timestamp) {
        for armored in signatures {
            match allowed.verify(STATEMENT_NAMESPACE, statement, armored, at) {
                Ok(verified) => self.add(&verified.principal, &verified.fingerprint),
                Err(refusal) => {
                    self.refused.push(Finding::warning("policy/signature-refused", format!("a co-signature does not count: {refusal}")))
                }
            }
        }
    }

    pub fn count(&self) -> u32 {
        self.principals.len() as u32
    }
}

/// The right to adopt: the threshold of the policy in force.
pub fn permit_by_threshold(protocol: &Protocol, actor: &Actor, signers: &Signers) -> Result<Permit> {
    let needed = protocol.signing.threshold;
    if protocol.is_unsigned() || signers.count() >= needed {
        return Ok(Permit { actor: actor.clone(), verb: Verb::Adopt, channel: None });
    }
    let fault =
        Fault::new(Reason::NotPermitted, format!("an adoption needs {needed} signers of the policy in force, {} signed", signers.count()));
    Err(fault.findings(signers.refused.iter().cloned()).help(format!(
        "`tagwarden policy adopt --reason REASON --print-statement` prints what the others sign with `ssh-keygen -Y sign -n {STATEMENT_NAMESPACE}`; hand their files over with `--signature FILE`"
    )))
}

/// The holds that forbid this move. A person may roll back under a hold; automation may do nothing under one, and a hold that
/// a rollback set on its channel stops automation only.
pub fn refuse_held(state: &State, actor: &Actor, verb: Verb, channel: &ChannelName, releases: &[String]) -> Result<Vec<Hold>> {
    let automation = actor.kind == ActorKind::Automation;
    let (mut blocking, mut noted) = (Vec::new(), Vec::new());
    for hold in holds_on(state, channel, releases) {
        let blocks = if automation {
            true
        } else if hold.automation_only {
            false
        } else {
            verb != Verb::Rollback || hold.scope == HoldScope::Release
        };
        if blocks { blocking.push(hold) } else { noted.push(hold.clone()) }
    }
    match blocking.first() {
        None => Ok(noted),
        Some(hold) => {
            let lift = unhold_command(hold);
            let fault = Fault::new(Reason::Held, format!("{} forbids to {verb} on {channel}", describe(hold)));
            Err(fault.help(format!("when the reason is gone: `{lift}`")))
        }
    }
}

/// A hold in words.
pub fn describe(hold: &Hold) -> String {
    let of = match hold.scope {
        HoldScope::All => "everything".to_owned(),
        HoldScope::Channel => format!("channel {}", hold.of.as_deref().unwrap_or_default()),
        HoldScope::Release => format!("release {}", hold.of.as_deref().unwrap_or_default()),
    };
    let who = if hold.automation_only { " (automation only)" } else { "" };
    format!("the hold on {of}{who}, set by {} in entry {} ({})", hold.by, hold.serial, hold.reason)
}

fn unhold_command(hold: &Hold) -> String {
    let target = match hold.scope {
        HoldScope::All => "--all".to_owned(),
        HoldScope::Channel => format!("--channel {}", hold.of.as_deref().unwrap_or_default()),
        HoldScope::Release => format!("--release {}", hold.of.as_deref().unwrap_or_default()),
    };
    format!("tagwarden unhold {target} --reason REASON")
}

/// The digest that names a request: equal requests have equal claims.
pub fn claim(given: Option<&str>, request: &serde_json::Value) -> Result<Digest> {
    match given {
        Some(id) => Digest::of_json(&serde_json::json!({ "claim": id })),
        None => Digest::of_json(request),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fixtures::{actor as person, channel, entry, oid, protocol, release, role};

    #[test]
    fn a_right_needs_actor_verb_and_channel_in_one_role() {
        let mut protocol = protocol();
        assert!(
            permit(&protocol, &person("ssh:anyone@example.com"), &[], Verb::Promote, Some(&channel("production"))).is_ok(),
            "no roles: every signer"
        );
        assert!(permit(&protocol, &person("github:1"), &[], Verb::Promote, Some(&channel("production"))).is_err(), "who signs nothing");
        protocol.roles.insert("staging".to_owned(), role("ssh:dev@example.com", &[Verb::Promote], Some(&["staging"])));
        protocol.roles.insert("lead".to_owned(), role("ssh:lead@example.com", &[Verb::Promote, Verb::Hold], None));
        for (who, verb, on, granted) in [
            ("ssh:dev@example.com", Verb::Promote, Some("staging"), true),
            ("ssh:dev@example.com", Verb::Promote, Some("production"), false),
            ("ssh:dev@example.com", Verb::Promote, None, false),
            ("ssh:dev@example.com", Verb::Rollback, Some("staging"), false),
            ("ssh:DEV@example.com", Verb::Promote, Some("staging"), false),
            ("ssh:lead@example.com", Verb::Promote, Some("production"), true),
            ("ssh:lead@example.com", Verb::Hold, None, true),
            ("ssh:lead@example.com", Verb::Unhold, None, false),
            ("ssh:stranger@example.com", Verb::Promote, Some("staging"), false),
        ] {
            let on = on.map(channel);
            let answer = permit(&protocol, &person(who), &[], verb, on.as_ref());
            assert_eq!(answer.is_ok(), granted, "{who} {verb} {on:?}");
            assert!(granted || answer.unwrap_err().reason == Reason::NotPermitted);
        }
    }

    #[test]
    fn teams_and_levels_of_access_give_what_roles_give_them() {
        let mut protocol = protocol();
        protocol.roles.insert("team".to_owned(), role("team:org/release", &[Verb::Promote], None));
        protocol.roles.insert("level".to_owned(), role("permission:write", &[Verb::Hold], None));
        for (rights, verb, granted) in [
            (&["team:org/release"][..], Verb::Promote, true),
            (&["team:org/releases"], Verb::Promote, false),
            (&["team:org/release"], Verb::Hold, false),
            (&["permission:write"], Verb::Hold, true),
            (&["permission:admin"], Verb::Hold, true),
            (&["permission:triage"], Verb::Hold, false),
            (&["permission:owner"], Verb::Hold, false),
            (&[], Verb::Hold, false),
        ] {
            let rights: Vec<String> = rights.iter().map(|right| (*right).to_owned()).collect();
            assert_eq!(permit(&protocol, &person("github:7"), &rights, verb, None).is_ok(), granted, "{rights:?} {verb}");
        }
    }

    #[test]
    fn one_key_or_one_person_counts_once() {
        let mut signers = Signers::default();
        signers.add("a@example.com", "SHA256:1");
        signers.add("b@example.com", "SHA256:1");
        signers.add("a@example.com", "SHA256:2");
        assert_eq!((signers.count(), signers.refused.len()), (1, 2));
        let protocol = protocol();
        let actor = person("ssh:a@example.com");
        assert_eq!(permit_by_threshold(&protocol, &actor, &signers).unwrap_err().reason, Reason::NotPermitted);
        signers.add("b@example.com", "SHA256:2");
        signers.add("c@example.com", "SHA256:3");
        assert!(permit_by_threshold(&protocol, &actor, &signers).is_ok());
    }

    #[test]
    fn holds_stop_promotions_and_automation_but_not_a_persons_way_back() {
        use crate::domain::state::{Body, HoldScope};
        let hold = |scope, of: Option<&str>| {
            let body = Body::Hold { scope, of: of.map(str::to_owned) };
            let first = entry(0, Verb::Adopt, None, Vec::new(), None);
            let entries = [first, entry(1, Verb::Hold, None, Vec::new(), Some(body))];
            super::super::state::replay(entries.iter().map(|entry| (entry, &[] as &[String]))).unwrap()
        };
        let automation = Actor { kind: ActorKind::Automation, ..person("ssh:ci@example.com") };
        let on = channel("staging");
        let releases = vec![release("1.0.0", oid('b'), oid('9')).name().to_string()];
        for (state, who, verb, held) in [
            (hold(HoldScope::All, None), person("ssh:a@example.com"), Verb::Promote, true),
            (hold(HoldScope::All, None), person("ssh:a@example.com"), Verb::Rollback, false),
            (hold(HoldScope::All, None), automation.clone(), Verb::Rollback, true),
            (hold(HoldScope::Channel, Some("staging")), person("ssh:a@example.com"), Verb::Promote, true),
            (hold(HoldScope::Channel, Some("production")), person("ssh:a@example.com"), Verb::Promote, false),
            (hold(HoldScope::Release, Some("web@1.0.0")), person("ssh:a@example.com"), Verb::Rollback, true),
            (hold(HoldScope::Release, Some("web@1.0.1")), person("ssh:a@example.com"), Verb::Promote, false),
        ] {
            let answer = refuse_held(&state, &who, verb, &on, &releases);
            assert_eq!(answer.as_ref().is_err_and(|fault| fault.reason == Reason::Held), held, "{:?} {} {verb}", state.holds, who.id);
        }
    }
}
