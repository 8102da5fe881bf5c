//! Releases, the order between them, and the refs that move.

use super::{Case, Found, Ledger, Violation, Whole};
use crate::{
    attest::Verified as Signed,
    catalog::layout::PointerAt,
    domain::{
        ChannelName, Oid, PackageName, Reason, RefName, Release, ReleaseName, Timestamp, Verb,
        state::{Body, Entry, HoldScope, HoldTarget, Move, Retired, State, TakenOver},
    },
    release::{
        chain::GIT_NAMESPACE,
        draft,
        object::{Tag, object_id},
        plan,
        policy::Policy,
        state::staged,
    },
};
use std::collections::BTreeSet;

pub(super) fn releases(case: &Case, found: &mut Found) {
    let mut refuse = |reason, message: String| found.push(Violation::new("ledger/release", reason, message));
    let mut packages = BTreeSet::new();
    let pointer = pointer(case);
    let is_known = |release: &Release| case.before.is_some_and(|before| staged(&before.state, &release.name()).is_some());
    for release in &case.entry.releases {
        if case.policy.protocol.release_tag(&release.package).is_none() {
            refuse(Reason::UnknownRelease, format!("the policy has no package `{}`", release.package));
        }
        if !packages.insert(&release.package) {
            refuse(Reason::BadUsage, format!("package {} is named twice", release.package));
        }
        let name = release.name();
        match (release.package.artifact().is_some(), pointer) {
            (true, None) if case.entry.channel.is_some() => {
                refuse(Reason::BadUsage, format!("{name} is an artifact, and a pointer file activates those; this channel has none"));
            }
            (false, Some(at)) => refuse(Reason::BadUsage, format!("{name} is no artifact that {} could activate", at.file)),
            // Each was judged and tagged where it was staged; the candidate is the commit that has them all.
            (true, Some(_)) if !is_known(release) => refuse(Reason::UnknownRelease, format!("{name} was never staged")),
            (true, Some(_)) => {}
            _ if Some(&release.commit) != case.entry.candidate.as_ref() => {
                refuse(Reason::BadUsage, format!("{name} is at {}, which is not the candidate", release.commit.short()));
            }
            _ => {}
        }
    }
}

/// What a move retires was active. What the file had before the first activation no entry names, so that one of those was active is left
/// to who reads the file.
pub(super) fn retired(case: &Case, found: &mut Found) {
    let Entry { channel: Some(channel), action, .. } = case.entry else { return };
    let retires = case.entry.retires();
    let mut refuse = |reason, message: String| found.push(Violation::new("ledger/retire", reason, message));
    if pointer(case).is_none() && !retires.is_empty() {
        return refuse(Reason::BadUsage, format!("{channel} has no pointer file that anything could be taken out of"));
    }
    let now = case.before.and_then(|before| before.state.channels.get(channel));
    let named: Vec<&PackageName> = case.entry.packages().collect();
    for retired in retires {
        let package = &retired.package;
        if package.artifact().is_none() || case.policy.protocol.release_tag(package).is_none() {
            refuse(Reason::UnknownRelease, format!("the policy has no artifact `{package}`"));
        }
        if named.iter().filter(|other| **other == package).count() > 1 {
            refuse(Reason::BadUsage, format!("package {package} is named twice"));
        }
        let is_known =
            case.before.is_some_and(|before| before.moves_of(channel).any(|moved| moved.outline.packages().any(|of| of == package)));
        match now.and_then(|now| now.releases.get(package)) {
            Some(now) if now.version.to_string() == retired.version => {}
            Some(now) => refuse(Reason::UnknownRelease, format!("{channel} is at {package}@{}, not at {retired}", now.version)),
            None if is_known || *action == Verb::Rollback => refuse(Reason::UnknownRelease, not_active(package, channel)),
            None => {}
        }
    }
}

/// Why something cannot be taken out of the pointer file.
pub fn not_active(package: &PackageName, channel: &ChannelName) -> String {
    format!("no version of {package} is active on {channel}")
}

/// The pointer file that a move writes: that of its channel.
fn pointer<'a>(case: &Case<'a>) -> Option<&'a PointerAt> {
    case.policy.protocol.catalog.pointer(case.entry.channel.as_ref()?)
}

