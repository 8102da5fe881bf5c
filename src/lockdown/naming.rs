//! Names of programs in documents: `path#Symbol`, and names in code spans that stand in one sentence with one source file.
//!
//! A name must be one that only a program has (`runGate`, `run_gate`, `Runner::run`, `run()`); a plain word is none. A name
//! that the file does not hold is broken only where the sentence says that it is there (`run_gate` in `src/gate.rs`).

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft, did_you_mean},
    extract::spans::Span,
    symbols::{self, Definitions, Sighting},
};
use crate::{
    domain::Finding,
    text::{constant::pattern, markdown::Bytes},
    tree::{Tree, Unreadable},
};
use regex::Regex;
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

const ONLY_MENTIONED: &str = "its file mentions it, but no definition of it was seen";
const NO_FILE: &str = "the file beside it is not here";
const ELSEWHERE: &str = "the file beside it does not hold it";

static IN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\s*(?:(?:helper|function|method|type|struct|class|trait|constant|macro|hook|component|module)\s+)?(?:is\s+|lives\s+|stands\s+|defined\s+|declared\s+|exported\s+|which\s+is\s+)*(?:in|from|of|by)\s+(?:the\s+file\s+)?$",
    )
});

/// The source files that were looked into, with what they define.
#[derive(Default)]
pub struct Files(Mutex<HashMap<String, Arc<Source>>>);

struct Source {
    text: String,
    definitions: Option<Definitions>,
}

/// A path of the document that leads to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    pub range: Bytes,
    pub path: String,
    /// First and last line, where the document names them, and the reference that does.
    pub lines: Option<(u32, u32, usize)>,
    /// There is no such file.
    pub missing: bool,
}

impl Files {
    fn of(&self, tree: &dyn Tree, path: &str) -> Result<Arc<Source>, Unreadable> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(path) {
            return Ok(Arc::clone(known));
        }
        let text = String::from_utf8_lossy(&tree.read(path)?.unwrap_or_default()).into_owned();
        let source = Arc::new(Source { definitions: symbols::definitions(path, &text), text });
        lock().insert(path.to_owned(), Arc::clone(&source));
        Ok(source)
    }
}

/// A symbol that stands behind its path.
pub fn explicit(desk: &mut Desk, draft: Draft, path: &str, name: &str) -> Result<(), Unreadable> {
    let library = desk.library;
    let source = library.sources.of(library.index.tree, path)?;
    let draft = Draft { kind: ReferenceKind::Symbol, target: format!("{path}#{name}"), ..draft };
    match symbols::look(source.definitions.as_ref(), &source.text, name) {
        Sighting::Defined(_) => drop(desk.add(draft, Verdict::Ok)),
        Sighting::Mentioned(_) if source.definitions.is_none() => drop(desk.add(draft, Verdict::Ok)),
        Sighting::Mentioned(_) => drop(desk.add(draft, Verdict::unchecked(ONLY_MENTIONED))),
        Sighting::Absent => absent(desk, draft, path, name, &source),
    }
    Ok(())
}

fn absent(desk: &mut Desk, draft: Draft, path: &str, name: &str, source: &Source) {
    let defined = source.definitions.iter().flat_map(|definitions| &definitions.all);
    let help = desk.similar(name, defined.map(|definition| definition.name.as_str())).map(|name| did_you_mean(&name));
    desk.broken(draft, "docs/missing-symbol", format!("`{path}` holds no `{name}`"), help);
}

