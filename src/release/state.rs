//! What an entry does to the state. The state recorded beside an entry must equal [`advance`] of the state before it, so a
//! reader may take the head's `state.json` for the whole truth, and an audit can prove it.

use crate::domain::{
    Oid, Result, Timestamp, Verb,
    fault::{Fault, Reason},
    name::ChannelName,
    state::{
        Ack, Body, ChannelRelease, ChannelState, Entry, Hold, HoldScope, PolicyRef, STATE_SCHEMA, Staged, State, TagState, Verdict, Waiver,
    },
};
use std::collections::BTreeMap;

/// The state after `entry`. `None` before the first entry. An `annul` is not advanced over but replayed: see [`replay`].
pub fn advance(before: Option<State>, entry: &Entry) -> State {
    let mut state = before.unwrap_or_else(|| empty(entry));
    let stamp = Stamp { serial: entry.serial, by: &entry.actor.id, time: entry.time };
    state.serial = entry.serial;
    state.time = entry.time;
    state.waivers.retain(|waiver| waiver.until > entry.time);
    match entry.action {
        Verb::Adopt => state.policy = PolicyRef { documents: None, ..entry.policy.clone() },
        Verb::Stage => stage(&mut state, entry),
        Verb::Promote | Verb::Rollback => {
            stage(&mut state, entry);
            occupy(&mut state, entry);
        }
        Verb::Hold | Verb::Unhold | Verb::Waive | Verb::Ack | Verb::Verdict | Verb::Rehearse | Verb::Annul => {}
    }
    if let Some(body) = &entry.body {
        apply_body(&mut state, entry, body, stamp);
    }
    state
}

/// The state after these entries; what an `annul` leads to when the annulled ones are left out.
pub fn replay<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<State> {
    let state = entries.into_iter().fold(None, |state, entry| Some(advance(state, entry)));
    state.ok_or_else(|| Fault::new(Reason::LedgerBroken, "the ledger has no entry in effect"))
}

struct Stamp<'a> {
    serial: u64,
    by: &'a str,
    time: Timestamp,
}

fn empty(entry: &Entry) -> State {
    State {
        schema: STATE_SCHEMA.to_owned(),
        serial: entry.serial,
        time: entry.time,
        policy: PolicyRef { documents: None, ..entry.policy.clone() },
        channels: BTreeMap::new(),
        holds: Vec::new(),
        waivers: Vec::new(),
        acks: Vec::new(),
        verdicts: Vec::new(),
        staged: Vec::new(),
    }
}

fn stage(state: &mut State, entry: &Entry) {
    for release in &entry.releases {
        let known = state.staged.iter().any(|staged| staged.package == release.package && staged.version == release.version);
        if let (false, Some(tag)) = (known, &release.tag) {
            state.staged.push(Staged {
                package: release.package.clone(),
                version: release.version.clone(),
                commit: release.commit.clone(),
                tag: tag.clone(),
                report: None,
                serial: entry.serial,
            });
        }
    }
}

fn occupy(state: &mut State, entry: &Entry) {
    let (Some(channel), Some(candidate)) = (&entry.channel, &entry.candidate) else { return };
    let before = state.channels.remove(channel);
    let mut tags: Vec<TagState> = before.iter().flat_map(|before| std::iter::once(&before.tag).chain(&before.tags)).cloned().collect();
    for moved in channel_moves(entry) {
        let Some(oid) = &moved.to else { continue };
        tags.retain(|tag| tag.name != moved.name);
        tags.push(TagState { name: moved.name.clone(), oid: oid.clone() });
    }
    tags.sort_by(|a, b| a.name.cmp(&b.name));
    if tags.is_empty() {
        return;
    }
    let mut releases = before.map(|before| before.releases).unwrap_or_default();
    for release in &entry.releases {
        let previous = releases.get(&release.package).map(|now: &ChannelRelease| now.version.clone());
        let now = ChannelRelease { version: release.version.clone(), commit: release.commit.clone(), previous };
        releases.insert(release.package.clone(), now);
    }
    let tag = tags.remove(0);
    let now = ChannelState { candidate: candidate.clone(), tag, tags, releases, since: entry.time, serial: entry.serial };
    state.channels.insert(channel.clone(), now);
}

