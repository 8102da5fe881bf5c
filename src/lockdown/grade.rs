//! Turns what was found of a link or path into a verdict, and a broken one into a finding with at most one suggestion.

use super::{
    census::{Question, ReferenceKind, Verdict},
    desk::{Desk, Draft, Search, did_you_mean},
    extract::{Claim, Target, decode},
    index::{Found, normal},
    naming::Located,
    pulls::{
        State,
        scan::{Mention, Word},
    },
    resolve::{Breakage, Resolution, SUBMODULE, URL, ancestors, is_markdown},
    settle,
    shape::{self, PathClaim, Tail},
    site,
};
use crate::{
    domain::Finding,
    text::markdown::{Bytes, Link, LinkForm, Unread},
};
use std::collections::BTreeSet;

/// Names of one folder that are compared for one suggestion.
const MOST_NAMES: usize = 2000;

/// Links of one document that are searched for those that use a definition.
const MOST_LINKS: usize = 10_000;

/// In a document that is no protocol document, or of a word that may be no path: a name in code may be an example.
const NEVER_HERE: &str = "named in code, and nothing of that name is in this tree";

/// The same: its target may come of a build.
const DEAD: &str = "a symbolic link that leads nowhere";

/// No commit is meant to hold it.
const IGNORED: &str = "ignored by `.gitignore`; it may come of a build";

const NO_LABEL: &str = "nothing defines its label; it may be no link";

const NOT_YET: &str = "the headings of its document were not read";

const OF_A_SITE: &str = "no file here, but a page that a site may be made of";

const OF_METADATA: &str = "in metadata, which another page may show";

/// What stands beside the page. The metadata of a document that is no protocol document is shown who knows where.
pub fn beside_the_page(desk: &mut Desk, claim: Claim, resolution: Resolution) {
    let is_link = !matches!(claim.target, Target::Path(_));
    match resolution {
        Resolution::Broken(_) if is_link && !desk.strict => {
            let draft = Draft { kind: claim.kind, target: claim.text.clone(), text: claim.text, range: claim.range };
            desk.add(draft, Verdict::unchecked(OF_METADATA));
        }
        resolution => grade(desk, claim, resolution),
    }
}

pub fn grade(desk: &mut Desk, claim: Claim, resolution: Resolution) {
    let draft = |kind: ReferenceKind, target: String| Draft { kind, text: claim.text.clone(), target, range: claim.range.clone() };
    let missing = |path: &str| {
        let (kind, target) = named(&claim, path);
        draft(kind, target)
    };
    match resolution {
        Resolution::There(target) => {
            if claim.kind == ReferenceKind::Path && !is_name(&claim) {
                desk.located.push(Located { range: claim.range.clone(), path: target.clone(), lines: None, missing: false });
            }
            desk.add(draft(claim.kind, target), Verdict::Ok);
        }
        Resolution::Lines { path, first, last } => {
            let at = desk.add(draft(ReferenceKind::Lines, format!("{path}:{first}-{last}")), Verdict::Ok);
            let located = Located { range: claim.range.clone(), path, lines: Some((first, last, at)), missing: false };
            match claim.kind {
                ReferenceKind::Path => desk.located.push(located),
                ReferenceKind::Link if desk.strict => desk.linked.push(located),
                _ => {}
            }
        }
        Resolution::Later { path, fragment } => {
            let at = desk.add(draft(claim.kind, format!("{path}#{fragment}")), Verdict::unchecked(NOT_YET));
            desk.wait(at, path, fragment);
        }
        Resolution::Foreign { path, name } => {
            desk.add(missing(&path), Verdict::Foreign(name));
        }
        // Judged where the file is looked into.
        Resolution::Symbol { .. } => {}
        Resolution::ByEnd { of, .. } => grade(desk, claim, *of),
        Resolution::Url(url) => {
            desk.add(draft(claim.kind, url), Verdict::unchecked(URL));
        }
        Resolution::Unchecked { target, reason: SUBMODULE } => {
            desk.add(draft(claim.kind, target), Verdict::unchecked(SUBMODULE));
        }
        Resolution::Unchecked { target, reason } => {
            desk.add(missing(&target), Verdict::unchecked(reason));
        }
        Resolution::Doubtful { path, folder } => {
            let at = desk.add(draft(claim.kind, path.clone()), Verdict::unchecked(NEVER_HERE));
            if !folder {
                desk.perhaps(at);
            }
            ask_fate(desk, at, &path);
        }
        // What it is a name for is where the link leads.
        Resolution::Broken(Breakage::MissingPath { path, .. }) if !desk.strict && is_label(&claim) => {
            desk.add(missing(&path), Verdict::unchecked(NEVER_HERE));
        }
        Resolution::Broken(breakage) if is_of_a_site(desk, claim.kind, &breakage, &claim.text) => {
            desk.add(draft(claim.kind, claim.text.clone()), Verdict::unchecked(OF_A_SITE));
        }
        Resolution::Broken(breakage) => broken(desk, &claim, breakage),
    }
}

