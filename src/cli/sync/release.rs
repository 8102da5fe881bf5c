//! From the files of a commit to the rows that it asks for: each file is read once and parsed once, judged by the rails of the policy in
//! force, and handed over as a row.
//!
//! Where everything that is judged is said of one file alone, files come in parts, and memory does not grow with their number. Where rules
//! look across files the whole tree is judged at once, and what it holds of each artifact stays in memory until the end: its name, its
//! path and the values that name others.
//!
//! Deliberately absent: the store. Rows are handed over before everything was judged, so whoever takes them must be able to take them back.

use super::site::Site;
use crate::{
    catalog::{
        check::{self, Artifact, Input, Which},
        document::Document,
        layout::Layout,
        pointer::Pointer,
        rails::Rails,
    },
    cli::validate,
    domain::{Digest, Fault, Finding, KindName, Oid, Reason, Result, Severity},
    sync::{
        KindRows, Orphans,
        member::{self, Member},
        row::{self, Body, Content},
        step,
    },
    text::{query, yaml},
    tree::{Tree, Unreadable},
    world::{
        World,
        beside::Give,
        git::{Files, Listed, Part},
        spill::{PARTS, Spill},
        trees::CommitTree,
    },
};
use indexmap::IndexMap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicBool, atomic::Ordering, mpsc},
};

/// Files that are read and judged at once, and rows that are handed over at once.
const PART: usize = 1_000;
/// Parts that are read ahead of what is judged.
const AHEAD: usize = 2;

/// A row with what is written of it.
pub struct Item {
    pub content: Content,
    pub body: Body,
    pub member: Member,
}

/// What was found in a release.
#[derive(Default)]
pub struct Judged {
    /// By the rules of the catalog, in the order of their places.
    pub findings: Vec<Finding>,
    /// Why files have no row.
    pub wrong: Vec<Finding>,
}

impl Judged {
    /// What forbids publishing it.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).chain(&self.wrong)
    }
}

/// What some files of a release are.
pub struct Side {
    pub judged: Judged,
    pub items: Vec<Item>,
    /// Of each kind how many, and whether they are rows.
    pub kinds: BTreeMap<String, (usize, bool)>,
    /// Names with paths, where neither rows nor paths tell that a name is there twice.
    pub names: BTreeSet<(String, String)>,
}

/// A release that is to be read.
pub struct Release {
    world: World,
    commit: Oid,
    tree: CommitTree,
    layout: Layout,
    rails: Rails,
    kinds: IndexMap<KindName, KindRows>,
    orphans: Orphans,
    rules: Digest,
    judges: bool,
}

impl Release {
    /// Faults: `bad_config` where the rails of the policy in force cannot be used.
    pub async fn of(site: &Site, commit: &Oid) -> Result<Release> {
        let rails = Rails::read(&site.layout).map_err(validate::wrong_rails)?;
        Ok(Release {
            world: site.world().clone(),
            commit: commit.clone(),
            tree: site.tree(commit).await?,
            layout: site.layout.clone(),
            rails,
            kinds: site.settings.kinds.clone(),
            orphans: site.settings.orphans,
            rules: step::rules(&site.layout)?,
            judges: true,
        })
    }

    /// The same release, whose files were judged when it was published: only what keeps them from being rows is found.
    pub fn judged_before(self) -> Release {
        Release { judges: false, ..self }
    }

    /// What its files are judged by. `None`: they are not judged.
    pub fn rules(&self) -> Option<&Digest> {
        self.judges.then_some(&self.rules)
    }

    /// Whether everything that is judged is said of one file alone.
    pub fn is_local(&self) -> bool {
        self.layout.pointers.is_empty() && self.rails.are_local()
    }

    /// Hands over every row, until something forbids publishing them.
    pub fn read(&self, give: &Give<Vec<Item>>) -> Result<Judged> {
        // Which artifacts are active is known of the whole alone.
        let mut judged = match self.is_local() || (!self.judges && self.layout.pointers.is_empty()) {
            false => self.whole(give, true)?,
            // Threads are started once, not for each part.
            true => match query::side_by_side(|| self.in_parts(give))? {
                Some(judged) => judged,
                // Whoever looks at all files at once can say which, or why.
                None => self.whole(give, false)?,
            },
        };
        if !self.judges {
            judged.findings.clear();
        }
        for finding in &mut judged.findings {
            tolerate(finding, self.orphans);
        }
        check::sort(&mut judged.findings);
        Ok(judged)
    }

