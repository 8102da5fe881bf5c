//! What an entry does to the state: [`Delta::of`] says which records change, [`apply`] carries it out.
//!
//! Only what changes is computed, so an entry costs the same however long the ledger is. Whether an entry may do this is
//! decided by [`super::transition`].

use super::policy::Policy;
use crate::domain::{
    Oid, ReleaseName, Timestamp, Verb,
    name::ChannelName,
    state::{
        Ack, Body, ChannelRelease, ChannelState, Entry, Hold, HoldScope, HoldTarget, Move, PolicyRef, Record, Records, Rehearsal, Staged,
        State, TagState, TakenOver, Verdict, Waiver,
    },
};
use std::collections::{BTreeMap, btree_map::Entry as Slot};

/// The new content of records, by the serial of the entry that made them. Empty: they are gone.
pub type Changed<T> = BTreeMap<u64, Vec<T>>;

/// What changes with one entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    pub serial: u64,
    pub time: Timestamp,
    pub policy: PolicyRef,
    pub channels: BTreeMap<ChannelName, ChannelState>,
    pub holds: Changed<Hold>,
    pub waivers: Changed<Waiver>,
    pub acks: Changed<Ack>,
    pub verdicts: Changed<Verdict>,
    pub rehearsals: Changed<Rehearsal>,
    pub staged: Changed<Staged>,
}

impl Delta {
    /// What `entry` does to the state before it (`None`: it is entry 0). `rights`: what gave its actor the right beside their
    /// identity.
    pub fn of(before: Option<&State>, entry: &Entry, rights: &[String]) -> Delta {
        let empty;
        let state = match before {
            Some(state) => state,
            None => {
                empty = State::empty(entry.serial, entry.time, entry.policy.clone());
                &empty
            }
        };
        let policy = match entry.action {
            Verb::Adopt => PolicyRef { documents: None, ..entry.policy.clone() },
            _ => state.policy.clone(),
        };
        let mut delta = Delta {
            serial: entry.serial,
            time: entry.time,
            policy,
            channels: BTreeMap::new(),
            holds: Changed::new(),
            waivers: Changed::new(),
            acks: Changed::new(),
            verdicts: Changed::new(),
            rehearsals: Changed::new(),
            staged: Changed::new(),
        };
        if entry.action == Verb::Stage || entry.action.moves() {
            for staged in newly_staged(state, entry) {
                put(&state.staged, &mut delta.staged, entry.serial, staged);
            }
        }
        if entry.action.moves() {
            delta.channels.extend(occupied(state, entry));
        }
        if let Some(body) = &entry.body {
            delta.body(state, entry, body, rights);
        }
        delta
    }