/// Whether the channel is at these releases already, and a move brought them there. What was taken over no gate judged, so it can
/// still be promoted. What is retired is active until then.
pub fn is_there(ledger: &Ledger, channel: &ChannelName, releases: &[Release], retires: &[Retired]) -> bool {
    retires.is_empty() && holds(&ledger.state, channel, releases) && !ledger.is_taken_over(channel)
}

fn holds(state: &State, channel: &ChannelName, releases: &[Release]) -> bool {
    let Some(now) = state.channels.get(channel) else { return false };
    let same = |release: &Release| {
        now.releases.get(&release.package).is_some_and(|now| now.version == release.version && now.commit == release.commit)
    };
    releases.iter().all(same)
}

pub(super) fn changes(case: &Case, found: &mut Found) {
    let (entry, Some(before)) = (case.entry, case.before) else { return };
    let names = || entry.releases.iter().map(|release| release.name().to_string()).collect::<Vec<_>>().join(", ");
    let refused = match (entry.action, &entry.channel, &entry.body) {
        (Verb::Promote, Some(channel), _) if is_there(before, channel, &entry.releases, entry.retires()) => {
            Some((Reason::UnknownRelease, format!("{channel} is at {} already", names()), None))
        }
        (Verb::Rollback, Some(channel), _) if entry.retires().is_empty() && holds(&before.state, channel, &entry.releases) => {
            let lists = format!("`tagwarden history --channel {channel}` lists what was");
            Some((Reason::UnknownRelease, format!("{channel} is at {} already; that is no rollback", names()), Some(lists)))
        }
        (Verb::Adopt, ..) if before.state.policy.tree == entry.policy.tree => {
            Some((Reason::BadUsage, "this policy is in force already".to_owned(), None))
        }
        (Verb::Unhold, _, Some(Body::Hold { scope, of })) if before.state.holds.serial(&(*scope, of.clone())).is_none() => {
            Some((Reason::BadUsage, "there is no such hold".to_owned(), Some("`tagwarden status` lists the holds".to_owned())))
        }
        (Verb::Stage, ..)
            if entry
                .releases
                .iter()
                .any(|release| staged(&before.state, &release.name()).is_some_and(|known| known.commit == release.commit)) =>
        {
            Some((Reason::BadUsage, format!("{} is staged already", names()), None))
        }
        _ => None,
    };
    if let Some((reason, message, help)) = refused {
        let violation = Violation::new("ledger/no-change", reason, message);
        found.push(help.into_iter().fold(violation, Violation::help));
    }
}

pub(super) fn was_there(case: &Case, found: &mut Found) {
    let (Entry { action: Verb::Rollback, channel: Some(channel), releases, .. }, Some(before)) = (case.entry, case.before) else { return };
    for release in releases {
        // What was taken over may have had no tag of its own, or no name at all.
        let is_it = |was: &Release| was == release || (was.tag.is_none() && *was == Release { tag: None, ..release.clone() });
        let refs = channel_refs(case.policy, channel, [&release.package]);
        let unnamed = |taken: &TakenOver| taken.release.is_none() && taken.commit == release.commit && refs.contains(&taken.name);
        if !before.releases_of(channel).any(is_it) && !before.taken_over(channel).any(unnamed) {
            found.push(never_there(&release.name(), channel));
        }
    }
}

pub(super) fn rehearsed(case: &Case, found: &mut Found) {
    if case.entry.action != Verb::Rehearse {
        return;
    }
    let held = case.entry.channel.as_ref().and_then(|channel| case.before?.state.channels.get(channel)).map(|held| &held.candidate);
    if held != case.entry.candidate.as_ref() {
        let shown = |commit: Option<&Oid>| commit.map_or("nothing".to_owned(), |commit| commit.short().to_owned());
        let channel = case.entry.channel.as_ref().map(ToString::to_string).unwrap_or_default();
        let message = format!("{} was rehearsed, and {} is on {channel}", shown(case.entry.candidate.as_ref()), shown(held));
        let violation = Violation::new("ledger/rehearsal", Reason::StalePointer, message);
        found.push(violation.help("rehearse what is there now: the same command again"));
    }
}

