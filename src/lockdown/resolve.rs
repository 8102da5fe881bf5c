//! Looks a claim up in the tree. Gives what was found; the words for it are made in [`super::grade`].
//!
//! A link is read in its document's folder only, as renderers do. A path in a code span is read in the root, the document's
//! folder, its ancestors and beside the path named just before, then taken as the end of exactly one path of the tree, unless
//! history tells that it was there itself.

use super::{
    Library, ReferenceKind,
    desk::Desk,
    extract::{Claim, Target},
    index::{Found, Index, normal},
    pattern,
    shape::{self, PathClaim, Tail},
};
use crate::{
    text::{
        markdown::{self, Bytes, Document},
        source::Source,
    },
    tree::Unreadable,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// What was found out about a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Leads to this path of the tree, or to this fragment.
    There(String),
    /// Lines of a file, from the first to the last.
    Lines {
        path: String,
        first: u32,
        last: u32,
    },
    /// A fragment of a document that was not read yet.
    Later {
        path: String,
        fragment: String,
    },
    Foreign {
        path: String,
        name: String,
    },
    /// A name in a file that is no Markdown.
    Symbol {
        path: String,
        name: String,
    },
    /// Of no file of the present tree.
    Url(String),
    /// What the only path that ends like it is, or that there are several: so far as no commit had the path that is written.
    ByEnd {
        of: Box<Resolution>,
        written: String,
    },
    Unchecked {
        target: String,
        reason: &'static str,
    },
    /// In a folder that is not there: a path only if it once was one. `folder`: it is written as a folder.
    Doubtful {
        path: String,
        folder: bool,
    },
    Broken(Breakage),
}

/// What is wrong with a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breakage {
    MissingPath {
        path: String,
        pattern: bool,
    },
    /// One of the paths that a list in braces names.
    MissingOne {
        path: String,
        missing: String,
    },
    MissingFile {
        path: String,
    },
    MissingFragment {
        target: String,
        fragment: String,
        known: Arc<BTreeSet<String>>,
    },
    /// Right but for upper and lower case.
    OtherCase {
        wrong: String,
        right: String,
    },
    Outside {
        target: String,
    },
    /// A symbolic link on the way leads to what is not there; `None`: in a circle.
    DeadLink {
        path: String,
        link: String,
        to: Option<String>,
    },
    Undefined {
        label: String,
    },
    MissingLines {
        path: String,
        first: u32,
        last: u32,
        /// Of the file, in lines.
        length: u32,
    },
}

impl From<Breakage> for Resolution {
    fn from(breakage: Breakage) -> Resolution {
        Resolution::Broken(breakage)
    }
}

pub const URL: &str = "a URL outside of the tree";
pub const SUBMODULE: &str = "inside a submodule";
const NOT_READ: &str = "a fragment of a document that is too long, too dense or nested too deep to be read";
const NOT_MARKDOWN: &str = "a fragment of a file that is no Markdown";
const AMBIGUOUS: &str = "several paths end in it";
const FORGE: &str = "a page of the forge";

/// What a forge shows of a repository beside its files.
const FORGE_PAGES: &[&str] = &[
    "actions",
    "branches",
    "commit",
    "commits",
    "compare",
    "contributors",
    "discussions",
    "graphs",
    "issues",
    "labels",
    "milestones",
    "network",
    "packages",
    "projects",
    "pull",
    "pulls",
    "pulse",
    "releases",
    "security",
    "stargazers",
    "tags",
    "wiki",
];

const TOO_MANY: &str = "too many patterns";

/// How many paths may be compared with patterns, all documents together.
const MOST_COMPARISONS: usize = 50_000_000;

/// What was read of the files that references led to, by path.
#[derive(Debug, Default)]
pub struct Fragments {
    /// `None`: a document that is not read.
    known: Mutex<HashMap<String, Option<Arc<BTreeSet<String>>>>>,
    lines: Mutex<HashMap<String, u32>>,
    comparisons: AtomicUsize,
}