    fn body(&mut self, state: &State, entry: &Entry, body: &Body, rights: &[String]) {
        let (serial, time, by) = (entry.serial, entry.time, entry.actor.id.clone());
        let by_right_of = rights.to_vec();
        let place = entry.channel.clone().zip(entry.candidate.clone());
        let hold = |target: &HoldTarget, automation_only| Hold {
            scope: target.scope,
            of: target.of.clone(),
            reason: entry.reason.clone().unwrap_or_default(),
            by: by.clone(),
            serial,
            automation_only,
        };
        match (body, place) {
            (Body::Hold { scope, of }, _) if entry.action == Verb::Unhold => drop_key(&state.holds, &mut self.holds, &(*scope, of.clone())),
            (Body::Hold { scope, of }, _) => {
                let target = HoldTarget { scope: *scope, of: of.clone() };
                put(&state.holds, &mut self.holds, serial, hold(&target, false));
            }
            (Body::Rollback { holds, .. }, _) => {
                for target in holds.iter().filter(|target| state.holds.serial(&(target.scope, target.of.clone())).is_none()) {
                    put(&state.holds, &mut self.holds, serial, hold(target, target.scope == HoldScope::Channel));
                }
            }
            (Body::Waive { gate, until }, Some((channel, candidate))) => {
                let waiver = Waiver { gate: gate.clone(), channel, candidate, until: *until, by, by_right_of, serial };
                put(&state.waivers, &mut self.waivers, serial, waiver);
            }
            (Body::Ack { gate }, Some((channel, candidate))) => {
                let ack = Ack { gate: gate.clone(), channel, candidate, by, by_right_of, time, serial };
                put(&state.acks, &mut self.acks, serial, ack);
            }
            (Body::Verdict { verdict }, _) => {
                if let Some(commit) = entry.candidate.clone() {
                    let verdict = Verdict { verdict: verdict.clone(), commit, by, by_right_of, time, serial };
                    put(&state.verdicts, &mut self.verdicts, serial, verdict);
                }
            }
            (Body::Rehearse { failed, .. }, _) => {
                if let Some(channel) = entry.channel.clone() {
                    let (candidate, policy, failed) = (entry.candidate.clone(), entry.policy.tree.clone(), failed.clone());
                    let rehearsal = Rehearsal { channel, candidate, policy, failed, by, by_right_of, time, serial };
                    put(&state.rehearsals, &mut self.rehearsals, serial, rehearsal);
                }
            }
            (Body::Adopt { taken_over, .. }, _) => self.channels = occupied_before(entry, taken_over),
            (Body::Waive { .. } | Body::Ack { .. }, None) | (Body::After { .. } | Body::Stage { .. } | Body::Promote { .. }, _) => {}
        }
    }
}

/// Puts a record in the place of the one with its key.
fn put<T: Record>(records: &Records<T>, changed: &mut Changed<T>, serial: u64, record: T) {
    drop_key(records, changed, &record.key());
    changed.entry(serial).or_insert_with(|| records.at(serial).to_vec()).push(record);
}

fn drop_key<T: Record>(records: &Records<T>, changed: &mut Changed<T>, key: &T::Key) {
    if let Some(serial) = records.serial(key) {
        changed.entry(serial).or_insert_with(|| records.at(serial).to_vec()).retain(|record| record.key() != *key);
    }
}

/// The state after `delta`.
pub fn apply(before: Option<State>, delta: &Delta) -> State {
    let mut state = before.unwrap_or_else(|| State::empty(delta.serial, delta.time, delta.policy.clone()));
    (state.serial, state.time, state.policy) = (delta.serial, delta.time, delta.policy.clone());
    state.channels.extend(delta.channels.clone());
    set_all(&mut state.holds, &delta.holds);
    set_all(&mut state.waivers, &delta.waivers);
    set_all(&mut state.acks, &delta.acks);
    set_all(&mut state.verdicts, &delta.verdicts);
    set_all(&mut state.rehearsals, &delta.rehearsals);
    set_all(&mut state.staged, &delta.staged);
    state
}

fn set_all<T: Record>(records: &mut Records<T>, changed: &Changed<T>) {
    for (serial, content) in changed {
        records.set(*serial, content.clone());
    }
}

/// The state after these entries, by what they do alone: nothing is judged.
pub fn replay<'a>(entries: impl IntoIterator<Item = (&'a Entry, &'a [String])>) -> Option<State> {
    entries.into_iter().fold(None, |state, (entry, rights)| {
        let delta = Delta::of(state.as_ref(), entry, rights);
        Some(apply(state, &delta))
    })
}

/// Releases that the state does not know yet. A release is known for ever, at the commit and tag it had first.
fn newly_staged(state: &State, entry: &Entry) -> Vec<Staged> {
    let report = match &entry.body {
        Some(Body::Stage { report }) => Some(report.clone()),
        _ => None,
    };
    let new = entry.releases.iter().filter(|release| state.staged.serial(&release.name()).is_none());
    new.filter_map(|release| {
        Some(Staged {
            package: release.package.clone(),
            version: release.version.clone(),
            commit: release.commit.clone(),
            tag: release.tag.clone()?,
            report: report.clone(),
            serial: entry.serial,
        })
    })
    .collect()
}