/// Kind and target of a reference to this path, whether or not that is there: what the text says is the same.
fn named(claim: &Claim, path: &str) -> (ReferenceKind, String) {
    let tail = match &claim.target {
        Target::Path(PathClaim { pattern: true, .. }) => None,
        Target::Path(path) => path.tail.clone(),
        Target::Link { fragment, .. } => fragment.as_deref().map(shape::tail),
        Target::Url => claim.text.split_once('#').map(|(_, fragment)| shape::tail(fragment)),
        Target::Undefined(_) => None,
    };
    match tail {
        // The number itself was too large to be kept.
        Some(Tail::Lines(_, u32::MAX)) => (ReferenceKind::Lines, claim.text.clone()),
        Some(Tail::Lines(first, last)) => (ReferenceKind::Lines, format!("{path}:{first}-{last}")),
        Some(Tail::Name(name)) if !name.is_empty() && is_markdown(path) => (claim.kind, format!("{path}#{name}")),
        Some(Tail::Name(name)) if !name.is_empty() && claim.kind == ReferenceKind::Path => {
            (ReferenceKind::Symbol, format!("{path}#{name}"))
        }
        _ => (claim.kind, path.to_owned()),
    }
}

fn is_name(claim: &Claim) -> bool {
    matches!(&claim.target, Target::Path(path) if path.name)
}

fn is_label(claim: &Claim) -> bool {
    matches!(&claim.target, Target::Path(path) if path.label)
}

/// In a document that is no protocol document a link may be one of the site that is made of it.
fn is_of_a_site(desk: &Desk, kind: ReferenceKind, breakage: &Breakage, written: &str) -> bool {
    let missing = matches!(breakage, Breakage::MissingFile { .. } | Breakage::Outside { .. });
    let path = written.split(['#', '?']).next().unwrap_or_default();
    missing
        && !desk.strict
        && kind != ReferenceKind::Path
        && desk.library.is_of_a_site(&desk.source.file)
        && site::may_serve(&desk.library.index, &desk.source.file, &decode(path))
}

