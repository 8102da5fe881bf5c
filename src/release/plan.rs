//! The plan of a move: which refs go from where to where, decided before anything is written.
//!
//! Functions here answer from facts alone (the verified state, the remote's refs as read once, the adopted protocol).
//! Whether a commit is reachable and what a tag object says are facts that the verb brings.

use super::state as ledger_state;
use crate::{
    catalog::activation::Activation,
    domain::{
        Actor, ChannelName, Digest, Fault, KindName, Oid, PackageName, Reason, RefName, Release, ReleaseName, Result, Timestamp, Verb,
        state::{Body, ChannelState, Retired, Staged, State},
    },
    gate::{Protocol, protocol::Channel},
};
use std::collections::BTreeMap;

/// A ref of the remote as it was read: the oid it holds and, for an annotated tag, what it peels to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefFact {
    pub oid: Oid,
    pub peeled: Option<Oid>,
}

pub type Refs = BTreeMap<RefName, RefFact>;

/// Everything a move does, bound by [`Plan::binding`].
#[derive(Clone, Debug)]
pub struct Plan {
    pub verb: Verb,
    pub channel: ChannelName,
    /// Channel that must hold the candidate first.
    pub after: Option<ChannelName>,
    pub releases: Vec<PlannedRelease>,
    pub candidate: Oid,
    pub tags: Vec<PlannedTag>,
    /// On a channel with a pointer file: what activates the releases.
    pub pointer: Option<PlannedPointer>,
    pub policy: Oid,
    pub policy_version: u64,
    pub actor: Actor,
    pub reason: Option<String>,
    pub claim: Digest,
    pub source: String,
    pub time: Timestamp,
    pub body: Option<Body>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRelease {
    pub name: ReleaseName,
    pub commit: Oid,
    pub tag_ref: RefName,
    /// The tag object; `None`: the tag is made together with the move.
    pub tag: Option<Oid>,
}

/// A channel tag to move. `from` is what the ref must hold; `None`: it must not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTag {
    pub name: RefName,
    pub from: Option<Oid>,
}

/// A pointer file to write. Its commit is made with the push; what it holds is known, and judged, before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPointer {
    pub branch: RefName,
    /// What the branch holds; `None`: it must not exist.
    pub from: Option<Oid>,
    /// The files of the candidate with the new pointer file: the tree of the commit.
    pub tree: Oid,
    pub file: String,
    /// What is activated, from which version to which.
    pub changes: Vec<Activation>,
}

impl Plan {
    /// What a clearance is bound to: the moves, the releases, the policy. The serial is not part of it, so that unrelated
    /// entries in between do not void the judgement.
    pub fn binding(&self) -> Result<Digest> {
        let releases: Vec<_> =
            self.releases.iter().map(|release| (release.name.to_string(), &release.commit, &release.tag_ref, &release.tag)).collect();
        let tags: Vec<_> = self.tags.iter().map(|tag| (&tag.name, &tag.from)).collect();
        let pointer = self.pointer.as_ref().map(|pointer| (&pointer.branch, &pointer.from, &pointer.tree));
        Digest::of_json(&serde_json::json!({
            "verb": self.verb, "channel": self.channel, "candidate": self.candidate, "policy": self.policy, "releases": releases, "tags": tags,
            "pointer": pointer,
        }))
    }

    /// The candidate, and where each release is.
    pub fn commits(&self) -> impl Iterator<Item = &Oid> {
        std::iter::once(&self.candidate).chain(self.releases.iter().map(|release| &release.commit))
    }

    pub fn release_names(&self) -> Vec<String> {
        self.releases.iter().map(|release| release.name.to_string()).collect()
    }

    /// Everything that the move is about, in words.
    pub fn names(&self) -> Vec<String> {
        self.release_names().into_iter().chain(self.retires().iter().map(|retired| format!("the channel without {retired}"))).collect()
    }

