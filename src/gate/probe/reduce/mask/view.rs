//! Views: a text as it reads once an encoding is taken off, in which every byte knows what part of the text it came from.
//!
//! Taken off are percent-encoding, HTML references (numbers, the names of HTML 4's Latin-1 characters and of ASCII punctuation)
//! and the escapes of JSON and C together, and base64 and hex each alone. Case and blanks are taken off last, by [`Skeleton`].
//!
//! Every view costs time and memory linear in the one it was made of. Deliberately absent: octal and quoted-printable escapes,
//! other names of HTML, base32, and the groups of `uuencode`.

use std::ops::Range;

/// Bytes, and for each the range of the text that it came from.
pub(super) struct View {
    pub bytes: Vec<u8>,
    places: Vec<(usize, usize)>,
    /// A limit cut the text off behind it.
    cut: bool,
    /// Where half an escape at the cut starts in the text. It is left out of the bytes.
    pub half: Option<usize>,
}

impl View {
    /// The text itself.
    pub fn of(text: &str, cut: bool) -> View {
        View { bytes: text.as_bytes().to_vec(), places: (0..text.len()).map(|at| (at, at + 1)).collect(), cut, half: None }
    }

    fn empty(cut: bool) -> View {
        View { bytes: Vec::new(), places: Vec::new(), cut, half: None }
    }

    fn push(&mut self, bytes: &[u8], place: (usize, usize)) {
        self.bytes.extend_from_slice(bytes);
        self.places.resize(self.bytes.len(), place);
    }

    /// The range of the text that these bytes came from.
    fn place(&self, bytes: Range<usize>) -> (usize, usize) {
        match (self.places.get(bytes.start), self.places.get(bytes.end.saturating_sub(1))) {
            (Some((start, _)), Some((_, end))) => (*start, *end),
            _ => (0, 0),
        }
    }

    /// Without one layer of escapes; `None`: it has none. A line break inside an escape is left out, and so is half an escape at
    /// a cut.
    pub fn unescaped(&self) -> Option<View> {
        self.without(b"%&\\")
    }

    /// The same with its backslashes, where it has both: two that belong to different layers may stand side by side.
    pub fn unescaped_but_backslashes(&self) -> Option<View> {
        self.bytes.contains(&b'\\').then(|| self.without(b"%&")).flatten()
    }

    fn without(&self, starts: &[u8]) -> Option<View> {
        if !self.bytes.iter().any(|byte| starts.contains(byte)) {
            return None;
        }
        match self.unwrapped() {
            Some(lines) => lines.without_escapes(starts),
            None => self.without_escapes(starts),
        }
    }

    /// In one line, without the indentation of the others; `None`: it is one line.
    fn unwrapped(&self) -> Option<View> {
        let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
        if !self.bytes.iter().any(is_break) {
            return None;
        }
        let mut view = View::empty(self.cut);
        let mut starts_line = false;
        for (byte, place) in self.bytes.iter().zip(&self.places) {
            starts_line = is_break(byte) || (starts_line && matches!(byte, b' ' | b'\t'));
            if !starts_line {
                view.push(&[*byte], *place);
            }
        }
        Some(view)
    }

    fn without_escapes(&self, starts: &[u8]) -> Option<View> {
        let mut view = View::empty(self.cut);
        let mut at = 0;
        let mut found = false;
        while at < self.bytes.len() {
            let found_here = if starts.contains(&self.bytes[at]) { escape(&self.bytes[at..]) } else { Escape::No };
            match found_here {
                Escape::Is { length, bytes, used } => {
                    view.push(&bytes[..used], self.place(at..at + length));
                    at += length;
                    found = true;
                }
                Escape::Open if self.cut => {
                    found = true;
                    view.half = Some(self.places[at].0);
                    break;
                }
                Escape::Open | Escape::No => {
                    view.push(&self.bytes[at..=at], self.places[at]);
                    at += 1;
                }
            }
        }
        found.then_some(view)
    }

    /// With blanks for `+`, as forms have it; `None`: it has none.
    pub fn with_blanks(&self) -> Option<View> {
        let blank = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
        let bytes = || self.bytes.iter().map(blank).collect();
        self.bytes.contains(&b'+').then(|| View { bytes: bytes(), places: self.places.clone(), cut: self.cut, half: None })
    }