fn occupied(state: &State, entry: &Entry) -> Option<(ChannelName, ChannelState)> {
    let (channel, candidate) = (entry.channel.clone()?, entry.candidate.clone()?);
    let before = state.channels.get(&channel);
    let mut tags: Vec<TagState> = before.into_iter().flat_map(channel_tags).cloned().collect();
    for moved in channel_moves(entry) {
        let Some(oid) = &moved.to else { continue };
        tags.retain(|tag| tag.name != moved.name);
        tags.push(TagState { name: moved.name.clone(), oid: oid.clone() });
    }
    tags.sort_by(|a, b| a.name.cmp(&b.name));
    if tags.is_empty() {
        return None;
    }
    let mut releases = before.map(|before| before.releases.clone()).unwrap_or_default();
    for release in &entry.releases {
        let previous = releases.get(&release.package).map(|now: &ChannelRelease| now.version.clone());
        let now = ChannelRelease { version: release.version.clone(), commit: release.commit.clone(), previous };
        releases.insert(release.package.clone(), now);
    }
    for retired in entry.retires() {
        releases.remove(&retired.package);
    }
    let tag = tags.remove(0);
    let pointer = entry.pointer().and_then(|moved| moved.to.clone());
    Some((channel, ChannelState { candidate, pointer, tag, tags, releases, since: entry.time, serial: entry.serial }))
}

/// The channels whose tags an adoption found. Of several tags of one channel the first by name stands for it.
fn occupied_before(entry: &Entry, taken_over: &[TakenOver]) -> BTreeMap<ChannelName, ChannelState> {
    let mut sorted: Vec<&TakenOver> = taken_over.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut channels: BTreeMap<ChannelName, ChannelState> = BTreeMap::new();
    for taken in sorted {
        let tag = TagState { name: taken.name.clone(), oid: taken.oid.clone() };
        let channel = match channels.entry(taken.channel.clone()) {
            Slot::Occupied(channel) => {
                let channel = channel.into_mut();
                channel.tags.push(tag);
                channel
            }
            Slot::Vacant(channel) => channel.insert(ChannelState {
                candidate: taken.commit.clone(),
                pointer: None,
                tag,
                tags: Vec::new(),
                releases: BTreeMap::new(),
                since: entry.time,
                serial: entry.serial,
            }),
        };
        if let Some(release) = &taken.release {
            let now = ChannelRelease { version: release.version.clone(), commit: release.commit.clone(), previous: None };
            channel.releases.insert(release.package.clone(), now);
        }
    }
    channels
}

/// Every tag of a channel.
pub fn channel_tags(channel: &ChannelState) -> impl Iterator<Item = &TagState> {
    std::iter::once(&channel.tag).chain(&channel.tags)
}

/// The moves of channel tags: those of tags that end at no release's tag.
pub fn channel_moves(entry: &Entry) -> impl Iterator<Item = &Move> {
    let of_release = |moved: &Move| entry.releases.iter().any(|release| release.tag.is_some() && release.tag == moved.to);
    entry.moves.iter().filter(move |moved| moved.name.tag().is_some() && !of_release(moved))
}

impl State {
    /// The waivers whose signer still has the right to waive.
    pub fn waivers_that_count(&self, policy: &Policy) -> Vec<Waiver> {
        let counts = |waiver: &&Waiver| policy.still_permits(&waiver.by, &waiver.by_right_of, Verb::Waive, Some(&waiver.channel));
        self.waivers.iter().filter(counts).cloned().collect()
    }

    /// The acknowledgements whose signer still has the right to them.
    pub fn acks_that_count(&self, policy: &Policy) -> Vec<Ack> {
        let counts = |ack: &&Ack| policy.still_permits(&ack.by, &ack.by_right_of, Verb::Ack, Some(&ack.channel));
        self.acks.iter().filter(counts).cloned().collect()
    }

