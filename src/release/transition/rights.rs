//! Who signed, for whom, and whether the policy in force gives them the right.

use super::{Case, Checked, Found, Violation, Whole};
use crate::{
    attest::Verified as Signed,
    domain::{
        ActorKind, Reason, Timestamp, Verb,
        state::{Body, Entry},
    },
    release::{
        chain::GIT_NAMESPACE,
        object::Commit,
        policy::{self, Policy, Signers},
    },
};

/// How old the answers about somebody's rights may be, in seconds.
const RIGHTS_AGE: i64 = 15 * 60;

/// Who signed a commit, by the signers of a policy. `Ok(None)`: the policy asks for no signature.
pub fn signed_by(commit: &Commit, time: Timestamp, policy: &Policy) -> Result<Option<Signed>, Violation> {
    if policy.protocol.is_unsigned() {
        return Ok(None);
    }
    let (Some(allowed), Some(armored)) = (&policy.allowed, &commit.signature) else {
        return Err(Violation::new("ledger/unsigned", Reason::SignerMissing, "the entry bears no signature"));
    };
    let verified = allowed.verify(GIT_NAMESPACE, &commit.payload, armored, time);
    let wrong = |refusal| format!("its signature does not count: {refusal}");
    verified.map(Some).map_err(|refusal| Violation::new("ledger/bad-signature", Reason::NotPermitted, wrong(refusal)))
}

/// The same for a commit that is still to be signed.
pub(super) fn intended(signed: Option<&Signed>, policy: &Policy) -> Result<Option<Signed>, Violation> {
    match (policy.protocol.is_unsigned(), signed) {
        (true, _) => Ok(None),
        (false, Some(signed)) => Ok(Some(signed.clone())),
        (false, None) => Err(Violation::new("ledger/unsigned", Reason::SignerMissing, "nobody would sign the entry")),
    }
}

pub(super) fn signature(checked: &Checked, found: &mut Found) {
    found.extend(checked.signer.as_ref().err().cloned());
}

pub(super) fn actor(case: &Case, whole: &Whole, found: &mut Found) {
    let (entry, protocol) = (case.entry, &case.policy.protocol);
    let mut refuse = |message: String| found.push(Violation::new("ledger/actor", Reason::NotPermitted, message));
    if policy::actor(protocol, &entry.actor.id, "").kind != entry.actor.kind {
        refuse(format!("{} is not what the policy says of automation", entry.actor.id));
    }
    let signer = match &whole.checked.signer {
        Ok(Some(signed)) => Some(format!("ssh:{}", signed.principal)),
        Ok(None) => None,
        // Said by the rule about signatures.
        Err(_) => return,
    };
    if !entry.actor.id.starts_with("github:") {
        if let Some(signer) = signer.filter(|signer| *signer != entry.actor.id) {
            refuse(format!("it names {} as its actor, but {signer} signed", entry.actor.id));
        }
        if whole.offer.evidence.contains_key(crate::attest::statement::ACTOR_PATH) {
            refuse("it holds answers about somebody's rights, and its actor signed it".to_owned());
        }
        return;
    }
    match signer.filter(|signer| protocol.movers.contains(signer)) {
        Some(_) => {}
        None => refuse(format!("no mover of the policy signed for {}", entry.actor.id)),
    }
    let evidence = match &whole.actor {
        Ok(Some(evidence)) => evidence,
        Ok(None) => return refuse(format!("nothing tells what gave {} the right", entry.actor.id)),
        Err(violation) => return found.push(violation.clone()),
    };
    let comment = entry.source.strip_prefix("comment:").is_some_and(|id| !id.is_empty() && id.bytes().all(|c| c.is_ascii_digit()));
    if evidence.actor != entry.actor.id || evidence.source != entry.source || !comment {
        refuse("evidence/actor.json is about another person or request".to_owned());
    }
    if entry.time.seconds_since(evidence.time).abs() > RIGHTS_AGE {
        refuse(format!("what gave {} the right was found out at {}, the entry is of {}", entry.actor.id, evidence.time, entry.time));
    }
}

pub(super) fn permitted(case: &Case, found: &mut Found) {
    let (entry, protocol) = (case.entry, &case.policy.protocol);
    if entry.action == Verb::Adopt {
        return found.extend(threshold(case));
    }
    let mut asked = vec![entry.action];
    // A tag that is not there yet is made with the move, which is what staging does.
    let makes = |release: &crate::domain::Release| match &release.tag {
        None => true,
        Some(tag) => entry.moves.iter().any(|moved| moved.to.as_ref() == Some(tag) && moved.from.is_none()),
    };
    if entry.action.moves() && entry.releases.iter().any(makes) {
        asked.push(Verb::Stage);
    }
    for verb in asked {
        let granted = policy::permit(protocol, &entry.actor, case.rights, verb, entry.channel.as_ref());
        found.extend(granted.err().map(|fault| Violation::of("ledger/not-permitted", fault)));
    }
}

/// Entry 0 starts the trust: it is judged by its pin, not by itself.
fn threshold(case: &Case) -> Option<Violation> {
    let (entry, Some(before), Some(Body::Adopt { signatures, .. })) = (case.entry, case.before, &case.entry.body) else { return None };
    let about = policy::adoption(&entry.policy.tree, entry.policy.version);
    let statement = match policy::statement(Verb::Adopt, &before.head, about) {
        Ok(statement) => statement,
        Err(fault) => return Some(Violation::of("ledger/not-permitted", fault)),
    };
    let signers = Signers::of_adoption(case.policy, &entry.actor, &statement, signatures, entry.time);
    let granted = policy::permit_by_threshold(&case.policy.protocol, &entry.actor, &signers);
    granted.err().map(|fault| Violation::of("ledger/not-permitted", fault))
}

pub(super) fn automation(case: &Case, found: &mut Found) {
    let Entry { action, actor, channel, .. } = case.entry;
    if actor.kind != ActorKind::Automation {
        return;
    }
    let mut refuse = |message: &str| found.push(Violation::new("ledger/automation", Reason::NotPermitted, message));
    let undone = case.before.zip(channel.as_ref()).and_then(|(before, channel)| before.moves_of(channel).next());
    match action {
        Verb::Unhold => refuse("automation may not lift a hold"),
        Verb::Rollback if undone.is_some_and(|last| last.outline.action == Verb::Rollback) => {
            refuse("automation may not roll back a rollback");
        }
        _ => {}
    }
}

pub(super) fn claim(case: &Case, found: &mut Found) {
    let used = case.before.and_then(|before| before.claims.get(&case.entry.claim));
    if let Some(serial) = used {
        let message = format!("entry {serial} used this claim already; a claim counts once");
        found.push(Violation::new("ledger/claim-used", Reason::ClaimUsed, message));
    }
}

pub(super) fn held(case: &Case, found: &mut Found) {
    let (Entry { action, actor, channel: Some(channel), releases, .. }, Some(before)) = (case.entry, case.before) else { return };
    if !action.moves() {
        return;
    }
    let names: Vec<String> = releases.iter().map(|release| release.name().to_string()).collect();
    let held = policy::refuse_held(&before.state, actor, *action, channel, &names);
    found.extend(held.err().map(|fault| Violation::of("ledger/held", fault)));
}