fn broken(desk: &mut Desk, claim: &Claim, breakage: Breakage) {
    let kind = claim.kind;
    let draft = |kind: ReferenceKind, target: String| Draft { kind, text: claim.text.clone(), target, range: claim.range.clone() };
    let missing = |path: &str| {
        let (kind, target) = named(claim, path);
        draft(kind, target)
    };
    let lenient = kind == ReferenceKind::Path && !desk.strict;
    match breakage {
        Breakage::MissingPath { path, .. } | Breakage::OtherCase { wrong: path, .. } | Breakage::Outside { target: path } if lenient => {
            let at = desk.add(missing(&path), Verdict::unchecked(NEVER_HERE));
            ask_fate(desk, at, &path);
        }
        Breakage::MissingPath { path, pattern: true } => {
            let message = format!("nothing in the tree fits `{path}`");
            desk.broken(draft(kind, path), "docs/missing-path", message, None);
        }
        Breakage::MissingOne { path, missing } => {
            let message = format!("`{missing}`, which `{path}` names, is no file or folder of the tree");
            let beside = beside(desk, &claim.range);
            let at = desk.broken(draft(kind, path), "docs/missing-path", message, None);
            if let Some(number) = beside {
                ask_pull(desk, at, number, &missing);
            }
        }
        Breakage::MissingPath { path, pattern: false } if desk.library.ignored.holds(&desk.library.index, &path) => {
            desk.add(missing(&path), Verdict::unchecked(IGNORED));
        }
        Breakage::MissingPath { path, pattern: false } => {
            desk.located.push(Located { range: draft(kind, String::new()).range, path: path.clone(), lines: None, missing: true });
            let message = format!("`{path}` is no file or folder of the tree");
            let help = similar_path(desk, &path.replace('\\', "/")).map(|path| did_you_mean(&path));
            let draft = missing(&path);
            let beside = beside(desk, &draft.range);
            let is_bare = path.contains('/') && !draft.text.contains(['/', '\\']);
            let at = desk.broken(draft, "docs/missing-path", message, help);
            ask_ends(desk, at, claim);
            // A bare name was read in the folder of the path before it; it may have been meant as it stands.
            let name = path.rsplit_once('/').map(|(_, name)| name).filter(|_| is_bare);
            for path in std::iter::once(path.as_str()).chain(name) {
                if let Some(number) = beside {
                    ask_pull(desk, at, number, path);
                }
                ask_fate(desk, at, path);
            }
        }
        Breakage::MissingFile { path } => {
            let message = format!("the link leads to `{path}`, which is no file or folder of the tree");
            let similar = similar_path(desk, &path);
            let help = similar.map(|to| did_you_mean(&settle::rewritten(&desk.source.file, kind, &claim.text, &path, &to).unwrap_or(to)));
            let known = &desk.library.facts.pulls.pulls;
            // Elsewhere than in a protocol document a number beside a link excuses it only where something is recorded of it.
            let brings = beside_link(desk, &draft(kind, path.clone())).filter(|number| desk.strict || known.contains_key(number));
            let at = desk.broken(missing(&path), "docs/missing-file", message, help);
            if let Some((number, path)) = brings.zip(normal("", &path)) {
                desk.ask(at, Question::PullHas(number, path));
            }
            desk.ask(at, Question::Fate(path));
        }
        Breakage::DeadLink { path, .. } if lenient => {
            desk.add(missing(&path), Verdict::unchecked(DEAD));
        }
        Breakage::DeadLink { path, link, to } => {
            let code = if kind == ReferenceKind::Path { "docs/missing-path" } else { "docs/missing-file" };
            let stands = if path == link { format!("`{link}` is") } else { format!("`{path}` lies behind `{link}`,") };
            let leads = to.map_or("in a circle".to_owned(), |to| format!("to `{to}`, which is not in the tree"));
            desk.broken(missing(&path), code, format!("{stands} a symbolic link that leads {leads}"), None);
        }
        Breakage::MissingFragment { target, fragment, known } => {
            let finding = missing_fragment(&mut desk.search, &target, &fragment, &known);
            let draft = draft(kind, format!("{target}#{fragment}"));
            let range = draft.range.clone();
            let at = desk.add(draft, Verdict::Broken);
            desk.problem(Some(at), &range, finding, None);
        }
        Breakage::OtherCase { wrong, right } if right.starts_with('#') && !desk.strict => {
            let finding = other_case(&wrong, &right);
            let draft = draft(kind, wrong);
            let range = draft.range.clone();
            let at = desk.add(draft, Verdict::Ok);
            desk.problem(Some(at), &range, finding, None);
        }
        Breakage::OtherCase { wrong, right } => {
            let message = format!("`{wrong}` is written `{right}`: upper and lower case differ");
            if right.starts_with('#') {
                desk.broken(draft(kind, wrong), "docs/case", message, Some(did_you_mean(&right)));
                return;
            }
            let with = recased(&desk.source.file, claim, &wrong, &right).unwrap_or(right);
            desk.broken(missing(&wrong), "docs/case", message, Some(did_you_mean(&with)));
        }
        Breakage::Outside { target } => {
            let message = format!("`{target}` leads out of the tree");
            desk.broken(missing(&target), "docs/escape", message, None);
        }
        Breakage::Undefined { label } => {
            let message = format!("nothing defines the label `{label}`");
            let help = format!("add `[{label}]: DESTINATION`, or write a backslash before the bracket if it is no link");
            if !desk.strict {
                // Prose has pairs of brackets too: tags, citations, flags that are optional.
                let draft = draft(kind, label);
                let range = draft.range.clone();
                let at = desk.add(draft, Verdict::unchecked(NO_LABEL));
                desk.problem(Some(at), &range, Finding::warning("docs/undefined-reference", message).help(help), None);
                return;
            }
            desk.broken(draft(kind, label), "docs/undefined-reference", message, Some(help));
        }
        Breakage::MissingLines { path, first, last, length } => {
            let draft = draft(ReferenceKind::Lines, format!("{path}:{first}-{last}"));
            let (target, message) = match first <= last && first > 0 {
                // The number itself was too large to be kept.
                true if last == u32::MAX => (draft.text.clone(), format!("`{path}` has {length} lines: this is far beyond its end")),
                true => (draft.target, format!("`{path}` has {length} lines, not {last}")),
                false => (draft.target, format!("{first} to {last} is no range of lines")),
            };
            desk.broken(Draft { target, ..draft }, "docs/missing-lines", message, None);
        }
    }
}