    /// What its runs of base64 hold, for each of the four characters of a group at which the encoded text may start. White
    /// space between the characters counts for nothing.
    pub fn base64_decoded(&self) -> Vec<View> {
        self.decoded(6, 9, |byte| match byte {
            b'A'..=b'Z' => Some(byte - b'A'),
            b'a'..=b'z' => Some(byte - b'a' + 26),
            b'0'..=b'9' => Some(byte - b'0' + 52),
            b'+' | b'-' => Some(62),
            b'/' | b'_' => Some(63),
            _ => None,
        })
    }

    /// What its runs of hex hold, for each of the two digits at which a byte may start.
    pub fn hex_decoded(&self) -> Vec<View> {
        self.decoded(4, 14, hex_digit)
    }

    /// `bits` of a character, and the length of the shortest run that matters.
    fn decoded(&self, bits: usize, shortest: usize, value: impl Fn(u8) -> Option<u8>) -> Vec<View> {
        let group = if bits == 6 { 4 } else { 2 };
        let mut views: Vec<View> = (0..group).map(|_| View::empty(self.cut)).collect();
        let mut run: Vec<(u8, usize)> = Vec::new();
        for at in 0..=self.bytes.len() {
            let byte = self.bytes.get(at).copied();
            if let Some(value) = byte.and_then(&value) {
                run.push((value, at));
                continue;
            }
            if byte.is_some_and(|byte| byte.is_ascii_whitespace()) {
                continue;
            }
            if run.len() >= shortest || (self.cut && byte.is_none()) {
                for (phase, view) in views.iter_mut().enumerate() {
                    self.decode_run(run.get(phase..).unwrap_or_default(), bits, view);
                    if byte.is_some() {
                        // Nothing reads on across the end of a run.
                        view.push(&[0], self.place(at..at + 1));
                    }
                }
            }
            run.clear();
        }
        views.retain(|view| !view.bytes.is_empty());
        views
    }

    fn decode_run(&self, run: &[(u8, usize)], bits: usize, view: &mut View) {
        for byte in 0..run.len() * bits / 8 {
            let (first, last) = (byte * 8 / bits, (byte * 8 + 7) / bits);
            let value = run[first..=last].iter().fold(0_u32, |value, (next, _)| (value << bits) | u32::from(*next));
            let spare = (last + 1) * bits - (byte + 1) * 8;
            view.push(&[(value >> spare) as u8], self.place(run[first].1..run[last].1 + 1));
        }
    }
}

/// A view without case, white space, `+` and backslashes, which is what needles are compared with. Characters of one letter
/// are one, whatever their case, also beyond ASCII.
pub(super) struct Skeleton {
    pub bytes: Vec<u8>,
    /// For each byte the range of the text, and how many blanks inside lines were left out before it.
    places: Vec<(usize, usize, usize)>,
    pub cut: bool,
}

impl Skeleton {
    pub fn of(view: &View) -> Skeleton {
        let mut skeleton = Skeleton { bytes: Vec::new(), places: Vec::new(), cut: view.cut };
        skeleton.bytes.reserve(view.bytes.len());
        skeleton.places.reserve(view.bytes.len());
        let (mut at, mut blanks, mut starts_line) = (0, 0, false);
        for chunk in view.bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                let bytes = at..at + c.len_utf8();
                at = bytes.end;
                match c {
                    '\n' | '\r' => starts_line = true,
                    '\\' => {}
                    _ if c == '+' || c.is_whitespace() => blanks += usize::from(!starts_line),
                    _ => {
                        starts_line = false;
                        let (start, end) = view.place(bytes);
                        fold(c, &mut skeleton.bytes);
                        skeleton.places.resize(skeleton.bytes.len(), (start, end, blanks));
                    }
                }
            }
            for _ in chunk.invalid() {
                let (start, end) = view.place(at..at + 1);
                skeleton.bytes.push(view.bytes[at]);
                skeleton.places.push((start, end, blanks));
                at += 1;
            }
        }
        skeleton
    }

    /// The range of the text behind these bytes, and how many blanks inside lines it has that they have not.
    pub fn place(&self, bytes: Range<usize>) -> (usize, usize, usize) {
        match (self.places.get(bytes.start), self.places.get(bytes.end.saturating_sub(1))) {
            (Some((start, _, before)), Some((_, end, after))) => (*start, *end, after - before),
            _ => (0, 0, 0),
        }
    }
}

/// By way of upper case: some letters have several lower ones.
fn fold(c: char, into: &mut Vec<u8>) {
    if c.is_ascii() {
        into.push(c.to_ascii_lowercase() as u8);
    } else {
        let folded = c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        folded.for_each(|c| into.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()));
    }
}

