//! Links, ids and comments in raw HTML, as far as a document needs them: start tags with their attributes, and comments.
//!
//! Deliberately absent: a tree. The insides of comments, `script` and `style` are passed over; everything is read once,
//! whatever is unclosed ends with its piece.

use super::model::{Anchor, Bytes, Comment, Document, Link, LinkForm};
use std::collections::HashMap;

/// A text that comes line by line, such as raw HTML from the parser, with the offset of each line.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    html: String,
    /// Offset in `html`, and in the document.
    starts: Vec<(usize, usize)>,
}

impl Pieces {
    pub fn push(&mut self, text: &str, offset: usize) {
        self.starts.push((self.html.len(), offset));
        self.html.push_str(text);
    }

    /// Adds what the tags say to the document.
    pub fn read(self, document: &mut Document) {
        let (tags, comments) = tags(&self.html);
        document.comments.extend(comments.into_iter().map(|comment| Comment {
            range: self.place(&comment.range),
            text_range: self.place(&comment.text_range),
            closed: comment.closed,
        }));
        for tag in tags {
            for attribute in &tag.attributes {
                let value = &self.html[attribute.value.clone()];
                let range = self.place(&attribute.value);
                match (tag.name.as_str(), attribute.name.as_str()) {
                    ("meta" | "input" | "select" | "textarea" | "button" | "form" | "param", "name") => {}
                    (_, "id" | "name") => document.anchors.push(Anchor { name: unescape(value), range }),
                    ("img" | "source", "srcset") => {
                        let links = candidates(value).into_iter().map(|inner| Link {
                            image: true,
                            form: LinkForm::Html,
                            destination: unescape(&value[inner.clone()]),
                            place: self.place(&(attribute.value.start + inner.start..attribute.value.start + inner.end)),
                            range: range.clone(),
                        });
                        document.links.extend(links);
                    }
                    ("a", "href") | ("img" | "source" | "video", "src") => document.links.push(Link {
                        image: tag.name != "a",
                        form: LinkForm::Html,
                        destination: unescape(value.trim()),
                        place: range.clone(),
                        range,
                    }),
                    _ => {}
                }
            }
        }
    }

    /// The texts of headings with their places. `open`: one that an earlier piece of the document has opened, or this one left
    /// open.
    pub fn headings(&self, open: &mut Option<String>) -> Vec<(String, Bytes)> {
        let html = self.html.as_str();
        let mut headings = Vec::new();
        let mut at = 0;
        loop {
            let found = html[at..].find('<').map(|found| at + found);
            if let Some(text) = open {
                text.push_str(&unescape(&html[at..found.unwrap_or(html.len())]));
            }
            let Some(start) = found else { return headings };
            let rest = &html[start + 1..];
            let closes = rest.starts_with('/');
            let name = &rest[usize::from(closes)..];
            let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len())];
            let is_heading = matches!(name.as_bytes(), [b'h' | b'H', b'1'..=b'6']);
            at = match () {
                () if rest.starts_with("!--") => comment(html, start).range.end,
                () if closes => find_from(html, start, ">"),
                () if name.is_empty() => start + 1,
                () => tag(html, start + 1).1,
            };
            if is_heading {
                let text = open.take();
                headings.extend(text.filter(|_| closes).map(|text| (text, self.place(&(start..at)))));
                *open = (!closes).then(String::new);
            }
        }
    }

    pub fn text(&self) -> &str {
        &self.html
    }

    pub fn place(&self, range: &Bytes) -> Bytes {
        let at = |offset: usize| {
            let piece = self.starts.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
            self.starts.get(piece).map_or(offset, |(start, base)| base + (offset - start))
        };
        // The end is measured from the last byte, so that a value at the end of a line stays on it.
        let start = at(range.start);
        let end = if range.is_empty() { start } else { at(range.end - 1) + 1 };
        start..end.max(start)
    }
}