/// What is written, in the case of this path.
fn recased(file: &str, claim: &Claim, wrong: &str, right: &str) -> Option<String> {
    let written = match &claim.target {
        Target::Path(path) => &path.path,
        Target::Link { path, .. } => path,
        Target::Url | Target::Undefined(_) => wrong,
    };
    let Some((before, after)) = claim.text.split_once(written).filter(|_| !matches!(claim.target, Target::Url)) else {
        return settle::rewritten(file, claim.kind, &claim.text, wrong, right);
    };
    let mut parts: Vec<&str> = written.split('/').collect();
    let named = parts.iter_mut().rev().skip_while(|part| part.is_empty()).take_while(|part| !matches!(**part, "." | ".." | ""));
    named.zip(right.rsplit('/')).for_each(|(part, right)| *part = right);
    Some(format!("{before}{}{after}", parts.join("/")))
}

fn missing_fragment(search: &mut Search, target: &str, fragment: &str, known: &BTreeSet<String>) -> Finding {
    let finding = Finding::error("docs/missing-anchor", format!("`{target}` has no heading, id or name `{fragment}`"));
    let help = search.similar(fragment, known.iter().map(String::as_str)).map(|name| did_you_mean(&format!("#{name}")));
    Finding { help, ..finding }
}

/// A fragment that differs in case. Renderers differ in whether that counts.
fn other_case(wrong: &str, right: &str) -> Finding {
    let message = format!("`{wrong}` is written `{right}`: upper and lower case differ");
    Finding::warning("docs/case", message).help(did_you_mean(right))
}

/// What a fragment turns out to be once its document was read.
pub fn later(search: &mut Search, resolution: Resolution) -> (Verdict, Option<Finding>) {
    match resolution {
        Resolution::There(_) => (Verdict::Ok, None),
        Resolution::Unchecked { reason, .. } => (Verdict::unchecked(reason), None),
        Resolution::Broken(Breakage::MissingFragment { target, fragment, known }) => {
            (Verdict::Broken, Some(missing_fragment(search, &target, &fragment, &known)))
        }
        Resolution::Broken(Breakage::OtherCase { wrong, right }) => (Verdict::Ok, Some(other_case(&wrong, &right))),
        _ => (Verdict::unchecked(NOT_YET), None),
    }
}

/// What became of a path in code, which may be meant from the root or from the document's folder; in a protocol document also
/// from whatever else a path may start.
pub fn ask_fate(desk: &mut Desk, at: usize, path: &str) {
    let folder = desk.source.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut bases = vec!["", folder];
    if desk.strict && !path.starts_with('.') {
        bases.extend(ancestors(folder).skip(1));
        bases.extend(desk.library.facts.roots.iter().map(|root| root.trim_matches('/')));
    }
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for path in bases.into_iter().filter_map(|base| normal(base, path)).filter(|path| !path.is_empty()) {
        if asked.insert(path.clone()) {
            desk.ask(at, Question::Fate(path));
        }
    }
}

/// The same of a path of which only the end may be written, as such a one is found while it is there.
fn ask_ends(desk: &mut Desk, at: usize, claim: &Claim) {
    let Target::Path(PathClaim { path, backslash: false, .. }) = &claim.target else { return };
    if !path.starts_with("./")
        && !path.starts_with("../")
        && let Some(path) = normal("", path).filter(|path| !path.is_empty())
    {
        desk.ask(at, Question::Ends(path));
    }
}

/// Whether a pull request has a path in code, wherever it may be meant from.
fn ask_pull(desk: &mut Desk, at: usize, number: u64, path: &str) {
    let folder = desk.source.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let roots = desk.library.facts.roots.iter().map(|root| root.trim_matches('/'));
    // What leads up is meant from the document's folder, as where it is looked for in the tree.
    let bases: Vec<&str> = match path.starts_with("../") {
        true => vec![folder],
        false if path.starts_with("./") => vec!["", folder],
        false => ancestors(folder).collect::<Vec<_>>().into_iter().rev().chain(roots).collect(),
    };
    let mut asked: Vec<String> = Vec::new();
    for path in bases.into_iter().filter_map(|base| normal(base, path)).filter(|path| !path.is_empty()) {
        if !asked.contains(&path) {
            desk.ask(at, Question::PullHas(number, path.clone()));
            asked.push(path);
        }
    }
}

/// The pull request that is named beside a link; of a definition, beside a link that uses it.
fn beside_link(desk: &Desk, draft: &Draft) -> Option<u64> {
    let links = &desk.document.links;
    let uses = if draft.kind == ReferenceKind::Definition && links.len() <= MOST_LINKS { &links[..] } else { &[] };
    let used = |link: &&Link| matches!(link.form, LinkForm::Reference(_)) && link.destination == draft.text;
    beside(desk, &draft.range).or_else(|| uses.iter().filter(used).find_map(|link| beside(desk, &link.range)))
}

