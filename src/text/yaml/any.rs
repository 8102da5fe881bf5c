//! A YAML document of any shape, with the place of every part.
//!
//! Lists and mappings have the place where they start; scalars and keys their whole text.

use super::Spanned;
use crate::text::located::{Located, Spot};
use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use std::{fmt, ops::Range};

pub(super) struct Node(Spanned<Part>);

enum Part {
    Scalar(Value),
    Items(Vec<Node>),
    Members(IndexMap<Spanned<String>, Node>),
}

impl Node {
    /// The tree is as deep as the budget of the parser allows, which is not deep.
    pub(super) fn located(self) -> Located {
        let (value, spot) = self.split();
        Located { value, spot }
    }

    fn split(self) -> (Value, Spot) {
        let span = self.0.span;
        match self.0.value {
            Part::Scalar(value) => (value, Spot::scalar(span)),
            Part::Items(items) => {
                let (values, spots) = items.into_iter().map(Node::split).unzip();
                (Value::Array(values), Spot::items(span, spots))
            }
            Part::Members(members) => {
                let mut values = Map::new();
                let mut spots: Vec<(Range<usize>, Spot)> = Vec::new();
                for (key, node) in members {
                    let (value, spot) = node.split();
                    spots.push((key.span, spot));
                    values.insert(key.value, value);
                }
                (Value::Object(values), Spot::members(span, spots))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        Spanned::deserialize(deserializer).map(Node)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Part, D::Error> {
        deserializer.deserialize_any(AnyPart)
    }
}

struct AnyPart;

impl<'de> Visitor<'de> for AnyPart {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Part, E> {
        Ok(Part::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Part, E> {
        Ok(Part::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Part, E> {
        Ok(Part::Scalar(value.into()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Part, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Part, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Part, E> {
        Number::from_f64(value).map(|number| Part::Scalar(Value::Number(number))).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Part, E> {
        Ok(Part::Scalar(Value::String(value.to_owned())))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Part, E> {
        Ok(Part::Scalar(Value::String(value)))
    }

    fn visit_unit<E: Error>(self) -> Result<Part, E> {
        Ok(Part::Scalar(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Part, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Part, D::Error> {
        Part::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Part, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Part::Items(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Part, A::Error> {
        let mut nodes = IndexMap::new();
        while let Some((key, node)) = members.next_entry::<Spanned<String>, Node>()? {
            nodes.insert(key, node);
        }
        Ok(Part::Members(nodes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::located;
    use crate::text::source::Source;
    use serde_json::json;

    #[test]
    fn values_have_places_and_spellings() {
        let text = "---\nversion: 1.10\nzip: 0752\nhash: 1e10\nanswer: no\nn: null\nlist:\n  - {a: 'x'}\n  - true\n1.10: key\n---\n";
        let text = &text[..text.len() - 4];
        let source = Source::new("a.yaml", text);
        let read = located(&source).unwrap();
        assert_eq!(read.value["list"], json!([{ "a": "x" }, true]));
        assert_eq!((&read.value["answer"], &read.value["n"]), (&json!("no"), &json!(null)));
        for (pointer, spelled) in [
            ("/version", Some("1.10")),
            ("/zip", Some("0752")),
            ("/hash", Some("1e10")),
            ("/answer", Some("no")),
            ("/n", None),
            ("/1.10", Some("key")),
        ] {
            assert_eq!(read.spelled(&source, pointer), spelled, "{pointer}");
        }
        assert_eq!(&text[read.range("/list/0/a")], "'x'");
        assert_eq!(read.key_range("/list").map(|at| &text[at]), Some("list"));
    }

    #[test]
    fn what_is_not_finite_or_twice_is_refused() {
        for (text, code) in [("a: .inf\n", "config/syntax"), ("a: 1\na: 2\n", "config/duplicate-key"), ("a: !x y\n", "config/tag")] {
            let finding = located(&Source::new("a.yaml", text)).unwrap_err();
            assert_eq!(finding.code, code, "{finding:?}");
        }
    }
}
