//! What of a target is watched: the lines of a range, the definition of a symbol, the section below a heading, a whole file where a marker asks for it.
//!
//! Line ends count as one, whatever they are. A target that has no such part is not watched: an ordinary change of a source
//! file breaks no document.

use crate::{
    domain::Digest,
    lockdown::{Census, ReferenceKind, Verdict, symbols},
    text::markdown::{self, Document},
    tree::{Tree, Unreadable},
};
use std::{cell::OnceCell, collections::HashMap};

/// A part of the tree whose text can be watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// From the first to the last line, counted from 1.
    Lines {
        path: String,
        first: u32,
        last: u32,
    },
    /// From a heading to the next one that is not below it, without blank lines at the end.
    Section {
        path: String,
        anchor: String,
    },
    /// The first definition of a name. Only a build that reads definitions can tell it.
    Symbol {
        path: String,
        name: String,
    },
    Whole {
        path: String,
    },
}

impl Part {
    pub fn path(&self) -> &str {
        match self {
            Part::Lines { path, .. } | Part::Section { path, .. } | Part::Symbol { path, .. } | Part::Whole { path } => path,
        }
    }

    /// Its text in this version of the file; `None`: this version does not have it.
    pub fn text(&self, file: &[u8]) -> Option<Vec<u8>> {
        Text::of(file.to_owned()).cut(self)
    }
}

/// The parts of one tree, each read once.
pub struct Watcher<'t> {
    tree: &'t dyn Tree,
    texts: HashMap<String, Option<Text>>,
    digests: HashMap<Part, Option<Digest>>,
}

impl<'t> Watcher<'t> {
    pub fn new(tree: &'t dyn Tree) -> Watcher<'t> {
        Watcher { tree, texts: HashMap::new(), digests: HashMap::new() }
    }

    /// What is watched of a reference's target, with its digest. Only of what is there.
    pub fn watched(&mut self, document: &str, census: &Census, at: usize) -> Result<Option<(Part, Digest)>, Unreadable> {
        let reference = &census.references[at];
        if reference.verdict != Verdict::Ok {
            return Ok(None);
        }
        let whole = census.watched.contains(&at);
        let Some(part) = self.part(document, reference.kind, &reference.target, whole)? else { return Ok(None) };
        Ok(self.digest(&part)?.map(|digest| (part, digest)))
    }

    fn part(&mut self, document: &str, kind: ReferenceKind, target: &str, whole: bool) -> Result<Option<Part>, Unreadable> {
        let lines = (kind == ReferenceKind::Lines).then(|| lines(target)).flatten();
        let (path, anchor) = match &lines {
            Some((path, ..)) => (*path, None),
            // A file may have a `#` in its name.
            None if self.file(target)? => (target, None),
            None => target.rsplit_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor))),
        };
        let path = path.to_owned();
        Ok(match (lines, anchor) {
            _ if whole => self.file(&path)?.then_some(Part::Whole { path }),
            (Some((_, first, last)), _) => Some(Part::Lines { path, first, last }),
            (None, Some(name)) if kind == ReferenceKind::Symbol => Some(Part::Symbol { path, name: name.to_owned() }),
            // A document changes together with its own sections.
            (None, Some(anchor)) if path != document => Some(Part::Section { path, anchor: anchor.to_owned() }),
            _ => None,
        })
    }

    fn file(&mut self, path: &str) -> Result<bool, Unreadable> {
        Ok(self.tree.entry(path)?.is_some())
    }

    fn digest(&mut self, part: &Part) -> Result<Option<Digest>, Unreadable> {
        if let Some(known) = self.digests.get(part) {
            return Ok(known.clone());
        }
        if !self.texts.contains_key(part.path()) {
            let text = self.tree.read(part.path())?.map(Text::of);
            self.texts.insert(part.path().to_owned(), text);
        }
        let text = self.texts.get(part.path()).and_then(Option::as_ref);
        let digest = text.and_then(|text| text.cut(part)).map(|text| Digest::of(&text));
        self.digests.insert(part.clone(), digest.clone());
        Ok(digest)
    }
}

/// `path:first-last`
fn lines(target: &str) -> Option<(&str, u32, u32)> {
    let (path, range) = target.rsplit_once(':')?;
    let (first, last) = range.split_once('-')?;
    Some((path, first.parse().ok()?, last.parse().ok()?))
}

/// A file, with what is found in it only when it is asked for.
struct Text {
    /// Lines end in LF.
    bytes: Vec<u8>,
    /// Offset of each line, and of the end.
    lines: OnceCell<Vec<usize>>,
    document: OnceCell<(String, Document)>,
}

