//! `diff`: what differs between two commits, channels, or the work tree, by kind and id. It moves nothing; only a channel asks the network,
//! because the ledger says what is on it.
//!
//! Where both sides have a pointer file, what is active is compared; else every artifact. A pointer file with a branch of its own says what
//! is active only in the commits of that branch: the copy on the release branch is where it began.

use super::{
    Session, args,
    catalog::{branch_tip, protocol, unreadable},
    gather::{self, Place},
    validate::wrong_rails,
};
use crate::{
    catalog::{
        diff::{Side, changes},
        layout::{Layout, PointerAt},
        pointer::Pointer,
        rails::Rails,
        states::artifacts,
    },
    domain::{ChannelName, Fault, Oid, Reason, Result},
    gate::Protocol,
    report::{
        Body, DiffShape, Report, SigningMode,
        shape::{Compared, SideShape},
    },
    text::yaml,
    tree::Tree,
    world::{
        git::Want,
        trees::{CommitTree, WorkTree},
    },
};

/// The word for the work tree.
const HERE: &str = ".";

pub async fn run(session: &Session, args: &args::Diff) -> Result<Report> {
    let place = gather::place(session).await?;
    let protocol = protocol(session, &place)?;
    let layout = &protocol.catalog;
    let rails = Rails::read(layout).map_err(wrong_rails)?;
    let sides = sides(session, &place, &protocol, args).await?;
    let read = sides.read(layout)?;
    let changes = changes(layout, &rails, &read[0], &read[1]).map_err(unreadable)?;
    let reason = if changes.is_empty() { Reason::Passed } else { Reason::Differences };
    let (from, to) = sides.shapes();
    let shape = DiffShape { compared: sides.compared(), from, to, changes };
    Ok(sides.note(Report::new(reason, Body::Diff(shape)).signing(SigningMode::of(&protocol))))
}

/// Two sides, and what is compared of them.
pub struct Sides {
    from: Given,
    to: Given,
    /// What is active on each; `None`: every artifact is compared.
    active: Option<[Pointer; 2]>,
    /// Whether one side lacks what the other says.
    is_mixed: bool,
}

impl Sides {
    pub fn read<'a>(&'a self, layout: &Layout) -> Result<[Side<'a>; 2]> {
        let side = |given: &'a Given, at: usize| {
            let tree = given.tree.as_ref();
            let active = self.active.as_ref().map(|active| active[at].clone());
            Ok(Side { tree, artifacts: artifacts(tree, layout).map_err(unreadable)?, active })
        };
        Ok([side(&self.from, 0)?, side(&self.to, 1)?])
    }

    pub fn compared(&self) -> Compared {
        if self.active.is_some() { Compared::Active } else { Compared::All }
    }

    pub fn shapes(&self) -> (SideShape, SideShape) {
        let shape = |side: &Given| SideShape { name: side.word.clone(), channel: side.channel.clone(), commit: side.commit.clone() };
        (shape(&self.from), shape(&self.to))
    }

    /// Says what was compared where that is not what one could expect.
    pub fn note(&self, report: Report) -> Report {
        if self.is_mixed { report.notice("one side does not say what is active, so every artifact was compared") } else { report }
    }
}

pub async fn sides(session: &Session, place: &Place, protocol: &Protocol, args: &args::Diff) -> Result<Sides> {
    let from = side(session, place, protocol, &args.from).await?;
    let to = side(session, place, protocol, args.to.as_deref().unwrap_or(HERE)).await?;
    let (mut active, mut is_mixed) = (None, false);
    if !args.all {
        let one = pointer(place, protocol, &from, &to, args.channel.as_ref()).await?;
        let other = pointer(place, protocol, &to, &from, args.channel.as_ref()).await?;
        is_mixed = !protocol.catalog.pointers.is_empty() && (one.is_none() || other.is_none());
        active = one.zip(other).map(|(one, other)| [one, other]);
    }
    Ok(Sides { from, to, active, is_mixed })
}

