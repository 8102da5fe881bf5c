//! The blocks of a document and which lies in which, gathered while the parser's events go by.

use super::{
    MAX_DEPTH,
    model::{Block, BlockKind, Bytes, List},
};
use pulldown_cmark::{Tag, TagEnd};

#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    lists: Vec<List>,
    /// Open blocks, by their place in `blocks`, the outermost first.
    open: Vec<usize>,
    /// Open lists, by their place in `lists`.
    open_lists: Vec<usize>,
    /// The end that was cut last, and to where: blocks inside one another often end at one byte.
    cut: (usize, usize),
    /// Where a block lies deeper than is read.
    too_deep: Option<usize>,
}

impl Blocks {
    pub fn open(&mut self, tag: &Tag<'_>, range: &Bytes, text: &str) {
        let Some(kind) = kind(tag) else { return };
        if self.open.len() >= MAX_DEPTH {
            self.too_deep.get_or_insert(range.start);
            return;
        }
        let range = range.start..self.end(range, text);
        match tag {
            Tag::List(first) => {
                self.open_lists.push(self.lists.len());
                self.lists.push(List { ordered: first.is_some(), range: range.clone(), items: 0 });
                let around = self.open.last().and_then(|at| self.blocks.get_mut(*at));
                if let Some(item) = around.filter(|block| block.kind == BlockKind::ListItem) {
                    item.own.end = item.own.end.min(range.start);
                }
            }
            Tag::Item => {
                if let Some(list) = self.open_lists.last().and_then(|at| self.lists.get_mut(*at)) {
                    list.items += 1;
                }
            }
            _ => {}
        }
        let parent = self.open.last().copied();
        self.open.push(self.blocks.len());
        self.blocks.push(Block { kind, own: range.clone(), range, parent });
    }

    pub fn close(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::List(_) => {
                self.open_lists.pop();
            }
            TagEnd::Paragraph
            | TagEnd::Heading(_)
            | TagEnd::BlockQuote(_)
            | TagEnd::Item
            | TagEnd::Table
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::CodeBlock
            | TagEnd::HtmlBlock
            | TagEnd::FootnoteDefinition => {}
            _ => return,
        }
        self.open.pop();
    }

    /// From here on nothing is gathered any more.
    pub fn too_deep(&self) -> Option<usize> {
        self.too_deep
    }

    pub fn finish(self) -> (Vec<Block>, Vec<List>) {
        (self.blocks, self.lists)
    }

    /// The end without what is blank before it.
    fn end(&mut self, range: &Bytes, text: &str) -> usize {
        if self.cut.0 != range.end {
            self.cut = (range.end, text.get(..range.end).map_or(range.end, |text| text.trim_end().len()));
        }
        self.cut.1.max(range.start)
    }
}

fn kind(tag: &Tag<'_>) -> Option<BlockKind> {
    Some(match tag {
        Tag::Paragraph => BlockKind::Paragraph,
        Tag::Heading { .. } => BlockKind::Heading,
        Tag::BlockQuote(_) => BlockKind::Quote,
        Tag::List(_) => BlockKind::List,
        Tag::Item => BlockKind::ListItem,
        Tag::Table(_) => BlockKind::Table,
        Tag::TableHead | Tag::TableRow => BlockKind::TableRow,
        Tag::CodeBlock(_) => BlockKind::Code,
        Tag::HtmlBlock => BlockKind::Html,
        Tag::FootnoteDefinition(_) => BlockKind::Footnote,
        _ => return None,
    })
}
