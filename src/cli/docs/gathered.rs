//! What `docs` gathers before it judges: the tree, its own protocol, what is recorded of pull requests; and afterwards the
//! answers to what the documents left open.

use super::{
    super::{Session, args, gather},
    Taken,
};
use crate::{
    domain::{Fault, Reason, Result},
    gate::{
        Protocol,
        config::{self, GateFiles},
    },
    lockdown::{Facts, pulls},
    tree::{Tree, Unreadable},
    world::{
        World, files,
        trees::{CommitTree, WorkTree},
    },
};
use std::{path::Path, sync::Arc};

pub struct Gathered {
    pub world: World,
    pub tree: Arc<dyn Tree>,
    /// The tree's own gate files and what they say; `None`: there are none.
    pub files: Option<GateFiles>,
    pub protocol: Option<Arc<Protocol>>,
    pub facts: Facts,
    /// Where in the tree the command was given.
    pub prefix: String,
}

pub async fn gather(session: &Session, args: &args::DocsCheck) -> Result<Gathered> {
    let world = session.world().await?.clone();
    let tree: Arc<dyn Tree> = match &args.at {
        Some(rev) => Arc::new(CommitTree::new(&world.git, &gather::commit(&world, rev)?)?),
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
    foreign.extend(args.foreign.iter().cloned());
    let pulls = match &args.pulls {
        Some(file) => recorded(file)?,
        None => pulls::Known::default(),
    };
    let facts = Facts { foreign, roots: Vec::new(), protocol: protocol.clone(), pulls };
    let prefix = world.git.prefix().to_owned();
    Ok(Gathered { world, tree, files, protocol, facts, prefix })
}

fn recorded(file: &Path) -> Result<pulls::Known> {
    let refused = |why: String| {
        let fault = Fault::new(Reason::BadUsage, format!("{} is no record of pull requests: {why}", file.display()));
        fault.help("it has the form {\"pulls\": {\"312\": {\"state\": \"open\"}}}")
    };
    let text = files::read_text(file, 64 << 20).map_err(|error| refused(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| refused(error.to_string()))
}

pub fn unreadable(error: Unreadable) -> Fault {
    Fault::new(Reason::GateInconclusive, error.to_string())
}

impl Gathered {
    /// The path from the root of an absolute path below it.
    pub fn below_root(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(self.world.git.dir()).ok()?;
        Some(below.to_string_lossy().into_owned())
    }

    /// Asks what the documents left open.
    pub async fn settle(&self, _taken: &mut [Taken]) -> Result<()> {
        Ok(())
    }
}
