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
    /// HTML comments, as blocks and inside of lines.
    pub comments: Vec<Comment>,
    /// The metadata at the very start, with the lines that open and close it.
    pub front_matter: Option<Bytes>,
    /// Blocks by where they start, what holds before what is held.
    pub blocks: Vec<Block>,
    /// Lists by where they start.
    pub lists: Vec<List>,
    /// Why the document was not read: then everything else is empty, and nothing may be concluded from that.
    pub unread: Option<Unread>,
}

/// Reading a document takes many times its size where it is dense with marks, so what could take all memory is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Longer than [`super::MAX_BYTES`].
    Long,
    /// Has so many marks (brackets, quotes, items, ...) that reading it could take more than [`super::MAX_MEMORY`] bytes.
    Dense,
    /// The block at this offset lies in more than [`super::MAX_DEPTH`] others.
    Deep(usize),
    /// The reference at this offset holds more than [`super::MAX_NESTED`] others that nothing defines.
    Nested(usize),
}

impl Unread {
    /// One clause for people.
    pub fn about(self) -> String {
        match self {
            Unread::Long => format!("it is longer than {} MiB", super::MAX_BYTES >> 20),
            Unread::Dense => {
                format!("its brackets, marks and lines are so many that reading it could take more than {} MiB", super::MAX_MEMORY >> 20)
            }
            Unread::Deep(_) => format!("its quotes and lists lie more than {} deep in one another", super::MAX_DEPTH),
            Unread::Nested(_) => format!("its references without a definition lie more than {} deep in one another", super::MAX_NESTED),
        }
    }

    /// Where the trouble starts, as an offset.
    pub const fn at(self) -> usize {
        match self {
            Unread::Long | Unread::Dense => 0,
            Unread::Deep(at) | Unread::Nested(at) => at,
        }
    }

    /// The same, `base` bytes further on.
    pub(super) const fn after(self, base: usize) -> Unread {
        match self {
            Unread::Deep(at) => Unread::Deep(at + base),
            Unread::Nested(at) => Unread::Nested(at + base),
            other => other,
        }
    }
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

/// A block of code. One that is only indented has no info, and counts as closed.
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// From `<!--` to past `-->`, or to where it ends unclosed.
    pub range: Bytes,
    /// What stands between, as it stands: in a quote with the marks of its lines.
    pub text_range: Bytes,
    /// If not, it ran to the end of the document or of its container, and hid what stands there.
    pub closed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub kind: BlockKind,
    /// Without blanks and line ends behind it.
    pub range: Bytes,
    /// Of a list item: up to the first list inside of it; else the same as `range`.
    pub own: Bytes,
    /// The block around it, by its place in [`Document::blocks`].
    pub parent: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Not around the text of an item in a list without blank lines.
    Paragraph,
    Heading,
    Quote,
    List,
    ListItem,
    Table,
    /// The header is one too.
    TableRow,
    /// Fenced or indented.
    Code,
    Html,
    /// The definition of a footnote.
    Footnote,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    pub ordered: bool,
    pub range: Bytes,
    /// How many items it has itself; those of lists inside of it do not count.
    pub items: usize,
}

impl Document {
    /// The outermost block that starts here or later: what a comment before it speaks of.
    pub fn block_from(&self, offset: usize) -> Option<&Block> {
        self.blocks.get(self.blocks.partition_point(|block| block.range.start < offset))
    }

    /// The blocks around this byte, the innermost first.
    pub fn blocks_around(&self, offset: usize) -> impl Iterator<Item = &Block> {
        let last = self.blocks.partition_point(|block| block.range.start <= offset).checked_sub(1);
        let up = |at: &usize| self.blocks.get(*at).and_then(|block| block.parent);
        let chain = std::iter::successors(last, up).filter_map(|at| self.blocks.get(at));
        chain.filter(move |block| block.range.contains(&offset))
    }

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
        self.comments.iter_mut().flat_map(|comment| [&mut comment.range, &mut comment.text_range]).for_each(&mut visit);
        self.blocks.iter_mut().flat_map(|block| [&mut block.range, &mut block.own]).for_each(&mut visit);
        self.lists.iter_mut().for_each(|list| visit(&mut list.range));
        for table in &mut self.tables {
            visit(&mut table.range);
            table.header.iter_mut().chain(table.rows.iter_mut().flatten()).for_each(|cell| visit(&mut cell.range));
        }
    }
}
