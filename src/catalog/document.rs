//! Files of the tree as documents: what the name says they are, read with the place of every part.
//!
//! JSON, YAML, CSV and Markdown with front matter have a value; any other file is a text. A Markdown file without front matter is no
//! artifact. The files that were read last are kept; what was pushed out is read again when it is asked for. So memory does not grow with
//! the number of files, and large ones are read one after the other.
//!
//! Deliberately absent: following links. A symbolic link is reported wherever it is where a file should be.

use super::pointer;
use crate::{
    domain::{Finding, Place},
    text::{
        csv, json,
        located::{self, Located, Spot},
        source::Source,
        yaml,
    },
    tree::{EntryKind, Tree, TreeEntry, Unreadable},
};
use serde_json::Value;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Bytes of text that are kept beside what is being looked at. What is read from a text takes several times its room.
const KEPT: usize = 4 * 1024 * 1024;

/// Files of more bytes are read one at a time.
pub(super) const LARGE: usize = 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Yaml,
    Csv,
    /// YAML between two lines of `---`, then Markdown.
    FrontMatter,
    Text,
}

impl Format {
    pub fn of(path: &str) -> Format {
        let extension = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension.to_ascii_lowercase());
        match extension.as_deref() {
            Some("json") => Format::Json,
            Some("yaml" | "yml") => Format::Yaml,
            Some("csv") => Format::Csv,
            Some("md" | "markdown" | "mdx") => Format::FrontMatter,
            _ => Format::Text,
        }
    }
}

#[derive(Debug)]
pub struct Document {
    pub source: Source,
    pub format: Format,
    /// Of a text: the text itself.
    pub located: Located,
}

/// What a file turned out to be.
#[derive(Debug)]
pub enum Read {
    Document(Document),
    /// Markdown without front matter: a page for people.
    NoFrontMatter(Source),
    /// Never empty.
    Malformed(Vec<Finding>),
}

impl Document {
    pub fn place(&self, pointer: &str) -> Place {
        self.source.place(self.located.range(pointer))
    }

    /// A scalar as it is spelled.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.located.spelled(&self.source, pointer)
    }

    /// What is behind the front matter, and its first line.
    pub fn body(&self) -> Option<(usize, &str)> {
        if self.format != Format::FrontMatter {
            return None;
        }
        let fence = front_matter(&self.source.text)?.ok()?;
        let start = fence + self.source.text[fence..].find('\n').map_or(0, |at| at + 1);
        let body = &self.source.text[start..];
        Some((self.source.text[..start].lines().count() + 1, body))
    }

    /// What a pointer is called for people: of a table, the row as its editor counts them.
    pub fn row(&self, pointer: &str) -> Option<usize> {
        let first = pointer.split('/').nth(1)?;
        // The row of column names is the first.
        (self.format == Format::Csv).then(|| first.parse::<usize>().ok()).flatten().map(|row| row + 2)
    }
}

/// Reads the bytes of one file by its name.
pub fn read(path: &str, bytes: Vec<u8>) -> Read {
    let start = Place { file: path.to_owned(), line: 1, column: 1, end_column: None, source: None };
    if bytes.len() > located::MAX_BYTES {
        let message = format!("the file has {} bytes; more than {} are not read", bytes.len(), located::MAX_BYTES);
        return Read::Malformed(vec![Finding::error("catalog/too-large", message).at(start)]);
    }
    let source = match String::from_utf8(bytes) {
        Ok(text) => Source::new(path, text),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let place = Source::new(path, String::from_utf8_lossy(error.as_bytes())).place(valid..valid + 1);
            let finding = Finding::error("catalog/not-text", format!("byte {} of the file is not UTF-8", valid + 1)).at(place);
            return Read::Malformed(vec![finding.help("save it as UTF-8")]);
        }
    };
    if source.text.trim().is_empty() {
        return Read::Malformed(vec![Finding::error("catalog/empty", "the file is empty").at(start)]);
    }
    let format = Format::of(path);
    let located = match format {
        Format::Json => json::read(&source).map_err(|errors| errors.iter().map(|error| pointer::malformed(&source, error)).collect()),
        Format::Csv => csv::read(&source).map_err(|errors| errors.iter().map(|error| pointer::malformed(&source, error)).collect()),
        Format::Yaml => yaml::located(&source).map_err(|finding| vec![of_artifact(finding)]),
        Format::Text => Ok(Located { value: Value::String(source.text.clone()), spot: Spot::scalar(0..source.text.len()) }),
        Format::FrontMatter => match front_matter(&source.text) {
            None => return Read::NoFrontMatter(source),
            Some(Err(at)) => {
                let finding = Finding::error("catalog/syntax", "the front matter does not end").at(source.place(at..at + 3));
                Err(vec![finding.help("close it with a line of `---`")])
            }
            // The first line of front matter is the start of a YAML document, so that no place has to be moved.
            Some(Ok(end)) => yaml::located(&Source::new(path, &source.text[..end])).map_err(|finding| vec![of_artifact(finding)]),
        },
    };
    match located {
        Ok(located) => Read::Document(Document { source, format, located }),
        Err(findings) => Read::Malformed(findings),
    }
}

