//! JSON with exact places: one pass over the text gives the value and where each part of it is.
//!
//! By RFC 8259, and a key that is there twice is an error: readers disagree about which one counts. Such keys are reported,
//! [`MOST_WRONG`] at most; any other error ends the reading. Nesting is limited ([`MAX_DEPTH`]), and so are values ([`MAX_VALUES`]).
//!
//! Deliberately absent: comments, trailing commas, and writing.

use super::{
    located::{Located, MAX_DEPTH, MAX_VALUES, MOST_WRONG, Malformed, Spot, What},
    source::Source,
};
use serde_json::{Map, Number, Value, map::Entry};
use std::ops::Range;

/// Reads one value. The errors are in the order of the text and never empty.
pub fn read(source: &Source) -> Result<Located, Vec<Malformed>> {
    let mut reader = Reader { text: &source.text, at: 0, depth: 0, values: 0, duplicates: Vec::new() };
    let read = reader.document();
    match read {
        Ok(located) if reader.duplicates.is_empty() => Ok(located),
        Ok(_) => Err(reader.duplicates),
        Err(malformed) => {
            reader.duplicates.push(malformed);
            Err(reader.duplicates)
        }
    }
}

/// Room for the members of most objects.
const FEW: usize = 8;

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    values: usize,
    duplicates: Vec<Malformed>,
}

type Read<T> = Result<T, Malformed>;

impl<'t> Reader<'t> {
    fn document(&mut self) -> Read<Located> {
        if self.text.starts_with('\u{feff}') {
            return Err(Malformed::new(What::Syntax, 0..3, "the text starts with a byte order mark"));
        }
        self.space();
        if self.peek().is_none() {
            return Err(Malformed::new(What::Syntax, 0..0, "there is no value"));
        }
        let (value, spot) = self.value()?;
        self.space();
        match self.peek() {
            None => Ok(Located { value, spot }),
            Some(_) => Err(self.unexpected("the end of the text")),
        }
    }

