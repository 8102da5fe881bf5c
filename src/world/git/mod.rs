//! The `git` program, and nothing else of git: it alone is exact on every back end, hash, transport and credential helper.
//!
//! Every call runs with a fixed environment ([`run`]): no replace objects, no grafts, no hooks, no prompts, no automatic
//! maintenance, messages in English. Objects are read through one long-lived `git cat-file` ([`objects`]); what concerns
//! the remote is in [`remote`], the push and the reading of its answer in [`push`], how long a server is waited for in [`talk`], what
//! to do about its errors in [`words`].
//!
//! Local refs are never believed: the state is what the remote says. Nothing here creates or moves one, but that a push lets
//! git note in its remote-tracking refs what it pushed.

mod batch;
mod history;
mod listing;
mod log;
mod merge;
mod objects;
mod own;
mod push;
mod remote;
mod run;
mod talk;
mod words;

pub(in crate::world) use listing::kind_of_mode;
pub use listing::{Differs, Files, Listed, Part};
pub use log::{Edit, LogOf, Logged};
pub use merge::Merged;
pub use objects::{Object, ObjectKind, Small, TreeItem};
pub use push::{PushAnswer, PushEnd, PushLine, PushSpec, RefAnswer, Update, push_argv};
pub use remote::{RemoteRef, Want};
pub use run::mask_userinfo;
pub use talk::{Limits, Patience};
pub use words::{Advice, advice, answers_with_status, without_boilerplate};

use super::{EnvVars, askpass::Askpass};
use crate::{
    domain::{Fault, Oid, Reason, Result},
    tree::Unreadable,
};
use batch::Batch;
use run::Runner;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::OnceCell;

/// The oldest git that can do what is asked of it here (`fetch --refetch`, `cat-file --batch-command`).
const OLDEST: (u32, u32) = (2, 36);

/// A repository. Cheap to clone; all clones share one object reader.
#[derive(Clone)]
pub struct Git {
    shared: Arc<Shared>,
    patience: Patience,
    askpass: Option<Arc<Askpass>>,
}

struct Shared {
    runner: Runner,
    dir: PathBuf,
    /// Where temporary files go.
    temp_dir: PathBuf,
    prefix: String,
    git_dir: PathBuf,
    /// Where linked work trees have what they share.
    common_dir: PathBuf,
    bare: bool,
    shallow: bool,
    format: ObjectFormat,
    config: OnceCell<BTreeMap<String, Vec<String>>>,
    /// A program of somebody's ran beside us.
    suspect: AtomicBool,
    batch: Mutex<Option<Batch>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectFormat {
    Sha1,
    Sha256,
}

impl Git {
    /// Opens the repository that holds `dir`. Faults: `git_too_old`, `not_a_repository`.
    pub async fn open(dir: &Path, env: &EnvVars) -> Result<Git> {
        if !dir.is_dir() {
            return Err(Fault::new(Reason::NotARepository, format!("there is no folder {}", dir.display())));
        }
        let runner = Runner::new(dir, env);
        let places = [
            "rev-parse",
            "--path-format=absolute",
            "--absolute-git-dir",
            "--git-common-dir",
            "--is-bare-repository",
            "--is-shallow-repository",
            "--show-object-format",
            // Fails where there is no work tree, but only after the others have been answered.
            "--show-toplevel",
        ];
        let (version, places) = tokio::join!(runner.run(["version"], None), runner.run(places, None));
        let version = version?;
        // One that is too old, or no git at all, may fail in any way.
        let version = match version.reason(Reason::GitTooOld) {
            Reason::NoResources => version.ok("git version")?,
            _ => version,
        };
        check_version(&version.text())?;
        let places = places?;
        let text = places.text();
        let lines: Vec<&str> = text.lines().collect();
        let [git_dir, common_dir, bare, shallow, format, top @ ..] = lines.as_slice() else {
            let message = format!("{} is no git repository: {}", dir.display(), places.last_words());
            return Err(Fault::new(places.reason(Reason::NotARepository), message));
        };
        let format = match *format {
            "sha1" => ObjectFormat::Sha1,
            "sha256" => ObjectFormat::Sha256,
            other => return Err(Fault::new(Reason::NotARepository, format!("the repository has the unknown object format `{other}`"))),
        };
        let (git_dir, common_dir) = (PathBuf::from(git_dir), PathBuf::from(common_dir));
        let (bare, shallow) = (*bare == "true", *shallow == "true");
        let top = top.first().filter(|_| places.code == Some(0)).map(PathBuf::from);
        let asked = std::fs::canonicalize(dir).unwrap_or_default();
        let dir = top.unwrap_or_else(|| git_dir.clone());
        let root = std::fs::canonicalize(&dir).unwrap_or_default();
        let prefix = asked.strip_prefix(&root).map(|prefix| prefix.to_string_lossy().into_owned()).unwrap_or_default();
        let runner = Runner::new(&dir, env);
        let shared = Shared {
            runner,
            dir,
            temp_dir: env.temp_dir(),
            prefix,
            git_dir,
            common_dir,
            bare,
            shallow,
            format,
            config: OnceCell::new(),
            suspect: AtomicBool::new(false),
            batch: Mutex::new(None),
        };
        Ok(Git { shared: Arc::new(shared), patience: Patience::default(), askpass: None })
    }