    fn whole(&self, give: &Give<Vec<Item>>, hands_over: bool) -> Result<Judged> {
        let at = self.layout.pointers.first();
        let bytes = at.map(|at| self.tree.read(&at.file)).transpose().map_err(unreadable)?.flatten();
        let pointer = at.zip(bytes.as_ref()).and_then(|(at, bytes)| {
            let source = yaml::source(&at.file, bytes).ok()?;
            Pointer::read(source, at.shape).ok()
        });
        let rows = Rows::new(self, pointer, Some(give));
        if !hands_over {
            rows.stop();
        }
        let pointers = at.map(|_| bytes.clone()).into_iter().collect();
        let checked =
            validate::check_each(&self.world, &self.tree, &self.layout, &self.rails, pointers, Which::All, &|artifact, document| {
                rows.take(artifact, document);
            })?;
        rows.hand_over();
        Ok(Judged { findings: checked.findings, wrong: rows.all_wrong() })
    }

    /// `None`: some artifact is there twice, or some kind has none.
    fn in_parts(&self, give: &Give<Vec<Item>>) -> Result<Option<Judged>> {
        let _waiting = self.world.progress.wait("artifacts of the release");
        let rows = Rows::new(self, None, Some(give));
        let mut findings = Vec::new();
        let mut kinds: BTreeMap<KindName, usize> = self.layout.kinds.keys().map(|kind| (kind.clone(), 0)).collect();
        let mut names = Spill::<{ member::KEY }>::new(&self.world.env.temp_dir());
        let files = self.world.git.files_of(self.tree.tree())?;
        std::thread::scope(|scope| {
            let (send, parts) = mpsc::sync_channel(AHEAD);
            scope.spawn(move || self.parts(files, &send));
            for part in parts {
                let checked = self.check(&part?, &|artifact, document| rows.take(artifact, document))?;
                rows.hand_over();
                if self.judges && checked.findings.iter().any(|finding| finding.severity == Severity::Error) {
                    rows.stop();
                }
                findings.extend(checked.findings);
                for (kind, count) in checked.kinds {
                    *kinds.entry(kind).or_default() += count;
                }
                for artifact in checked.found.iter().filter(|artifact| !self.names_by_row(artifact)) {
                    names.push(member::name(artifact.kind.as_str(), &artifact.name()))?;
                }
                if rows.is_left_alone.load(Ordering::Relaxed) {
                    break;
                }
            }
            Ok::<_, Fault>(())
        })?;
        if self.judges && kinds.values().any(|count| *count == 0) {
            return Ok(None);
        }
        for part in 0..PARTS {
            if self.judges && names.part(part)?.windows(2).any(|pair| pair[0] == pair[1]) {
                return Ok(None);
            }
        }
        Ok(Some(Judged { findings, wrong: rows.all_wrong() }))
    }

    /// Reads the files of artifacts, a part after the other.
    fn parts(&self, files: Files, send: &mpsc::SyncSender<Result<Part>>) {
        let files = files.filter(|file| file.as_ref().map_or(true, |file| self.is_artifact(&file.path)));
        self.world.git.parts(&self.commit, PART, files, |part| send.send(part).is_ok());
    }

    /// Some of the files of a commit by themselves, which are not many.
    pub fn look(&self, commit: &Oid, listed: Vec<Listed>) -> Result<Side> {
        let listed: Vec<Listed> = listed.into_iter().filter(|file| self.is_artifact(&file.path)).collect();
        let rows = Rows::new(self, None, None);
        let checked = self.check(&self.world.git.part(commit, listed)?, &|artifact, document| rows.take(artifact, document))?;
        let items = std::mem::take(&mut *locked(&rows.items));
        let mut kinds: BTreeMap<String, (usize, bool)> = BTreeMap::new();
        for (kind, count) in checked.kinds.iter().filter(|(kind, count)| *count > 0 && !self.kinds.contains_key(kind)) {
            kinds.insert(kind.to_string(), (*count, false));
        }
        for item in &items {
            kinds.entry(item.content.key.kind.clone()).or_insert((0, true)).0 += 1;
        }
        let unsure = checked.found.iter().filter(|artifact| !self.names_by_row(artifact));
        let names = unsure.map(|artifact| (artifact.name(), artifact.path.clone())).collect();
        let wrong = std::mem::take(&mut *locked(&rows.wrong));
        Ok(Side { judged: Judged { findings: checked.findings, wrong }, items, kinds, names })
    }

    fn is_artifact(&self, path: &str) -> bool {
        self.layout.kinds.values().any(|kind| kind.path.read(path).is_some())
    }