    /// What is taken out of the pointer file.
    pub fn retires(&self) -> &[Retired] {
        self.body.as_ref().map(Body::retires).unwrap_or_default()
    }

    /// The releases as gates see them.
    pub fn as_releases(&self) -> Vec<Release> {
        let release = |planned: &PlannedRelease| Release {
            package: planned.name.package.clone(),
            version: planned.name.version.clone(),
            commit: planned.commit.clone(),
            tag: planned.tag.clone(),
        };
        self.releases.iter().map(release).collect()
    }
}

/// The channel of this name in the policy in force; a channel that only the committed `gates/` know is not adopted yet.
pub fn channel<'a>(protocol: &'a Protocol, committed: Option<&Protocol>, name: &str) -> Result<(ChannelName, &'a Channel)> {
    let parsed: Option<ChannelName> = name.parse().ok();
    if let Some((name, channel)) = parsed.as_ref().and_then(|name| protocol.channels.get_key_value(name)) {
        return Ok((name.clone(), channel));
    }
    if committed.zip(parsed.as_ref()).is_some_and(|(committed, name)| committed.channels.contains_key(name)) {
        return Err(Fault::new(
            Reason::PolicyUnadopted,
            format!("channel `{name}` is in gates/protocol.yaml, but not in the adopted policy"),
        ));
    }
    let names: Vec<&str> = protocol.channels.keys().map(ChannelName::as_str).collect();
    Err(Fault::new(Reason::UnknownChannel, format!("there is no channel `{}`", name.escape_debug()))
        .help(did_you_mean(name, &names, "channels")))
}

fn did_you_mean(name: &str, known: &[&str], what: &str) -> String {
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), *known)).filter(|(distance, _)| *distance <= 3).min();
    let hint = near.map(|(_, near)| format!("did you mean `{near}`? ")).unwrap_or_default();
    format!("{hint}{what}: {}", known.join(", "))
}

/// Reads `package@1.4.0`, a release tag such as `package/v1.4.0` or `v1.4.0`, or a full `refs/tags/...`.
pub fn release_name(protocol: &Protocol, text: &str) -> Result<ReleaseName> {
    if text.contains('@') {
        let name: ReleaseName = text.parse().map_err(|why: String| Fault::new(Reason::UnknownRelease, why))?;
        if protocol.release_tag(&name.package).is_none() {
            return Err(no_package(protocol, &name.package));
        }
        return Ok(name);
    }
    let tag = text.strip_prefix("refs/tags/").unwrap_or(text);
    let mut named: Vec<ReleaseName> = Vec::new();
    for (package, rules) in &protocol.packages {
        if let Some(version) = rules.release_tag.version_in(tag, package) {
            named.push(ReleaseName { package: package.clone(), version });
        }
    }
    for (kind, rules) in &protocol.catalog.kinds {
        named.extend(rules.release_tag.artifact_in(tag, kind.as_str()));
    }
    // `a/v1.0.0` fits both package `a/v{version}` and a package of another pattern only where patterns overlap.
    let default = protocol.default_package();
    if let Some(at) = named.iter().position(|name| named.len() == 1 || Some(&name.package) == default) {
        return Ok(named.swap_remove(at));
    }
    let of_packages = protocol.packages.values().map(|package| package.release_tag.as_str().to_owned());
    let of_kinds = protocol.catalog.kinds.iter().map(|(kind, rules)| rules.release_tag.as_str().replace("{kind}", kind.as_str()));
    let patterns: Vec<String> = of_packages.chain(of_kinds).collect();
    let why = if named.is_empty() { "names no release" } else { "fits several packages" };
    let fault = Fault::new(Reason::UnknownRelease, format!("`{}` {why}", text.escape_debug()));
    Err(fault.help(format!("write it as package@1.4.0, or as a release tag of the form {}", patterns.join(" or "))))
}