/// Where the front matter ends: the start of its closing line. `None`: there is none; `Err`: where it starts without an end.
fn front_matter(text: &str) -> Option<Result<usize, usize>> {
    let is_fence = |line: &str| line.trim_end() == "---";
    let mut at = 0;
    let mut lines = text.split_inclusive('\n');
    let first = lines.next()?;
    if !is_fence(first) {
        return None;
    }
    at += first.len();
    for line in lines {
        if is_fence(line) {
            return Some(Ok(at));
        }
        at += line.len();
    }
    Some(Err(0))
}

/// What the reader of configuration files says, about an artifact.
fn of_artifact(finding: Finding) -> Finding {
    let code = match finding.code.as_str() {
        "config/duplicate-key" => "catalog/duplicate-key",
        "config/too-deep" => "catalog/too-deep",
        "config/too-large" | "config/too-big" => "catalog/too-large",
        "config/empty" => "catalog/empty",
        _ => "catalog/syntax",
    };
    Finding { code: code.to_owned(), ..finding }
}

/// The files of a tree, each read when it is asked for.
pub struct Library<'t> {
    tree: &'t dyn Tree,
    entries: &'t [TreeEntry],
    /// `None`: nobody asks twice.
    kept: Option<Mutex<Kept>>,
    large: Mutex<()>,
}

/// Documents by the index of their entry; the oldest goes first.
#[derive(Default)]
struct Kept {
    documents: HashMap<usize, (Arc<Read>, usize)>,
    order: VecDeque<usize>,
    bytes: usize,
}

impl Kept {
    /// What had to go for it is given back, so that nobody waits while it is taken apart.
    fn keep(&mut self, at: usize, read: Arc<Read>, bytes: usize) -> Vec<Arc<Read>> {
        if self.documents.insert(at, (read, bytes)).is_some() {
            return Vec::new();
        }
        self.order.push_back(at);
        self.bytes += bytes;
        let mut gone = Vec::new();
        while self.bytes > KEPT && self.order.len() > 1 {
            let Some((read, bytes)) = self.order.pop_front().and_then(|oldest| self.documents.remove(&oldest)) else { break };
            self.bytes -= bytes;
            gone.push(read);
        }
        gone
    }
}

/// A file of the tree before it is read.
pub enum Raw {
    Kept(Arc<Read>),
    Bytes(Vec<u8>),
}