    /// The same repository, with other limits for servers.
    #[must_use]
    pub fn waiting(self, patience: Patience) -> Git {
        Git { patience, ..self }
    }

    /// The same repository, whose git can ask us for credentials.
    #[must_use]
    pub fn proving(self, askpass: Askpass) -> Git {
        Git { askpass: Some(Arc::new(askpass)), ..self }
    }

    pub(in crate::world) fn temp_dir(&self) -> &Path {
        &self.shared.temp_dir
    }

    /// The root of the work tree; of a bare repository, the git folder.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// Where in the work tree the repository was opened: a path from the root, empty for the root itself.
    pub fn prefix(&self) -> &str {
        &self.shared.prefix
    }

    pub fn git_dir(&self) -> &Path {
        &self.shared.git_dir
    }

    pub fn is_bare(&self) -> bool {
        self.shared.bare
    }

    /// Whether some history was cut off when this repository was opened.
    pub fn is_shallow(&self) -> bool {
        self.shared.shallow
    }

    pub fn object_format(&self) -> ObjectFormat {
        self.shared.format
    }

    /// How many git processes were started so far.
    pub fn processes(&self) -> u64 {
        self.runner().started()
    }

    /// The last value of a configuration key; all keys are read once, by one process.
    pub async fn config(&self, key: &str) -> Result<Option<String>> {
        Ok(self.config_all(key).await?.last().cloned())
    }

    /// Whether some URLs stand for others.
    async fn rewrites_urls(&self) -> Result<bool> {
        let is_rewrite = |key: &String| key.starts_with("url.") && (key.ends_with(".insteadof") || key.ends_with(".pushinsteadof"));
        Ok(self.configuration().await?.keys().any(is_rewrite))
    }

    /// Every value of a configuration key, in git's order.
    pub async fn config_all(&self, key: &str) -> Result<Vec<String>> {
        Ok(self.configuration().await?.get(&normal_key(key)).cloned().unwrap_or_default())
    }

    /// Every configuration key that has a value.
    async fn config_keys(&self) -> Result<Vec<String>> {
        Ok(self.configuration().await?.keys().cloned().collect())
    }

    async fn configuration(&self) -> Result<&BTreeMap<String, Vec<String>>> {
        self.shared.config.get_or_try_init(|| self.read_configuration()).await
    }

    async fn read_configuration(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let output = self.runner().run(["config", "--null", "--list"], None).await?;
        if output.code != Some(0) {
            let message = format!("git cannot read its configuration: {}", output.last_words());
            return Err(Fault::new(output.reason(Reason::BadConfig), message));
        }
        Ok(parse_config(&output.stdout))
    }

    /// Says that a program was run that may have changed the configuration: it is compared before every talk with a remote from
    /// here on.
    pub fn suspect(&self) {
        self.shared.suspect.store(true, Ordering::SeqCst);
    }

    /// Refuses where the configuration is not what it was when it was read first: a program that ran meanwhile may have turned
    /// the remote elsewhere, or put a program of its own in the way. Faults: `ref_changed`.
    pub(super) async fn configured_as_before(&self) -> Result<()> {
        if !self.shared.suspect.load(Ordering::SeqCst) {
            return Ok(());
        }
        let (before, now) = (self.configuration().await?, self.read_configuration().await?);
        let other = now.iter().find(|(key, values)| before.get(*key) != Some(values)).map(|(key, _)| key);
        let Some(key) = other.or_else(|| before.keys().find(|key| !now.contains_key(*key))) else { return Ok(()) };
        let why = format!("the configuration of git changed while this ran: {}", mask_userinfo(key).escape_debug());
        Err(Fault::new(Reason::RefChanged, why).help("look at `git config --list --show-origin`; nothing was sent"))
    }