/// Whoever looks for an artifact in every kind has done so before.
fn no_package(protocol: &Protocol, package: &PackageName) -> Fault {
    let kinds: Vec<&str> = protocol.catalog.kinds.keys().map(KindName::as_str).collect();
    match package.artifact() {
        Some((kind, _)) => {
            let fault = Fault::new(Reason::UnknownRelease, format!("`kinds` has no kind `{kind}`"));
            fault.help(did_you_mean(kind, &kinds, "kinds"))
        }
        None => {
            let known: Vec<&str> = protocol.packages.keys().map(PackageName::as_str).collect();
            let fault = Fault::new(Reason::UnknownRelease, format!("there is no package `{package}`"));
            fault.help(match (known.is_empty(), kinds.as_slice()) {
                (true, [kind, ..]) => {
                    format!("an artifact is written kind:id@version, such as {kind}:{package}@1.4.0; kinds: {}", kinds.join(", "))
                }
                _ => did_you_mean(package.as_str(), &known, "packages"),
            })
        }
    }
}

/// The ref of a release's tag.
pub fn release_ref(protocol: &Protocol, name: &ReleaseName) -> Result<RefName> {
    let pattern = protocol.release_tag(&name.package).ok_or_else(|| no_package(protocol, &name.package))?;
    pattern.release_ref(name).map_err(|why| Fault::new(Reason::BadConfig, why))
}

/// Where a release stands before it is moved.
#[derive(Debug, PartialEq, Eq)]
pub enum Located {
    /// The ledger knows it, and the remote's tag is the recorded one.
    Staged { commit: Oid, tag: Oid },
    /// Somebody else tagged it: what the tag is must be looked at.
    Tagged { oid: Oid, peeled: Oid },
    /// There is no such tag.
    Missing,
}

pub fn locate(state: &State, refs: &Refs, name: &ReleaseName, tag_ref: &RefName) -> Result<Located> {
    let there = refs.get(tag_ref);
    match (ledger_state::staged(state, name), there) {
        (Some(staged), Some(fact)) if fact.oid == staged.tag => {
            Ok(Located::Staged { commit: staged.commit.clone(), tag: staged.tag.clone() })
        }
        (Some(staged), Some(fact)) => Err(Fault::new(
            Reason::TagConflict,
            format!("{tag_ref} is {} on the remote, but the ledger recorded {} for {name}", fact.oid.short(), staged.tag.short()),
        )
        .help("a release tag never moves; find out who moved it, `tagwarden doctor` compares them all")),
        (Some(_), None) => Err(Fault::new(Reason::HalfState, format!("{tag_ref} is recorded in the ledger, but gone from the remote"))),
        (None, Some(fact)) => {
            Ok(Located::Tagged { oid: fact.oid.clone(), peeled: fact.peeled.clone().unwrap_or_else(|| fact.oid.clone()) })
        }
        (None, None) => Ok(Located::Missing),
    }
}

/// Whether a release that has no tag yet may be made at `commit` without `stage`: it must be newer than every other version
/// of its package, and the commit must not bear another version already (which is what a mistyped version looks like).
pub fn may_create(protocol: &Protocol, state: &State, refs: &Refs, name: &ReleaseName, commit: &Oid) -> Result<()> {
    let stage = format!("`tagwarden stage {name} --at REV` makes it on purpose");
    let mut versions: Vec<(semver::Version, Oid)> = state
        .staged
        .iter()
        .filter(|staged| staged.package == name.package)
        .map(|staged: &Staged| (staged.version.clone(), staged.commit.clone()))
        .collect();
    if let Some(pattern) = protocol.release_tag(&name.package) {
        for (tag, fact) in refs {
            if let Some(version) = tag.tag().and_then(|tag| pattern.version_in(tag, &name.package)) {
                versions.push((version, fact.peeled.clone().unwrap_or_else(|| fact.oid.clone())));
            }
        }
    }
    if let Some((newer, _)) = versions.iter().filter(|(version, _)| *version > name.version).max() {
        return Err(Fault::new(Reason::UnknownRelease, format!("there is no release {name}, and {newer} is newer")).help(stage));
    }
    if let Some((version, _)) = versions.iter().find(|(_, at)| at == commit) {
        let why = format!("there is no release {name}, and the commit here is released as {version} already");
        return Err(Fault::new(Reason::UnknownRelease, why).help(stage));
    }
    Ok(())
}