impl<'t> Library<'t> {
    pub fn new(tree: &'t dyn Tree) -> Result<Library<'t>, Unreadable> {
        Ok(Library { tree, entries: tree.entries()?, kept: Some(Mutex::default()), large: Mutex::default() })
    }

    /// Keeps nothing, for work that asks for most files once: what is taken apart at once needs little room, which is faster.
    pub fn passing(tree: &'t dyn Tree) -> Result<Library<'t>, Unreadable> {
        Ok(Library { kept: None, ..Library::new(tree)? })
    }

    pub fn entries(&self) -> &'t [TreeEntry] {
        self.entries
    }

    fn index(&self, path: &str) -> Option<usize> {
        self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()
    }

    pub fn has(&self, path: &str) -> bool {
        self.index(path).is_some_and(|at| matches!(self.entries[at].kind, EntryKind::File | EntryKind::Executable))
    }

    /// Whether some file is below this folder.
    pub fn has_folder(&self, folder: &str) -> bool {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let at = self.entries.partition_point(|entry| entry.path.as_str() < prefix.as_str());
        self.entries.get(at).is_some_and(|entry| entry.path.starts_with(&prefix))
    }

    /// `None`: there is nothing of this path.
    pub fn document(&self, path: &str) -> Result<Option<Arc<Read>>, Unreadable> {
        Ok(match self.raw(path)? {
            None => None,
            Some(Raw::Kept(read)) => Some(read),
            Some(Raw::Bytes(bytes)) => Some(self.made(path, bytes)),
        })
    }

    /// The bytes of a file, where it is not at hand as a document; `None`: there is nothing of this path.
    pub fn raw(&self, path: &str) -> Result<Option<Raw>, Unreadable> {
        let Some(at) = self.index(path) else { return Ok(None) };
        if let Some(kept) = self.at_hand(at) {
            return Ok(Some(Raw::Kept(kept)));
        }
        match self.entries[at].kind {
            EntryKind::Symlink | EntryKind::Submodule => {
                let place = Place { file: path.to_owned(), line: 1, column: 1, end_column: None, source: None };
                let what = if self.entries[at].kind == EntryKind::Symlink { "a symbolic link" } else { "a submodule" };
                let finding = Finding::error("catalog/link", format!("this is {what}, which is not followed")).at(place);
                Ok(Some(Raw::Kept(Arc::new(Read::Malformed(vec![finding.help("commit the file itself")])))))
            }
            EntryKind::File | EntryKind::Executable => match self.tree.read(path)? {
                Some(bytes) => Ok(Some(Raw::Bytes(bytes))),
                None => Err(Unreadable(format!("`{path}` is listed, but not there"))),
            },
        }
    }

    /// The document of these bytes of a file.
    pub fn made(&self, path: &str, bytes: Vec<u8>) -> Arc<Read> {
        let Some(at) = self.index(path) else { return Arc::new(read(path, bytes)) };
        let length = bytes.len();
        let turn = (length > LARGE).then(|| self.large.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(kept) = turn.as_ref().and_then(|_| self.at_hand(at)) {
            return kept;
        }
        let read = Arc::new(self::read(path, bytes));
        let gone = self.kept().map(|mut kept| kept.keep(at, read.clone(), length));
        drop((turn, gone));
        read
    }

    fn at_hand(&self, at: usize) -> Option<Arc<Read>> {
        self.kept()?.documents.get(&at).map(|(read, _)| read.clone())
    }

    /// What a thread that failed left is whole: it is changed by one call alone.
    fn kept(&self) -> Option<MutexGuard<'_, Kept>> {
        self.kept.as_ref().map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>, Unreadable> {
        if self.has(path) { self.tree.read(path) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(path: &str, bytes: &[u8]) -> String {
        match read(path, bytes.to_vec()) {
            Read::Document(document) => document.located.value.to_string(),
            Read::NoFrontMatter(_) => "none".to_owned(),
            Read::Malformed(findings) => {
                let place = findings[0].place.as_ref().unwrap();
                format!("{} {}:{}", findings[0].code, place.line, place.column)
            }
        }
    }

    #[test]
    fn files_are_what_their_names_say_or_are_refused_with_their_place() {
        let large = vec![b'['; located::MAX_BYTES + 1];
        for (path, bytes, want) in [
            ("a.json", b"{\"a\": 1}".as_slice(), "{\"a\":1}"),
            ("a.YML", b"a: 1.10\n", "{\"a\":1.1}"),
            ("a.csv", b"a,b\n1,2\n", "[{\"a\":\"1\",\"b\":\"2\"}]"),
            ("a.md", b"---\na: no\n---\n# T: {\n", "{\"a\":\"no\"}"),
            ("a.md", b"---\r\na: b\r\n---", "{\"a\":\"b\"}"),
            ("a.md", b"# T\n---\n", "none"),
            ("a.md", b"---\na: b\n", "catalog/syntax 1:1"),
            ("a.md", b"---\na: b\nc: [\n---\n", "catalog/syntax 3:4"),
            ("a.md", b"---\n---\ntext", "catalog/empty 1:1"),
            ("a.txt", b"text", "\"text\""),
            ("a.json", b"{\"a\": 1,\n \"a\": 2}", "catalog/duplicate-key 2:2"),
            ("a.yaml", b"a: 1\na: 2\n", "catalog/duplicate-key 2:1"),
            ("a.json", b" \n", "catalog/empty 1:1"),
            ("a.txt", b"", "catalog/empty 1:1"),
            ("a.json", b"{\n \"\xff\"", "catalog/not-text 2:3"),
            ("a.json", &large, "catalog/too-large 1:1"),
            ("a.json", &large[..4096], "catalog/too-deep 1:129"),
        ] {
            assert_eq!(code(path, bytes), want, "{path} {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
        }
    }
}
