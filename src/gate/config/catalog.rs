//! Checks `kinds` and `pointer`: what is written becomes the [`Layout`] of the catalog.
//!
//! Whether the rails are there is not asked here: their files are read with the artifacts.

use super::{
    collect::Collector,
    protocol::{known_channel, relative_path},
    raw::{self, Text},
    tags::in_the_way,
};
use crate::{
    catalog::{
        layout::{Kind, Layout, PathTemplate, PointerAt, RailOf, Shape},
        rails,
    },
    domain::{ChannelName, KindName, TagPattern},
    text::yaml::Spanned,
};
use indexmap::IndexMap;

/// Of artifacts whose kind does not say how their release tags are named.
const RELEASE_TAG: &str = "{kind}/{id}/v{version}";

pub(super) fn check(check: &mut Collector, raw: &raw::Protocol) -> Layout {
    let mut kinds: IndexMap<KindName, Kind> = IndexMap::new();
    for (name, written) in raw.kinds.iter().flatten() {
        let (Some(parsed), Some(kind)) = (check.parsed::<KindName>(name), kind(check, name, written)) else { continue };
        if let Some((other, _)) = kinds.iter().find(|(_, other)| other.path.as_str() == kind.path.as_str()) {
            check.refuse(&written.path, "duplicate", format!("the artifacts of `{other}` are at this path already"));
        }
        kinds.insert(parsed, kind);
    }
    let pointers = raw.pointer.as_ref().map(|pointer| self::pointers(check, raw, pointer)).unwrap_or_default();
    if let (Some(pointer), true) = (&raw.pointer, kinds.is_empty() && raw.kinds.as_ref().is_none_or(IndexMap::is_empty)) {
        check.refuse(pointer, "nothing-there", "a pointer file names artifacts, and `kinds` names no kind of them");
    }
    Layout { kinds, pointers, rails: Default::default() }
}

fn kind(check: &mut Collector, name: &Text, written: &raw::ArtifactKind) -> Option<Kind> {
    let path = check.kept(&written.path, PathTemplate::parse(&written.path));
    let rail = match &written.rail {
        None => Some(RailOf::Named(name.value.clone())),
        Some(rail) if rail.as_str() == "none" => Some(RailOf::None),
        Some(rail) if rail.starts_with('/') => Some(RailOf::SaidAt(rail.value.clone())),
        Some(rail) => check.kept(rail, rails::name(rail)).map(RailOf::Named),
    };
    let id = written.id.as_ref().map(|at| json_pointer(check, at));
    let version = written.version.as_ref().map(|at| json_pointer(check, at));
    let path = path?;
    if !path.has("id") && id.is_none() {
        check.refuse(&written.path, "wrong-value", "nothing says the id of an artifact here");
        check.help("put {id} into the path, or name the key of the file that says it: `id: /name`");
        return None;
    }
    let release_tag = match &written.release_tag {
        Some(tag) => check.kept(tag, TagPattern::artifact(tag)),
        None => TagPattern::artifact(RELEASE_TAG).ok(),
    };
    Some(Kind {
        path,
        rail: rail?,
        id: id.flatten(),
        version: version.flatten(),
        null_is_absent: written.null_is_absent,
        permanent: written.permanent,
        major: written.major.iter().flatten().filter_map(|at| json_pointer(check, at)).collect(),
        release_tag: release_tag?,
    })
}

pub(super) fn json_pointer(check: &mut Collector, at: &Text) -> Option<String> {
    if at.starts_with('/') {
        return Some(at.value.clone());
    }
    check.refuse(at, "wrong-value", format!("`{}` is not a JSON pointer", at.escape_debug()));
    check.help(format!("a JSON pointer starts with a slash: `/{}`", at.trim_start_matches(['.', '$']).replace('.', "/")));
    None
}

