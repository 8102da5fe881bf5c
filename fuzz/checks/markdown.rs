//! Any text is parsed, and every range lies inside of it on character boundaries and shows what it says.

use tagwarden::text::markdown::{self, Bytes, LinkForm};

pub fn check(text: &str) {
    let document = markdown::parse(text);
    assert_eq!(document, markdown::parse(text), "the same text twice");
    let at = |range: &Bytes| text.get(range.clone()).unwrap_or_else(|| panic!("{range:?} is no part of the text"));
    if let Some(unread) = document.unread {
        assert!(text.is_char_boundary(unread.at()) && document.blocks.is_empty() && document.texts.is_empty());
    }
    for heading in &document.headings {
        at(&heading.range);
        assert!((1..=6).contains(&heading.level));
    }
    for link in &document.links {
        at(&link.range);
        at(&link.place);
        let inside = link.range.start <= link.place.start && link.place.end <= link.range.end;
        assert!(inside, "{link:?}");
        if link.form == LinkForm::Autolink {
            assert!(at(&link.range).starts_with('<'), "{link:?}");
        }
    }
    for definition in &document.definitions {
        at(&definition.range);
        at(&definition.place);
    }
    for code in &document.codes {
        assert!(at(&code.range).starts_with('`') && at(&code.range).ends_with('`'), "{code:?}");
        assert!(code.range.start < code.content.start && code.content.end < code.range.end, "{code:?}");
        at(&code.content);
    }
    for fence in &document.fences {
        at(&fence.range);
        at(&fence.content);
        assert!(fence.range.start <= fence.content.start && fence.content.end <= fence.range.end, "{fence:?}");
    }
    for table in &document.tables {
        at(&table.range);
        table.header.iter().chain(table.rows.iter().flatten()).for_each(|cell| _ = at(&cell.range));
    }
    for comment in &document.comments {
        assert!(at(&comment.range).starts_with("<!--"), "{comment:?}");
        at(&comment.text_range);
        assert!(comment.range.start <= comment.text_range.start && comment.text_range.end <= comment.range.end, "{comment:?}");
        assert!(!comment.closed || at(&comment.range).ends_with("-->"), "{comment:?}");
    }
    document.undefined.iter().for_each(|undefined| _ = at(&undefined.range));
    document.anchors.iter().for_each(|anchor| _ = at(&anchor.range));
    document.texts.iter().for_each(|range| _ = at(range));
    document.lists.iter().for_each(|list| _ = at(&list.range));
    document.front_matter.iter().for_each(|range| _ = at(range));
    let mut before = 0;
    for (index, block) in document.blocks.iter().enumerate() {
        at(&block.range);
        at(&block.own);
        assert!(before <= block.range.start, "in the order of the text: {block:?}");
        before = block.range.start;
        if let Some(parent) = block.parent {
            let around = &document.blocks[parent];
            assert!(
                parent < index && around.range.start <= block.range.start && block.range.end <= around.range.end,
                "{around:?} {block:?}"
            );
        }
    }
}