pub(super) fn taken_over(case: &Case, found: &mut Found) {
    let Some(Body::Adopt { taken_over, .. }) = &case.entry.body else { return };
    let mut refuse = |message: String| found.push(Violation::new("ledger/taken-over", Reason::BadUsage, message));
    if case.before.is_some() && !taken_over.is_empty() {
        return refuse("only the adoption that begins a ledger takes over tags that were there before it".to_owned());
    }
    let known = plan::channel_refs(&case.policy.protocol);
    let mut seen = BTreeSet::new();
    for TakenOver { channel, name, commit, release, .. } in taken_over {
        if !known.iter().any(|(known, tag)| known == channel && tag == name) {
            refuse(format!("{name} is no tag of channel {channel}"));
        }
        if !seen.insert(name) {
            refuse(format!("{name} is taken over twice"));
        }
        let Some(release) = release else { continue };
        if release.commit != *commit || !channel_refs(case.policy, channel, [&release.package]).contains(name) {
            refuse(format!("{} is not what {name} is at", release.name()));
        }
    }
}

/// A rollback to something that the channel never had.
pub fn never_there(release: &ReleaseName, channel: &ChannelName) -> Violation {
    let message = format!("{release} was never on {channel}, so there is no way back to it");
    let violation = Violation::new("ledger/never-there", Reason::UnknownRelease, message);
    violation.help(format!("`tagwarden history --channel {channel}` lists what was"))
}

/// What a rollback to these releases says beside its moves: the entry it undoes, a hold on each release that it leaves, and
/// one on the channel. `None`: nothing was ever on the channel.
pub fn rollback_body(state: &State, channel: &ChannelName, releases: &[Release], retires: &[Retired]) -> Option<Body> {
    let now = state.channels.get(channel)?;
    let left = releases.iter().filter_map(|to| {
        let left = now.releases.get(&to.package).filter(|left| left.version != to.version)?;
        Some(format!("{}@{}", to.package, left.version))
    });
    let left = left.chain(retires.iter().map(ToString::to_string));
    let mut holds: Vec<HoldTarget> = left.map(|release| HoldTarget { scope: HoldScope::Release, of: Some(release) }).collect();
    holds.push(HoldTarget { scope: HoldScope::Channel, of: Some(channel.to_string()) });
    Some(Body::Rollback { holds, undoes: now.serial, retires: retires.to_vec() })
}

pub(super) fn rollback(case: &Case, found: &mut Found) {
    let (Entry { action: Verb::Rollback, channel: Some(channel), releases, body, .. }, Some(before)) = (case.entry, case.before) else {
        return;
    };
    let wanted = rollback_body(&before.state, channel, releases, case.entry.retires());
    if *body != wanted || wanted.is_none() {
        let message = "it does not say which entry it undoes, or does not hold the release that it leaves and the channel";
        found.push(Violation::new("ledger/rollback-body", Reason::BadUsage, message));
    }
}

pub(super) fn version_reused(case: &Case, found: &mut Found) {
    let Some(before) = case.before else { return };
    for release in &case.entry.releases {
        let Some(known) = staged(&before.state, &release.name()) else { continue };
        if known.commit != release.commit {
            let message = format!("{} was staged at {} and cannot become {}", release.name(), known.commit.short(), release.commit.short());
            found.push(Violation::new("ledger/version-reused", Reason::VersionReused, message));
        } else if release.tag.as_ref() != Some(&known.tag) {
            let message = format!("{} has the tag {}, which it keeps", release.name(), known.tag.short());
            found.push(Violation::new("ledger/version-reused", Reason::TagConflict, message));
        }
    }
}

pub(super) fn lower_version(case: &Case, found: &mut Found) {
    let (Entry { action: Verb::Promote, channel: Some(channel), releases, .. }, Some(before)) = (case.entry, case.before) else { return };
    for release in releases {
        let now = before.state.channels.get(channel).and_then(|now| now.releases.get(&release.package));
        if let Some(now) = now.filter(|now| now.version > release.version) {
            let name = release.name();
            let message = format!("{channel} is at {}@{}, {name} is lower", release.package, now.version);
            let violation = Violation::new("ledger/lower-version", Reason::LowerVersion, message);
            found.push(violation.help(format!("to go back: `tagwarden rollback {name} --channel {channel} --reason REASON`")));
        }
    }
}