    /// What each of these files shows by itself.
    fn check(&self, part: &Part, each: &(dyn Fn(&Artifact, &Document) + Sync)) -> Result<check::Checked> {
        let which = Which::Below(vec![String::new()]);
        let input = Input { tree: part, layout: &self.layout, rails: &self.rails, pointers: Vec::new(), which, done: &|_| {}, each };
        check::check(input).map_err(unreadable)
    }

    /// Whether two artifacts of one name would be two rows of one identity, or cannot be.
    fn names_by_row(&self, artifact: &Artifact) -> bool {
        let has_own_row = self.kinds.get(&artifact.kind).is_some_and(|rows| rows.identity.is_none());
        let has_own_path = || {
            let kind = self.layout.kinds.get(&artifact.kind);
            kind.and_then(|kind| kind.path.path_of(&artifact.id, artifact.version.as_deref())).is_some_and(|path| path == artifact.path)
        };
        has_own_row || has_own_path()
    }
}

/// References to what is not there only warn where the settings say so.
fn tolerate(finding: &mut Finding, orphans: Orphans) {
    let is_orphan = matches!(finding.code.as_str(), "catalog/dangling-reference" | "catalog/inactive-reference");
    if is_orphan && orphans == Orphans::Publish {
        finding.severity = Severity::Warning;
    }
}

/// Takes artifacts in any order, and hands rows over.
struct Rows<'r> {
    release: &'r Release,
    pointer: Option<Pointer>,
    give: Option<&'r Give<Vec<Item>>>,
    items: Mutex<Vec<Item>>,
    wrong: Mutex<Vec<Finding>>,
    is_over: AtomicBool,
    /// Nobody takes anything any more.
    is_left_alone: AtomicBool,
    has_some: AtomicBool,
}

impl<'r> Rows<'r> {
    fn new(release: &'r Release, pointer: Option<Pointer>, give: Option<&'r Give<Vec<Item>>>) -> Rows<'r> {
        Rows {
            release,
            pointer,
            give,
            items: Mutex::default(),
            wrong: Mutex::default(),
            is_over: AtomicBool::new(false),
            is_left_alone: AtomicBool::new(false),
            has_some: AtomicBool::new(false),
        }
    }

    /// One row for each artifact; where the channel has a pointer file, for each that is active.
    fn take(&self, artifact: &Artifact, document: &Document) {
        let has_versions = self.release.layout.pointers.is_empty();
        let Some(rows) = self.release.kinds.get(&artifact.kind) else { return };
        if !has_versions && !is_active(self.pointer.as_ref(), artifact) {
            return;
        }
        match row::of(artifact, document, rows, has_versions) {
            Ok((content, body)) => {
                self.has_some.store(true, Ordering::Relaxed);
                let item = Item { member: member::of(&content), content, body };
                let mut items = locked(&self.items);
                items.push(item);
                if items.len() >= PART && self.give.is_some() {
                    let full = std::mem::take(&mut *items);
                    drop(items);
                    self.give(full);
                }
            }
            Err(findings) => {
                self.stop();
                locked(&self.wrong).extend(findings);
            }
        }
    }

    fn give(&self, items: Vec<Item>) {
        if !self.is_over.load(Ordering::Relaxed) && !self.give.is_some_and(|give| give.part(items)) {
            self.is_left_alone.store(true, Ordering::Relaxed);
            self.stop();
        }
    }

    /// What is left over.
    fn hand_over(&self) {
        let items = std::mem::take(&mut *locked(&self.items));
        if !items.is_empty() {
            self.give(items);
        }
    }

    /// Nothing is handed over any more.
    fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Of a whole release.
    fn all_wrong(&self) -> Vec<Finding> {
        let mut wrong = std::mem::take(&mut *locked(&self.wrong));
        if wrong.is_empty() && !self.has_some.load(Ordering::Relaxed) {
            let finding = Finding::error("sync/nothing", "the release has no artifact of the kinds that are synced");
            wrong.push(finding.help("readers keep what they see; `tagwarden validate` shows which artifacts there are"));
        }
        check::sort(&mut wrong);
        wrong
    }
}

/// What a thread that failed left is whole: it is changed by one call alone.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_active(pointer: Option<&Pointer>, artifact: &Artifact) -> bool {
    let active = pointer.and_then(|pointer| pointer.active(artifact.kind.as_str(), &artifact.id));
    active.is_some() && active == artifact.version.as_deref()
}

fn unreadable(error: Unreadable) -> Fault {
    Fault::new(Reason::GateInconclusive, error.to_string())
}
