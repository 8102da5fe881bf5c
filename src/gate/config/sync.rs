//! Checks `sync`: what is written becomes the [`Settings`] of the read store.

use super::{catalog::json_pointer, collect::Collector, protocol::known_channel, raw, raw::Text};
use crate::{
    domain::{ChannelName, KindName, Span},
    sync::{
        From, KindRows, Orphans, Settings, StoreAt,
        tags::{self, Tags},
    },
    text::{near, yaml::Spanned},
};
use indexmap::IndexMap;

const RETAIN: u64 = 5;
const GRACE: Span = Span::minutes(10);
const LEASE: Span = Span::seconds(60);
/// A pause of a machine is no reason to lose the lease.
const SHORTEST_LEASE: Span = Span::seconds(5);

pub(super) fn check(check: &mut Collector, raw: &raw::Protocol, written: &raw::Sync) -> Option<Settings> {
    let store = check.kept(&written.store, StoreAt::parse(&written.store));
    let from = match &written.tags {
        Some(patterns) => tags(check, written, patterns).map(From::Tags),
        None => channel(check, raw, written).map(From::Channel),
    };
    if written.tags.is_none()
        && let Some(only) = written.lightweight.as_ref().or(written.stable.as_ref())
    {
        check.refuse(only, "wrong-value", "this is about `sync.tags`, which is not there");
    }
    let kinds = kinds(check, raw, written);
    if let Some(lease) = written.lease.as_ref().filter(|lease| lease.value < SHORTEST_LEASE) {
        check.refuse(lease, "wrong-value", "a lease of less than 5s is lost whenever a machine is busy");
    }
    let orphans = written.orphans.as_ref().map_or(Some(Orphans::Refuse), |word| check.word(word, Orphans::ALL));
    Some(Settings {
        store: store?,
        from: from?,
        kinds: kinds?,
        retain: usize::try_from(written.retain.as_ref().map_or(RETAIN, |retain| retain.value)).unwrap_or(usize::MAX),
        grace: written.grace.as_ref().map_or(GRACE, |grace| grace.value),
        lease: written.lease.as_ref().map_or(LEASE, |lease| lease.value),
        orphans: orphans?,
    })
}

/// The channel whose releases readers see.
fn channel(check: &mut Collector, raw: &raw::Protocol, written: &raw::Sync) -> Option<ChannelName> {
    let known: Vec<&str> = raw.channels.iter().filter(|(_, channel)| channel.tag.is_some()).map(|(name, _)| name.as_str()).collect();
    match &written.channel {
        Some(named) => known_channel(check, named, &known),
        None => {
            if known.is_empty() {
                check.refuse(&written.store, "no-tag", "no channel has a tag, so nothing is ever released to readers");
                check.help("give a channel a `tag`");
            }
            known.last().and_then(|name| name.parse().ok())
        }
    }
}

fn tags(check: &mut Collector, written: &raw::Sync, patterns: &Spanned<Vec<Text>>) -> Option<Tags> {
    if let Some(channel) = &written.channel {
        check.refuse(channel, "wrong-value", "either a channel of the ledger says what readers see, or tags do");
    }
    if patterns.value.is_empty() {
        check.refuse(patterns, "nothing-there", "`sync.tags` names no pattern");
        check.help("leave it out where there is a ledger");
        return None;
    }
    let read = patterns.value.iter().map(|text| check.kept(text, tags::pattern(text))).collect::<Option<Vec<_>>>()?;
    let says = |flag: &Option<Spanned<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    Some(Tags::new(read, says(&written.lightweight), says(&written.stable)))
}

fn kinds(check: &mut Collector, raw: &raw::Protocol, written: &raw::Sync) -> Option<IndexMap<KindName, KindRows>> {
    let known: Vec<&str> = raw.kinds.iter().flatten().map(|(name, _)| name.as_str()).collect();
    if known.is_empty() {
        check.refuse(&written.store, "nothing-there", "`kinds` names no kind of artifacts, so there is nothing to sync");
        check.help("say where artifacts are: `tagwarden explain kinds`");
        return None;
    }
    let Some(named) = &written.kinds else {
        return Some(known.iter().filter_map(|name| Some((name.parse().ok()?, KindRows::default()))).collect());
    };
    if named.is_empty() {
        check.refuse(named, "nothing-there", "`sync.kinds` names no kind");
        check.help("leave it out for every kind");
        return None;
    }
    let mut kinds = IndexMap::new();
    for (name, rows) in &named.value {
        if !known.contains(&name.as_str()) {
            check.refuse(name, "unknown-word", format!("`kinds` has no kind `{}`", name.escape_debug()));
            check.help(near::help(name, &known));
            continue;
        }
        let identity = rows.identity.as_ref().and_then(|at| json_pointer(check, at));
        let generation = rows.generation.as_ref().and_then(|at| json_pointer(check, at));
        kinds.insert(name.parse().ok()?, KindRows { identity, generation });
    }
    Some(kinds)
}
