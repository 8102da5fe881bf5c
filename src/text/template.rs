//! Templates: `{name}` placeholders in the strings of a gate file.
//!
//! `{channel}` and its like stand for a value that the caller knows, `{capture.NAME}` for something read from an earlier
//! answer, `{env.NAME}` for a variable that only the world may read, `{{` and `}}` for the braces themselves. Any other
//! brace is an error, so that a misspelt placeholder is never sent as it stands.
//!
//! Expansion has two stages. [`Template::stage`] fills in everything but `{env.NAME}` and gives a template again: braces
//! that came in with a value are doubled, so an endpoint cannot smuggle `{env.SECRET}` into a later request.
//! [`Template::expand`] gives the final text. Deliberately absent: conditions, defaults, functions.

use serde_json::Value;
use std::{fmt, ops::Range};

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// `{channel}`, `{base_url}` and their like.
    Value(String),
    /// `{env.NAME}`.
    Env(String),
    /// `{capture.NAME}`.
    Capture(String),
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slot::Value(name) => write!(f, "{{{name}}}"),
            Slot::Env(name) => write!(f, "{{env.{name}}}"),
            Slot::Capture(name) => write!(f, "{{capture.{name}}}"),
        }
    }
}

/// What is wrong with a template, and the byte range in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub at: Range<usize>,
    pub message: String,
}

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(Slot, Range<usize>),
}

impl Template {
    /// Parses a text. The names of plain placeholders are not judged here; see [`Template::allow`].
    pub fn parse(text: &str) -> Result<Template, Malformed> {
        Template::read(text, lone_brace, |_, _| true)
    }

    /// Parses an argument of a program, to which braces belong: git's `^{commit}`, `{print $1}`. Placeholders are only the names of
    /// `allowed`, and every `{env.NAME}` and `{capture.NAME}`; a name that is nearly one of them is refused, any other brace stays.
    pub fn parse_argument(text: &str, allowed: &Allowed) -> Result<Template, Malformed> {
        let is_slot = |slot: &Slot, before: Option<char>| match slot {
            _ if before == Some('^') => false,
            Slot::Value(name) => allowed.values.contains(&name.as_str()) || allowed.near(name).is_some(),
            Slot::Env(_) | Slot::Capture(_) => true,
        };
        Template::read(text, |_, _| None, is_slot)?.allow(allowed)
    }

    /// `lone`: what is wrong with a brace that belongs to no placeholder; `None`: it stays as it is. `is_slot`: whether something in
    /// braces is meant as a placeholder, by the character before it.
    fn read(
        text: &str,
        lone: impl Fn(&str, usize) -> Option<Malformed>,
        is_slot: impl Fn(&Slot, Option<char>) -> bool,
    ) -> Result<Template, Malformed> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        // Where lone braces stay, two closing ones are one only behind two opening ones.
        let mut doubled = 0usize;
        while let Some(found) = text[at..].find(['{', '}']) {
            let brace = at + found;
            plain.push_str(&text[at..brace]);
            let rest = &text[brace..];
            let slot = slot_at(rest).filter(|(slot, _)| is_slot(slot, text[..brace].chars().next_back()));
            if rest.starts_with("{{") {
                doubled += 1;
                plain.push('{');
                at = brace + 2;
            } else if rest.starts_with("}}") && (doubled > 0 || lone(rest, brace).is_some()) {
                doubled = doubled.saturating_sub(1);
                plain.push('}');
                at = brace + 2;
            } else if let Some((slot, length)) = slot {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Slot(slot, brace..brace + length));
                at = brace + length;
            } else if let Some(malformed) = lone(rest, brace) {
                return Err(malformed);
            } else {
                plain.push_str(&rest[..1]);
                at = brace + 1;
            }
        }
        plain.push_str(&text[at..]);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Template { pieces })
    }

    /// Refuses every placeholder that `allowed` does not know.
    pub fn allow(self, allowed: &Allowed) -> Result<Template, Malformed> {
        for (slot, at) in self.slots() {
            if let Err(message) = allowed.check(slot) {
                return Err(Malformed { at: at.clone(), message });
            }
        }
        Ok(self)
    }

    /// The placeholders in order, with their byte ranges in the template's text.
    pub fn slots(&self) -> impl Iterator<Item = (&Slot, &Range<usize>)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Slot(slot, at) => Some((slot, at)),
            Piece::Text(_) => None,
        })
    }

    /// The final text. `Err`: the first placeholder for which `value` knows nothing.
    pub fn expand(&self, mut value: impl FnMut(&Slot) -> Option<String>) -> Result<String, Slot> {
        self.pieces.iter().try_fold(String::new(), |text, piece| {
            Ok(text
                + &match piece {
                    Piece::Text(plain) => plain.clone(),
                    Piece::Slot(slot, _) => value(slot).ok_or_else(|| slot.clone())?,
                })
        })
    }

    /// Everything but `{env.NAME}` filled in; the result is itself a template whose only placeholders are those.
    pub fn stage(&self, mut value: impl FnMut(&Slot) -> Option<String>) -> Result<String, Slot> {
        self.pieces.iter().try_fold(String::new(), |text, piece| {
            Ok(text
                + &match piece {
                    Piece::Text(plain) => escape(plain),
                    Piece::Slot(slot @ Slot::Env(_), _) => slot.to_string(),
                    Piece::Slot(slot, _) => escape(&value(slot).ok_or_else(|| slot.clone())?),
                })
        })
    }
}

