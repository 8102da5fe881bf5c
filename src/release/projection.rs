//! Tags as the ledger says they should be. It is made only from a verified head, so where `doctor --fix` moves a drifted tag to is
//! decided by the ledger, never by the tag.

use super::{
    chain::Verified,
    plan::{self, Refs},
};
use crate::domain::{ChannelName, Finding, Oid, RefName, Verb};
use std::collections::{BTreeSet, HashMap};

/// One recorded tag beside what the remote holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectedTag {
    pub name: RefName,
    pub recorded: Option<Oid>,
    pub there: Option<Oid>,
    /// What `recorded` peels to.
    pub commit: Option<Oid>,
    /// The entry that holds the raw tag object, so that a lost one can be made again.
    pub entry: Option<Oid>,
    pub owner: TagOwner,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagOwner {
    Channel(ChannelName),
    Release(String),
}

pub struct Projection {
    tags: Vec<ProjectedTag>,
}

impl Projection {
    /// Compares every tag that the ledger recorded, and every tag that is named like a channel's, with the remote.
    pub fn of(head: &Verified, refs: &Refs) -> Projection {
        let mut makers: HashMap<(&RefName, &Oid), &Oid> = HashMap::new();
        for linked in head.entries() {
            for moved in &linked.outline.moves {
                makers.extend(moved.to.as_ref().map(|to| ((&moved.name, to), &linked.oid)));
            }
        }
        let entry = |name: &RefName, oid: &Oid| makers.get(&(name, oid)).map(|oid| (*oid).clone());
        let there = |name: &RefName| refs.get(name).map(|fact| fact.oid.clone());
        let mut tags = Vec::new();
        for (channel, state) in &head.state().channels {
            for tag in std::iter::once(&state.tag).chain(&state.tags) {
                tags.push(ProjectedTag {
                    name: tag.name.clone(),
                    recorded: Some(tag.oid.clone()),
                    there: there(&tag.name),
                    commit: Some(state.shown().clone()),
                    entry: entry(&tag.name, &tag.oid),
                    owner: TagOwner::Channel(channel.clone()),
                });
            }
        }
        for (channel, name) in plan::channel_refs(head.protocol()) {
            let Some(oid) = there(&name).filter(|_| !tags.iter().any(|tag: &ProjectedTag| tag.name == name)) else { continue };
            tags.push(ProjectedTag {
                name,
                recorded: None,
                there: Some(oid),
                commit: None,
                entry: None,
                owner: TagOwner::Channel(channel),
            });
        }
        for staged in head.state().staged.iter() {
            let release = crate::domain::ReleaseName { package: staged.package.clone(), version: staged.version.clone() };
            let Ok(name) = plan::release_ref(head.protocol(), &release) else { continue };
            tags.push(ProjectedTag {
                there: there(&name),
                entry: entry(&name, &staged.tag),
                recorded: Some(staged.tag.clone()),
                commit: Some(staged.commit.clone()),
                owner: TagOwner::Release(release.to_string()),
                name,
            });
        }
        Projection { tags }
    }

    pub fn tags(&self) -> &[ProjectedTag] {
        &self.tags
    }

    /// Channel tags that are not where the ledger says, and release tags that are gone. A release tag at another object is
    /// never moved, not even back.
    pub fn drifted(&self) -> impl Iterator<Item = &ProjectedTag> {
        self.tags.iter().filter(|tag| match tag.owner {
            TagOwner::Channel(_) => tag.recorded != tag.there,
            TagOwner::Release(_) => tag.there.is_none(),
        })
    }

    /// Those that can be put where the newest valid entry says. Nothing is ever deleted: what the ledger knows nothing of may be
    /// all that is left of another one.
    pub fn mendable(&self) -> impl Iterator<Item = &ProjectedTag> {
        self.drifted().filter(|tag| tag.recorded.is_some())
    }

    /// Every difference as a finding.
    pub fn findings(&self) -> Vec<Finding> {
        self.tags.iter().filter(|tag| tag.recorded != tag.there).map(ProjectedTag::finding).collect()
    }
}

/// Channel tags that hold something else than the ledger says, with what they hold.
pub fn displaced<'a>(head: &Verified, refs: &'a Refs) -> Vec<(&'a RefName, &'a Oid)> {
    let channels = &head.state().channels;
    let recorded = channels.values().flat_map(|state| std::iter::once(&state.tag).chain(&state.tags)).map(|tag| (&tag.name, &tag.oid));
    let recorded: HashMap<&RefName, &Oid> = recorded.collect();
    let named = plan::channel_refs(head.protocol());
    let names: BTreeSet<&RefName> = recorded.keys().copied().chain(named.iter().map(|(_, name)| name)).collect();
    let there = names.into_iter().filter_map(|name| refs.get_key_value(name));
    there.map(|(name, fact)| (name, &fact.oid)).filter(|(name, oid)| recorded.get(name) != Some(oid)).collect()
}

impl ProjectedTag {
    /// The right that putting it back needs: that of the move that made it.
    pub fn right(&self) -> (Verb, Option<&ChannelName>) {
        match &self.owner {
            TagOwner::Channel(channel) => (Verb::Promote, Some(channel)),
            TagOwner::Release(_) => (Verb::Stage, None),
        }
    }

    pub fn finding(&self) -> Finding {
        let show = |oid: &Option<Oid>| oid.as_ref().map_or("nothing".to_owned(), |oid| oid.short().to_owned());
        let message = format!("{} holds {} on the remote, the ledger says {}", self.name, show(&self.there), show(&self.recorded));
        let code = match (&self.owner, &self.recorded, &self.there) {
            (TagOwner::Channel(_), None, _) => "status/tag-without-entry",
            (TagOwner::Channel(_), _, None) => "status/tag-missing",
            (TagOwner::Channel(_), _, _) => "status/tag-moved",
            (TagOwner::Release(_), _, None) => "status/release-tag-missing",
            (TagOwner::Release(_), _, _) => "status/release-tag-moved",
        };
        let mend = match self.owner {
            TagOwner::Channel(_) if self.recorded.is_none() => {
                return Finding::error(code, message).help(plan::foreign_tag(&self.name));
            }
            TagOwner::Channel(_) => "`tagwarden doctor --fix` puts it back",
            TagOwner::Release(_) if self.there.is_none() => "`tagwarden doctor --fix` puts it back",
            TagOwner::Release(_) => "find out who moved it; a release tag is never moved back by force",
        };
        Finding::error(code, message).help(mend)
    }
}