pub struct Resolver<'r, 't> {
    library: &'r Library<'t>,
    index: &'r Index<'t>,
    foreign: &'r BTreeMap<String, String>,
    roots: &'r [String],
    fragments: &'r Fragments,
    /// The document's path and folder.
    file: &'r str,
    folder: &'r str,
    own: Arc<BTreeSet<String>>,
    /// The folder of the path that was found just before.
    beside: Option<String>,
    patterns: HashMap<String, bool>,
    /// Whether fragments of other documents can be looked up later.
    may_wait: bool,
    strict: bool,
}

impl<'r, 't> Resolver<'r, 't> {
    pub fn new(library: &'r Library<'t>, source: &'r Source, document: &Document, strict: bool, may_wait: bool) -> Resolver<'r, 't> {
        let folder = source.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let own = Arc::new(owned(document));
        let fragments = &library.fragments;
        lock(&fragments.known).insert(source.file.clone(), Some(Arc::clone(&own)));
        Resolver {
            library,
            index: &library.index,
            foreign: &library.facts.foreign,
            roots: &library.facts.roots,
            fragments,
            file: &source.file,
            folder,
            own,
            beside: None,
            patterns: HashMap::new(),
            may_wait,
            strict,
        }
    }

    /// From here on claims do not stand on the page. None of them waits, as what becomes of it may not count.
    pub fn turn(&mut self) {
        self.beside = None;
        self.may_wait = false;
    }

    /// `None`: no reference after all.
    pub fn resolve(&mut self, claim: &Claim) -> Result<Option<Resolution>, Unreadable> {
        match &claim.target {
            Target::Url => self.url(&claim.text, claim.kind).map(Some),
            Target::Undefined(label) => Ok(Some(Breakage::Undefined { label: label.clone() }.into())),
            Target::Link { path, fragment } => self.link(path, fragment.as_deref(), claim.kind).map(Some),
            Target::Path(path) => self.path(path),
        }
    }

    /// A URL that is no Markdown link.
    pub fn bare_url(&mut self, desk: &mut Desk, url: String, range: Bytes) -> Result<(), Unreadable> {
        match self.url(&url, ReferenceKind::Url)? {
            Resolution::Url(_) => super::urls::judge(desk, ReferenceKind::Url, &url, range, url.clone()),
            resolution => {
                let claim = Claim { kind: ReferenceKind::Url, text: url, range, target: Target::Url };
                super::grade::grade(desk, claim, resolution);
            }
        }
        Ok(())
    }

    /// A URL into the present tree is a link from its root.
    fn url(&mut self, url: &str, kind: ReferenceKind) -> Result<Resolution, Unreadable> {
        let facts = &self.library.facts;
        let target = facts.origin.as_ref().and_then(|origin| origin.read(url));
        match target.as_ref().and_then(|target| target.here(&facts.branches)) {
            Some((path, fragment)) => self.link(&format!("/{}", super::extract::decode(path)), fragment, kind),
            None => Ok(Resolution::Url(url.to_owned())),
        }
    }

    fn link(&mut self, path: &str, fragment: Option<&str>, kind: ReferenceKind) -> Result<Resolution, Unreadable> {
        if path.is_empty() {
            return Ok(match fragment {
                Some(fragment) => fragment_of(self.file, fragment, &Arc::clone(&self.own)),
                // `[x]()` leads to the document itself; an image of nothing leads nowhere.
                None if kind == ReferenceKind::Image => Breakage::MissingFile { path: String::new() }.into(),
                None => Resolution::There(self.file.to_owned()),
            });
        }
        let folder = if path.starts_with('/') { "" } else { self.folder };
        let Some(target) = normal(folder, path) else { return Ok(self.outside(folder, path)) };
        let found = match self.index.find(&target)? {
            Found::File(found) if !path.ends_with('/') => found,
            Found::Folder(found) => return self.folder_link(found, fragment),
            Found::Submodule(found) => return Ok(Resolution::Unchecked { target: found, reason: SUBMODULE }),
            Found::Outside => return Ok(Breakage::Outside { target }.into()),
            Found::Dead { link, to } => return Ok(Breakage::DeadLink { path: target, link, to }.into()),
            Found::File(found) => return Ok(Breakage::MissingFile { path: format!("{found}/") }.into()),
            Found::Nothing => return Ok(self.missing_link(target)),
        };
        match fragment {
            None | Some("") => Ok(Resolution::There(found)),
            Some(fragment) => self.fragment(found, fragment, self.may_wait),
        }
    }

