//! What `docs` gathers before it judges: the tree, its own protocol, what is recorded of pull requests; and afterwards the
//! answers to what the documents left open.

use super::{
    super::{Session, args, gather},
    Taken, select,
};
use crate::{
    domain::{Fault, Oid, Reason, Result},
    gate::{
        Protocol,
        config::{self, GateFiles},
    },
    lockdown::{Facts, Kinds, Question, banned, pulls::Known},
    report::{Report, SigningMode},
    tree::{Tree, Unreadable},
    world::{
        World, documents,
        github::Purpose,
        trees::{CommitTree, WorkTree},
    },
};
use std::{collections::BTreeSet, sync::Arc};

pub struct Gathered {
    pub world: World,
    pub tree: Arc<dyn Tree>,
    /// The commit that is judged; `None`: the work tree.
    pub at: Option<Oid>,
    /// The tree's own gate files and what they say; `None`: there are none.
    pub files: Option<GateFiles>,
    pub protocol: Option<Arc<Protocol>>,
    pub facts: Facts,
}

pub async fn gather(session: &Session, args: &args::DocsCheck) -> Result<Gathered> {
    let world = session.world().await?.clone();
    let at = args.at.as_ref().map(|rev| gather::commit(&world, rev)).transpose()?;
    let tree: Arc<dyn Tree> = match &at {
        Some(commit) => Arc::new(CommitTree::new(&world.git, commit)?),
        None => Arc::new(WorkTree::unpinned(&world.git)?),
    };
    let root = gather::gates_folder(session);
    let files = tree.files_in(&root).map_err(unreadable)?;
    let (files, protocol) = match files.is_empty() {
        true => (None, None),
        false => {
            let files = GateFiles { files, root };
            let protocol = Arc::new(config::load(&files)?);
            (Some(files), Some(protocol))
        }
    };
    let mut foreign = protocol.as_ref().map(|protocol| protocol.documents.foreign.clone()).unwrap_or_default();
    foreign.extend(args.facts.foreign.iter().cloned());
    let documents = protocol.as_ref().map(|protocol| protocol.documents.clone()).unwrap_or_default();
    let gated = documents.protocol.iter().cloned().collect();
    let past = documents.archive.iter().chain(&documents.log).cloned().collect();
    let (roots, mut banned) = (documents.roots, documents.banned);
    banned.extend(args.facts.banned.iter().map(|path| banned::List { path: path.clone(), allow: Vec::new() }));
    let remote = session.globals.remote.as_deref().or(protocol.as_ref().map(|protocol| protocol.remote.as_str())).unwrap_or("origin");
    let origin = documents::origin(&world.git, remote).await;
    let branches = match &protocol {
        Some(protocol) => protocol.release_branches.clone(),
        // Nothing says which branch releases come from; the one that is written on must do.
        None => world.git.current_branch().await?.into_iter().collect(),
    };
    let record = args.facts.pulls.as_deref().map(documents::Record::read).transpose()?;
    let pulls = if args.facts.github { Known::default() } else { documents::known(&world.git, record.as_ref()).await? };
    let only = args.only.iter().copied().reduce(Kinds::with).unwrap_or_default();
    let facts = Facts { foreign, roots, protocol: protocol.clone(), pulls, banned, origin, branches, past, gated, only };
    let remote = remote.to_owned();
    let mut gathered = Gathered { world, tree, at, files, protocol, facts };
    if args.facts.github {
        gathered.facts.pulls = gathered.told(args, &remote).await?;
    }
    Ok(gathered)
}

pub fn unreadable(error: Unreadable) -> Fault {
    Fault::new(Reason::GateInconclusive, error.to_string())
}

impl Gathered {
    /// The documents that the protocol declares.
    pub fn declared(&self) -> &[String] {
        self.protocol.as_ref().map_or(&[], |protocol| &protocol.documents.protocol)
    }

    /// Where the protocol says that the lock is.
    pub fn named_lock(&self) -> Option<&str> {
        self.protocol.as_ref().and_then(|protocol| protocol.documents.lock.as_deref())
    }

    /// A report that says how the protocol signs.
    pub fn signed(&self, report: Report) -> Report {
        match &self.protocol {
            Some(protocol) => report.signing(SigningMode::of(protocol)),
            None => report,
        }
    }

    /// What GitHub tells of the pull requests that the documents name, which are read once more to be judged by it.
    async fn told(&self, args: &args::DocsCheck, remote: &str) -> Result<Known> {
        let (taken, _) = super::take(self, &select::choose(self, args)?)?;
        let numbers: BTreeSet<u64> = taken.iter().flat_map(|taken| taken.census.numbers_to_ask()).collect();
        if numbers.is_empty() {
            return Ok(Known::default());
        }
        let _asking = self.world.progress.doing("pull requests on GitHub");
        let github = documents::connect(&self.world, &self.world.git, remote, Purpose::Documents).await;
        Ok(documents::told(github.as_ref().map_err(Clone::clone), &numbers).await)
    }

    /// Asks what the documents left open. Gives what to say where the history could not be asked.
    pub async fn settle(&self, taken: &mut [Taken]) -> Result<Option<String>> {
        let questions: BTreeSet<Question> = taken.iter().flat_map(|taken| taken.census.questions()).cloned().collect();
        if questions.is_empty() {
            return Ok(None);
        }
        let git = &self.world.git;
        let source = documents::Source { git, others: git, tree: self.tree.as_ref(), at: self.at.as_ref(), known: &self.facts.pulls };
        let answers = documents::answers(&source, &questions).await?;
        for taken in taken.iter_mut() {
            taken.census.settle(&taken.source, &answers);
        }
        Ok(answers.unread)
    }
}