/// What a text starts with.
enum Escape {
    No,
    /// It may be one, but the text ends.
    Open,
    /// What it stands for: the first `used` bytes.
    Is {
        length: usize,
        bytes: [u8; 4],
        used: usize,
    },
}

impl Escape {
    fn byte(byte: u8, length: usize) -> Escape {
        Escape::Is { length, bytes: [byte, 0, 0, 0], used: 1 }
    }

    fn character(code: u32, length: usize) -> Escape {
        let Some(c) = char::from_u32(code) else { return Escape::No };
        let mut bytes = [0; 4];
        let used = c.encode_utf8(&mut bytes).len();
        Escape::Is { length, bytes, used }
    }
}

fn escape(text: &[u8]) -> Escape {
    match text {
        [b'%', rest @ ..] => match digits(rest, 16, 2) {
            (code, 2) => Escape::byte(code as u8, 3),
            (_, count) if count == rest.len() => Escape::Open,
            _ => Escape::No,
        },
        [b'&', rest @ ..] => reference(rest),
        [b'\\', rest @ ..] => backslash(rest),
        _ => Escape::No,
    }
}

/// The longest run of digits that is read: leading zeros are legal.
const DIGITS: usize = 10;
/// The longest name in the tables.
const LONGEST_NAME: usize = 8;