    /// A link out of the tree. From a page below `blob/BRANCH/` two steps out of the root lead to the repository's other pages.
    fn outside(&self, folder: &str, path: &str) -> Resolution {
        let Some(page) = normal(&format!("blob/branch/{folder}"), path).filter(|_| !path.starts_with('/')) else {
            return Breakage::Outside { target: path.to_owned() }.into();
        };
        let (first, rest) = page.split_once('/').unwrap_or((&page, ""));
        match &self.library.facts.origin {
            _ if !FORGE_PAGES.contains(&first) => Breakage::Outside { target: path.to_owned() }.into(),
            Some(origin) if matches!(first, "pull" | "issues") && rest.parse::<u64>().is_ok() => {
                Resolution::Url(format!("https://{}/{}/{page}", origin.host, origin.name))
            }
            _ => Resolution::Unchecked { target: path.to_owned(), reason: FORGE },
        }
    }

    fn missing_link(&self, target: String) -> Resolution {
        if let Some((path, name)) = self.foreign(&target) {
            return Resolution::Foreign { path, name };
        }
        match self.index.in_other_case(&target) {
            Some(right) => Breakage::OtherCase { wrong: target, right: right.to_owned() }.into(),
            None => Breakage::MissingFile { path: target }.into(),
        }
    }