pub(super) fn after(case: &Case, found: &mut Found) {
    let (Entry { action: Verb::Promote, channel: Some(channel), releases, .. }, Some(before)) = (case.entry, case.before) else { return };
    let Some(after) = case.policy.protocol.channels.get(channel).and_then(|rules| rules.after.as_ref()) else { return };
    let there = before.state.channels.get(after);
    for release in releases {
        let now = there.and_then(|there| there.releases.get(&release.package));
        if !now.is_some_and(|now| now.version == release.version && now.commit == release.commit) {
            let what = now.map_or("nothing".to_owned(), |now| format!("{}@{}", release.package, now.version));
            let name = release.name();
            let message = format!("{channel} comes after {after}, and {after} is at {what}, not at {name}");
            let violation = Violation::new("ledger/not-after", Reason::NotAfter, message);
            found.push(violation.help(format!("`tagwarden promote {name} --channel {after}`")));
        }
    }
}

/// The refs of the channel's tags for these packages, each once, in their order.
pub fn channel_refs<'a>(policy: &Policy, channel: &ChannelName, packages: impl IntoIterator<Item = &'a PackageName>) -> Vec<RefName> {
    let pattern = policy.protocol.channels.get(channel).and_then(|rules| rules.tag.as_ref());
    let mut refs: Vec<RefName> = Vec::new();
    for package in packages {
        let name = pattern.and_then(|pattern| pattern.channel_ref(channel, package).ok());
        refs.extend(name.filter(|name| !refs.contains(name)));
    }
    refs
}

/// What a ref of an entry may do.
enum Wanted<'a> {
    /// A new tag of this release.
    Release(&'a Release),
    /// A tag of the channel, from this object.
    Channel(Option<Oid>),
    /// The branch of the channel's pointer file; from this commit, where nobody else writes to it.
    Pointer(Option<&'a Oid>),
}

fn wanted<'a>(case: &Case<'a>) -> Vec<(RefName, Wanted<'a>)> {
    let entry = case.entry;
    let state = case.before.map(|before| &before.state);
    let is_known = |release: &Release| state.is_some_and(|state| staged(state, &release.name()).is_some());
    // A tag that somebody else made is recorded with its release and not moved.
    let is_made = |release: &&Release| !is_known(release) && entry.moves.iter().any(|moved| moved.to == release.tag && moved.to.is_some());
    let mut wanted = Vec::new();
    for release in entry.releases.iter().filter(is_made) {
        wanted.extend(plan::release_ref(&case.policy.protocol, &release.name()).ok().map(|name| (name, Wanted::Release(release))));
    }
    if let (true, Some(channel)) = (entry.action.moves(), &entry.channel) {
        let now = state.and_then(|state| state.channels.get(channel));
        for name in channel_refs(case.policy, channel, entry.packages()) {
            let from = plan::recorded_tag(now, &name);
            wanted.push((name, Wanted::Channel(from)));
        }
        let release_branches = &case.policy.protocol.release_branches;
        if let Some((at, name)) = pointer(case).and_then(|at| Some((at, at.branch_ref(release_branches)?))) {
            let from = now.and_then(|now| now.pointer.as_ref()).filter(|_| !at.is_on(release_branches));
            wanted.push((name, Wanted::Pointer(from)));
        }
    }
    wanted
}

pub(super) fn refs(case: &Case, _: &Whole, found: &mut Found) {
    refs_of(case, found);
}