struct Given {
    word: String,
    channel: Option<ChannelName>,
    /// `None`: the work tree.
    commit: Option<Oid>,
    tree: Box<dyn Tree>,
}

async fn side(session: &Session, place: &Place, protocol: &Protocol, word: &str) -> Result<Given> {
    let git = &place.world.git;
    let given = |channel, commit, tree| Given { word: word.to_owned(), channel, commit, tree };
    if word == HERE {
        return Ok(given(None, None, Box::new(WorkTree::unpinned(git)?)));
    }
    let channel = word.parse::<ChannelName>().ok().filter(|channel| protocol.channels.contains_key(channel));
    let commit = match &channel {
        Some(channel) => on_channel(session, channel).await?,
        None => gather::commit(&place.world, word)?,
    };
    let tree = Box::new(CommitTree::new(git, &commit)?);
    Ok(given(channel, Some(commit), tree))
}

/// What a channel shows by the verified ledger.
async fn on_channel(session: &Session, channel: &ChannelName) -> Result<Oid> {
    let situation = gather::situation(session).await?;
    let Some(now) = situation.head.state().channels.get(channel) else {
        let fault = Fault::new(Reason::UnknownRelease, format!("nothing was promoted to {channel} yet"));
        return Err(fault.help(format!("`tagwarden promote RELEASE --channel {channel}`; a branch of this name is refs/heads/{channel}")));
    };
    let git = &situation.world().git;
    let shown = now.shown().clone();
    if !git.has(&shown)? {
        git.fetch_objects(&situation.place.at.remote, &[Want::Oid(shown.clone())]).await?;
    }
    Ok(shown)
}

/// What is active on a side; `None`: it does not say. Faults: `bad_usage` where it is open which of several pointer files is meant.
async fn pointer(
    place: &Place,
    protocol: &Protocol,
    side: &Given,
    other: &Given,
    channel: Option<&ChannelName>,
) -> Result<Option<Pointer>> {
    let pointers = &protocol.catalog.pointers;
    let named = side.channel.as_ref().or(channel).or(other.channel.as_ref());
    let at = match (named, pointers.as_slice()) {
        (_, []) => return Ok(None),
        (Some(channel), _) => protocol.catalog.pointer(channel),
        (None, [only]) => Some(only),
        (None, several) => {
            let channels: Vec<&str> = several.iter().map(|at| at.channel.as_str()).collect();
            let fault = Fault::new(Reason::BadUsage, "which pointer file is meant is not said");
            return Err(fault.help(format!("name its channel: `--channel {}`; `--all` compares every artifact", channels.join("|"))));
        }
    };
    let Some(at) = at else { return Ok(None) };
    if side.channel.is_none() && !says_what_is_active(place, protocol, at, side.commit.as_ref()).await? {
        return Ok(None);
    }
    let Some(bytes) = side.tree.read(&at.file).map_err(unreadable)? else { return Ok(None) };
    let refused =
        |findings| Fault::new(Reason::Findings, format!("the pointer file {} cannot be read at {}", at.file, side.word)).findings(findings);
    let source = yaml::source(&at.file, &bytes).map_err(|finding| refused(vec![finding]))?;
    Pointer::read(source, at.shape).map(Some).map_err(refused)
}

/// Whether the pointer file of a commit is kept up there.
pub async fn says_what_is_active(place: &Place, protocol: &Protocol, at: &PointerAt, commit: Option<&Oid>) -> Result<bool> {
    let Some(branch) = at.branch.as_ref().filter(|_| !at.is_on(&protocol.release_branches)) else { return Ok(true) };
    let git = &place.world.git;
    let (Some(commit), Some(tip)) = (commit, branch_tip(place, branch)?) else { return Ok(false) };
    // The judged commits are in the history of that branch, too.
    for branch in &protocol.release_branches {
        if let Some(tip) = branch_tip(place, branch)?
            && git.is_ancestor(commit, &tip).await? != Some(false)
        {
            return Ok(false);
        }
    }
    Ok(git.is_ancestor(commit, &tip).await? == Some(true))
}