    /// A folder shows its README.
    fn folder_link(&mut self, folder: String, fragment: Option<&str>) -> Result<Resolution, Unreadable> {
        let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) else { return Ok(Resolution::There(folder)) };
        let readme = if folder.is_empty() { "readme.md".to_owned() } else { format!("{folder}/readme.md") };
        match self.index.in_other_case(&readme) {
            Some(readme) => self.fragment(readme.to_owned(), fragment, self.may_wait),
            None => {
                let known = Arc::new(BTreeSet::new());
                Ok(Breakage::MissingFragment { target: folder, fragment: fragment.to_owned(), known }.into())
            }
        }
    }

    fn fragment(&self, path: String, fragment: &str, may_wait: bool) -> Result<Resolution, Unreadable> {
        if let Some((first, last)) = shape::line_fragment(fragment) {
            return self.lines(path, first, last);
        }
        if !is_markdown(&path) {
            return Ok(Resolution::Unchecked { target: path, reason: NOT_MARKDOWN });
        }
        if path == self.file {
            return Ok(fragment_of(&path, fragment, &self.own));
        }
        if may_wait && !lock(&self.fragments.known).contains_key(&path) {
            return Ok(Resolution::Later { path, fragment: fragment.to_owned() });
        }
        self.library.fragment(path, fragment)
    }

    /// A range of lines, which must lie within the file.
    fn lines(&self, path: String, first: u32, last: u32) -> Result<Resolution, Unreadable> {
        let known = lock(&self.fragments.lines).get(&path).copied();
        let length = match known {
            Some(length) => length,
            None => {
                let bytes = self.index.tree.read(&path)?.unwrap_or_default();
                let length = lines_in(&bytes);
                lock(&self.fragments.lines).insert(path.clone(), length);
                length
            }
        };
        Ok(match 1 <= first && first <= last && last <= length {
            true => Resolution::Lines { path, first, last },
            false => Breakage::MissingLines { path, first, last, length }.into(),
        })
    }

    fn path(&mut self, claim: &PathClaim) -> Result<Option<Resolution>, Unreadable> {
        // A route, unless the file exists.
        if let Some(route) = claim.path.strip_prefix('/') {
            let Some(path) = normal("", route).filter(|path| !path.is_empty() && !claim.pattern) else { return Ok(None) };
            return self.exactly(&path)?.map(|found| self.behind(found, claim)).transpose();
        }
        if claim.name && !claim.sure {
            return Ok(Some(Resolution::Doubtful { path: claim.path.clone(), folder: false }));
        }
        if !claim.sure && !self.starts_in_a_folder(&claim.path) {
            return Ok(self.once_here(claim));
        }
        if claim.pattern {
            return Ok(Some(self.pattern(claim)));
        }
        let mut outside = None;
        for base in self.bases(&claim.path) {
            let Some(path) = normal(&base, &claim.path) else {
                outside.get_or_insert_with(|| claim.path.clone());
                continue;
            };
            match self.exactly(&path)? {
                Some(Resolution::Broken(Breakage::Outside { target })) => outside = Some(target),
                Some(found) => return self.behind(found, claim).map(Some),
                None => {}
            }
        }
        if let Some(target) = outside {
            return Ok(Some(Breakage::Outside { target }.into()));
        }
        self.not_there(claim)
    }

    /// A text with separators that starts in no folder. Words and refs have that shape too, so that only its past can tell.
    fn once_here(&self, claim: &PathClaim) -> Option<Resolution> {
        let plain = self.strict && !claim.pattern && !claim.blanks && !claim.label && claim.tail.is_none();
        let wanted = claim.path.strip_suffix('/').unwrap_or(&claim.path);
        let folder = wanted.len() < claim.path.len();
        let lawful = |part: &str| {
            let named = part.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'));
            named && part.contains(char::is_alphabetic)
        };
        // A name with an extension says itself that it is a file.
        let bare = |(_, name): (&str, &str)| !name.trim_start_matches('.').contains('.');
        let words = !wanted.starts_with("refs/") && wanted.rsplit_once('/').is_some_and(bare) && wanted.split('/').all(lawful);
        if !plain || !(folder || words && !self.is_a_tag(wanted)) {
            return None;
        }
        let folder = folder && self.index.ending_in(wanted, 1).is_empty();
        self.foreign(wanted).is_none().then(|| Resolution::Doubtful { path: wanted.to_owned(), folder })
    }

    /// Whether it is the tag of a channel.
    fn is_a_tag(&self, name: &str) -> bool {
        let Some(protocol) = &self.library.facts.protocol else { return false };
        let tags = protocol.channels.iter().filter_map(|(channel, rules)| Some((channel, rules.tag.as_ref()?)));
        let mut of_packages =
            tags.flat_map(|(channel, tag)| protocol.packages.keys().map(move |package| tag.channel_ref(channel, package)));
        of_packages.any(|tag| tag.is_ok_and(|tag| tag.as_str().strip_prefix("refs/tags/") == Some(name)))
    }

    /// What exactly this path leads to; `None`: nothing.
    fn exactly(&self, path: &str) -> Result<Option<Resolution>, Unreadable> {
        Ok(match self.index.find(path)? {
            Found::File(found) | Found::Folder(found) => Some(Resolution::There(found)),
            Found::Submodule(found) => Some(Resolution::Unchecked { target: found, reason: SUBMODULE }),
            Found::Outside => Some(Breakage::Outside { target: path.to_owned() }.into()),
            Found::Dead { link, to } => Some(Breakage::DeadLink { path: path.to_owned(), link, to }.into()),
            Found::Nothing => None,
        })
    }

    /// The path was found; now what follows it.
    fn behind(&mut self, found: Resolution, claim: &PathClaim) -> Result<Resolution, Unreadable> {
        let Resolution::There(path) = found else { return Ok(found) };
        if claim.backslash {
            return Ok(Breakage::MissingPath { path: claim.path.replace('/', "\\"), pattern: false }.into());
        }
        if !claim.name {
            self.beside = path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        }
        match &claim.tail {
            None => Ok(Resolution::There(path)),
            Some(Tail::Lines(first, last)) => self.lines(path, *first, *last),
            Some(Tail::Name(name)) if is_markdown(&path) && !name.is_empty() => self.fragment(path, name, false),
            Some(Tail::Name(name)) if name.is_empty() => Ok(Resolution::There(path)),
            Some(Tail::Name(name)) => Ok(Resolution::Symbol { path, name: name.clone() }),
        }
    }

    fn not_there(&mut self, claim: &PathClaim) -> Result<Option<Resolution>, Unreadable> {
        // Prose and commands in code spans have blanks too: only a file that exists makes them a path.
        if claim.blanks {
            return Ok(None);
        }
        let relative = claim.path.starts_with("./") || claim.path.starts_with("../");
        let wanted = claim.path.trim_end_matches('/');
        if !relative {
            let found = match self.index.ending_in(wanted, 2)[..] {
                [] => None,
                [only] => Some(self.behind(Resolution::There(only.to_owned()), claim)?),
                _ => Some(Resolution::Unchecked { target: wanted.to_owned(), reason: AMBIGUOUS }),
            };
            if let Some(found) = found {
                return Ok(Some(Resolution::ByEnd { of: Box::new(found), written: wanted.to_owned() }));
            }
        }
        // Written from the document's folder, or from the root.
        let led = if relative { normal(self.folder, wanted) } else { Some(wanted.to_owned()) };
        if let Some((path, name)) = led.and_then(|led| self.foreign(&led)) {
            return Ok(Some(Resolution::Foreign { path, name }));
        }
        let spelled = |base: Cow<str>| self.index.in_other_case(&normal(&base, wanted)?);
        if let Some(right) = self.bases(&claim.path).into_iter().find_map(spelled) {
            return Ok(Some(Breakage::OtherCase { wrong: claim.path.clone(), right: right.to_owned() }.into()));
        }
        // A bare name after a path is meant in that path's folder, also where neither is there.
        let path = match &self.beside {
            Some(folder) if !claim.path.contains('/') && !folder.is_empty() => format!("{folder}/{}", claim.path),
            _ => claim.path.clone(),
        };
        let made = self.library.ignored.holds(self.index, &path) || path.split('/').any(|part| part == "node_modules");
        if let Some((folder, _)) = path.rsplit_once('/').filter(|_| !claim.backslash && !relative && !made) {
            self.beside = Some(folder.to_owned());
        }
        Ok(Some(Breakage::MissingPath { path, pattern: false }.into()))
    }

    /// Whether the first part is a folder of the root, of the document's folder or of one of its ancestors.
    fn starts_in_a_folder(&self, path: &str) -> bool {
        let first = path.split('/').next().unwrap_or_default();
        let is_folder = |path: &str| self.index.has_folder(self.index.in_other_case(path).unwrap_or(path));
        !first.is_empty() && ancestors(self.folder).any(|base| normal(base, first).is_some_and(|folder| is_folder(&folder)))
    }

    /// Where a path may start, in order. `../` has a meaning in the document's folder only; `./` also in the root, where
    /// commands run.
    fn bases(&self, path: &str) -> Vec<Cow<'r, str>> {
        if path.starts_with("../") || path == ".." {
            return vec![self.folder.into()];
        }
        if path.starts_with("./") {
            return vec![self.folder.into(), "".into()];
        }
        let mut bases = vec![Cow::Borrowed("")];
        bases.extend(ancestors(self.folder).filter(|folder| !folder.is_empty()).map(Cow::Borrowed));
        bases.extend(self.roots.iter().map(|root| Cow::Borrowed(root.trim_matches('/'))));
        if !path.contains('/') {
            bases.extend(self.beside.clone().map(Cow::Owned));
        }
        bases
    }

    fn pattern(&mut self, claim: &PathClaim) -> Resolution {
        let mut full = false;
        for base in self.bases(&claim.path) {
            let (Some(start), Some(whole)) = (normal(&base, pattern::literal_start(&claim.path)), normal(&base, &claim.path)) else {
                return Breakage::Outside { target: claim.path.clone() }.into();
            };
            // A literal start that ends with a separator loses it when it is made normal; the folder itself then fits too.
            match self.matches(&whole, &start) {
                Some(true) => {
                    let is_missing = |path: &String| {
                        matches!(self.index.find(path), Ok(Found::Nothing)) && !self.library.ignored.holds(self.index, path)
                    };
                    let each = if self.strict { pattern::each(&whole) } else { Vec::new() };
                    return match each.into_iter().find(is_missing) {
                        Some(missing) => Breakage::MissingOne { path: whole, missing }.into(),
                        None => Resolution::There(whole),
                    };
                }
                Some(false) => {}
                None => full = true,
            }
        }
        // Without a folder it speaks of file names, wherever they are.
        if !claim.path.contains('/') {
            match self.matches(&format!("**/{}", claim.path), "") {
                Some(true) => return Resolution::There(claim.path.clone()),
                Some(false) => {}
                None => full = true,
            }
        }
        if full {
            return Resolution::Unchecked { target: claim.path.clone(), reason: TOO_MANY };
        }
        match self.foreign(&claim.path) {
            Some((path, name)) => Resolution::Foreign { path, name },
            None => Breakage::MissingPath { path: claim.path.clone(), pattern: true }.into(),
        }
    }

    /// Whether a path of the tree fits; `None`: too much was compared already.
    fn matches(&mut self, whole: &str, start: &str) -> Option<bool> {
        if let Some(known) = self.patterns.get(whole) {
            return Some(*known);
        }
        let matcher = pattern::matcher(whole)?;
        let room = MOST_COMPARISONS.saturating_sub(self.fragments.comparisons.load(Ordering::Relaxed));
        let mut compared = 0;
        let fits = self.index.starting_with(start).take(room).inspect(|_| compared += 1).any(|path| matcher.is_match(path));
        self.fragments.comparisons.fetch_add(compared + 1, Ordering::Relaxed);
        if !fits && compared >= room {
            return None;
        }
        self.patterns.insert(whole.to_owned(), fits);
        Some(fits)
    }

    /// The other repository whose declared root the path lies below.
    fn foreign(&self, path: &str) -> Option<(String, String)> {
        let below = |root: &str| path.strip_prefix(root.trim_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.foreign.iter().find(|(root, _)| below(root)).map(|(_, name)| (path.to_owned(), name.clone()))
    }
}