    /// Whether `ancestor` is reachable from `of` (or is it). `None`: it cannot be told here, because some of the history is
    /// missing; [`Git::fetch_objects`] of a branch brings all of it.
    pub async fn is_ancestor(&self, ancestor: &Oid, of: &Oid) -> Result<Option<bool>> {
        let words = ["merge-base", "--is-ancestor", ancestor.as_str(), of.as_str()];
        match self.runner().run(words, None).await?.code {
            Some(0) => return Ok(Some(true)),
            Some(1) if !self.is_cut() => return Ok(Some(false)),
            // In cut history a "no" only means that the way was not found.
            Some(1) => {}
            _ => return Ok(None),
        }
        if self.rev_list(of).await?.is_none() {
            return Ok(None);
        }
        let words = ["--shallow-file", "", "merge-base", "--is-ancestor", ancestor.as_str(), of.as_str()];
        Ok(match self.runner().run(words, None).await?.code {
            Some(0) => Some(true),
            Some(1) => Some(false),
            _ => None,
        })
    }

    /// Every commit reachable from `head`, children before parents, grafts and shallow borders disregarded. `Ok(None)`: some
    /// of that history is not here.
    pub async fn rev_list(&self, head: &Oid) -> Result<Option<Vec<Oid>>> {
        let commits = self.rev_list_parents(head).await?;
        Ok(commits.map(|commits| commits.into_iter().map(|(oid, _)| oid).collect()))
    }

    /// The same, each with its parents.
    pub async fn rev_list_parents(&self, head: &Oid) -> Result<Option<Vec<(Oid, Vec<Oid>)>>> {
        self.rev_list_beyond(head, None).await
    }

    /// The same without what is reachable from `known`.
    pub async fn rev_list_beyond(&self, head: &Oid, known: Option<&Oid>) -> Result<Option<Vec<(Oid, Vec<Oid>)>>> {
        let without = known.map(|oid| format!("^{oid}"));
        let mut words = vec!["--shallow-file", "", "rev-list", "--topo-order", "--parents", head.as_str()];
        words.extend(without.as_deref());
        words.push("--");
        self.listed(words).await
    }

    /// What a `git rev-list --parents` lists. `Ok(None)`: it failed, so some of that history is not here.
    async fn listed(&self, words: Vec<&str>) -> Result<Option<Vec<(Oid, Vec<Oid>)>>> {
        let output = self.runner().run(words, None).await?;
        if output.code != Some(0) {
            return Ok(None);
        }
        let line = |line: &str| -> std::result::Result<(Oid, Vec<Oid>), String> {
            let mut oids = line.split(' ').map(str::parse);
            let oid = oids.next().unwrap_or_else(|| "".parse())?;
            Ok((oid, oids.collect::<std::result::Result<_, String>>()?))
        };
        let commits: std::result::Result<Vec<_>, String> = output.text().lines().map(line).collect();
        commits.map(Some).map_err(|error| Fault::new(Reason::Internal, format!("git rev-list: {error}")))
    }

    /// Whether anything below `path` (relative to the root) differs from HEAD, untracked files among it.
    pub async fn is_dirty(&self, path: &str) -> Result<bool> {
        // Filters are programs of the configuration; what they would make of a file is not what is judged.
        let filters: BTreeSet<&str> =
            self.configuration().await?.keys().filter_map(|key| Some(key.strip_prefix("filter.")?.rsplit_once('.')?.0)).collect();
        let off = filters.iter().flat_map(|name| {
            let set = |key: &str, value: &str| ["-c".to_owned(), format!("filter.{name}.{key}={value}")];
            [set("clean", ""), set("process", ""), set("required", "false")].concat()
        });
        let words = ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", path];
        let args: Vec<String> = off.chain(words.map(str::to_owned)).collect();
        let output = self.runner().run(args, None).await?.ok("git status")?;
        Ok(!output.stdout.is_empty())
    }

    /// The names of all tags that are here, without `refs/tags/`.
    pub async fn tags(&self) -> Result<BTreeSet<String>> {
        let output =
            self.runner().run(["for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags"], None).await?.ok("git for-each-ref")?;
        Ok(output.text().lines().map(str::to_owned).collect())
    }