    /// The last rehearsal of each channel whose signer still has the right to it.
    pub fn rehearsals_that_count(&self, policy: &Policy) -> Vec<Rehearsal> {
        let permits = |by: &Rehearsal| policy.still_permits(&by.by, &by.by_right_of, Verb::Rehearse, Some(&by.channel));
        self.rehearsals.iter().filter(|rehearsal| permits(rehearsal)).cloned().collect()
    }

    /// The verdicts whose signer still has the right to them.
    pub fn verdicts_that_count(&self, policy: &Policy) -> Vec<Verdict> {
        let counts = |verdict: &&Verdict| policy.still_permits(&verdict.by, &verdict.by_right_of, Verb::Verdict, None);
        self.verdicts.iter().filter(counts).cloned().collect()
    }
}

/// Whether two states agree on everything that decides a move of `candidate` to `channel`: the policy, the holds, the
/// channel's occupancy (and that of the channel before it), its waivers and rehearsal, the candidate's verdicts and acknowledgements.
/// Entries in between that leave all this alone are unrelated.
pub fn same_ground(a: &State, b: &State, channel: &ChannelName, after: Option<&ChannelName>, candidate: &Oid) -> bool {
    let ground = |state: &State| {
        (
            state.policy.clone(),
            state.holds.to_vec(),
            state.channels.get(channel).cloned(),
            after.and_then(|after| state.channels.get(after)).cloned(),
            state
                .waivers
                .iter()
                .filter(|waiver| waiver.channel == *channel && waiver.until > a.time.max(b.time))
                .cloned()
                .collect::<Vec<_>>(),
            state.rehearsals.get(channel).cloned(),
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
pub fn staged<'a>(state: &'a State, release: &ReleaseName) -> Option<&'a Staged> {
    state.staged.get(release)
}

/// The releases of one package recorded at this commit.
pub fn staged_at<'a>(state: &'a State, commit: &Oid) -> impl Iterator<Item = &'a Staged> {
    state.staged.iter().filter(move |staged| staged.commit == *commit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Digest, state::HoldTarget},
        release::fixtures::{channel, entry, oid, release},
    };

    fn adopted() -> Entry {
        entry(0, Verb::Adopt, None, Vec::new(), Some(Body::Adopt { signatures: Vec::new(), taken_over: Vec::new() }))
    }

    fn promoted(serial: u64, version: &str, commit: char) -> Entry {
        entry(serial, Verb::Promote, Some("staging"), vec![release(version, oid(commit), oid('9'))], None)
    }

    fn replay<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Option<State> {
        super::replay(entries.into_iter().map(|entry| (entry, &[] as &[String])))
    }

    fn advance(before: Option<State>, entry: &Entry) -> State {
        let delta = Delta::of(before.as_ref(), entry, &[]);
        apply(before, &delta)
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
            Some(Body::Rollback { holds, undoes: 2, retires: Vec::new() }),
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
        let rehearsed = |serial, channel| {
            let body = Some(Body::Rehearse { report: Digest::of(b""), failed: vec!["rollback".to_owned()] });
            entry(serial, Verb::Rehearse, Some(channel), Vec::new(), body)
        };
        assert!(ground(&advance(Some(before.clone()), &rehearsed(2, "staging"))), "a rehearsal of another channel");
        for related in [
            entry(2, Verb::Hold, None, Vec::new(), Some(Body::Hold { scope: HoldScope::All, of: None })),
            promoted(2, "1.1.0", 'c'),
            verdict(2, oid('b')),
            rehearsed(2, "production"),
            Entry { policy: PolicyRef { version: 2, tree: oid('f'), documents: None }, ..entry(2, Verb::Adopt, None, Vec::new(), None) },
        ] {
            assert!(!ground(&advance(Some(before.clone()), &related)), "{:?}", related.action);
        }
    }
}
