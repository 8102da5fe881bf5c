//! From the files of a release to the rows that it asks for, and from there into the store.

use super::site::Site;
use crate::{
    catalog::{
        check::{Artifact, Which},
        document::{self, Read},
        pointer::Pointer,
        rails::Rails,
    },
    cli::validate,
    domain::{Digest, Fault, Finding, Oid, Reason, Result, Severity},
    report::shape::RowsShape,
    sync::{
        KindRows, Orphans,
        compare::{Change, Compare, Pair},
        row::{self, Body, Content, Membership},
    },
    text::yaml,
    tree::{Tree, Unreadable},
    world::{stores::PAGE, trees::CommitTree},
};
use std::collections::BTreeMap;

/// Changes that are written at once.
const BATCH: usize = 2_000;
/// Bodies that are read at once. Each is as large as a file.
const PAGE_OF_BODIES: usize = 500;

/// The rows of a release, sorted, with the digest of their membership.
pub struct Asked {
    pub contents: Vec<Content>,
    pub digest: Digest,
    pub counts: BTreeMap<String, u64>,
    tree: CommitTree,
}

/// What was read of a release.
pub struct Release {
    /// The findings: why it has no rows.
    pub asked: std::result::Result<Asked, Vec<Finding>>,
    /// By the rules of the catalog.
    pub findings: Vec<Finding>,
}

impl Release {
    /// What forbids publishing it.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        let own = self.asked.as_ref().err().into_iter().flatten();
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).chain(own)
    }
}

/// Reads a release and judges its files by the rails of the policy in force.
pub async fn read(site: &Site, commit: &Oid) -> Result<Release> {
    let tree = site.tree(commit).await?;
    let rails = Rails::read(&site.layout).map_err(validate::wrong_rails)?;
    let at = site.layout.pointers.first();
    let bytes = at.map(|at| tree.read(&at.file)).transpose().map_err(unreadable)?.flatten();
    let pointers = at.map(|_| bytes.clone()).into_iter().collect();
    let checked = validate::check(site.world(), &tree, &site.layout, &rails, pointers, Which::All)?;
    let findings = checked.findings.into_iter().map(|finding| tolerated(finding, site.settings.orphans)).collect();
    let pointer = at.zip(bytes).and_then(|(at, bytes)| {
        let source = yaml::source(&at.file, &bytes).ok()?;
        Pointer::read(source, at.shape).ok()
    });
    let asked = contents(site, &tree, &checked.found, pointer.as_ref())?;
    let asked = asked.map(|contents| {
        let (digest, counts) = Membership::of(&contents);
        Asked { contents, digest, counts, tree }
    });
    Ok(Release { asked, findings })
}

/// References to what is not there only warn where the settings say so.
fn tolerated(finding: Finding, orphans: Orphans) -> Finding {
    let is_orphan = matches!(finding.code.as_str(), "catalog/dangling-reference" | "catalog/inactive-reference");
    if is_orphan && orphans == Orphans::Publish { Finding { severity: Severity::Warning, ..finding } } else { finding }
}

/// One row for each artifact; where the channel has a pointer file, for each that is active.
fn contents(
    site: &Site,
    tree: &CommitTree,
    found: &[Artifact],
    pointer: Option<&Pointer>,
) -> Result<std::result::Result<Vec<Content>, Vec<Finding>>> {
    let has_versions = site.layout.pointers.is_empty();
    let mut contents = Vec::new();
    let mut findings = Vec::new();
    for artifact in found {
        let Some(rows) = site.settings.kinds.get(&artifact.kind) else { continue };
        if !has_versions && !is_active(pointer, artifact) {
            continue;
        }
        match content(tree, artifact, rows, has_versions)? {
            Ok((content, _)) => contents.push(content),
            Err(wrong) => findings.extend(wrong),
        }
    }
    if findings.is_empty() && contents.is_empty() {
        let finding = Finding::error("sync/nothing", "the release has no artifact of the kinds that are synced");
        findings.push(finding.help("readers keep what they see; `tagwarden validate` shows which artifacts there are"));
    }
    Ok(if findings.is_empty() { row::sort(contents) } else { Err(findings) })
}