/// The moves of channel tags: those whose tag object names the candidate under a ref that is no release's tag.
pub fn channel_moves(entry: &Entry) -> impl Iterator<Item = &crate::domain::state::Move> {
    entry.moves.iter().filter(|moved| !entry.releases.iter().any(|release| release.tag.is_some() && release.tag == moved.to))
}

fn apply_body(state: &mut State, entry: &Entry, body: &Body, stamp: Stamp) {
    let reason = entry.reason.clone().unwrap_or_default();
    let hold = |scope: HoldScope, of: &Option<String>, automation_only: bool| Hold {
        scope,
        of: of.clone(),
        reason: reason.clone(),
        by: stamp.by.to_owned(),
        serial: stamp.serial,
        automation_only,
    };
    match body {
        Body::Hold { scope, of } if entry.action == Verb::Unhold => state.holds.retain(|held| held.scope != *scope || held.of != *of),
        Body::Hold { scope, of } => {
            state.holds.retain(|held| held.scope != *scope || held.of != *of);
            state.holds.push(hold(*scope, of, false));
        }
        Body::Rollback { holds, .. } => {
            for target in holds {
                let there = state.holds.iter().any(|held| held.scope == target.scope && held.of == target.of);
                if !there {
                    state.holds.push(hold(target.scope, &target.of, target.scope == HoldScope::Channel));
                }
            }
        }
        Body::Waive { gate, until } => {
            if let (Some(channel), Some(candidate)) = (entry.channel.clone(), entry.candidate.clone()) {
                state
                    .waivers
                    .retain(|old| !(old.gate == *gate && old.channel == channel && old.candidate == candidate && old.by == stamp.by));
                state.waivers.push(Waiver {
                    gate: gate.clone(),
                    channel,
                    candidate,
                    until: *until,
                    by: stamp.by.to_owned(),
                    serial: stamp.serial,
                });
            }
        }
        Body::Ack { gate } => {
            if let (Some(channel), Some(candidate)) = (entry.channel.clone(), entry.candidate.clone()) {
                state.acks.retain(|old| !(old.gate == *gate && old.channel == channel && old.candidate == candidate && old.by == stamp.by));
                state.acks.push(Ack {
                    gate: gate.clone(),
                    channel,
                    candidate,
                    by: stamp.by.to_owned(),
                    time: stamp.time,
                    serial: stamp.serial,
                });
            }
        }
        Body::Verdict { verdict } => {
            if let Some(commit) = entry.candidate.clone() {
                state.verdicts.retain(|old| !(old.commit == commit && old.by == stamp.by));
                state.verdicts.push(Verdict {
                    verdict: verdict.clone(),
                    commit,
                    by: stamp.by.to_owned(),
                    time: stamp.time,
                    serial: stamp.serial,
                });
            }
        }
        Body::Adopt { .. } | Body::Annul { .. } | Body::Rehearse { .. } => {}
    }
}

/// Whether two states agree on everything that decides a move of `candidate` to `channel`: the policy, the holds, the
/// channel's occupancy (and that of the channel before it), its waivers, the candidate's verdicts and acknowledgements.
/// Entries in between that leave all this alone are unrelated.
pub fn same_ground(a: &State, b: &State, channel: &ChannelName, after: Option<&ChannelName>, candidate: &Oid) -> bool {
    let ground = |state: &State| {
        (
            state.policy.clone(),
            state.holds.clone(),
            state.channels.get(channel).cloned(),
            after.and_then(|after| state.channels.get(after)).cloned(),
            state
                .waivers
                .iter()
                .filter(|waiver| waiver.channel == *channel && waiver.until > a.time.max(b.time))
                .cloned()
                .collect::<Vec<_>>(),
            state.verdicts.iter().filter(|verdict| verdict.commit == *candidate).cloned().collect::<Vec<_>>(),
            state.acks.iter().filter(|ack| ack.candidate == *candidate && ack.channel == *channel).cloned().collect::<Vec<_>>(),
        )
    };
    ground(a) == ground(b)
}

/// Every hold that concerns a move of these releases to this channel.
pub fn holds_on<'a>(state: &'a State, channel: &ChannelName, releases: &[String]) -> Vec<&'a Hold> {
    let concerns = |hold: &&Hold| match hold.scope {
        HoldScope::All => true,
        HoldScope::Channel => hold.of.as_deref() == Some(channel.as_str()),
        HoldScope::Release => hold.of.as_ref().is_some_and(|of| releases.contains(of)),
    };
    state.holds.iter().filter(concerns).collect()
}