    fn value(&mut self) -> Read<(Value, Spot)> {
        let start = self.at;
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Malformed::new(What::TooLarge, start..start + 1, format!("there are more than {MAX_VALUES} values")));
        }
        match self.peek() {
            Some(b'{') => self.nested(start, Reader::object),
            Some(b'[') => self.nested(start, Reader::array),
            Some(b'"') => {
                let text = self.string()?;
                Ok((Value::String(text), Spot::scalar(start..self.at)))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn nested(&mut self, start: usize, read: impl FnOnce(&mut Reader<'t>, usize) -> Read<(Value, Spot)>) -> Read<(Value, Spot)> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Malformed::new(What::TooDeep, start..start + 1, format!("it nests deeper than {MAX_DEPTH} levels")));
        }
        self.at += 1;
        let read = read(self, start)?;
        self.depth -= 1;
        Ok(read)
    }

    fn object(&mut self, start: usize) -> Read<(Value, Spot)> {
        let mut members = Map::with_capacity(FEW);
        let mut spots: Vec<(Range<usize>, Spot)> = Vec::new();
        self.space();
        if self.take(b'}') {
            return Ok((Value::Object(members), Spot::members(start..self.at, spots)));
        }
        loop {
            self.space();
            let key_start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let key = self.string()?;
            let key_range = key_start..self.at;
            self.space();
            if !self.take(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.space();
            let (value, spot) = self.value()?;
            match members.entry(key) {
                Entry::Vacant(member) => {
                    member.insert(value);
                    spots.push((key_range, spot));
                }
                Entry::Occupied(_) if self.duplicates.len() + 1 == MOST_WRONG => {
                    return Err(Malformed::new(What::DuplicateKey, key_range, "there are more keys that are here a second time"));
                }
                Entry::Occupied(member) => {
                    let message = format!("the key `{}` is here a second time", member.key().escape_debug());
                    self.duplicates.push(Malformed::new(What::DuplicateKey, key_range, message));
                }
            }
            self.space();
            if self.take(b'}') {
                return Ok((Value::Object(members), Spot::members(start..self.at, spots)));
            }
            if !self.take(b',') {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
    }

    fn array(&mut self, start: usize) -> Read<(Value, Spot)> {
        let (mut items, mut spots) = (Vec::new(), Vec::new());
        self.space();
        if self.take(b']') {
            return Ok((Value::Array(items), Spot::items(start..self.at, spots)));
        }
        loop {
            self.space();
            let (value, spot) = self.value()?;
            items.push(value);
            spots.push(spot);
            self.space();
            if self.take(b']') {
                return Ok((Value::Array(items), Spot::items(start..self.at, spots)));
            }
            if !self.take(b',') {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
    }

    fn string(&mut self) -> Read<String> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        let mut is_plain = true;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_plain = false;
                    end += 2;
                }
                Some(0..=0x1f) => {
                    return Err(Malformed::new(What::Syntax, end..end + 1, "a control character or line end inside a string"));
                }
                Some(_) => end += 1,
                None => return Err(Malformed::new(What::Syntax, start..start + 1, "this string does not end")),
            }
        }
        self.at = end + 1;
        if is_plain {
            return Ok(self.text[start + 1..end].to_owned());
        }
        serde_json::from_str(&self.text[start..self.at])
            .map_err(|_| Malformed::new(What::Syntax, start..self.at, "an escape in this string is not JSON's"))
    }

    fn number(&mut self) -> Read<(Value, Spot)> {
        let start = self.at;
        let length = self.text.as_bytes()[start..]
            .iter()
            .take_while(|c| matches!(c, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.' | b'_'))
            .count();
        self.at += length;
        let text = &self.text[start..self.at];
        let number: Number = serde_json::from_str(text).map_err(|_| {
            Malformed::new(What::Syntax, start..self.at, format!("`{}` is not a number as JSON writes it", text.escape_debug()))
        })?;
        Ok((Value::Number(number), Spot::scalar(start..self.at)))
    }

    fn word(&mut self) -> Read<(Value, Spot)> {
        let start = self.at;
        for (word, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)] {
            let rest = &self.text.as_bytes()[start..];
            if rest.starts_with(word.as_bytes()) && !rest.get(word.len()).is_some_and(u8::is_ascii_alphanumeric) {
                self.at += word.len();
                return Ok((value, Spot::scalar(start..self.at)));
            }
        }
        Err(self.unexpected("a value"))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn unexpected(&self, wanted: &str) -> Malformed {
        match self.text[self.at..].chars().next() {
            Some(found) => {
                let at = self.at..self.at + found.len_utf8();
                Malformed::new(What::Syntax, at, format!("`{}` is where {wanted} is needed", found.escape_debug()))
            }
            None => Malformed::new(What::Syntax, self.at..self.at, format!("the text ends where {wanted} is needed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Located, Vec<Malformed>> {
        read(&Source::new("a.json", text))
    }

    #[test]
    fn values_are_those_of_the_library_and_every_part_has_its_place() {
        let text = " {\"a/b\": [1, -2.5e3, {\"~\": \"\\u00e9\\n\"}], \"é\": {\"t\": true, \"n\": null}, \"\": []}\n";
        let read = of(text).unwrap();
        assert_eq!(read.value, serde_json::from_str::<Value>(text).unwrap());
        for (pointer, part) in [
            ("", text.trim()),
            ("/a~1b", "[1, -2.5e3, {\"~\": \"\\u00e9\\n\"}]"),
            ("/a~1b/1", "-2.5e3"),
            ("/a~1b/2/~0", "\"\\u00e9\\n\""),
            ("/é/n", "null"),
            ("/", "[]"),
            // Nothing is there: the nearest part above.
            ("/é/no/where", "{\"t\": true, \"n\": null}"),
            ("/a~1b/7", "[1, -2.5e3, {\"~\": \"\\u00e9\\n\"}]"),
        ] {
            assert_eq!(&text[read.range(pointer)], part, "{pointer}");
        }
        assert_eq!(read.key_range("/é/t").map(|at| &text[at]), Some("\"t\""));
        assert_eq!((read.key_range("/a~1b/0"), read.key_range("/é/x"), read.key_range("")), (None, None, None));
    }

    #[test]
    fn numbers_are_spelled_as_they_were_written() {
        let source = Source::new("a.json", "{\"v\": 1.10, \"e\": 1e10, \"t\": \"0752\", \"o\": {}}");
        let read = read(&source).unwrap();
        let spelled = |pointer| read.spelled(&source, pointer);
        assert_eq!((spelled("/v"), spelled("/e"), spelled("/t")), (Some("1.10"), Some("1e10"), Some("0752")));
        assert_eq!((spelled("/o"), spelled("/no")), (None, None));
    }

    #[test]
    fn malformed_texts_say_where() {
        let deep = "[".repeat(200_000);
        for (text, what, at) in [
            ("", What::Syntax, 0..0),
            ("\u{feff}{}", What::Syntax, 0..3),
            ("{\"a\": 1,}", What::Syntax, 8..9),
            ("{\"a\" 1}", What::Syntax, 5..6),
            ("{a: 1}", What::Syntax, 1..2),
            ("[1 2]", What::Syntax, 3..4),
            ("[1", What::Syntax, 2..2),
            ("[01]", What::Syntax, 1..3),
            ("[1.]", What::Syntax, 1..3),
            ("[+1]", What::Syntax, 1..2),
            ("[NaN]", What::Syntax, 1..2),
            ("nullx", What::Syntax, 0..1),
            ("1 2", What::Syntax, 2..3),
            ("[\"a]", What::Syntax, 1..2),
            ("[\"a\\", What::Syntax, 1..2),
            ("[\"a\nb\"]", What::Syntax, 3..4),
            ("[\"\\x\"]", What::Syntax, 1..5),
            ("[\"\\ud800\"]", What::Syntax, 1..9),
            ("{\"a\": 1, \"\\u0061\": 2}", What::DuplicateKey, 9..17),
            (&deep, What::TooDeep, MAX_DEPTH..MAX_DEPTH + 1),
        ] {
            let errors = of(text).unwrap_err();
            assert_eq!((errors[0].what, &errors[0].at), (what, &at), "{}: {errors:?}", &text[..text.len().min(40)]);
        }
        assert!(of(&format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))).is_ok());
        let twice = of("{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}, \"a\": 3}").unwrap_err();
        assert_eq!(twice.iter().map(|error| error.at.clone()).collect::<Vec<_>>(), [23..26, 32..35]);
    }
}