fn refs_of(case: &Case, found: &mut Found) {
    let entry = case.entry;
    let mut refuse = |message: String| found.push(Violation::new("ledger/move", Reason::HalfState, message));
    let wanted = wanted(case);
    if entry.action.moves() && !wanted.iter().any(|(_, wanted)| matches!(wanted, Wanted::Channel(_))) {
        refuse(format!("a {} without a tag of its channel", entry.action));
    }
    for release in entry.releases.iter().filter(|release| release.tag.is_none()) {
        refuse(format!("{} has no tag", release.name()));
    }
    for (name, _) in &wanted {
        let count = entry.moves.iter().filter(|moved| moved.name == *name).count();
        if count != 1 {
            refuse(format!("{name} moves {count} times in place of once"));
        }
    }
    for moved in &entry.moves {
        let name = &moved.name;
        match wanted.iter().find(|(wanted, _)| wanted == name).map(|(_, wanted)| wanted) {
            None => refuse(format!("{name} is no tag of its channel or of a new release")),
            Some(Wanted::Release(release)) => {
                if moved.from.is_some() {
                    refuse(format!("release tag {name} was there already; it never moves"));
                }
                if moved.commit.as_ref() != Some(&release.commit) || moved.to != release.tag {
                    refuse(format!("{name} does not end at its release"));
                }
            }
            Some(Wanted::Channel(from)) => {
                if moved.from != *from {
                    refuse(format!("{name} does not start where the state before says"));
                }
                if moved.commit.is_none() || moved.commit.as_ref() != entry.shown() {
                    refuse(format!("{name} does not end at the candidate"));
                }
            }
            Some(Wanted::Pointer(from)) => {
                if from.is_some() && moved.from.as_ref() != *from {
                    refuse(format!("{name} does not start where the state before says"));
                }
                if moved.to.is_none() || moved.commit != moved.to || moved.to == moved.from || moved.object.is_some() {
                    refuse(format!("{name} does not end at a new commit"));
                }
            }
        }
    }
}

pub(super) fn tag_objects(case: &Case, whole: &Whole, found: &mut Found) {
    let entry = case.entry;
    let summary = whole.checked.attested.as_ref().map(|attested| &attested.summary);
    let tags = entry.moves.iter().zip(&whole.checked.tags).filter(|(moved, _)| moved.name.tag().is_some());
    for (moved, signer) in tags {
        let release = entry.releases.iter().find(|release| release.tag.is_some() && release.tag == moved.to);
        let payload = match (release, &moved.commit, summary) {
            (Some(release), ..) => Some(draft::release_tag(entry, &moved.name, release)),
            (None, Some(candidate), Some(summary)) => Some(draft::channel_tag(entry, &moved.name, candidate, summary)),
            _ => None,
        };
        if let Err(why) = tag_object(whole, moved, payload.as_deref(), signer) {
            let message = format!("the tag object of {} {why}", moved.name);
            found.push(Violation::new("ledger/tag-object", Reason::LedgerBroken, message));
        }
    }
}

fn tag_object(whole: &Whole, moved: &Move, payload: Option<&[u8]>, signer: &Result<Signed, String>) -> Result<(), String> {
    let (Some(to), Some(text)) = (&moved.to, &moved.object) else { return Err("is not recorded".to_owned()) };
    if object_id("tag", text.as_bytes(), to) != *to {
        return Err("does not have the recorded id".to_owned());
    }
    let tag = Tag::parse(text.as_bytes()).map_err(|why| format!("is malformed: {why}"))?;
    if Some(tag.payload.as_slice()) != payload {
        return Err("is not the one that this entry makes".to_owned());
    }
    match (&whole.checked.signer, signer) {
        // Without signatures there is nothing to compare; a signature that does not count was said already.
        (Ok(None) | Err(_), _) => Ok(()),
        (Ok(Some(wanted)), Ok(signed)) if signed.principal == wanted.principal => Ok(()),
        (Ok(Some(wanted)), Ok(signed)) => Err(format!("is signed by {}, the entry by {}", signed.principal, wanted.principal)),
        (Ok(Some(_)), Err(why)) => Err(why.clone()),
    }
}