/// The names that stand beside a path.
pub fn take(desk: &mut Desk) -> Result<(), Unreadable> {
    let document = desk.document;
    let library = desk.library;
    let located = std::mem::take(&mut desk.located);
    let linked = std::mem::take(&mut desk.linked);
    if located.is_empty() && linked.is_empty() {
        return Ok(());
    }
    let named: Vec<(String, Bytes, bool)> = document
        .codes
        .iter()
        .zip(&desk.spans)
        .filter_map(|(code, span)| match span {
            Span::Name(name) if is_of_a_program(name, &code.text) => Some((name.clone(), code.content.clone(), code.link.is_some())),
            _ => None,
        })
        .collect();
    for (name, range, is_label) in named {
        let sentence = desk.layout.sentence(range.start);
        let from = located.partition_point(|located| located.range.start < sentence.start);
        let mut beside: Vec<&Located> = located[from..].iter().take_while(|located| located.range.end <= sentence.end).collect();
        if beside.iter().any(|located| !located.missing) {
            beside.retain(|located| !located.missing);
        }
        // The link behind a label says itself what it speaks of.
        let next = linked.partition_point(|link| link.range.start < range.end);
        if let Some(link) = linked.get(next).filter(|link| is_label && desk.is_label_of(&range, &link.range)) {
            beside = vec![link];
        }
        // Of several files nobody knows which is meant.
        let Some(first) = beside.first().filter(|first| beside.iter().all(|other| other.path == first.path)) else { continue };
        if !is_source(&first.path) {
            continue;
        }
        let draft = Draft {
            kind: ReferenceKind::Symbol,
            text: desk.text(&range).to_owned(),
            target: format!("{}#{name}", first.path),
            range: range.clone(),
        };
        if first.missing {
            desk.add(draft, Verdict::unchecked(NO_FILE));
            continue;
        }
        let source = library.sources.of(library.index.tree, &first.path)?;
        match symbols::look(source.definitions.as_ref(), &source.text, &name) {
            Sighting::Defined(found) => {
                desk.add(draft, Verdict::Ok);
                for (start, end, reference) in beside.iter().filter_map(|located| located.lines) {
                    let within = |line: usize| (start as usize..=end as usize).contains(&line);
                    if !found.iter().any(|found| within(found.line) || (within(*found.lines.start()) && within(*found.lines.end()))) {
                        let lines = &found[0].lines;
                        let message =
                            format!("`{name}` is in lines {}-{} of `{}`, not in {start}-{end}", lines.start(), lines.end(), first.path);
                        let finding = Finding::error("docs/symbol-outside", message);
                        desk.problem(Some(reference), &first.range, finding, None);
                    }
                }
            }
            Sighting::Mentioned(lines) if source.definitions.is_none() => mentioned(desk, draft, &name, &lines, &beside),
            Sighting::Mentioned(_) => drop(desk.add(draft, Verdict::unchecked(ONLY_MENTIONED))),
            Sighting::Absent => {
                let between = desk.text(&(range.end..first.range.start.max(range.end)));
                let says_so = IN.is_match(between.trim_matches('`'));
                match desk.strict && says_so && first.range.start > range.end {
                    true => absent(desk, draft, &first.path, &name, &source),
                    false => drop(desk.add(draft, Verdict::unchecked(ELSEWHERE))),
                }
            }
        }
    }
    Ok(())
}

/// A name in a file whose definitions cannot be read. Where it first stands behind the named lines, it is surely not in
/// them; where it stands before, they may be its inside.
fn mentioned(desk: &mut Desk, draft: Draft, name: &str, lines: &[usize], beside: &[&Located]) {
    desk.add(draft, Verdict::Ok);
    for (located, (start, end, reference)) in beside.iter().filter_map(|located| Some((located, located.lines?))) {
        if let Some(first) = lines.first().filter(|first| **first > end as usize) {
            let message = format!("`{name}` first stands in line {first} of `{}`, not in {start}-{end}", located.path);
            desk.problem(Some(reference), &located.range, Finding::error("docs/symbol-outside", message), None);
        }
    }
}

fn is_source(path: &str) -> bool {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default();
    matches!(
        extension,
        "c" | "cc"
            | "cpp"
            | "cs"
            | "cts"
            | "dart"
            | "ex"
            | "exs"
            | "go"
            | "h"
            | "hpp"
            | "java"
            | "js"
            | "jsx"
            | "kt"
            | "lua"
            | "mjs"
            | "mts"
            | "php"
            | "pl"
            | "prisma"
            | "proto"
            | "py"
            | "pyi"
            | "rb"
            | "rs"
            | "scala"
            | "sh"
            | "sql"
            | "svelte"
            | "swift"
            | "ts"
            | "tsx"
            | "vue"
            | "zig"
    )
}

/// A capital inside, an underscore, a path or a call: no word of prose.
pub fn is_of_a_program(name: &str, written: &str) -> bool {
    let inner_capital = name.chars().zip(name.chars().skip(1)).any(|(one, two)| one.is_lowercase() && two.is_uppercase());
    name.len() >= 3 && (inner_capital || name.trim_matches('_').contains('_') || name.contains("::") || written.ends_with("()"))
}
