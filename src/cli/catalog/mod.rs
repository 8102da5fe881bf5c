//! `catalog`: what git says of configuration artifacts. Everything here but `rail new` reads the repository alone, and nothing moves.
//!
//! Kinds, rails and pointer files are those of the `gates/` that are checked out; in a bare repository those of HEAD.

mod bumps;
mod history;
mod immutability;

use super::{
    Session, args,
    gather::{self, Place},
    init,
};
use crate::{
    catalog::layout::{Layout, PointerAt},
    domain::{ChannelName, Fault, Oid, Reason, Result},
    gate::Protocol,
    report::Report,
    tree::Unreadable,
};
use std::sync::Arc;

pub async fn run(session: &Session, command: &args::Catalog) -> Result<Report> {
    match command {
        args::Catalog::History(args) => history::run(session, args).await,
        args::Catalog::Immutability(args) => immutability::run(session, args).await,
        args::Catalog::Bumps(args) => bumps::run(session, args).await,
        args::Catalog::Rail { command: args::Rail::New(args) } => init::rail(session, args).await,
    }
}

/// The protocol that is checked out. Faults: `bad_config` where there is none, `nothing_to_check` where it names no kind.
pub fn protocol(session: &Session, place: &Place) -> Result<Arc<Protocol>> {
    let Some(protocol) = place.drafted.clone() else {
        let fault = Fault::new(Reason::BadConfig, format!("there is no {}/ here", gather::gates_folder(session)));
        return Err(fault.help("`tagwarden init` writes one; `tagwarden init --minimal` the smallest"));
    };
    if protocol.catalog.kinds.is_empty() {
        let fault = Fault::new(Reason::NothingToCheck, "the protocol names no kind of artifacts");
        return Err(fault.help("say where artifacts are under `kinds` in gates/protocol.yaml: `tagwarden explain kinds`"));
    }
    Ok(protocol)
}

/// The pointer files that are meant: that of a channel, or all. Faults: `bad_config` where there is none.
pub fn pointers<'a>(layout: &'a Layout, channel: Option<&ChannelName>) -> Result<Vec<&'a PointerAt>> {
    let meant: Vec<&PointerAt> = layout.pointers.iter().filter(|at| channel.is_none_or(|channel| at.channel == *channel)).collect();
    if meant.is_empty() {
        let why = channel.map_or("the protocol names no pointer file".to_owned(), |channel| format!("{channel} has no pointer file"));
        return Err(
            Fault::new(Reason::BadConfig, why).help("say where it is under `pointer` in gates/protocol.yaml: `tagwarden explain pointer`")
        );
    }
    Ok(meant)
}

/// The newest commit of a branch that this clone knows: of the remote, else its own.
pub fn branch_tip(place: &Place, branch: &str) -> Result<Option<Oid>> {
    let git = &place.world.git;
    for name in [format!("refs/remotes/{}/{branch}", place.at.remote), format!("refs/heads/{branch}")] {
        if let Some(commit) = git.rev_parse(&name)? {
            return Ok(Some(commit));
        }
    }
    Ok(None)
}

/// The newest commit of the release branches that this clone knows, else the one that is checked out.
pub fn release_tip(place: &Place, protocol: &Protocol) -> Result<Oid> {
    for branch in &protocol.release_branches {
        if let Some(tip) = branch_tip(place, branch)? {
            return Ok(tip);
        }
    }
    let fault = || Fault::new(Reason::BadUsage, "there is no commit here");
    place.world.git.rev_parse("HEAD")?.ok_or_else(fault)
}

pub fn unreadable(error: Unreadable) -> Fault {
    Fault::new(Reason::GateInconclusive, error.to_string())
}