/// Elements that have begun and not ended, counted by name: which of them holds which does not matter here.
#[derive(Default)]
pub(super) struct Elements {
    open: HashMap<String, usize>,
    total: usize,
}

impl Elements {
    /// Reads whole tags, or a block of them. What a browser closes by itself is never open.
    pub fn read(&mut self, html: &str) {
        const ALONE: [&str; 15] =
            ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "p", "param", "source", "track", "wbr"];
        let mut at = 0;
        while let Some(found) = html[at..].find('<') {
            let start = at + found;
            let rest = &html[start + 1..];
            if let Some(name) = rest.strip_prefix('/') {
                let name = &name[..end_of(name, 0, |c| !c.is_ascii_alphanumeric() && c != '-')];
                if let Some(count) = self.open.get_mut(&name.to_ascii_lowercase()).filter(|count| **count > 0) {
                    *count -= 1;
                    self.total -= 1;
                }
                at = find_from(html, start, ">");
            } else if rest.starts_with("!--") {
                at = comment(html, start).range.end;
            } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let (tag, end) = tag(html, start + 1);
                at = match tag.name.as_str() {
                    "script" => find_from(html, end, "</script"),
                    "style" => find_from(html, end, "</style"),
                    name if ALONE.contains(&name) => end,
                    _ => {
                        *self.open.entry(tag.name).or_default() += 1;
                        self.total += 1;
                        end
                    }
                };
            } else {
                at = start + 1;
            }
        }
    }

    pub fn is_inside(&self) -> bool {
        self.total > 0
    }
}

/// The URLs of a `srcset`: each stands at the start or behind a comma, before a width or a density.
fn candidates(value: &str) -> Vec<Bytes> {
    let mut found = Vec::new();
    let mut begins = true;
    for word in value.split_ascii_whitespace() {
        let start = word.as_ptr() as usize - value.as_ptr() as usize;
        let bare = word.trim_end_matches(',');
        if begins && !bare.is_empty() {
            found.push(start..start + bare.len());
        }
        begins = word.ends_with(',');
    }
    found
}

struct Tag {
    /// Lower case.
    name: String,
    attributes: Vec<Attribute>,
}

struct Attribute {
    /// Lower case.
    name: String,
    value: Bytes,
}