/// Behind `&`. Without its semicolon it is none: another layer may hold the rest of the number.
fn reference(text: &[u8]) -> Escape {
    let (base, start) = match text {
        [b'#', b'x' | b'X', ..] => (16, 2),
        [b'#', ..] => (10, 1),
        _ => {
            let length = text.iter().take(LONGEST_NAME + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
            return match text.get(length) {
                None if length <= LONGEST_NAME => Escape::Open,
                Some(b';') => named(&text[..length].to_ascii_lowercase()).map_or(Escape::No, |c| Escape::character(c, length + 2)),
                _ => Escape::No,
            };
        }
    };
    let (code, count) = digits(&text[start..], base, DIGITS);
    match text.get(start + count) {
        None if count < DIGITS => Escape::Open,
        Some(b';') if count > 0 => Escape::character(code, start + count + 2),
        _ => Escape::No,
    }
}

/// The character of a name in small letters.
fn named(name: &[u8]) -> Option<u32> {
    let name = std::str::from_utf8(name).ok()?;
    let ascii = PUNCTUATION.iter().find(|(known, _)| *known == name).map(|(_, c)| u32::from(*c));
    ascii.or_else(|| (0xa0..).zip(LATIN1.split_ascii_whitespace()).find(|(_, known)| *known == name).map(|(code, _)| code))
}

const PUNCTUATION: &[(&str, char)] = &[
    ("amp", '&'),
    ("apos", '\''),
    ("ast", '*'),
    ("bsol", '\\'),
    ("colon", ':'),
    ("comma", ','),
    ("commat", '@'),
    ("dollar", '$'),
    ("equals", '='),
    ("excl", '!'),
    ("grave", '`'),
    ("gt", '>'),
    ("hat", '^'),
    ("lbrace", '{'),
    ("lbrack", '['),
    ("lcub", '{'),
    ("lowbar", '_'),
    ("lpar", '('),
    ("lsqb", '['),
    ("lt", '<'),
    ("newline", '\n'),
    ("num", '#'),
    ("percnt", '%'),
    ("period", '.'),
    ("plus", '+'),
    ("quest", '?'),
    ("quot", '"'),
    ("rbrace", '}'),
    ("rbrack", ']'),
    ("rcub", '}'),
    ("rpar", ')'),
    ("rsqb", ']'),
    ("semi", ';'),
    ("sol", '/'),
    ("tab", '\t'),
    ("verbar", '|'),
    ("vert", '|'),
];

/// From U+00A0 on, in small letters: the case of a letter does not matter here.
const LATIN1: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute \
    micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest agrave aacute acirc atilde auml aring aelig ccedil egrave \
    eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml times oslash ugrave uacute ucirc uuml \
    yacute thorn szlig - - - - - - - - - - - - - - - - - - - - - - - divide - - - - - - - yuml";

/// Behind a backslash. Letters in either case, since the text may have been changed.
fn backslash(text: &[u8]) -> Escape {
    let Some(kind) = text.first() else { return Escape::Open };
    let simple = |byte| Escape::byte(byte, 2);
    match kind.to_ascii_lowercase() {
        b'u' if text.get(1) == Some(&b'{') => {
            let (code, count) = digits(&text[2..], 16, 6);
            match text.get(2 + count) {
                None => Escape::Open,
                Some(b'}') if count > 0 => Escape::character(code, count + 4),
                Some(_) => Escape::No,
            }
        }
        b'u' => match unit(text) {
            Ok(high @ 0xd800..=0xdbff) => match text.get(5..) {
                None | Some([]) => Escape::Open,
                Some([b'\\', low @ ..]) => match unit(low) {
                    Ok(low @ 0xdc00..=0xdfff) => Escape::character(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12),
                    Ok(_) => Escape::No,
                    Err(other) => other,
                },
                Some(_) => Escape::No,
            },
            Ok(code) => Escape::character(code, 6),
            Err(other) => other,
        },
        b'x' => match digits(&text[1..], 16, 2) {
            (code, 2) => Escape::byte(code as u8, 4),
            (_, count) if 1 + count == text.len() => Escape::Open,
            _ => Escape::No,
        },
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'b' => simple(8),
        b'f' => simple(12),
        same @ (b'/' | b'"' | b'\\' | b'\'') => simple(same),
        _ => Escape::No,
    }
}

/// The number behind `u`, four digits.
fn unit(text: &[u8]) -> Result<u32, Escape> {
    match text {
        [] => Err(Escape::Open),
        [b'u' | b'U', rest @ ..] => match digits(rest, 16, 4) {
            (code, 4) => Ok(code),
            (_, count) if count == rest.len() => Err(Escape::Open),
            _ => Err(Escape::No),
        },
        _ => Err(Escape::No),
    }
}

/// The number at the start of a text, and how many digits it has, at most so many.
fn digits(text: &[u8], base: u32, most: usize) -> (u32, usize) {
    let mut number = 0_u32;
    let mut count = 0;
    for byte in text.iter().take(most) {
        let Some(digit) = char::from(*byte).to_digit(base) else { break };
        // Too large for any character.
        number = number.saturating_mul(base).saturating_add(digit);
        count += 1;
    }
    (number, count)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescaped(text: &str, cut: bool) -> String {
        View::of(text, cut).unescaped().map_or_else(|| "-".to_owned(), |view| String::from_utf8_lossy(&view.bytes).into_owned())
    }

    #[test]
    fn one_layer_of_escapes_is_taken_off() {
        for (text, want) in [
            ("%41%6a%6A%4", "Ajj%4"),
            ("%25%34%31 %zz", "%41 %zz"),
            ("&amp;lt; &AMP; &LT;&#65;&#X41;&#0065;&#65 &#;", "&lt; & <AAA&#65 &#;"),
            ("&ouml;&Ouml;&szlig;&yuml;&divide;&frac34;", "\u{d6}\u{d6}\u{df}\u{ff}\u{f7}\u{be}"),
            (r#"\u00f6\U00F6\ud83d\ude00\u{1f600}\x41\/\"\\n\n"#, "\u{f6}\u{f6}\u{1f600}\u{1f600}A/\"\\n\n"),
            ("plain & 100% \\q &nope; &#; \\ud83d", "-"),
        ] {
            assert_eq!(unescaped(text, false), want, "{text}");
        }
    }

    #[test]
    fn half_an_escape_at_a_cut_is_left_out() {
        for half in
            ["%", "%4", "&", "&#", "&#x", "&#x4", "&am", "\\", "\\u", "\\u00f", "\\ud83d", "\\ud83d\\", "\\ud83d\\ude", "\\x", "\\u{1f"]
        {
            assert_eq!(unescaped(&format!("x{half}"), true), "x", "{half}");
        }
        assert_eq!(unescaped("x%4", false), "-");
    }

    #[test]
    fn a_byte_knows_its_place() {
        let view = View::of("a%C3%B6b", false).unescaped().unwrap();
        let skeleton = Skeleton::of(&view);
        assert_eq!((skeleton.bytes.as_slice(), skeleton.place(1..3)), ("a\u{f6}b".as_bytes(), (1, 7, 0)));
        let view = View::of("x: aGVs\n bG8gd29y\nbGQ=", false);
        let hello = view.base64_decoded().into_iter().find(|view| view.bytes.starts_with(b"hello")).unwrap();
        assert_eq!((hello.bytes.as_slice(), hello.place(0..11)), (&b"hello world\0"[..], (3, 21)));
        let skeleton = Skeleton::of(&View::of("A b\n  \u{1e9e}+\\c", false));
        assert_eq!((skeleton.bytes.as_slice(), skeleton.place(0..5)), (&b"abssc"[..], (0, 12, 2)));
    }
}