fn is_active(pointer: Option<&Pointer>, artifact: &Artifact) -> bool {
    let active = pointer.and_then(|pointer| pointer.active(artifact.kind.as_str(), &artifact.id));
    active.is_some() && active == artifact.version.as_deref()
}

type RowOf = std::result::Result<(Content, Body), Vec<Finding>>;

fn content(tree: &CommitTree, artifact: &Artifact, rows: &KindRows, has_versions: bool) -> Result<RowOf> {
    let Some(bytes) = tree.read(&artifact.path).map_err(unreadable)? else {
        return Err(Fault::new(Reason::GateInconclusive, format!("{} is listed, but not there", artifact.path)));
    };
    Ok(match document::read(&artifact.path, bytes) {
        Read::Document(document) => row::of(artifact, &document, rows, has_versions),
        // The check of the tree names what is wrong; without its file there is no row.
        Read::Malformed(findings) => Err(findings),
        Read::NoFrontMatter(_) => Err(Vec::new()),
    })
}

impl Asked {
    /// The body of a row, read again.
    fn body(&self, site: &Site, content: &Content) -> Result<Body> {
        let found = |kind: &crate::domain::KindName| kind.as_str() == content.key.kind;
        let (kind, rows) = site.settings.kinds.iter().find(|(kind, _)| found(kind)).ok_or_else(|| changed(content))?;
        let artifact = Artifact { kind: kind.clone(), id: String::new(), version: None, path: content.path.clone(), owns_folder: false };
        match self::content(&self.tree, &artifact, rows, false)? {
            Ok((read, body)) if read.digest == content.digest => Ok(body),
            _ => Err(changed(content)),
        }
    }
}

fn changed(content: &Content) -> Fault {
    Fault::new(Reason::GateInconclusive, format!("{} gave something else when it was read again", content.path))
}

/// Writes the difference between a release and a snapshot as hydration `number`. `base`: 0 for none.
pub async fn write(site: &mut Site, asked: &Asked, epoch: u64, number: u64, base: u64) -> Result<RowsShape> {
    let mut rows = RowsShape::default();
    let mut compare = Compare::new(&asked.contents);
    let mut behind = None;
    let mut batch = Vec::new();
    loop {
        let page = site.store.rows(base, behind.take(), PAGE).await?;
        let is_last = page.len() < PAGE;
        behind = page.last().map(|row| row.content.key.clone());
        let pairs = compare.page(page);
        put(site, asked, epoch, number, pairs, &mut batch, &mut rows).await?;
        if is_last {
            break;
        }
    }
    for pairs in in_parts(compare.finish()) {
        put(site, asked, epoch, number, pairs, &mut batch, &mut rows).await?;
    }
    send(site, asked, epoch, number, &mut batch).await?;
    Ok(rows)
}

