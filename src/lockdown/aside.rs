//! What stands beside the page: values of the metadata, and comments. Their text is read for references like that of the page.
//!
//! Keys name nothing. A `#312` behind a blank starts a comment for YAML, but whoever writes `pr: #312` means the pull request,
//! so it is read; a comment that has its line to itself is read without its signs, so that `#1 first` names nothing. Colours
//! are no pull requests. In other documents than protocol documents a link of the metadata is not judged, since the page that
//! shows it may be another one ([`super::grade`]).
//!
//! Comments are read in protocol documents only, where a name that is wrong misleads the next writer. Elsewhere they hold
//! templates, and text that was disabled because it no longer holds; a finding there would help nobody. The same goes for
//! lines of metadata that are comments. Markers are orders, not text ([`super::marker`]). Code blocks,
//! definitions and HTML inside of a comment say nothing, nor does what stands beside the page claim how many gates there are or what
//! became of a pull request: nobody sees it there who could be misled.

use super::{
    extract::{self, Claim},
    marker,
};
use crate::text::{
    markdown::{self, Bytes, Document, LinkForm},
    source::Source,
};

#[derive(Debug, Default)]
pub struct Aside {
    /// Texts, code spans and links of it, and nothing else.
    pub document: Document,
    /// Values that are paths as they stand.
    pub paths: Vec<Claim>,
    /// What is read together, in the order of the text: a value with its key, a comment.
    pub parts: Vec<Bytes>,
}

/// `None`: nothing stands beside the page.
pub fn read(source: &Source, document: &Document, strict: bool) -> Option<Aside> {
    if document.front_matter.is_none() && (!strict || document.comments.is_empty()) {
        return None;
    }
    let text = source.text.as_str();
    let mut aside = Aside::default();
    if let Some(range) = &document.front_matter {
        aside.document.front_matter = Some(range.clone());
        for value in values(text, range, strict) {
            aside.paths.extend(value.lines.iter().flat_map(|line| extract::value(text, line)));
            aside.push(text, value.part, &value.lines);
        }
    }
    if strict {
        let said = |range: &Bytes| text.get(range.clone()).unwrap_or_default();
        let comments = document.comments.iter().map(|comment| &comment.text_range);
        for range in comments.filter(|range| !marker::is_marker(said(range))) {
            let lines: Vec<Bytes> = lines(text, range).flat_map(|line| openings(text, line)).collect();
            aside.push(text, range.clone(), &lines);
        }
        let page = document.front_matter.as_ref().map_or(0, |metadata| metadata.end);
        aside.document.links.retain(|link| link.form != LinkForm::Html || link.range.start < page);
    }
    (!aside.parts.is_empty()).then_some(aside)
}

impl Aside {
    fn push(&mut self, text: &str, part: Bytes, lines: &[Bytes]) {
        let marked = |line: &Bytes| text.as_bytes()[line.clone()].iter().any(|byte| b"`[<&*_~\\".contains(byte));
        if lines.iter().any(marked) {
            let read = markdown::parse_lines(text, lines);
            self.document.texts.extend(read.texts);
            self.document.codes.extend(read.codes);
            self.document.links.extend(read.links);
        } else {
            self.document.texts.extend(lines.iter().filter(|line| !line.is_empty()).cloned());
        }
        self.parts.push(part);
    }
}

/// The lines of a range, without their ends.
fn lines<'t>(text: &'t str, range: &Bytes) -> impl Iterator<Item = Bytes> + use<'t> {
    let mut at = range.start;
    text[range.clone()].split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        start..start + line.trim_end_matches(['\n', '\r']).len()
    })
}

/// A line of a comment without what opens further comments, which none of them are, and without the marks of a quote.
fn openings(text: &str, line: Bytes) -> impl Iterator<Item = Bytes> + use<'_> {
    let mut at = line.start;
    text[line].split("<!--").map(move |part| {
        let start = at;
        at += part.len() + "<!--".len();
        trimmed(text, &(start..start + part.len()), &[' ', '\t', '>'])
    })
}

/// Without blanks behind and these characters before it.
fn trimmed(text: &str, range: &Bytes, before: &[char]) -> Bytes {
    let whole = &text[range.clone()];
    let kept = whole.trim_end();
    let start = kept.len() - kept.trim_start_matches(before).len();
    range.start + start..range.start + kept.len()
}

/// One value of the metadata.
#[derive(Debug)]
struct Value {
    /// With its key.
    part: Bytes,
    lines: Vec<Bytes>,
}

