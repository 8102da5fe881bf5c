//! A strict reader of small XML, so that reports are read by something that did not write them. What XML 1.0 does not allow is
//! an error; document types, namespaces and comments are not read at all.

/// A start tag with its attributes, or the text between tags, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Open { name: String, attributes: Vec<(String, String)> },
    Close(String),
    Text(String),
}

/// The items of a whole document with exactly one root.
pub fn parse(text: &str) -> Result<Vec<Item>, String> {
    if let Some(c) = text.chars().find(|c| !matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)) {
        return Err(format!("the character {c:?} is not allowed"));
    }
    let mut rest = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").ok_or("no declaration")?;
    let (mut items, mut open): (Vec<Item>, Vec<String>) = (Vec::new(), Vec::new());
    let mut roots = 0;
    while !rest.is_empty() {
        let Some(tag) = rest.strip_prefix('<') else {
            let end = rest.find('<').unwrap_or(rest.len());
            let text = unescape(&rest[..end])?;
            if open.is_empty() && !text.trim().is_empty() {
                return Err(format!("text outside of the root: {text}"));
            }
            items.push(Item::Text(text));
            rest = &rest[end..];
            continue;
        };
        let end = tag.find('>').ok_or("a tag without an end")?;
        let (inside, after) = (&tag[..end], &tag[end + 1..]);
        rest = after;
        if let Some(name) = inside.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("</{name}> closes what is not open"));
            }
            items.push(Item::Close(name.to_owned()));
            continue;
        }
        let (inside, closed) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let (name, attributes) = start_tag(inside)?;
        roots += usize::from(open.is_empty());
        items.push(Item::Open { name: name.clone(), attributes });
        if closed { items.push(Item::Close(name)) } else { open.push(name) }
    }
    match (open.as_slice(), roots) {
        ([], 1) => Ok(items),
        (open, roots) => Err(format!("{roots} roots, open at the end: {open:?}")),
    }
}

/// Name and attributes. `>` inside a value is refused, although XML would allow it.
fn start_tag(inside: &str) -> Result<(String, Vec<(String, String)>), String> {
    let lawful = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let (name, mut rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    if !lawful(name) {
        return Err(format!("`{name}` is no name"));
    }
    let mut attributes: Vec<(String, String)> = Vec::new();
    while !rest.trim_start().is_empty() {
        let (key, value) = rest.trim_start().split_once("=\"").ok_or_else(|| format!("no attribute: {rest}"))?;
        let (value, after) = value.split_once('"').ok_or_else(|| format!("an open value: {rest}"))?;
        if !lawful(key) || attributes.iter().any(|(known, _)| known == key) || value.contains('<') {
            return Err(format!("a wrong attribute: {key}"));
        }
        attributes.push((key.to_owned(), unescape(value)?));
        rest = after;
    }
    Ok((name.to_owned(), attributes))
}

fn unescape(text: &str) -> Result<String, String> {
    if text.contains("]]>") {
        return Err("`]]>` in text".to_owned());
    }
    let mut plain = String::new();
    let mut parts = text.split('&');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (entity, after) = part.split_once(';').ok_or_else(|| format!("a bare `&`: {part}"))?;
        plain.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            number => number
                .strip_prefix("#x")
                .map_or_else(|| number.strip_prefix('#')?.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok())
                .and_then(char::from_u32)
                .ok_or_else(|| format!("an unknown entity: {entity}"))?,
        });
        plain.push_str(after);
    }
    Ok(plain)
}