fn tags(html: &str) -> (Vec<Tag>, Vec<Comment>) {
    let (mut tags, mut comments) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(opening) = html[at..].find('<') {
        let start = at + opening;
        at = start + 1;
        if html[at..].starts_with("!--") {
            let comment = comment(html, start);
            at = comment.range.end;
            comments.push(comment);
            continue;
        }
        if !html[at..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let (tag, end) = tag(html, at);
        at = end;
        if let "script" | "style" = tag.name.as_str() {
            at = find_from(html, at, if tag.name == "script" { "</script" } else { "</style" });
        }
        tags.push(tag);
    }
    (tags, comments)
}

/// The comment whose `<!--` stands at `start`. `<!-->` and `<!--->` are whole comments.
fn comment(html: &str, start: usize) -> Comment {
    let text = start + "<!--".len();
    let end = html[start + "<!".len()..].find("-->").map(|found| start + "<!".len() + found);
    let range = start..end.map_or(html.len(), |end| end + "-->".len());
    Comment { text_range: text..end.unwrap_or(html.len()).max(text), range, closed: end.is_some() }
}

/// Past the next `needle`, or the end.
fn find_from(html: &str, from: usize, needle: &str) -> usize {
    html.get(from..).and_then(|rest| rest.find(needle)).map_or(html.len(), |found| from + found + needle.len())
}

/// The start tag whose name begins at `at`, and where it ends.
fn tag(html: &str, at: usize) -> (Tag, usize) {
    let name_end = end_of(html, at, |c| c.is_ascii_whitespace() || c == '>' || c == '/');
    let mut tag = Tag { name: html[at..name_end].to_ascii_lowercase(), attributes: Vec::new() };
    let mut at = name_end;
    loop {
        at = end_of(html, at, |c| !c.is_ascii_whitespace() && c != '/');
        if at >= html.len() {
            return (tag, at);
        }
        if html[at..].starts_with('>') {
            return (tag, at + 1);
        }
        // A name has at least one character, so that the loop always gets on.
        let first = html[at..].chars().next().map_or(1, char::len_utf8);
        let name_end = end_of(html, at + first, |c| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'));
        let name = html[at..name_end].to_ascii_lowercase();
        let equals = end_of(html, name_end, |c| !c.is_ascii_whitespace());
        if !html[equals..].starts_with('=') {
            at = name_end;
            continue;
        }
        let opening = end_of(html, equals + 1, |c| !c.is_ascii_whitespace());
        let value = match html[opening..].chars().next() {
            Some(quote @ ('"' | '\'')) => opening + 1..end_of(html, opening + 1, |c| c == quote),
            _ => opening..end_of(html, opening, |c| c.is_ascii_whitespace() || c == '>'),
        };
        at = if html[opening..].starts_with(['"', '\'']) { (value.end + 1).min(html.len()) } else { value.end };
        tag.attributes.push(Attribute { name, value });
    }
}

/// Where the first character of this sort stands from `at` on, or the end.
fn end_of(html: &str, at: usize, is: impl Fn(char) -> bool) -> usize {
    let at = at.min(html.len());
    html[at..].find(is).map_or(html.len(), |found| at + found)
}

fn unescape(value: &str) -> String {
    if !value.contains('&') {
        return value.to_owned();
    }
    value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> Vec<String> {
        let mut document = Document::default();
        let mut pieces = Pieces::default();
        pieces.push(html, 0);
        pieces.read(&mut document);
        let anchors = document.anchors.iter().map(|anchor| format!("#{} {:?}", anchor.name, &html[anchor.range.clone()]));
        anchors.chain(document.links.iter().map(|link| format!("{} {:?}", link.destination, &html[link.place.clone()]))).collect()
    }

    #[test]
    fn tags_give_links_and_ids_with_their_bytes() {
        for (html, found) in [
            ("<a href='x.md' id=top>", vec![r#"#top "top""#, r#"x.md "x.md""#]),
            ("<IMG SRC = \"a&amp;b.png\"/>", vec![r#"a&b.png "a&amp;b.png""#]),
            ("<a name=n></a><div id='d'>", vec![r#"#n "n""#, r#"#d "d""#]),
            ("<h2 name='w'>x</h2><SPAN NAME=s><meta name=m>", vec![r#"#w "w""#, r#"#s "s""#]),
            ("<!-- <a href=x> --><a href=y>", vec![r#"y "y""#]),
            ("<script>'<a href=x>'</script><a href=y>", vec![r#"y "y""#]),
            ("</a href=x> < a href=x> <a\u{e9} href=x>", vec![]),
            ("<a href", vec![]),
            ("<a href=", vec![r#" """#]),
            ("<a href='x", vec![r#"x "x""#]),
            ("<a =x ==y é=z href=w>", vec![r#"w "w""#]),
            ("<img src=a/b.png>", vec![r#"a/b.png "a/b.png""#]),
            ("<!-- open <a href=x>", vec![]),
            ("<source srcset='a.png 1x, b.png  2x'>", vec![r#"a.png "a.png""#, r#"b.png "b.png""#]),
            ("<img src=a srcset=\"data:image/png;base64,x\">", vec![r#"a "a""#, r#"data:image/png;base64,x "data:image/png;base64,x""#]),
            ("<video src=v.mp4>", vec![r#"v.mp4 "v.mp4""#]),
        ] {
            assert_eq!(read(html), found, "{html}");
        }
    }

    #[test]
    fn lines_keep_their_own_offsets() {
        let mut pieces = Pieces::default();
        pieces.push("<a\n", 2);
        pieces.push("href='x'>\n", 7);
        let mut document = Document::default();
        pieces.read(&mut document);
        assert_eq!(document.links[0].place, 13..14);
    }
}