impl Text {
    fn of(bytes: Vec<u8>) -> Text {
        Text { bytes: with_plain_line_ends(bytes), lines: OnceCell::new(), document: OnceCell::new() }
    }

    fn cut(&self, part: &Part) -> Option<Vec<u8>> {
        match part {
            Part::Whole { .. } => Some(self.bytes.clone()),
            Part::Lines { first, last, .. } => {
                let starts = self.lines.get_or_init(|| {
                    let ends = self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
                    std::iter::once(0).chain(ends).collect()
                });
                let start = *starts.get(first.checked_sub(1)? as usize)?;
                let end = starts.get(*last as usize).copied().unwrap_or(self.bytes.len());
                let whole = *last as usize <= starts.len() && start < end;
                whole.then(|| self.bytes[start..end].strip_suffix(b"\n").unwrap_or(&self.bytes[start..end]).to_owned())
            }
            Part::Symbol { path, name } => {
                let text = String::from_utf8_lossy(&self.bytes);
                let definitions = symbols::definitions(path, &text)?;
                let lines = definitions.find(name).first()?.lines.clone();
                let (first, last) = (u32::try_from(*lines.start()).ok()?, u32::try_from(*lines.end()).ok()?);
                self.cut(&Part::Lines { path: path.clone(), first, last })
            }
            Part::Section { anchor, .. } => {
                let (text, document) = self.document.get_or_init(|| {
                    let text = String::from_utf8_lossy(&self.bytes).into_owned();
                    let document = markdown::parse(&text);
                    (text, document)
                });
                let at = document.headings.iter().position(|heading| heading.slug == *anchor || heading.id.as_ref() == Some(anchor))?;
                let heading = &document.headings[at];
                let next = document.headings[at + 1..].iter().find(|next| next.level <= heading.level && !next.nested);
                // A line begins before the text of its heading.
                let line_start = |offset: usize| text[..offset].rfind('\n').map_or(0, |at| at + 1);
                let end = next.map_or(text.len(), |next| line_start(next.range.start));
                Some(text.get(line_start(heading.range.start)..end)?.trim_end().as_bytes().to_owned())
            }
        }
    }
}

fn with_plain_line_ends(bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.contains(&b'\r') {
        return bytes;
    }
    let next = bytes.iter().skip(1).chain([&0]);
    bytes.iter().zip(next).filter(|(byte, next)| !(**byte == b'\r' && **next == b'\n')).map(|(byte, _)| *byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# One\ntext\n\n## Two\n- a\n\n> ### Quoted\n> x\n\n## Three\nend\n\n\n# Four {#four-own}\nlast";

    #[cfg(feature = "symbols")]
    #[test]
    fn a_symbol_is_cut_out_by_its_definition() {
        let symbol = |name: &str| Part::Symbol { path: "a.rs".to_owned(), name: name.to_owned() };
        let file = b"use x::other;\n\nfn one() {\n    two();\n}\n";
        assert_eq!(symbol("one").text(file).as_deref(), Some(b"fn one() {\n    two();\n}".as_slice()));
        assert_eq!((symbol("other").text(file), symbol("two").text(file)), (None, None));
    }

    #[test]
    fn parts_are_cut_out_exactly() {
        let lines = |first, last| Part::Lines { path: "a".to_owned(), first, last };
        let section = |anchor: &str| Part::Section { path: "a".to_owned(), anchor: anchor.to_owned() };
        for (part, expected) in [
            (lines(1, 1), Some("# One")),
            (lines(2, 4), Some("text\n\n## Two")),
            (lines(15, 15), Some("last")),
            (lines(15, 16), None),
            (lines(16, 16), None),
            (lines(0, 1), None),
            (lines(3, 2), None),
            (section("two"), Some("## Two\n- a\n\n> ### Quoted\n> x")),
            (section("three"), Some("## Three\nend")),
            (section("four-own"), Some("# Four {#four-own}\nlast")),
            (section("five"), None),
            (Part::Whole { path: "a".to_owned() }, Some(FILE)),
        ] {
            for text in [FILE.to_owned(), FILE.replace('\n', "\r\n")] {
                let cut = part.text(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
                assert_eq!(cut.as_deref(), expected, "{part:?}");
            }
        }
        assert!(section("one").text(FILE.as_bytes()).unwrap().ends_with(b"## Three\nend"), "a section holds those below it");
        assert_eq!(lines(2, 2).text(b"a\rb\n").as_deref(), None, "a lone CR ends no line");
    }
}
