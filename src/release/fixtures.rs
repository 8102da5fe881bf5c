//! Small values for the tests of this floor.

use crate::{
    domain::{
        Actor, ActorKind, ChannelName, Digest, Oid, Release, TagPattern, Timestamp, Verb,
        state::{Body, Entry, Move, PolicyRef},
    },
    gate::{
        Protocol,
        protocol::{Channel, Documents, KeySource, Package, ReleaseTags, Role, Signing},
    },
};
use indexmap::IndexMap;

pub fn oid(digit: char) -> Oid {
    digit.to_string().repeat(40).parse().unwrap()
}

pub fn channel(name: &str) -> ChannelName {
    name.parse().unwrap()
}

pub fn actor(id: &str) -> Actor {
    Actor { id: id.to_owned(), kind: ActorKind::Human, name: String::new() }
}

/// Packages `web` (default, `v{version}`) and `api` (`api/v{version}`); channels staging, then production.
pub fn protocol() -> Protocol {
    let package = |pattern: &str, default| Package { release_tag: TagPattern::release(pattern).unwrap(), default };
    let tagged = |after: Option<&str>| Channel {
        tag: Some(TagPattern::channel("channel/{channel}/{package}").unwrap()),
        base_url: None,
        after: after.map(channel),
        rules: Vec::new(),
    };
    let mut channels = IndexMap::new();
    channels.insert(channel("staging"), tagged(None));
    channels.insert(channel("production"), tagged(Some("staging")));
    channels.insert(channel("preview"), Channel { tag: None, ..tagged(None) });
    Protocol {
        packages: [("web", package("v{version}", true)), ("api", package("api/v{version}", false))]
            .map(|(name, package)| (name.parse().unwrap(), package))
            .into(),
        release_branches: vec!["main".to_owned()],
        channels,
        ledger: "refs/heads/tagwarden/ledger".parse().unwrap(),
        remote: "origin".to_owned(),
        signing: Signing { key: KeySource::Env("KEY".to_owned()), threshold: 2 },
        release_tags: ReleaseTags::Signed,
        roles: IndexMap::new(),
        automation: vec!["ssh:ci@example.com".to_owned()],
        movers: Vec::new(),
        reviewers: indexmap::IndexMap::new(),
        comments: Default::default(),
        redact: Vec::new(),
        documents: Documents::default(),
        catalog: Default::default(),
        sync: None,
        snapshots: None,
        hooks: Vec::new(),
        gates: Vec::new(),
        allowed_signers: None,
        openpgp: Default::default(),
        warnings: Vec::new(),
    }
}

pub fn role(who: &str, may: &[Verb], on: Option<&[&str]>) -> Role {
    Role { who: vec![who.to_owned()], may: may.to_vec(), on: on.map(|on| on.iter().map(|name| channel(name)).collect()) }
}

pub fn release(version: &str, commit: Oid, tag: Oid) -> Release {
    Release { package: "web".parse().unwrap(), version: version.parse().unwrap(), commit, tag: Some(tag) }
}

pub fn entry(serial: u64, action: Verb, on: Option<&str>, releases: Vec<Release>, body: Option<Body>) -> Entry {
    let candidate = releases.first().map(|release| release.commit.clone());
    let moves = match (on, &candidate) {
        (Some(on), Some(candidate)) if action.moves() => vec![Move {
            name: format!("refs/tags/channel/{on}/web").parse().unwrap(),
            from: None,
            to: Some(format!("{serial:040x}").replace('0', "e").parse().unwrap()),
            commit: Some(candidate.clone()),
            object: None,
        }],
        _ => Vec::new(),
    };
    Entry {
        schema: crate::domain::state::ENTRY_SCHEMA.to_owned(),
        rulebook: super::transition::RULEBOOK,
        serial,
        previous: None,
        action,
        claim: Digest::of(b""),
        nonce: None,
        time: Timestamp::from_unix(1_000_000 + serial as i64),
        tool: "tagwarden 0".to_owned(),
        actor: actor("ssh:release@example.com"),
        reason: Some("because".to_owned()),
        source: "cli".to_owned(),
        channel: on.map(channel),
        releases,
        candidate,
        moves,
        policy: PolicyRef { version: 1, tree: oid('a'), documents: None },
        valid_until: None,
        gates: Vec::new(),
        body,
    }
}
