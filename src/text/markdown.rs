//! Markdown with exact places. The only importer of pulldown-cmark.
//!
//! A document is parsed once into an owned [`Document`]: headings with GitHub's anchors, links, definitions, HTML links and
//! ids, comments, code spans, fences, tables, lists, blocks and text, every part with its byte range in the text that was
//! given. GitHub's dialect with YAML or TOML metadata at the very start; nothing is fetched, nothing is resolved, and no input makes
//! it fail. Time is linear in the text; what would take too much memory is not read, and says so ([`Document::unread`]).
//!
//! Deliberately absent: rendering, and what a reference means ([`crate::lockdown`]). Autolinks without angle brackets stay
//! text.

mod blocks;
mod html;
mod lines;
mod model;
mod normal;
mod slug;

pub use lines::{line_feeds, plain_lines};
pub use model::{
    Anchor, Block, BlockKind, Bytes, Cell, CodeSpan, Comment, Definition, Document, Fence, Heading, Link, LinkForm, List, Table, Undefined,
    Unread,
};
pub use slug::{Slugs, slug};

use pulldown_cmark::{BrokenLink, CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};
use std::sync::Arc;

/// A document of more bytes is not read.
pub const MAX_BYTES: usize = 256 << 20;

/// A document whose reading could take more bytes of memory than this is not read. Prose takes about eight times its size.
pub const MAX_MEMORY: usize = 3 << 30;

/// Quotes, lists, items and the like around one another beyond this number are not read.
pub const MAX_DEPTH: usize = 256;

/// References without a definition around one another beyond this number are not read: each is told with its whole text, which
/// would grow with the square of the brackets. A link holds no link, so only images reach three.
pub const MAX_NESTED: usize = 16;

/// Parses a document. A byte order mark, CRLF and NUL are tolerated; ranges are those of `text` as it stands.
pub fn parse(text: &str) -> Document {
    if text.len() > MAX_BYTES {
        return Document { unread: Some(Unread::Long), ..Document::default() };
    }
    if text.len() > MAX_MEMORY / normal::HEAVIEST && normal::weight(text) > MAX_MEMORY {
        return Document { unread: Some(Unread::Dense), ..Document::default() };
    }
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let front = normal::front_matter(&text[mark..]);
    let base = mark + front;
    let mut document = read(&text[base..]);
    match &mut document.unread {
        Some(unread) => *unread = unread.after(base),
        None => {
            document.settle(base);
            document.front_matter = (front > 0).then_some(mark..base);
        }
    }
    document
}

/// Parses parts of a text as one document of their own, such as the lines of a comment without what stands around them. Ranges
/// are those of `text`. Metadata is none here.
pub fn parse_lines(text: &str, lines: &[Bytes]) -> Document {
    let mut pieces = html::Pieces::default();
    for line in lines {
        pieces.push(text.get(line.clone()).unwrap_or_default(), line.start);
        pieces.push("\n", line.end);
    }
    let mut document = read(pieces.text());
    document.settle(0);
    document.ranges(|range| *range = pieces.place(range));
    document
}

/// A text without metadata; ranges are its own.
fn read(body: &str) -> Document {
    let normal = normal::normalise(body);
    let mut undefined = Unresolved::default();
    let note = |link: BrokenLink<'_>| -> Option<(CowStr<'_>, CowStr<'_>)> {
        if link.link_type == LinkType::Reference {
            undefined.note(link.reference, link.span);
        }
        None
    };
    let events = Parser::new_with_broken_link_callback(&normal, options(), Some(note)).into_offset_iter();
    let mut walk = Walk { text: &normal, ..Walk::default() };
    for (label, definition) in events.reference_definitions().iter() {
        walk.definition(label, &definition.dest, definition.span.clone());
    }
    for (event, range) in events {
        walk.event(event, range);
        if let Some(at) = walk.blocks.too_deep() {
            return Document { unread: Some(Unread::Deep(at)), ..Document::default() };
        }
    }
    let mut document = walk.finish();
    if let Some(at) = undefined.too_deep {
        return Document { unread: Some(Unread::Nested(at)), ..Document::default() };
    }
    document.undefined = undefined.found;
    document
}

/// References without a definition, as the parser meets them: from left to right by their ends, so what lies inside of one
/// comes right before it.
#[derive(Default)]
struct Unresolved {
    found: Vec<Undefined>,
    /// Those that no later one holds so far: where each starts, and how many are around one another in it.
    outermost: Vec<(usize, usize)>,
    /// Where one holds more than [`MAX_NESTED`]; from there on nothing is kept.
    too_deep: Option<usize>,
}

impl Unresolved {
    fn note(&mut self, label: CowStr<'_>, range: Bytes) {
        if self.too_deep.is_some() || self.found.last().is_some_and(|last| last.range == range) {
            return;
        }
        let mut depth = 1;
        // Each is taken away once, so all of this is linear.
        while let Some((_, inner)) = self.outermost.pop_if(|(start, _)| *start >= range.start) {
            depth = depth.max(inner + 1);
        }
        self.outermost.push((range.start, depth));
        if depth > MAX_NESTED {
            self.too_deep = Some(range.start);
            return;
        }
        self.found.push(Undefined { label: label.into_string(), range });
    }
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_GFM
}