impl Library<'_> {
    /// What a fragment of a Markdown file leads to. The file is read unless it was.
    pub(super) fn fragment(&self, path: String, fragment: &str) -> Result<Resolution, Unreadable> {
        let known = lock(&self.fragments.known).get(&path).cloned();
        let known = match known {
            Some(known) => known,
            None => {
                let bytes = self.index.tree.read(&path)?.unwrap_or_default();
                let document = markdown::parse(&String::from_utf8_lossy(&bytes));
                let known = document.unread.is_none().then(|| Arc::new(owned(&document)));
                lock(&self.fragments.known).insert(path.clone(), known.clone());
                known
            }
        };
        Ok(match known {
            Some(known) => fragment_of(&path, fragment, &known),
            None => Resolution::Unchecked { target: path, reason: NOT_READ },
        })
    }
}

/// A cache that a panicking reader left behind still holds what it held.
/// How many lines a file has; the last one needs no end.
pub fn lines_in(bytes: &[u8]) -> u32 {
    let end = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
    let ends = bytes.iter().filter(|byte| **byte == end).count();
    (ends + usize::from(bytes.last().is_some_and(|byte| *byte != end))) as u32
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder, its parents, the root.
pub fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |folder| (!folder.is_empty()).then(|| folder.rsplit_once('/').map_or("", |(parent, _)| parent)))
}

pub fn is_markdown(path: &str) -> bool {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    matches!(extension.as_deref(), Some("md" | "markdown"))
}

fn owned(document: &Document) -> BTreeSet<String> {
    document.fragments().into_iter().map(str::to_owned).collect()
}

fn fragment_of(path: &str, fragment: &str, known: &Arc<BTreeSet<String>>) -> Resolution {
    // The prefix that GitHub gives to every id and name of a document is taken too.
    let fragment = match fragment.strip_prefix("user-content-") {
        Some(bare) if !known.contains(fragment) && known.contains(bare) => bare,
        _ => fragment,
    };
    let target = format!("{path}#{fragment}");
    // Browsers take an empty fragment and `top` to the top.
    if fragment.is_empty() || fragment == "top" || known.contains(fragment) {
        return Resolution::There(target);
    }
    let lower = fragment.to_lowercase();
    match known.iter().find(|name| name.to_lowercase() == lower) {
        Some(right) => Breakage::OtherCase { wrong: target, right: format!("#{right}") }.into(),
        None => Breakage::MissingFragment { target: path.to_owned(), fragment: fragment.to_owned(), known: Arc::clone(known) }.into(),
    }
}