/// The channel's tags for these packages, each starting where the verified state says. A remote that says otherwise is a half
/// state: some tag moved without its entry, or an entry stands without its move.
pub fn channel_tags(channel: (&ChannelName, &Channel), packages: &[PackageName], state: &State, refs: &Refs) -> Result<Vec<PlannedTag>> {
    let (name, rules) = channel;
    let Some(pattern) = &rules.tag else {
        let fault = Fault::new(Reason::NotPermitted, format!("channel {name} has no tag; it is for verification only"));
        return Err(fault.help("give it a `tag` in gates/protocol.yaml and adopt the policy"));
    };
    let mut tags: Vec<PlannedTag> = Vec::new();
    for package in packages {
        let tag = pattern.channel_ref(name, package).map_err(|why| Fault::new(Reason::BadConfig, why))?;
        if tags.iter().any(|planned| planned.name == tag) {
            continue;
        }
        let recorded = recorded_tag(state.channels.get(name), &tag);
        let there = refs.get(&tag).map(|fact| fact.oid.clone());
        if recorded != there {
            return Err(half_state(&tag, recorded.as_ref(), there.as_ref()));
        }
        tags.push(PlannedTag { name: tag, from: there });
    }
    Ok(tags)
}

/// What the state says a channel tag holds.
pub fn recorded_tag(state: Option<&ChannelState>, tag: &RefName) -> Option<Oid> {
    let state = state?;
    std::iter::once(&state.tag).chain(&state.tags).find(|recorded| recorded.name == *tag).map(|recorded| recorded.oid.clone())
}

/// The branch of a pointer file is not where the ledger put it. Activations alone write it, so what it holds now is somebody's by hand.
pub fn pointer_moved(branch: &RefName, recorded: &Oid, there: Option<&Oid>, remote: &str) -> Fault {
    let short = branch.as_str().strip_prefix("refs/heads/").unwrap_or(branch.as_str());
    match there {
        None => {
            let fault = Fault::new(Reason::HalfState, format!("{branch} is gone from the remote, the ledger says {}", recorded.short()));
            fault.help(format!("`git push {remote} {recorded}:{branch}` brings it back, from a clone that has that commit"))
        }
        Some(there) => {
            let why = format!("{branch} holds {} on the remote, the ledger says {}", there.short(), recorded.short());
            Fault::new(Reason::HalfState, why).help(format!(
                "activations alone write it: find out who pushed to it; keep what it holds (`git push {remote} {there}:refs/heads/kept/{short}`), \
                 then `git push --force-with-lease={short}:{there} {remote} {recorded}:{branch}`"
            ))
        }
    }
}

pub fn half_state(tag: &RefName, recorded: Option<&Oid>, there: Option<&Oid>) -> Fault {
    let show = |oid: Option<&Oid>| oid.map_or("nothing".to_owned(), |oid| oid.short().to_owned());
    let fault = Fault::new(Reason::HalfState, format!("{tag} holds {} on the remote, but the ledger says {}", show(there), show(recorded)));
    match recorded {
        Some(_) => fault,
        None => fault.help(foreign_tag(tag)),
    }
}

/// What to do about a channel tag that no entry of the ledger made.
pub fn foreign_tag(tag: &RefName) -> String {
    format!(
        "no entry of this ledger made it, so nothing here moves or deletes it: find out who made it, and whether the ledger is whole. Where nobody needs it, {}",
        keep_and_delete(tag, "REMOTE")
    )
}