fn in_parts(pairs: Vec<Pair<'_>>) -> impl Iterator<Item = Vec<Pair<'_>>> {
    let mut pairs = pairs.into_iter();
    std::iter::from_fn(move || Some(pairs.by_ref().take(BATCH).collect::<Vec<_>>()).filter(|part| !part.is_empty()))
}

async fn put(
    site: &mut Site,
    asked: &Asked,
    epoch: u64,
    number: u64,
    pairs: Vec<Pair<'_>>,
    batch: &mut Vec<Change>,
    rows: &mut RowsShape,
) -> Result<()> {
    for pair in pairs {
        let Some(change) = pair.change(number) else {
            rows.kept += 1;
            continue;
        };
        rows.written += u64::from(change.begins.is_some());
        rows.ended += u64::from(change.ends);
        batch.push(change);
        if batch.len() >= BATCH {
            send(site, asked, epoch, number, batch).await?;
        }
    }
    Ok(())
}

/// Writes the bodies that rows of a release lack, which only a damaged store does.
pub async fn fill(site: &mut Site, asked: &Asked, epoch: u64, number: u64) -> Result<()> {
    for contents in asked.contents.chunks(BATCH) {
        let lacking = site.store.lacks(contents.iter().map(|content| content.digest.clone()).collect()).await?;
        if lacking.is_empty() {
            continue;
        }
        let mut bodies = BTreeMap::new();
        for content in contents.iter().filter(|content| lacking.contains(&content.digest)) {
            bodies.insert(content.digest.clone(), asked.body(site, content)?);
        }
        let until = site.now().plus(site.settings.lease);
        site.store.write(epoch, number, until, Vec::new(), bodies.into_iter().collect()).await?;
    }
    Ok(())
}

async fn send(site: &mut Site, asked: &Asked, epoch: u64, number: u64, batch: &mut Vec<Change>) -> Result<()> {
    let changes = std::mem::take(batch);
    if changes.is_empty() {
        return Ok(());
    }
    let mut begins: BTreeMap<&Digest, &Content> = BTreeMap::new();
    begins.extend(changes.iter().filter_map(|change| change.begins.as_ref()).map(|row| (&row.content.digest, &row.content)));
    let lacking = site.store.lacks(begins.keys().map(|digest| (*digest).clone()).collect()).await?;
    let mut bodies = Vec::new();
    for digest in lacking {
        let content = begins.get(&digest).copied();
        let body = content.map(|content| asked.body(site, content)).transpose()?;
        bodies.extend(body.map(|body| (digest, body)));
    }
    let until = site.now().plus(site.settings.lease);
    site.store.write(epoch, number, until, changes, bodies).await
}

/// What is wrong with a snapshot as the store gives it back: its rows against the release, and all bodies. Under the epoch of a lease it is
/// the hydration of this run: only the bodies that it wrote are read, and the lease goes on.
pub async fn differences(site: &mut Site, asked: &Asked, snapshot: u64, epoch: Option<u64>) -> Result<Differences> {
    let mut found = Differences::default();
    let mut compare = Compare::new(&asked.contents);
    let mut behind = None;
    loop {
        let page = site.store.rows(snapshot, behind.take(), PAGE).await?;
        let is_last = page.len() < PAGE;
        behind = page.last().map(|row| row.content.key.clone());
        let digests = page.iter().map(|row| row.content.digest.clone()).collect();
        for digest in site.store.lacks(digests).await? {
            let row = page.iter().find(|row| row.content.digest == digest);
            found.findings.extend(row.map(|row| {
                let Content { key, .. } = &row.content;
                Finding::error("sync/missing", format!("the store lacks the content of `{}` `{}`", key.kind, key.identity.escape_debug()))
            }));
            found.lacking += 1;
        }
        found.take(compare.page(page));
        go_on(site, snapshot, epoch).await?;
        if is_last {
            break;
        }
    }
    found.take(compare.finish());
    let mut behind = None;
    loop {
        let page = site.store.bodies(epoch.map(|_| snapshot), behind.take(), PAGE_OF_BODIES).await?;
        behind = page.last().map(|(digest, _)| digest.clone());
        let is_last = page.len() < PAGE_OF_BODIES;
        for (digest, body) in page {
            if Digest::of(body.as_bytes()) != digest {
                found.findings.push(Finding::error("sync/stale", format!("the content that is stored as {digest} is not that")));
                found.wrong.push(digest);
            }
        }
        go_on(site, snapshot, epoch).await?;
        if is_last {
            return Ok(found);
        }
    }
}

/// Goes on with the lease.
async fn go_on(site: &mut Site, number: u64, epoch: Option<u64>) -> Result<()> {
    let until = site.now().plus(site.settings.lease);
    match epoch {
        Some(epoch) => site.store.write(epoch, number, until, Vec::new(), Vec::new()).await,
        None => Ok(()),
    }
}

#[derive(Default)]
pub struct Differences {
    pub findings: Vec<Finding>,
    /// Rows that a repair writes and ends.
    pub write: u64,
    pub end: u64,
    /// Rows whose content is not there.
    pub lacking: u64,
    /// Bodies with another content than their digest says.
    pub wrong: Vec<Digest>,
}

impl Differences {
    fn take(&mut self, pairs: Vec<Pair<'_>>) {
        for pair in pairs {
            self.findings.extend(pair.finding());
            if let Some(change) = pair.change(0) {
                self.write += u64::from(change.begins.is_some());
                self.end += u64::from(change.ends);
            }
        }
    }
}

fn unreadable(error: Unreadable) -> Fault {
    Fault::new(Reason::GateInconclusive, error.to_string())
}