    /// The numbers of pull requests of which the head was fetched, as `refs/pull/N/head`.
    pub async fn pull_heads(&self) -> Result<BTreeSet<u64>> {
        let refs = self.runner().run(["for-each-ref", "--format=%(refname:lstrip=2)", "refs/pull/*/head"], None).await?;
        let refs = refs.ok("git for-each-ref")?;
        Ok(refs.text().lines().filter_map(|name| name.strip_suffix("/head")?.parse().ok()).collect())
    }

    /// The branch that HEAD names, born or not, without `refs/heads/`. `Ok(None)`: HEAD is detached.
    pub async fn current_branch(&self) -> Result<Option<String>> {
        let output = self.runner().run(["symbolic-ref", "--quiet", "HEAD"], None).await?;
        Ok(output.text().trim_end().strip_prefix("refs/heads/").map(str::to_owned))
    }

    /// The last commit up to this one that changed a path; `None`: no commit that is here did.
    pub fn last_change(&self, upto: &Oid, path: &str) -> Result<Option<Oid>> {
        let output = self.runner().run_blocking(["log", "-1", "--format=%H", upto.as_str(), "--", path])?;
        Ok(output.ok("git log")?.text().trim().parse().ok())
    }

    /// The paths whose files differ between a commit and another one, or the work tree with its new files where `to` is `None`.
    pub fn changed_since(&self, from: &Oid, to: Option<&Oid>) -> Result<BTreeSet<String>> {
        let unread = |error: Unreadable| Fault::new(Reason::GateInconclusive, error.0);
        let mut words = vec!["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", from.as_str()];
        words.extend(to.map(Oid::as_str));
        let mut listed = self.list(&words).map_err(unread)?;
        if to.is_none() {
            listed.extend(self.list(&["ls-files", "-z", "--others", "--exclude-standard"]).map_err(unread)?);
        }
        let names = listed.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }

    /// A blocking listing for [`crate::world::trees`]: the bytes that git printed.
    pub(super) fn list(&self, args: &[&str]) -> std::result::Result<Vec<u8>, Unreadable> {
        let output = self.runner().run_blocking(args).map_err(|fault| Unreadable(fault.message))?;
        if output.code == Some(0) { Ok(output.stdout) } else { Err(Unreadable(output.last_words())) }
    }

    fn runner(&self) -> &Runner {
        &self.shared.runner
    }

    /// Asked of the disk at each question, since a fetch may deepen.
    fn is_cut(&self) -> bool {
        self.shared.shallow || self.shared.common_dir.join("shallow").exists()
    }
}

fn check_version(text: &str) -> Result<()> {
    let number = text.trim().strip_prefix("git version ").unwrap_or_default();
    let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(()),
        _ => Err(Fault::new(Reason::GitTooOld, format!("`{}` is older than git {}.{}", text.trim().escape_debug(), OLDEST.0, OLDEST.1))),
    }
}

fn parse_config(listing: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut config: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for item in listing.split(|byte| *byte == 0).filter(|item| !item.is_empty()) {
        let item = String::from_utf8_lossy(item);
        // A key without a value (`[a] b`) stands for true.
        let (key, value) = item.split_once('\n').unwrap_or((&item, "true"));
        config.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    config
}

/// Section and name are case-insensitive, the subsection between them is not.
fn normal_key(key: &str) -> String {
    match (key.split_once('.'), key.rsplit_once('.')) {
        (Some((section, _)), Some((before, name))) => {
            format!("{}{}.{}", section.to_ascii_lowercase(), &before[section.len()..], name.to_ascii_lowercase())
        }
        _ => key.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_older_than_the_oldest_are_refused() {
        for (text, fits) in [
            ("git version 2.39.5", true),
            ("git version 2.36.0.windows.1", true),
            ("git version 3.0.rc1", true),
            ("git version 2.39.3 (Apple Git-146)", true),
            ("git version 2.35.9", false),
            ("git version 1.99", false),
            ("", false),
            ("hub version 9.9", false),
        ] {
            assert_eq!(check_version(text).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn configuration_keeps_every_value_and_the_case_of_subsections() {
        let config = parse_config(b"remote.Up.url\na\nb\0remote.Up.url\nc\0core.bare\0");
        assert_eq!(config[&normal_key("Remote.Up.URL")], ["a\nb", "c"]);
        assert_eq!(config[&normal_key("core.bare")], ["true"]);
        assert!(!config.contains_key(&normal_key("remote.up.url")));
    }
}