/// Who signed the tag object of a move, by the signers of a policy.
pub(super) fn tag_signer(moved: &Move, time: Timestamp, policy: &Policy) -> Result<Signed, String> {
    let tag = moved.object.as_ref().and_then(|text| Tag::parse(text.as_bytes()).ok());
    let (Some(allowed), Some((tag, armored))) = (&policy.allowed, tag.as_ref().and_then(|tag| Some((tag, tag.signature.as_ref()?)))) else {
        return Err("is not signed".to_owned());
    };
    let verified = allowed.verify(GIT_NAMESPACE, &tag.payload, armored, time);
    verified.map_err(|refusal| format!("bears a signature that does not count: {refusal}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::state::ChannelState,
        release::{
            fixtures::{entry, oid},
            state::replay,
            state_tree::StateTree,
        },
    };
    use std::collections::HashMap;

    const PROTOCOL: &str = r#"version: 1
packages: { web: { release_tag: "v{version}" } }
release_branches: [main]
channels: { staging: { tag: "channel/{channel}/web" }, live: { tag: "channel/{channel}/web" } }
signing: { key: none }
kinds: { page: { path: "pages/{id}/{version}.json", rail: none } }
pointer: { file: active.json, channel: live, branch: BRANCH }
"#;

    fn artifact(id: &str, version: &str, commit: char) -> Release {
        let package = format!("page:{id}").parse().unwrap();
        Release { package, version: version.parse().unwrap(), commit: oid(commit), tag: Some(oid('9')) }
    }

    fn pointer_move(from: Option<char>) -> Move {
        let (from, to) = (from.map(oid), Some(oid('e')));
        Move { name: "refs/heads/tagwarden/active".parse().unwrap(), from, commit: to.clone(), to, object: None }
    }

    /// The second promotion of a page to `live`; the first left the branch at `d`.
    fn lawful() -> Entry {
        let mut promote = entry(4, Verb::Promote, Some("live"), vec![artifact("home", "2.0.0", 'b')], None);
        promote.candidate = Some(oid('c'));
        promote.moves[0].commit = Some(oid('e'));
        promote.moves[0].from = Some(format!("{:040x}", 3).replace('0', "e").parse().unwrap());
        promote.moves.push(pointer_move(Some('d')));
        promote
    }

    /// What the rules about releases and refs say of a move, and the state after it.
    fn judged(branch: &str, promote: &Entry) -> (Vec<String>, Option<ChannelState>) {
        let command = "title: T\ncommand: [ { run: [\"true\"] } ]\n".to_owned();
        let files = [("protocol.yaml", PROTOCOL.replace("BRANCH", branch)), ("10-fine.yaml", command)];
        let policy = Policy::read(&oid('a'), files.map(|(path, text)| (path.to_owned(), text.into_bytes())).into()).unwrap();
        let first = entry(0, Verb::Adopt, None, Vec::new(), None);
        let stage = |serial, version: &str, commit| entry(serial, Verb::Stage, None, vec![artifact("home", version, commit)], None);
        let mut before = entry(3, Verb::Promote, Some("live"), vec![artifact("home", "1.0.0", 'b')], None);
        before.moves.push(Move { to: Some(oid('d')), commit: Some(oid('d')), ..pointer_move(None) });
        let story = [first, stage(1, "1.0.0", 'b'), stage(2, "2.0.0", 'b'), before];
        let state = replay(story.iter().map(|entry| (entry, &[] as &[String]))).unwrap();
        let before = Ledger {
            head: oid('2'),
            genesis: oid('1'),
            state,
            tree: StateTree::empty(&oid('1')),
            policy: policy.clone(),
            latest: promote.time,
            entries: Vec::new(),
            claims: HashMap::new(),
        };
        let case = Case { before: Some(&before), passed: &[], policy: &policy, entry: promote, rights: &[], clock: promote.time };
        let mut found = Vec::new();
        releases(&case, &mut found);
        retired(&case, &mut found);
        refs_of(&case, &mut found);
        let after = replay(story.iter().chain([promote]).map(|entry| (entry, &[] as &[String]))).unwrap();
        (found.into_iter().map(|violation| violation.message).collect(), after.channels.values().next().cloned())
    }

    #[test]
    fn a_pointer_file_moves_with_its_channel_and_artifacts_only_there() {
        let (found, after) = judged("tagwarden/active", &lawful());
        assert_eq!(found, Vec::<String>::new());
        let after = after.unwrap();
        assert_eq!((&after.candidate, after.shown(), after.tags.len()), (&oid('c'), &oid('e'), 0));
        type Change = fn(&mut Entry);
        let refused: &[(&str, Change, &str)] = &[
            ("tagwarden/active", |entry| entry.releases[0].version = "3.0.0".parse().unwrap(), "was never staged"),
            (
                "tagwarden/active",
                |entry| entry.releases[0].package = "web".parse().unwrap(),
                "is no artifact that active.json could activate",
            ),
            ("tagwarden/active", |entry| entry.releases[0].package = "song:home".parse().unwrap(), "the policy has no package `song:home`"),
            (
                "tagwarden/active",
                |entry| entry.channel = Some("staging".parse().unwrap()),
                "is an artifact, and a pointer file activates those",
            ),
            ("tagwarden/active", |entry| drop(entry.moves.pop()), "refs/heads/tagwarden/active moves 0 times in place of once"),
            ("tagwarden/active", |entry| entry.moves[1].from = None, "does not start where the state before says"),
            ("tagwarden/active", |entry| entry.moves[1].from = Some(oid('e')), "does not end at a new commit"),
            ("tagwarden/active", |entry| entry.moves[1].commit = Some(oid('c')), "does not end at a new commit"),
            ("tagwarden/active", |entry| entry.moves[1].object = Some(String::new()), "does not end at a new commit"),
            ("tagwarden/active", |entry| entry.moves[0].commit = Some(oid('c')), "does not end at the candidate"),
            ("main", |_| (), "refs/heads/tagwarden/active is no tag of its channel or of a new release"),
        ];
        for (branch, change, why) in refused {
            let mut entry = lawful();
            change(&mut entry);
            let (found, _) = judged(branch, &entry);
            assert!(found.iter().any(|found| found.contains(why)), "{why}: {found:?}");
        }
        // What leaves the pointer file leaves the state.
        let retire = |names: &[(&str, &str)], action| {
            let retired = |(package, version): &(&str, &str)| Retired { package: package.parse().unwrap(), version: (*version).to_owned() };
            let retires = names.iter().map(retired).collect();
            let body = match action {
                Verb::Rollback => Body::Rollback { holds: Vec::new(), undoes: 3, retires },
                _ => Body::Promote { retires },
            };
            Entry { action, releases: Vec::new(), body: Some(body), ..lawful() }
        };
        let (found, after) = judged("tagwarden/active", &retire(&[("page:home", "1.0.0")], Verb::Promote));
        assert_eq!((found, after.unwrap().releases.len()), (Vec::new(), 0));
        // Nobody but the file knows of it, and the verb reads the file.
        assert_eq!(judged("tagwarden/active", &retire(&[("page:old", "one")], Verb::Promote)).0, Vec::<String>::new());
        let refused: &[(Entry, &str)] = &[
            (retire(&[("page:home", "2.0.0")], Verb::Promote), "live is at page:home@1.0.0, not at page:home@2.0.0"),
            (retire(&[("page:home", "1.0.0"), ("page:home", "1.0.0")], Verb::Promote), "package page:home is named twice"),
            (Entry { releases: lawful().releases, ..retire(&[("page:home", "1.0.0")], Verb::Promote) }, "package page:home is named twice"),
            (retire(&[("song:home", "1.0.0")], Verb::Promote), "the policy has no artifact `song:home`"),
            (retire(&[("web", "1.0.0")], Verb::Promote), "the policy has no artifact `web`"),
            (retire(&[("page:old", "one")], Verb::Rollback), "no version of page:old is active on live"),
            (
                Entry { channel: Some("staging".parse().unwrap()), ..retire(&[("page:home", "1.0.0")], Verb::Promote) },
                "staging has no pointer file that anything could be taken out of",
            ),
        ];
        for (entry, why) in refused {
            let (found, _) = judged("tagwarden/active", entry);
            assert!(found.iter().any(|found| found.contains(why)), "{why}: {found:?}");
        }
        // Others write to a release branch, too, so it may have grown.
        let mut entry = lawful();
        entry.moves[1].name = "refs/heads/main".parse().unwrap();
        entry.moves[1].from = Some(oid('c'));
        assert_eq!(judged("main", &entry).0, Vec::<String>::new());
    }
}