fn pointers(check: &mut Collector, raw: &raw::Protocol, pointer: &Spanned<raw::Pointer>) -> Vec<PointerAt> {
    let shape = pointer.shape.as_ref().map_or(Some(Shape::Flat), |word| check.word(word, Shape::ALL));
    let branch = pointer.branch.as_ref().map(|branch| branch.value.clone());
    let is_own = pointer.file.contains("{channel}") || branch.as_deref().is_some_and(|branch| branch.contains("{channel}"));
    let channels = channels(check, raw, pointer, is_own);
    // Each commit of such a branch is one channel's alone.
    let is_between = branch
        .as_ref()
        .is_some_and(|branch| !branch.contains("{channel}") && !raw.release_branches.iter().any(|release| release.as_str() == branch));
    if let Some(at) = pointer.branch.as_ref().filter(|_| channels.len() > 1 && is_own && is_between) {
        check.refuse(at, "shared-pointer", format!("{} channels have one branch for their pointer files", channels.len()));
        check.help("put {channel} into `branch`, too");
    }
    if channels.len() > 1 && !is_own {
        let at = pointer.channel.as_ref().map_or(pointer.file.with(()), |channel| channel.with(()));
        check.refuse(&at, "shared-pointer", format!("{} channels have one pointer file", channels.len()));
        check.help("put {channel} into `file` or `branch`, so that each has its own");
    }
    let mut found = Vec::new();
    for channel in channels {
        let fill = |text: &str| text.replace("{channel}", channel.as_str());
        let file = pointer_file(check, &pointer.file.with(fill(&pointer.file)));
        let branch = branch.as_deref().map(fill);
        if let (Some(at), Some(branch)) = (&pointer.branch, &branch)
            && (branch.starts_with("refs/") || format!("refs/heads/{branch}").parse::<crate::domain::RefName>().is_err())
        {
            check.refuse(at, "branch", format!("`{}` is not the name of a branch", branch.escape_debug()));
        }
        let ledger = raw.ledger.as_ref().map_or("tagwarden/ledger", |ledger| ledger.branch.as_str());
        if let (Some(at), Some(branch)) = (&pointer.branch, &branch)
            && in_the_way(branch, ledger)
        {
            check.refuse(at, "ledger-branch", format!("the ledger is on `{ledger}`, and git could not keep `{branch}` beside it"));
            check.help("give the pointer file a branch of its own, such as tagwarden/active");
        }
        let tag = raw.channels.iter().find(|(name, _)| name.as_str() == channel.as_str()).and_then(|(_, channel)| channel.tag.as_ref());
        if let Some(tag) = tag.filter(|tag| tag.contains("{package}")) {
            check.refuse(tag, "pointer-channel", format!("channel {channel} has a pointer file, and so one tag for all artifacts"));
            check.help("leave {package} out");
        }
        let (Some(file), Some(shape)) = (file, shape) else { return Vec::new() };
        found.push(PointerAt { channel, file, shape, branch });
    }
    found
}

/// A file that activations may write: none of git's own, and no folder. That it is none of the folder of gates is asked where that folder
/// is known.
fn pointer_file(check: &mut Collector, file: &Text) -> Option<String> {
    let path = relative_path(check, file)?;
    let message = if path.ends_with('/') {
        "is a folder, and a pointer file is a file"
    } else if path.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
        "belongs to git, so nobody can commit it"
    } else {
        return Some(path);
    };
    check.refuse(file, "pointer-file", format!("`{}` {message}", file.escape_debug()));
    check.help("for example _active/active_releases.json");
    None
}

fn channels(check: &mut Collector, raw: &raw::Protocol, pointer: &raw::Pointer, is_own: bool) -> Vec<ChannelName> {
    let known: Vec<&str> = raw.channels.keys().map(|name| name.as_str()).collect();
    match &pointer.channel {
        Some(named) => {
            if named.0.is_empty() {
                check.refuse(named, "nothing-there", "`channel` names no channel");
            }
            named.0.iter().filter_map(|name| known_channel(check, &named.with(name.clone()), &known)).collect()
        }
        None if is_own => {
            raw.channels.iter().filter(|(_, channel)| channel.tag.is_some()).filter_map(|(name, _)| name.parse().ok()).collect()
        }
        None => known.last().and_then(|name| name.parse().ok()).into_iter().collect(),
    }
}