/// What is open while the events go by.
#[derive(Default)]
struct Walk<'a> {
    text: &'a str,
    document: Document,
    slugs: Slugs,
    heading: Option<Open>,
    links: Vec<OpenLink>,
    /// How many of `links` are images: text in them is alternative text.
    images: usize,
    fence: Option<Fence>,
    html: Option<html::Pieces>,
    /// The text of a heading of HTML that is not closed yet.
    html_heading: Option<String>,
    table: Option<Table>,
    cell: Option<Open>,
    /// Block quotes, list items and footnotes around the present event.
    containers: usize,
    blocks: blocks::Blocks,
}

/// A heading or a table cell whose text is being gathered.
struct Open {
    level: u8,
    text: String,
    range: Option<Bytes>,
}

struct OpenLink {
    image: bool,
    form: LinkForm,
    destination: Arc<str>,
    range: Bytes,
    /// Where the link's own text ended, as far as it was seen.
    inner_end: usize,
}

impl Walk<'_> {
    fn event(&mut self, event: Event<'_>, range: Bytes) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) => self.run(&text, range),
            Event::Code(text) => self.code(&text, range),
            Event::Html(_) => self.html_line(range),
            Event::InlineHtml(text) => self.inline_html(&text, range),
            Event::SoftBreak | Event::HardBreak => self.gather(" ", &range),
            Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) | Event::Rule | Event::TaskListMarker(_) => {
                self.pass(&range)
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Bytes) {
        self.blocks.open(&tag, &range, self.text);
        match tag {
            Tag::Heading { level, .. } => {
                self.html_heading = None;
                self.heading = Some(Open { level: level as u8, text: String::new(), range: None });
            }
            Tag::Link { link_type, dest_url, id, .. } => self.open_link(false, link_type, &dest_url, &id, range),
            Tag::Image { link_type, dest_url, id, .. } => self.open_link(true, link_type, &dest_url, &id, range),
            Tag::CodeBlock(CodeBlockKind::Fenced(info)) => {
                let closed = normal::is_closed(&self.text[range.clone()]);
                self.fence = Some(Fence { info: info.to_string(), content: range.start..range.start, range, closed });
            }
            Tag::CodeBlock(CodeBlockKind::Indented) => {
                self.fence = Some(Fence { info: String::new(), content: range.start..range.start, range, closed: true });
            }
            Tag::HtmlBlock => self.html = Some(html::Pieces::default()),
            Tag::Table(_) => self.table = Some(Table { range, header: Vec::new(), rows: Vec::new() }),
            Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.rows.push(Vec::new());
                }
            }
            Tag::TableCell => self.cell = Some(Open { level: 0, text: String::new(), range: Some(range) }),
            Tag::BlockQuote(_) | Tag::Item | Tag::FootnoteDefinition(_) => self.containers += 1,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd, range: Bytes) {
        self.blocks.close(tag);
        match tag {
            TagEnd::Heading(_) => self.close_heading(range),
            TagEnd::Link | TagEnd::Image => self.close_link(&range),
            TagEnd::CodeBlock => self.document.fences.extend(self.fence.take()),
            TagEnd::HtmlBlock => self.close_html(),
            TagEnd::Table => self.document.tables.extend(self.table.take()),
            TagEnd::TableCell => self.close_cell(),
            TagEnd::BlockQuote(_) | TagEnd::Item | TagEnd::FootnoteDefinition => self.containers = self.containers.saturating_sub(1),
            _ => {}
        }
    }

    fn run(&mut self, text: &str, range: Bytes) {
        if let Some(fence) = &mut self.fence {
            if fence.content.is_empty() {
                fence.content.start = range.start;
            }
            fence.content.end = range.end;
            return;
        }
        self.gather(text, &range);
        if self.images > 0 {
            return;
        }
        match self.document.texts.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.document.texts.push(range),
        }
    }

    /// Adds to the text of what is open around here, and notes how far its inside reaches.
    fn gather(&mut self, text: &str, range: &Bytes) {
        self.pass(range);
        if self.images > 0 {
            return;
        }
        for open in [&mut self.heading, &mut self.cell].into_iter().flatten() {
            open.text.push_str(text);
        }
        if let Some(open) = &mut self.html_heading {
            open.push_str(text);
        }
    }

    /// Something that is no text lies inside of what is open.
    fn pass(&mut self, range: &Bytes) {
        if let Some(link) = self.links.last_mut() {
            link.inner_end = link.inner_end.max(range.end);
        }
        if let Some(heading) = &mut self.heading {
            let so_far = heading.range.get_or_insert(range.clone());
            so_far.end = so_far.end.max(range.end);
        }
    }

    fn code(&mut self, text: &str, range: Bytes) {
        self.gather(text, &range);
        let content = normal::code_content(&self.text[range.clone()]);
        let content = range.start + content.start..range.start + content.end;
        let link = self.links.last().map(|link| link.destination.clone());
        self.document.codes.push(CodeSpan { text: text.to_owned(), range, content, link, cell: self.cell.is_some() });
    }

    fn open_link(&mut self, image: bool, link_type: LinkType, destination: &str, label: &str, range: Bytes) {
        let form = match link_type {
            LinkType::Autolink | LinkType::Email => LinkForm::Autolink,
            LinkType::Inline | LinkType::WikiLink { .. } => LinkForm::Inline,
            _ => LinkForm::Reference(label.to_owned()),
        };
        self.images += usize::from(image);
        let inner_end = range.start + if image { "![".len() } else { "[".len() };
        let destination = if link_type == LinkType::Email { format!("mailto:{destination}").into() } else { destination.into() };
        self.links.push(OpenLink { image, form, destination, range, inner_end });
    }

    fn close_link(&mut self, range: &Bytes) {
        let Some(OpenLink { image, form, destination, range: whole, inner_end }) = self.links.pop() else { return };
        self.images -= usize::from(image);
        self.pass(range);
        let place = match &form {
            LinkForm::Inline => normal::inline_destination(self.text, inner_end..whole.end),
            LinkForm::Autolink if whole.len() > 2 => Some(whole.start + 1..whole.end - 1),
            LinkForm::Autolink | LinkForm::Reference(_) | LinkForm::Html => None,
        };
        self.document.links.push(Link {
            image,
            form,
            destination: destination.to_string(),
            place: place.unwrap_or_else(|| whole.clone()),
            range: whole,
        });
    }

    fn definition(&mut self, label: &str, destination: &str, range: Bytes) {
        let place = normal::definition_destination(self.text, range.clone()).unwrap_or_else(|| range.clone());
        self.document.definitions.push(Definition { label: label.to_owned(), destination: destination.to_owned(), place, range });
    }

    fn close_heading(&mut self, whole: Bytes) {
        let Some(Open { level, text, range }) = self.heading.take() else { return };
        let (written, id) = normal::explicit_id(&text);
        let mut range = range.unwrap_or(whole.start..whole.start);
        if id.is_some() {
            let shown = self.text[range.clone()].trim_end();
            let kept = shown.rfind("{#").map_or(shown.len(), |at| shown[..at].trim_end().len());
            range.end = range.start + kept;
        }
        self.untrimmed(&text, whole);
        let heading = Heading {
            level,
            text: written.trim().to_owned(),
            slug: self.slugs.next(text.trim()),
            id: id.map(str::to_owned),
            range,
            nested: self.containers > 0,
        };
        self.document.headings.push(heading);
    }

    /// Blanks beside an image or a tag that shows no text are hyphens of the anchor for some, and nothing for others.
    fn untrimmed(&mut self, text: &str, range: Bytes) {
        if text.trim().len() < text.len() {
            self.document.anchors.push(Anchor { name: slug(text), range });
        }
    }

    fn close_cell(&mut self) {
        let (Some(Open { text, range, .. }), Some(table)) = (self.cell.take(), &mut self.table) else { return };
        let text = if text.trim().len() == text.len() { text } else { text.trim().to_owned() };
        let cell = Cell { text, range: range.unwrap_or_default() };
        table.rows.last_mut().unwrap_or(&mut table.header).push(cell);
    }

    /// The text as it stands, since the parser's own has other characters for some.
    fn html_line(&mut self, range: Bytes) {
        if let Some(pieces) = &mut self.html {
            pieces.push(self.text.get(range.clone()).unwrap_or_default(), range.start);
        }
    }

    fn close_html(&mut self) {
        if let Some(pieces) = self.html.take() {
            for (text, range) in pieces.headings(&mut self.html_heading) {
                let name = self.slugs.next(text.trim());
                self.document.anchors.push(Anchor { name, range: range.clone() });
                self.untrimmed(&text, range);
            }
            pieces.read(&mut self.document);
        }
    }

    /// One tag or one comment. What stands on several lines of a container comes without the marks of these lines.
    fn inline_html(&mut self, text: &str, range: Bytes) {
        self.pass(&range);
        let mut pieces = html::Pieces::default();
        let mut line_end = range.start;
        let raw = self.text.get(range).unwrap_or_default();
        for (shown, line) in text.split_inclusive('\n').zip(raw.split_inclusive('\n')) {
            line_end += line.len();
            let kept = if line.ends_with(shown) { shown } else { line };
            pieces.push(kept, line_end - kept.len());
        }
        pieces.read(&mut self.document);
    }

    fn finish(mut self) -> Document {
        self.close_html();
        (self.document.blocks, self.document.lists) = self.blocks.finish();
        self.document
    }
}

#[cfg(test)]
mod tests;