/// Whether a commit is recorded as somewhere staged or released under this version.
pub fn staged<'a>(state: &'a State, release: &crate::domain::ReleaseName) -> Option<&'a Staged> {
    state.staged.iter().find(|staged| staged.package == release.package && staged.version == release.version)
}

/// The releases of one package recorded at this commit.
pub fn staged_at<'a>(state: &'a State, commit: &Oid) -> impl Iterator<Item = &'a Staged> {
    state.staged.iter().filter(move |staged| staged.commit == *commit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::state::HoldTarget,
        release::fixtures::{channel, entry, oid, release},
    };

    fn adopted() -> Entry {
        entry(0, Verb::Adopt, None, Vec::new(), Some(Body::Adopt { signatures: Vec::new() }))
    }

    fn promoted(serial: u64, version: &str, commit: char) -> Entry {
        entry(serial, Verb::Promote, Some("staging"), vec![release(version, oid(commit), oid('9'))], None)
    }

    #[test]
    fn a_promotion_occupies_its_channel_and_remembers_the_release_before() {
        let state = replay([&adopted(), &promoted(1, "1.0.0", 'b'), &promoted(2, "1.1.0", 'c')]).unwrap();
        let now = &state.channels[&channel("staging")];
        assert_eq!((now.serial, &now.candidate), (2, &oid('c')));
        let web = &now.releases[&"web".parse().unwrap()];
        assert_eq!(
            (web.version.to_string(), web.previous.as_ref().map(ToString::to_string)),
            ("1.1.0".to_owned(), Some("1.0.0".to_owned()))
        );
        assert_eq!(state.staged.len(), 2, "a release that was moved is known for ever");
    }

    #[test]
    fn a_rollback_holds_the_release_it_left_and_automation_on_its_channel() {
        let holds = vec![
            HoldTarget { scope: HoldScope::Release, of: Some("web@1.1.0".to_owned()) },
            HoldTarget { scope: HoldScope::Channel, of: Some("staging".to_owned()) },
        ];
        let back = entry(
            3,
            Verb::Rollback,
            Some("staging"),
            vec![release("1.0.0", oid('b'), oid('9'))],
            Some(Body::Rollback { holds, undoes: 2 }),
        );
        let state = replay([&adopted(), &promoted(1, "1.0.0", 'b'), &promoted(2, "1.1.0", 'c'), &back]).unwrap();
        let held: Vec<(HoldScope, bool)> = state.holds.iter().map(|hold| (hold.scope, hold.automation_only)).collect();
        assert_eq!(held, [(HoldScope::Release, false), (HoldScope::Channel, true)]);
        let lifted =
            entry(4, Verb::Unhold, None, Vec::new(), Some(Body::Hold { scope: HoldScope::Release, of: Some("web@1.1.0".to_owned()) }));
        assert_eq!(advance(Some(state), &lifted).holds.len(), 1);
    }

    #[test]
    fn what_concerns_a_move_is_told_from_what_does_not() {
        let before = replay([&adopted(), &promoted(1, "1.0.0", 'b')]).unwrap();
        let ground = |after: &State| same_ground(&before, after, &channel("production"), Some(&channel("staging")), &oid('b'));
        let unrelated = entry(2, Verb::Stage, None, vec![release("3.0.0", oid('d'), oid('8'))], None);
        assert!(ground(&advance(Some(before.clone()), &unrelated)));
        let verdict = |serial, commit| {
            let body = Some(Body::Verdict { verdict: "FINDINGS".to_owned() });
            Entry { candidate: Some(commit), ..entry(serial, Verb::Verdict, None, Vec::new(), body) }
        };
        assert!(ground(&advance(Some(before.clone()), &verdict(2, oid('d')))), "a verdict on another commit");
        for related in [
            entry(2, Verb::Hold, None, Vec::new(), Some(Body::Hold { scope: HoldScope::All, of: None })),
            promoted(2, "1.1.0", 'c'),
            verdict(2, oid('b')),
            Entry { policy: PolicyRef { version: 2, tree: oid('f'), documents: None }, ..entry(2, Verb::Adopt, None, Vec::new(), None) },
        ] {
            assert!(!ground(&advance(Some(before.clone()), &related)), "{:?}", related.action);
        }
    }
}