/// Values, each with the lines that go on with it, and where they are asked for the comments that have their line to
/// themselves.
fn values(text: &str, range: &Bytes, comments: bool) -> Vec<Value> {
    let toml = text[range.clone()].starts_with('+');
    let mut values: Vec<Value> = Vec::new();
    let mut open: Option<Open> = None;
    let inner: Vec<Bytes> = lines(text, range).collect();
    for whole in inner.iter().skip(1).take(inner.len().saturating_sub(2)) {
        let line = trimmed(text, whole, &[' ', '\t']);
        let said = &text[line.clone()];
        if said.is_empty() {
            continue;
        }
        let indent = line.start - whole.start;
        if let (Some(state), Some(value)) = (&open, values.last_mut())
            && state.goes_on(indent, said)
        {
            open = open.filter(|state| !state.ends_at(said));
            value.part.end = line.end;
            value.lines.push(line);
            continue;
        }
        open = None;
        if said.starts_with('#') {
            if comments {
                let comment = trimmed(text, &line, &['#', ' ', '\t']);
                values.push(Value { part: comment.clone(), lines: vec![comment] });
            }
            continue;
        }
        let (key, value, indent) = if toml { toml_value(said) } else { yaml_value(said, indent) };
        let first = line.start + (said.len() - value.len())..line.end;
        open = Open::of(value, indent, toml);
        let lines = if open.as_ref().is_some_and(|open| open.block) || is_colour(key, value) { Vec::new() } else { vec![first] };
        values.push(Value { part: line, lines });
    }
    values.retain(|value| value.lines.iter().any(|line| !line.is_empty()));
    values
}

/// A value that further lines may go on with.
struct Open {
    /// How far in its key stands; what stands further in goes on with it.
    indent: usize,
    /// Its text starts on the next line.
    block: bool,
    /// What ends it, in TOML.
    end: Option<&'static str>,
}

impl Open {
    fn of(value: &str, indent: usize, toml: bool) -> Option<Open> {
        let end = ["\"\"\"", "'''"].into_iter().find(|end| toml && value.starts_with(end) && value.matches(end).count() == 1);
        let header = value.strip_prefix(['|', '>']).map(|rest| rest.trim_start_matches(|c: char| "+-".contains(c) || c.is_ascii_digit()));
        let block = header.is_some_and(|rest| rest.trim().is_empty() || rest.starts_with(' ') && rest.trim().starts_with('#'));
        (end.is_some() || !toml && !value.is_empty()).then_some(Open { indent, block: block && !toml, end })
    }

    fn goes_on(&self, indent: usize, line: &str) -> bool {
        self.end.is_some() || indent > self.indent && (self.block || !line.starts_with('#'))
    }

    fn ends_at(&self, line: &str) -> bool {
        self.end.is_some_and(|end| line.contains(end))
    }
}

/// The key and the value of a line, and how far in the key stands.
fn yaml_value(line: &str, indent: usize) -> (&str, &str, usize) {
    let mut rest = line;
    // An item, and items of items.
    while let Some(item) = rest.strip_prefix('-').filter(|item| item.is_empty() || item.starts_with([' ', '\t'])) {
        rest = item.trim_start();
    }
    let indent = indent + (line.len() - rest.len());
    let key_end = match rest.chars().next() {
        Some('[' | '{' | '`' | '|' | '>' | '&' | '!' | '#') => None,
        Some(quote @ ('"' | '\'')) => rest[1..].find(quote).map(|end| end + 2).filter(|end| rest[*end..].starts_with(':')),
        _ => rest.find(": ").or_else(|| rest.ends_with(':').then(|| rest.len() - 1)).or_else(|| rest.find(":\t")),
    };
    match key_end.filter(|end| rest.get(end + 1..).is_some_and(|value| value.is_empty() || value.starts_with([' ', '\t']))) {
        Some(end) => (&rest[..end], rest[end + 1..].trim_start(), indent),
        // What goes on with an item stands further in than its mark.
        None => ("", rest, indent.saturating_sub(usize::from(rest.len() < line.len()))),
    }
}

/// The same for TOML. The name of a table has no value.
fn toml_value(line: &str) -> (&str, &str, usize) {
    let lawful = |key: &str| key.chars().all(|c| c.is_alphanumeric() || "_-. \t\"'".contains(c));
    match line.split_once('=') {
        Some((key, value)) if lawful(key) && !line.starts_with(['"', '\'']) => (key.trim_end(), value.trim_start(), 0),
        _ if line.starts_with('[') && line.ends_with(']') && !line.contains(['"', '\'', '#']) => ("", "", 0),
        _ => ("", line, 0),
    }
}