/// The placeholders that a place in the configuration may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed<'a> {
    pub values: &'a [&'a str],
    pub env: bool,
    /// The captures that are known at this place.
    pub captures: &'a [String],
}

/// The plain placeholders of every gate string.
pub const VALUES: &[&str] = &["base_url", "channel", "package", "version", "commit"];

impl Allowed<'_> {
    /// The placeholder that a name most likely means.
    fn near(&self, name: &str) -> Option<&str> {
        let near = self.values.iter().map(|value| (strsim::damerau_levenshtein(value, name), value)).min();
        near.filter(|(distance, _)| *distance <= 2).map(|(_, value)| *value)
    }

    fn check(&self, slot: &Slot) -> Result<(), String> {
        let known = match slot {
            Slot::Value(name) => self.values.contains(&name.as_str()),
            Slot::Env(_) => self.env,
            Slot::Capture(name) => self.captures.contains(name),
        };
        if known {
            return Ok(());
        }
        Err(match slot {
            Slot::Value(name) => {
                let hint = self.near(name).map(|value| format!("; did you mean `{{{value}}}`?"));
                format!("unknown placeholder `{slot}`{} (a brace that stands for itself is doubled)", hint.unwrap_or_default())
            }
            Slot::Env(_) => format!("`{slot}` is not filled in here"),
            Slot::Capture(name) => format!("no earlier request captures `{name}`"),
        })
    }
}

/// Fills in `{env.NAME}`: the last stage, just before a request is sent. `Err`: the name of a variable that is not set, or
/// an empty string where the text is no template.
pub fn fill_env(text: &str, mut variable: impl FnMut(&str) -> Option<String>) -> Result<String, String> {
    let template = Template::parse(text).map_err(|_| String::new())?;
    let filled = template.expand(|slot| match slot {
        Slot::Env(name) => variable(name),
        Slot::Value(_) | Slot::Capture(_) => None,
    });
    filled.map_err(|slot| match slot {
        Slot::Env(name) => name,
        Slot::Value(_) | Slot::Capture(_) => String::new(),
    })
}