/// How a tag is removed so that what it held is not lost.
pub fn keep_and_delete(tag: &RefName, remote: &str) -> String {
    let kept = tag.as_str().replacen("refs/tags/", "refs/kept/", 1);
    format!("keep a copy (`git fetch {remote} {tag}:{kept}`), then `git push {remote} --delete {tag}`")
}

/// The tags of every channel that has one, each once.
pub fn channel_refs(protocol: &Protocol) -> Vec<(ChannelName, RefName)> {
    let mut refs: Vec<(ChannelName, RefName)> = Vec::new();
    for (channel, rules) in &protocol.channels {
        let Some(pattern) = &rules.tag else { continue };
        let of_packages = protocol.packages.keys().filter_map(|package| pattern.channel_ref(channel, package).ok());
        for name in pattern.only_ref(channel).into_iter().chain(of_packages) {
            if !refs.iter().any(|(_, known)| *known == name) {
                refs.push((channel.clone(), name));
            }
        }
    }
    refs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{
        fixtures::{channel as named, entry, oid, protocol, release},
        state::replay,
    };

    fn state() -> State {
        let first = entry(0, Verb::Adopt, None, Vec::new(), None);
        let there = entry(1, Verb::Promote, Some("staging"), vec![release("1.4.0", oid('b'), oid('9'))], None);
        replay([&first, &there].map(|entry| (entry, &[] as &[String]))).unwrap()
    }

    fn planned(version: &str, commit: char) -> PlannedRelease {
        let name = ReleaseName { package: "web".parse().unwrap(), version: version.parse().unwrap() };
        PlannedRelease { tag_ref: release_ref(&protocol(), &name).unwrap(), name, commit: oid(commit), tag: None }
    }

    fn refs(pairs: &[(&str, char)]) -> Refs {
        pairs.iter().map(|(name, digit)| (name.parse().unwrap(), RefFact { oid: oid(*digit), peeled: None })).collect()
    }

    #[test]
    fn releases_are_read_from_every_lawful_form() {
        let protocol = protocol();
        for (text, expected) in [
            ("web@1.4.0", "web@1.4.0"),
            ("v1.4.0", "web@1.4.0"),
            ("refs/tags/v1.4.0-rc.1", "web@1.4.0-rc.1"),
            ("api/v2.0.0", "api@2.0.0"),
            ("api@2.0.0+build.5", "api@2.0.0+build.5"),
        ] {
            assert_eq!(release_name(&protocol, text).unwrap().to_string(), expected, "{text}");
        }
        for text in
            ["", "1.4.0", "web@1.4", "wed@1.4.0", "web@v1.4.0", "v1.4", "channel/staging", "../v1.0.0", "web@", "@1.0.0", "v1.4.0\n"]
        {
            assert_eq!(release_name(&protocol, text).unwrap_err().reason, Reason::UnknownRelease, "{text:?}");
        }
        assert!(release_name(&protocol, "wed@1.4.0").unwrap_err().help.unwrap().contains("did you mean `web`"));
    }

    #[test]
    fn a_recorded_tag_that_is_elsewhere_is_a_conflict_and_a_lost_one_a_half_state() {
        let name = planned("1.4.0", 'b').name;
        let tag: RefName = "refs/tags/v1.4.0".parse().unwrap();
        let reason = |refs: &Refs| locate(&state(), refs, &name, &tag).map_err(|fault| fault.reason);
        assert_eq!(reason(&refs(&[("refs/tags/v1.4.0", '9')])), Ok(Located::Staged { commit: oid('b'), tag: oid('9') }));
        assert_eq!(reason(&refs(&[("refs/tags/v1.4.0", '8')])), Err(Reason::TagConflict));
        assert_eq!(reason(&refs(&[])), Err(Reason::HalfState));
        let other = planned("1.5.0", 'c').name;
        assert_eq!(locate(&state(), &refs(&[]), &other, &"refs/tags/v1.5.0".parse().unwrap()), Ok(Located::Missing));
    }

    #[test]
    fn a_release_is_made_unasked_only_where_that_is_plainly_meant() {
        let may = |version: &str, commit: char, refs: &Refs| {
            may_create(&protocol(), &state(), refs, &planned(version, commit).name, &oid(commit))
        };
        assert!(may("1.5.0", 'c', &refs(&[])).is_ok());
        assert!(may("1.3.0", 'c', &refs(&[])).is_err(), "lower than what is staged");
        assert!(may("9.9.9", 'b', &refs(&[])).is_err(), "the commit is released already");
        assert!(may("1.5.0", 'c', &refs(&[("refs/tags/v2.0.0", 'd')])).is_err(), "lower than a tag of the remote");
        assert!(may("1.5.0", 'd', &refs(&[("refs/tags/v1.4.9", 'd')])).is_err(), "the commit bears another tag");
    }

    #[test]
    fn a_channel_tag_must_be_where_the_ledger_says() {
        let protocol = protocol();
        let web: Vec<PackageName> = vec!["web".parse().unwrap()];
        let tags = |name: &str, refs: &Refs| {
            let (name, rules) = channel(&protocol, None, name).unwrap();
            channel_tags((&name, rules), &web, &state(), refs).map_err(|fault| fault.reason)
        };
        let recorded = state().channels[&named("staging")].tag.oid.clone();
        let there =
            |oid: &Oid| -> Refs { [("refs/tags/channel/staging/web".parse().unwrap(), RefFact { oid: oid.clone(), peeled: None })].into() };
        assert_eq!(tags("staging", &there(&recorded)).unwrap()[0].from, Some(recorded));
        assert_eq!(tags("staging", &there(&oid('7'))), Err(Reason::HalfState), "moved by hand");
        assert_eq!(tags("staging", &refs(&[])), Err(Reason::HalfState), "removed by hand");
        assert_eq!(tags("production", &refs(&[])).unwrap()[0].from, None);
        assert_eq!(tags("production", &refs(&[("refs/tags/channel/production/web", '7')])), Err(Reason::HalfState), "made by hand");
        assert_eq!(tags("preview", &refs(&[])), Err(Reason::NotPermitted), "for verification only");
    }

    #[test]
    fn the_binding_changes_with_every_part_of_the_move() {
        let plan = Plan {
            verb: Verb::Promote,
            channel: named("staging"),
            after: None,
            releases: vec![planned("1.5.0", 'c')],
            candidate: oid('c'),
            tags: vec![PlannedTag { name: "refs/tags/channel/staging/web".parse().unwrap(), from: Some(oid('1')) }],
            pointer: None,
            policy: oid('a'),
            policy_version: 1,
            actor: crate::release::fixtures::actor("ssh:a@example.com"),
            reason: None,
            claim: Digest::of(b""),
            source: "cli".to_owned(),
            time: Timestamp::from_unix(1),
            body: None,
        };
        let pointer = PlannedPointer {
            branch: "refs/heads/active".parse().unwrap(),
            from: None,
            tree: oid('7'),
            file: "active.json".to_owned(),
            changes: Vec::new(),
        };
        let plan = Plan { pointer: Some(pointer), ..plan };
        let first = plan.binding().unwrap();
        let changes: [fn(&mut Plan); 9] = [
            |plan| plan.pointer = None,
            |plan| plan.pointer.as_mut().unwrap().tree = oid('8'),
            |plan| plan.pointer.as_mut().unwrap().from = Some(oid('8')),
            |plan| plan.verb = Verb::Rollback,
            |plan| plan.channel = named("production"),
            |plan| plan.candidate = oid('d'),
            |plan| plan.policy = oid('b'),
            |plan| plan.tags[0].from = None,
            |plan| plan.releases[0].tag = Some(oid('5')),
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut other = plan.clone();
            change(&mut other);
            assert_ne!(other.binding().unwrap(), first, "change {at}");
        }
    }
}