const COLOURS: &[&str] = &["accent", "background", "border", "color", "colour", "fill", "foreground", "hex", "stroke", "theme", "tint"];

/// `color: "#112233"`
fn is_colour(key: &str, value: &str) -> bool {
    let digits = value.trim_matches(['"', '\'']).strip_prefix('#');
    let hex = digits.is_some_and(|digits| (3..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex && COLOURS.iter().any(|word| key.to_lowercase().contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(front: &str) -> Vec<String> {
        let text = format!("{front}\n");
        let values = values(&text, &(0..text.len()), true);
        let lines = |value: &Value| value.lines.iter().map(|line| text[line.clone()].to_owned()).collect::<Vec<_>>().join(" / ");
        values.iter().map(|value| format!("{} <- {}", lines(value), text[value.part.clone()].lines().next().unwrap())).collect()
    }

    #[test]
    fn values_are_told_from_keys() {
        for (front, expected) in [
            ("---\na: b\n'c: d': e\n\"f\":\tg\nh i: j: k\n---", vec!["b <- a: b", "e <- 'c: d': e", "g <- \"f\":\tg", "j: k <- h i: j: k"]),
            ("---\na:\n- b\n-  - c: d\n      e\n-f\n---", vec!["b <- - b", "d / e <- -  - c: d", "-f <- -f"]),
            ("---\na: |+2 # x\nb: >\n c: d\n\n  # e\nf: > g\n h: i\n---", vec!["c: d / # e <- b: >", "> g / h: i <- f: > g"]),
            ("---\na: b\n # c\n  d\n## e\n---", vec!["b <- a: b", "c <- c", "d <- d", "e <- e"]),
            ("---\n{a: b}\n`c`: d\ne:f\ng:\n\n---", vec!["{a: b} <- {a: b}", "`c`: d <- `c`: d", "e:f <- e:f"]),
            (
                "+++\na = 'b'\n[c.d]\n[[e]]\nf.g = [\n 'h=i', # j\n]\n'k' = l\n+++",
                vec!["'b' <- a = 'b'", "[ <- f.g = [", "'h=i', # j <- 'h=i', # j", "] <- ]", "'k' = l <- 'k' = l"],
            ),
            (
                "+++\na = \"\"\"b\nc = d\n# e\n\"\"\"\nf = '''g'''\nh = i\n+++",
                vec!["\"\"\"b / c = d / # e / \"\"\" <- a = \"\"\"b", "'''g''' <- f = '''g'''", "i <- h = i"],
            ),
            (
                "---\ncolor: '#123'\nmyTint: #abcdef\ncolor: see #12\nnumber: #123\n---",
                vec!["see #12 <- color: see #12", "#123 <- number: #123"],
            ),
        ] {
            assert_eq!(told(front), expected, "{front}");
        }
    }

    proptest::proptest! {
        #[test]
        fn all_that_is_read_lies_in_its_part(
            front in "(---\n|\\+\\+\\+\n)?([a\u{e9}: \t#|>`'\"=\\[\\](){},<!-]|: |\n){0,40}(\n---\n|\n\\+\\+\\+\n)?",
            rest in "(<!--|-->|[>a\u{e9} `\\[\\]()/.#1|*_-]|\r?\n|> |~~~|\\]\\(){0,60}",
        ) {
            let source = Source::new("a.md", front + &rest);
            let document = markdown::parse(&source.text);
            for strict in [true, false] {
                let Some(aside) = read(&source, &document, strict) else { continue };
                proptest::prop_assert!(aside.parts.is_sorted_by_key(|part| part.start));
                proptest::prop_assert!(aside.document.texts.is_sorted_by_key(|text| text.start));
                let links = aside.document.links.iter().map(|link| &link.place);
                let codes = aside.document.codes.iter().map(|code| &code.content);
                for range in aside.document.texts.iter().chain(links).chain(codes).chain(aside.paths.iter().map(|path| &path.range)) {
                    proptest::prop_assert!(source.text.get(range.clone()).is_some(), "{range:?}");
                    proptest::prop_assert!(aside.parts.iter().any(|part| part.start <= range.start && range.end <= part.end), "{range:?}");
                }
            }
        }
    }
}
