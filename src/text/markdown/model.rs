//! The parts of a Markdown document, owned, each with its byte range in the text that was parsed.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

/// A byte range of the parsed text.
pub type Bytes = Range<usize>;

/// A parsed document. Every list is in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    pub headings: Vec<Heading>,
    /// Links and images of Markdown and of HTML (`a href`, `img src`).
    pub links: Vec<Link>,
    /// `[label]: destination`, used or not.
    pub definitions: Vec<Definition>,
    /// `[text][label]` without a definition of that label.
    pub undefined: Vec<Undefined>,
    /// HTML `id` and `a name`.
    pub anchors: Vec<Anchor>,
    pub codes: Vec<CodeSpan>,
    pub fences: Vec<Fence>,
    pub tables: Vec<Table>,
    /// What is shown as plain text, in headings, links and cells too; not code, not alternative text.
    pub texts: Vec<Bytes>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// 1 to 6.
    pub level: u8,
    /// As shown: without markup, trimmed, without an explicit id.
    pub text: String,
    /// The anchor that GitHub gives it, unique in its document.
    pub slug: String,
    /// `# Text {#id}`, which other renderers read.
    pub id: Option<String>,
    /// The text with its markup.
    pub range: Bytes,
    /// Inside a quote, a list or a footnote.
    pub nested: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub image: bool,
    pub form: LinkForm,
    /// Unescaped; of a reference the definition's destination.
    pub destination: String,
    /// The destination's own bytes where they stand here, else those of the whole link.
    pub place: Bytes,
    pub range: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkForm {
    /// `[text](destination)`
    Inline,
    /// `[text][label]`, `[label][]`, `[label]`
    Reference(String),
    /// `<https://example.com>`
    Autolink,
    /// An attribute of an HTML tag.
    Html,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub label: String,
    pub destination: String,
    pub place: Bytes,
    pub range: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undefined {
    pub label: String,
    pub range: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub name: String,
    pub range: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeSpan {
    /// As shown: in a table `\|` is `|`, a line break is a blank.
    pub text: String,
    /// With its backticks.
    pub range: Bytes,
    /// Between the backticks, without the one blank on each side that is not shown.
    pub content: Bytes,
    /// The destination of the link around it.
    pub link: Option<Arc<str>>,
    /// Inside a table cell.
    pub cell: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// What follows the opening fence, such as `bash`.
    pub info: String,
    /// From the first to past the last line of code; empty where there is none.
    pub content: Bytes,
    pub range: Bytes,
    /// Whether a closing fence stands at its end; if not, it ran to the end of the document or of its container.
    pub closed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub header: Vec<Cell>,
    pub rows: Vec<Vec<Cell>>,
    pub range: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// As shown, trimmed.
    pub text: String,
    pub range: Bytes,
}

impl Document {
    /// Every fragment that leads somewhere in this document.
    pub fn fragments(&self) -> BTreeSet<&str> {
        let headings = self.headings.iter().flat_map(|heading| [Some(heading.slug.as_str()), heading.id.as_deref()]).flatten();
        headings.chain(self.anchors.iter().map(|anchor| anchor.name.as_str())).collect()
    }

    /// Sorts by place and moves every range by `base`, what the parser was not shown.
    pub(super) fn settle(&mut self, base: usize) {
        self.links.sort_by_key(|link| (link.place.start, link.place.end));
        self.definitions.sort_by_key(|definition| definition.range.start);
        self.undefined.sort_by_key(|undefined| (undefined.range.start, undefined.range.end));
        self.undefined.dedup();
        if base > 0 {
            self.ranges(|range| *range = range.start + base..range.end + base);
        }
    }

    /// Every range of the document.
    pub(super) fn ranges(&mut self, mut visit: impl FnMut(&mut Bytes)) {
        self.headings.iter_mut().for_each(|heading| visit(&mut heading.range));
        self.links.iter_mut().flat_map(|link| [&mut link.place, &mut link.range]).for_each(&mut visit);
        self.definitions.iter_mut().flat_map(|definition| [&mut definition.place, &mut definition.range]).for_each(&mut visit);
        self.undefined.iter_mut().for_each(|undefined| visit(&mut undefined.range));
        self.anchors.iter_mut().for_each(|anchor| visit(&mut anchor.range));
        self.codes.iter_mut().flat_map(|code| [&mut code.range, &mut code.content]).for_each(&mut visit);
        self.fences.iter_mut().flat_map(|fence| [&mut fence.range, &mut fence.content]).for_each(&mut visit);
        self.texts.iter_mut().for_each(&mut visit);
        for table in &mut self.tables {
            visit(&mut table.range);
            table.header.iter_mut().chain(table.rows.iter_mut().flatten()).for_each(|cell| visit(&mut cell.range));
        }
    }
}