/// Why a thing without a path is not called missing: a pull request beside it that is not merged may bring it.
pub fn brought(desk: &Desk, range: &Bytes) -> Option<String> {
    let number = beside(desk, range)?;
    let state = desk.library.facts.pulls.state(number);
    (!matches!(state, Some(State::Merged | State::Closed))).then(|| format!("not here; #{number} beside it may bring it"))
}

/// The pull request that is named beside a thing: the next one of the same sentence or cell, else the last one before it in
/// the same sentence or row.
pub fn beside(desk: &Desk, range: &Bytes) -> Option<u64> {
    let one = |mention: &Mention| match mention.word {
        Word::One(number) if mention.repo.is_none() && !mention.issue => Some(number),
        _ => None,
    };
    let sentence = desk.layout.sentence(range.start);
    let row = desk.layout.item(range.start);
    let in_row = desk.text(&row).trim_start().starts_with('|');
    let cell_end = if in_row { desk.text(&(range.end..row.end)).find(" |").map_or(row.end, |at| range.end + at) } else { sentence.end };
    let at = desk.mentions.partition_point(|mention| mention.range.start < range.end);
    let after = desk.mentions[at..].iter().take_while(|mention| mention.range.end <= cell_end).find_map(one);
    let floor = if in_row { row.start } else { sentence.start };
    let before = || desk.mentions[..at].iter().rev().take_while(|mention| mention.range.start >= floor).find_map(one);
    after.or_else(before)
}

/// Says that nothing is known of the document.
pub fn unread(desk: &mut Desk, unread: Unread) {
    let finding = Finding::error("docs/not-read", format!("the document cannot be read: {}", unread.about()));
    desk.problem(None, &(unread.at()..unread.at()), finding.help("split the document, or take out what is not written by hand"), None);
}

/// Says so where a character that no text has may hide what a protocol document names.
pub fn no_text(desk: &mut Desk) {
    let Some(at) = memchr::memchr(0, desk.source.text.as_bytes()).filter(|_| desk.strict) else { return };
    let finding = Finding::error("docs/no-text", "a NUL character stands here, around which nothing can be read as it is shown");
    desk.problem(None, &(at..at + 1), finding.help("take it out"), None);
}

/// Says so when the rest of the document lies in a code block that nothing closes.
pub fn fences(desk: &mut Desk) {
    let Some(fence) = desk.document.fences.last() else { return };
    let rest = desk.source.text.get(fence.range.end..).unwrap_or_default();
    if fence.closed || !rest.trim().is_empty() {
        return;
    }
    let finding = Finding::warning("docs/unclosed-fence", "this code block is never closed: the rest of the document lies inside it");
    desk.problem(None, &fence.range.clone(), finding, None);
}

/// What a site shows for a path without its extension; else the one path that ends like this one; else the name in the same
/// folder that is most like it.
pub fn similar_path(desk: &mut Desk, path: &str) -> Option<String> {
    if let Some(page) = page(desk, path) {
        return Some(page);
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
    for from in 0..parts.len() {
        match desk.library.index.ending_in(&parts[from..].join("/"), 2)[..] {
            [] => {}
            [only] => return Some(only.to_owned()),
            _ => break,
        }
    }
    if !desk.may_search() {
        return None;
    }
    let folder = desk.source.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (inner, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path));
    let base = ["", folder].into_iter().filter_map(|base| normal(base, inner)).find(|base| desk.library.index.has_folder(base))?;
    let start = if base.is_empty() { String::new() } else { format!("{base}/") };
    let names: BTreeSet<&str> = desk
        .library
        .index
        .starting_with(&start)
        .take(MOST_NAMES)
        .map(|path| &path[start.len()..])
        .filter(|name| !name.contains('/'))
        .collect();
    desk.similar(name, names.into_iter()).map(|name| format!("{start}{name}"))
}

/// The document that a site would serve under this path.
fn page(desk: &Desk, path: &str) -> Option<String> {
    let folder = desk.source.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let bases = ["", folder].into_iter().filter_map(|base| normal(base, path)).filter(|path| !path.is_empty());
    let pages = bases.flat_map(|path| [".md", "/README.md", "/index.md"].map(|end| format!("{path}{end}")));
    pages.into_iter().find(|page| matches!(desk.library.index.find(page), Ok(Found::File(_))))
}
