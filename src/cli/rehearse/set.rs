//! Where a drill happens: server, clones, keys and the protocol, all fixed from its beginning to its end.

use super::{
    cast::{Cast, principal},
    copy::{Endpoint, KEY_VARIABLE},
    players::Player,
    record::Ground,
    witness::Refs,
};
use crate::{
    attest::ssh::PrivateKey,
    cli::gather::GENESIS_PIN,
    domain::{ChannelName, Fault, GateId, PackageName, Reason, RefName, Result, Verb},
    gate::{Protocol, When},
    world::{Clock, Git, scratch::Scratch},
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// Where players keep what they know of the ledger.
const STATE: &str = "home/.local/state/tagwarden/ledgers";

/// What a step may change, and a step that failed leaves for nobody.
pub struct Snapshot {
    pub refs: Refs,
    known: BTreeMap<PathBuf, Vec<u8>>,
}

/// The repositories of the scratch place.
pub const SERVER: &str = "server.git";
pub const WORK: &str = "work";
pub const RIVAL: &str = "rival";

/// Where things are, fixed for the whole drill.
pub struct Set {
    pub scratch: Scratch,
    pub protocol: Arc<Protocol>,
    pub cast: Cast,
    pub keys: BTreeMap<String, PrivateKey>,
    /// The drilled channel, and those that a release has to pass before it, first to last.
    pub channels: Vec<ChannelName>,
    pub package: PackageName,
    pub branch: String,
    /// `--gates` as it was given.
    pub gates: Option<PathBuf>,
    pub clock: Clock,
    /// `--pulls`, from the root of the machine.
    pub pulls: Option<PathBuf>,
    pub endpoint: Endpoint,
    pub asking: Vec<GateId>,
    /// The rehearsed repository, read-only: it knows the commits and pull requests that documents speak of.
    pub live: Git,
    /// What the rehearsal is recorded for.
    pub ground: Option<Arc<Ground>>,
    /// The tree that every release of the drill starts from.
    pub tree: String,
    #[cfg(test)]
    pub bent: Arc<super::tests::Bent>,
}

impl Set {
    pub fn channel(&self) -> &ChannelName {
        // A drill is made with one channel at least.
        &self.channels[self.channels.len() - 1]
    }

    pub fn mover(&self) -> Player {
        self.player(&self.cast.mover, WORK)
    }

    /// Somebody with their key, in one of the clones.
    pub fn player(&self, who: &str, clone: &str) -> Player {
        let key = self.keys.get(&principal(who)).map(PrivateKey::to_openssh).unwrap_or_default();
        Player {
            repo: self.scratch.path(clone),
            env: self.scratch.env().with(KEY_VARIABLE, key),
            gates: self.gates.clone(),
            clock: self.clock,
            pulls: self.pulls.clone(),
            live: self.live.clone(),
            #[cfg(test)]
            bent: self.bent.clone(),
        }
    }

    /// Whether a release has to be staged before it can be promoted: an acknowledgement names a release that exists.
    pub fn is_staged_first(&self) -> bool {
        let decides = |gate: &GateId| self.channels.iter().any(|channel| self.decides(gate, channel));
        self.cast.ackers.keys().any(decides)
    }

    /// Whether a gate decides promotions to this channel.
    pub fn decides(&self, gate: &GateId, channel: &ChannelName) -> bool {
        self.protocol.gate(gate).is_some_and(|gate| gate.applies(Verb::Promote, channel, When::Before))
    }

    /// The ref of the drilled channel's tag.
    pub fn channel_tag(&self) -> Result<RefName> {
        let pattern = self.protocol.channels.get(self.channel()).and_then(|channel| channel.tag.as_ref());
        let pattern = pattern.ok_or_else(|| Fault::new(Reason::NotPermitted, format!("channel {} has no tag", self.channel())))?;
        pattern.channel_ref(self.channel(), &self.package).map_err(|why| Fault::new(Reason::BadConfig, why))
    }

    /// A commit of the base tree with some changes, in the mover's clone.
    pub fn commit(&self, edits: &[(String, Option<Vec<u8>>)], parent: Option<&str>, message: &str) -> Result<String> {
        let tree = self.scratch.edit_tree(WORK, &self.tree, edits)?;
        let mut args = vec!["commit-tree", &tree, "-m", message];
        args.extend(parent.into_iter().flat_map(|parent| ["-p", parent]));
        self.scratch.git(WORK, &args)
    }

    /// Pushes a commit to the release branch, as anybody does.
    pub fn publish(&self, commit: &str) -> Result<()> {
        let to = format!("{commit}:refs/heads/{}", self.branch);
        self.scratch.git(WORK, &["push", "--quiet", &self.protocol.remote, &to]).map(|_| ())
    }

    /// Lets the branch that a clone has checked out name this commit, which must be there.
    pub fn stand_at(&self, clone: &str, commit: &str) -> Result<()> {
        self.scratch.git(clone, &["update-ref", &format!("refs/heads/{}", self.branch), commit]).map(|_| ())
    }

    /// Brings the rival's clone up to date.
    pub fn bring_rival(&self) -> Result<()> {
        self.scratch.git(RIVAL, &["fetch", "--quiet", &self.protocol.remote]).map(|_| ())
    }

    /// The folder of the protocol.
    pub fn folder(&self) -> String {
        let folder = self.gates.as_ref().map(|folder| folder.to_string_lossy().trim_end_matches('/').to_owned());
        folder.unwrap_or_else(|| "gates".to_owned())
    }

    /// Checks the protocol's folder out of HEAD, as far as a clone needs files at all.
    pub fn check_out(&self, clone: &str) -> Result<()> {
        let folder = self.folder();
        self.scratch.git(clone, &["read-tree", "HEAD"])?;
        self.scratch.git(clone, &["checkout", "--quiet", "--", &folder])?;
        self.scratch.git(clone, &["clean", "-d", "--quiet", "--force", "--", &folder]).map(|_| ())
    }

    /// Moves a ref of the server by hand, past everything.
    pub fn move_by_hand(&self, name: &str, to: &str) -> Result<()> {
        self.scratch.git(SERVER, &["update-ref", name, to]).map(|_| ())
    }

    pub fn refs(&self) -> Result<Refs> {
        Refs::read(&self.scratch)
    }

    /// The mover on a machine that never saw the ledger; `genesis`: what it knows of it.
    pub fn newcomer(&self, genesis: Option<&str>) -> Result<Player> {
        self.forget(WORK)?;
        let state = if genesis.is_some() { "state-of-somebody-told" } else { "state-of-nobody" };
        // Whatever a newcomer of this sort learned before is gone.
        self.scratch.put_back(&format!("{state}/tagwarden/ledgers"), &BTreeMap::new())?;
        let player = self.mover().with("XDG_STATE_HOME", &self.scratch.path(state).display().to_string());
        Ok(genesis.into_iter().fold(player, |player, genesis| player.with(GENESIS_PIN, genesis)))
    }

    /// Takes from a clone what git noted of the ledger.
    pub fn forget(&self, clone: &str) -> Result<()> {
        let branch = self.ledger().trim_start_matches("refs/heads/");
        self.scratch.git(clone, &["update-ref", "-d", &format!("refs/remotes/{}/{branch}", self.protocol.remote)]).map(|_| ())
    }

    /// What a step starts from.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot { refs: self.refs()?, known: self.scratch.files_below(STATE) })
    }

    /// Puts every ref of the server back, and what machines know of the ledger.
    pub fn restore(&self, wanted: &Snapshot) -> Result<()> {
        self.refs()?.put_back(&wanted.refs, &self.scratch)?;
        self.scratch.put_back(STATE, &wanted.known)?;
        [WORK, RIVAL].into_iter().try_for_each(|clone| self.forget(clone))
    }
}