/// Rewrites every string value of a JSON value (never a key), at any depth.
pub fn map_strings<E>(value: &mut Value, mut rewrite: impl FnMut(&str) -> Result<String, E>) -> Result<(), E> {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => *text = rewrite(text)?,
            Value::Array(items) => open.extend(items.iter_mut()),
            Value::Object(fields) => open.extend(fields.values_mut()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(())
}

/// Doubles every brace.
fn escape(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// The placeholder at the start of `text`, with its length in bytes.
pub(super) fn slot_at(text: &str) -> Option<(Slot, usize)> {
    let inner = text.strip_prefix('{')?;
    let inner = &inner[..inner.find('}')?];
    let slot = match inner.split_once('.') {
        Some(("env", name)) if is_name(name) => Slot::Env(name.to_owned()),
        Some(("capture", name)) if is_name(name) => Slot::Capture(name.to_owned()),
        None if is_name(inner) => Slot::Value(inner.to_owned()),
        _ => return None,
    };
    Some((slot, inner.len() + 2))
}

/// Whether a text may name a variable or a capture.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn lone_brace(rest: &str, at: usize) -> Option<Malformed> {
    let end = rest.find('}').filter(|_| rest.starts_with('{')).map_or(1, |end| end + 1);
    let message = if end > 1 {
        format!("`{}` is no placeholder; a brace that stands for itself is doubled", &rest[..end])
    } else {
        format!("a lone `{}`; a brace that stands for itself is doubled", &rest[..1])
    };
    Some(Malformed { at: at..at + end, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(slot: &Slot) -> Option<String> {
        match slot {
            Slot::Value(name) if name == "channel" => Some("staging".to_owned()),
            Slot::Capture(name) if name == "ID" => Some("{env.KEY}".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn texts_expand() {
        for (text, want) in [
            ("", ""),
            ("plain", "plain"),
            ("{channel}", "staging"),
            ("a{channel}{channel}z", "astagingstagingz"),
            ("{{channel}}", "{channel}"),
            ("{{{channel}}}", "{staging}"),
            ("é{channel}", "éstaging"),
        ] {
            assert_eq!(Template::parse(text).unwrap().expand(values).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn malformed_texts_give_their_place() {
        for (text, at) in
            [("a{", 1..2), ("a}", 1..2), ("a{b c}", 1..6), ("{}", 0..2), ("{env.}", 0..6), ("{env.A-B}", 0..9), ("${x.y}", 1..6)]
        {
            assert_eq!(Template::parse(text).unwrap_err().at, at, "{text}");
        }
    }

    #[test]
    fn only_allowed_placeholders_pass() {
        let allowed = Allowed { values: VALUES, env: false, captures: &["ID".to_owned()] };
        for (text, message) in [
            ("x{chanel}", Some("did you mean `{channel}`?")),
            ("x{nonsense}", Some("unknown placeholder `{nonsense}`")),
            ("x{env.KEY}", Some("not filled in here")),
            ("x{capture.NO}", Some("no earlier request captures `NO`")),
            ("{channel}{capture.ID}{base_url}", None),
        ] {
            let result = Template::parse(text).unwrap().allow(&allowed);
            match message {
                Some(message) => {
                    let malformed = result.unwrap_err();
                    assert!(malformed.message.contains(message), "{malformed:?}");
                    assert_eq!(malformed.at, 1..text.len());
                }
                None => assert!(result.is_ok()),
            }
        }
    }

    #[test]
    fn braces_of_programs_are_left_alone() {
        let allowed = Allowed { values: VALUES, env: false, captures: &[] };
        for (text, want) in [
            ("v1^{commit}", "v1^{commit}"),
            ("$dep^{commit}", "$dep^{commit}"),
            ("$dep^{tree}", "$dep^{tree}"),
            ("HEAD@{1}", "HEAD@{1}"),
            ("stash@{upstream}", "stash@{upstream}"),
            ("{channel}", "staging"),
            ("{channel}^{commit}", "staging^{commit}"),
            ("{print $1}", "{print $1}"),
            ("{print}", "{print}"),
            ("{if (x) {y}}", "{if (x) {y}}"),
            ("BEGIN{if(x){y}}{{channel}}", "BEGIN{if(x){y}}{channel}"),
            ("{{channel}}", "{channel}"),
            ("{}", "{}"),
            ("a{", "a{"),
        ] {
            assert_eq!(Template::parse_argument(text, &allowed).unwrap().expand(values).as_deref(), Ok(want), "{text}");
        }
        for (text, message) in [
            ("{chanel}", "did you mean `{channel}`?"),
            ("{env.KEY}", "not filled in here"),
            ("{capture.ID}", "no earlier request captures `ID`"),
        ] {
            let malformed = Template::parse_argument(text, &allowed).unwrap_err();
            assert!(malformed.message.contains(message), "{malformed:?}");
            assert_eq!(malformed.at, 0..text.len());
        }
    }

    #[test]
    fn a_value_cannot_bring_in_a_variable() {
        let staged = Template::parse("{{a}} {channel} {env.KEY} {capture.ID}").unwrap().stage(values).unwrap();
        assert_eq!(staged, "{{a}} staging {env.KEY} {{env.KEY}}");
        let filled = fill_env(&staged, |name| (name == "KEY").then(|| "{env.KEY}".to_owned())).unwrap();
        assert_eq!(filled, "{a} staging {env.KEY} {env.KEY}", "the value of a variable is not looked at again");
        assert_eq!(fill_env("{env.OTHER}", |_| None), Err("OTHER".to_owned()));
        assert_eq!(fill_env("{channel}", |_| Some(String::new())), Err(String::new()));
    }

    #[test]
    fn json_is_rewritten_inside_strings_only() {
        let mut value = serde_json::json!({"{channel}": [1, true, null, {"a": "x-{channel}"}]});
        map_strings(&mut value, |text| Template::parse(text).unwrap().expand(values)).unwrap();
        assert_eq!(value, serde_json::json!({"{channel}": [1, true, null, {"a": "x-staging"}]}));
    }
}
