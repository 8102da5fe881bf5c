//! What a move brings, commit by commit along first parents, and what merging gives when it is done again.

use super::{Git, ObjectFormat, run::Output};
use crate::{
    domain::{Fault, Oid, Reason, Result},
    world::{machine, temporary::Temporary},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What merging one commit into another gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    Tree(Oid),
    /// There is no such tree without somebody's decision.
    Conflicts,
    /// git could not tell; its words.
    Unknown(String),
}

const MERGE: &[&str] = &["merge-tree", "--write-tree", "--no-messages"];

/// Settings and attributes of the user and the system, which would say how to merge.
const ALONE: &[(&str, &str)] = &[("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_ATTR_NOSYSTEM", "1")];
const DROPPED: &[&str] = &["GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS", "GIT_ATTR_SOURCE", "XDG_CONFIG_HOME", "HOME"];

impl Git {
    /// The commits from `head` along first parents that `known` does not reach, newest first, each with its parents; without
    /// `known` only `head`. `Ok(None)`: some of that history is not here.
    pub async fn first_parents(&self, head: &Oid, known: Option<&Oid>) -> Result<Option<Vec<(Oid, Vec<Oid>)>>> {
        let without = known.map_or_else(|| "--max-count=1".to_owned(), |known| format!("^{known}"));
        self.listed(vec!["--shallow-file", "", "rev-list", "--first-parent", "--parents", head.as_str(), &without, "--"]).await
    }

    /// Merges `head` into `base`; git 2.38 or newer can. This happens in an empty repository beside this one, so that neither
    /// `.gitattributes`, `info/attributes` nor anybody's settings decide what two commits give.
    pub async fn merged(&self, base: &Oid, head: &Oid) -> Result<Merged> {
        let place = Temporary::needed(&self.shared.temp_dir)?;
        self.furnish(place.path()).map_err(|error| {
            let why = format!("no place to merge in can be made: {error}");
            Fault::new(machine::reason(&error, Reason::NoResources), why)
        })?;
        let merged = Merged::of(&self.merge_in(place.path(), base, head).await?);
        if matches!(merged, Merged::Unknown(_)) && self.is_partial().await? {
            // Merging here fetches what is lacking.
            let words = MERGE.iter().copied().chain([base.as_str(), head.as_str()]);
            self.runner().run(words, None).await?;
            return Ok(Merged::of(&self.merge_in(place.path(), base, head).await?));
        }
        Ok(merged)
    }

    async fn merge_in(&self, place: &Path, base: &Oid, head: &Oid) -> Result<Output> {
        let at = format!("--git-dir={}", place.display());
        let words = [at.as_str(), "-c", "core.attributesFile=/dev/null"].into_iter().chain(MERGE.iter().copied());
        let mut command = self.runner().command(words.chain([base.as_str(), head.as_str()]));
        for name in DROPPED {
            command.env_remove(name);
        }
        command.envs(ALONE.iter().copied()).current_dir(place);
        self.runner().to_its_end(command, None).await
    }

    /// A bare repository with the objects of this one, and nothing else of it.
    fn furnish(&self, place: &Path) -> io::Result<()> {
        let format = match self.object_format() {
            ObjectFormat::Sha1 => "repositoryFormatVersion = 0",
            ObjectFormat::Sha256 => "repositoryFormatVersion = 1\n[extensions]\nobjectFormat = sha256",
        };
        fs::create_dir_all(place.join("objects/info"))?;
        fs::create_dir(place.join("refs"))?;
        fs::write(place.join("config"), format!("[core]\nbare = true\n{format}\n"))?;
        fs::write(place.join("HEAD"), "ref: refs/heads/none\n")?;
        let objects: PathBuf = self.shared.common_dir.join("objects");
        fs::write(place.join("objects/info/alternates"), format!("{}\n", objects.display()))
    }
}

impl Merged {
    fn of(output: &Output) -> Merged {
        match (output.code, output.text().lines().next().map(str::parse)) {
            (Some(0), Some(Ok(tree))) => Merged::Tree(tree),
            (Some(1), Some(Ok(_))) => Merged::Conflicts,
            _ => Merged::Unknown(output.last_words()),
        }
    }
}
