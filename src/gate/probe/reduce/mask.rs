//! Masks: known secret values, taken out of every text before it is recorded.
//!
//! A secret is found in any letter case and with line breaks (from eight characters on: blanks too) between its characters: as
//! it is; with the escapes of URLs and forms, of HTML, of JSON and C, on all of its characters or on some ([`view`] lists them);
//! in hex; in base64 of both alphabets, wherever in the encoded bytes it starts; and in these encodings one inside another,
//! [`LAYERS`] deep. Where a text was cut by a limit, what may be the beginning of a secret is taken off its end.
//!
//! Every layer is taken off the whole text once and one automaton looks for all secrets together, so that the time grows with
//! the text and hardly with the number of secrets. A text in which that would still take too long is masked as a whole.
//!
//! What is not found: a secret that was compressed, encrypted, reversed, split by other text than white space, or cut by
//! somebody else; an encoding that [`view`] does not know; base64 whose case was changed, unless the value alone was encoded;
//! anything shorter than four bytes besides blanks, `+` and backslashes, and in hex or base64 among other text anything
//! shorter than seven. Secrets that nobody named are the business of [`super::secrets`].

mod view;

use super::secrets;
use crate::gate::probe::Unavailable;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::{Engine as _, alphabet, engine};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};
use view::{Skeleton, View};

/// What stands where a secret stood.
pub const MASKED: &str = "[masked]";

/// The shortest secret that is masked, in bytes.
const SHORTEST: usize = 4;
/// Encodings in which a short secret would hit innocent text are looked for from this length on, in bytes.
const ENCODED_FROM: usize = 7;
/// Blanks that stand between its characters do not hide a secret of this length or more, in bytes.
const SPACED_FROM: usize = 8;
/// Lines of a secret with several lines count as secrets from this length on.
const LINE_FROM: usize = 16;
/// How many layers of encoding are taken off. Two, and two for what looks like an escape in the secret itself.
const LAYERS: u32 = 4;
/// How many bytes of views are looked at for one byte of a text.
const EFFORT: usize = 64;

/// A set of secret values. Has no `Debug` and no way to read a value back. Cheap to clone.
#[derive(Clone, Default)]
pub struct Masks {
    secrets: Arc<BTreeSet<String>>,
    /// Made when the first text is looked at.
    matcher: Arc<OnceLock<Matcher>>,
}

impl Masks {
    pub fn new(values: impl IntoIterator<Item = impl AsRef<str>>) -> Masks {
        let mut all = BTreeSet::new();
        for secret in values {
            let secret = secret.as_ref();
            all.insert(secret.to_owned());
            all.insert(secret.trim().to_owned());
            all.extend(secrets::of_address(secret).map(str::to_owned));
            if secret.trim().contains('\n') {
                all.extend(secret.lines().map(str::trim).filter(|line| line.len() >= LINE_FROM).map(str::to_owned));
            }
        }
        all.retain(|secret| secret.len() >= SHORTEST);
        Masks { secrets: Arc::new(all), matcher: Arc::default() }
    }

    /// The secrets of both sets.
    #[must_use]
    pub fn and(&self, other: &Masks) -> Masks {
        if other.secrets.is_subset(&self.secrets) {
            return self.clone();
        }
        Masks { secrets: Arc::new(self.secrets.union(&other.secrets).cloned().collect()), matcher: Arc::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The text without the secrets.
    pub fn mask(&self, text: &str) -> String {
        self.replaced(text, false)
    }

    /// The text without the secrets, of one that a limit cut off at its end.
    pub fn mask_cut(&self, text: &str) -> String {
        self.replaced(text, true)
    }

    fn replaced(&self, text: &str, cut: bool) -> String {
        if self.is_empty() || (text.len() < SHORTEST && !cut) {
            return text.to_owned();
        }
        let mut hits = self.matcher.get_or_init(|| Matcher::new(&self.secrets)).hits(text, cut);
        hits.sort_unstable();
        let mut masked = String::with_capacity(text.len());
        let mut at = 0;
        let mut hits = hits.into_iter().peekable();
        while let Some((start, mut end)) = hits.next() {
            while let Some((_, further)) = hits.next_if(|(next, _)| *next <= end) {
                end = end.max(further);
            }
            masked.push_str(&text[at..start]);
            masked.push_str(MASKED);
            at = end;
        }
        masked.push_str(&text[at..]);
        masked
    }

    /// Masks the strings, the keys and the numbers of a JSON value, at any depth.
    pub fn mask_json(&self, value: &mut Value) {
        if self.is_empty() {
            return;
        }
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => *text = self.mask(text),
                Value::Number(number) => {
                    let text = number.to_string();
                    let masked = self.mask(&text);
                    if masked != text {
                        *value = Value::String(masked);
                    }
                }
                Value::Array(items) => open.extend(items.iter_mut()),
                Value::Object(fields) => {
                    *fields = std::mem::take(fields).into_iter().map(|(key, value)| (self.mask(&key), value)).collect();
                    open.extend(fields.values_mut());
                }
                Value::Null | Value::Bool(_) => {}
            }
        }
    }

    /// The same reason with a masked detail.
    #[must_use]
    pub fn unavailable(&self, unavailable: Unavailable) -> Unavailable {
        let detail = unavailable.detail.map(|detail| secrets::redact_text(&self.mask(&detail)));
        Unavailable { detail, ..unavailable }
    }
}

/// What is looked for in skeletons.
struct Matcher {
    needles: Vec<Needle>,
    /// `None`: the needles are too many for one.
    automaton: Option<AhoCorasick>,
}

struct Needle {
    bytes: Vec<u8>,
    /// How many blanks it has itself.
    blanks: usize,
}

impl Matcher {
    fn new(secrets: &BTreeSet<String>) -> Matcher {
        let mut found: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let mut add = |skeleton: &Skeleton| {
            if skeleton.bytes.len() >= SHORTEST {
                let (.., blanks) = skeleton.place(0..skeleton.bytes.len());
                let known = found.entry(skeleton.bytes.clone()).or_default();
                *known = blanks.max(*known);
            }
        };
        for secret in secrets {
            // What looks like an escape in the secret itself is taken off the text together with the true ones.
            let mut view = Some(View::of(secret, false));
            for _ in 0..=LAYERS {
                let Some(shown) = view else { break };
                add(&Skeleton::of(&shown));
                view = shown.unescaped();
            }
            for core in base64_cores(secret.as_bytes()) {
                add(&Skeleton::of(&View::of(&core, false)));
            }
        }
        let needles: Vec<Needle> = found.into_iter().map(|(bytes, blanks)| Needle { bytes, blanks }).collect();
        let patterns = needles.iter().map(|needle| &needle.bytes);
        let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(patterns).ok();
        Matcher { needles, automaton }
    }

    /// Every range of the text in which a secret stands, overlapping ones too, on boundaries of characters.
    fn hits(&self, text: &str, cut: bool) -> Vec<(usize, usize)> {
        let mut search = Search { matcher: self, hits: Vec::new(), length: text.len(), left: text.len().saturating_mul(EFFORT) + 4096 };
        search.look(&View::of(text, cut), Layer::Text, LAYERS);
        let start = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let end = |at: usize| (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        search.hits.into_iter().map(|(from, to)| (start(from), end(to))).collect()
    }
}

/// What a view was made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    Text,
    Escapes {
        encoded: bool,
    },
    /// Base64 or hex, which give a meaning to any text.
    Bytes,
}

struct Search<'m> {
    matcher: &'m Matcher,
    hits: Vec<(usize, usize)>,
    /// Of the text.
    length: usize,
    /// How many bytes may still be looked at.
    left: usize,
}

impl Search<'_> {
    fn look(&mut self, view: &View, layer: Layer, layers: u32) {
        let Some(left) = self.left.checked_sub(view.bytes.len()) else {
            self.hits.push((0, self.length));
            return;
        };
        self.left = left;
        let encoded = matches!(layer, Layer::Bytes | Layer::Escapes { encoded: true });
        self.compare(&Skeleton::of(view), encoded);
        let Some(layers) = layers.checked_sub(1) else { return };
        for inner in [view.unescaped(), view.unescaped_but_backslashes()].into_iter().flatten() {
            self.hits.extend(inner.half.map(|start| (start, self.length)));
            self.look(&inner, Layer::Escapes { encoded }, layers);
        }
        for inner in view.base64_decoded().iter().chain(&view.hex_decoded()) {
            self.look(inner, Layer::Bytes, layers);
        }
        // Base64 has a `+` of its own, so that a form's blank is another reading of the text.
        if !matches!(layer, Layer::Escapes { .. })
            && let Some(inner) = view.with_blanks()
        {
            self.look(&inner, Layer::Escapes { encoded }, layers);
        }
    }

    fn compare(&mut self, skeleton: &Skeleton, encoded: bool) {
        let Some(automaton) = &self.matcher.automaton else {
            self.hits.push((0, self.length));
            return;
        };
        for hit in automaton.find_overlapping_iter(&skeleton.bytes) {
            let needle = &self.matcher.needles[hit.pattern().as_usize()];
            let (start, end, blanks) = skeleton.place(hit.range());
            let fits = needle.bytes.len() >= SPACED_FROM || blanks <= needle.blanks;
            if fits && needle.is_told(encoded) {
                self.hits.push((start, end));
            }
        }
        if skeleton.cut {
            let needles = self.matcher.needles.iter().filter(|needle| needle.is_told(encoded));
            if let Some(length) = needles.map(|needle| open_end(&skeleton.bytes, &needle.bytes)).max().filter(|length| *length > 0) {
                let (start, ..) = skeleton.place(skeleton.bytes.len() - length..skeleton.bytes.len());
                self.hits.push((start, self.length));
            }
        }
    }
}

impl Needle {
    /// Decoded bytes of innocent text are random, and hit what is short.
    fn is_told(&self, encoded: bool) -> bool {
        !encoded || self.bytes.len() >= ENCODED_FROM
    }
}

/// The length of the longest end of the text that is the beginning of the needle, and not all of it: Knuth, Morris and Pratt.
fn open_end(text: &[u8], needle: &[u8]) -> usize {
    let mut borders = vec![0; needle.len()];
    let step = |borders: &[usize], mut at: usize, byte: u8| {
        while at > 0 && (at == needle.len() || needle[at] != byte) {
            at = borders[at - 1];
        }
        at + usize::from(needle.get(at) == Some(&byte))
    };
    for at in 1..needle.len() {
        borders[at] = step(&borders, borders[at - 1], needle[at]);
    }
    let tail = &text[text.len().saturating_sub(needle.len().saturating_sub(1))..];
    tail.iter().fold(0, |at, byte| step(&borders, at, *byte))
}

/// The characters of the base64 forms that depend on nothing but the secret, wherever in a group of three bytes it starts: for
/// texts whose case was changed, which cannot be decoded.
fn base64_cores(secret: &[u8]) -> impl Iterator<Item = String> {
    let offsets = if secret.len() >= ENCODED_FROM { 0..3 } else { 0..1 };
    [alphabet::STANDARD, alphabet::URL_SAFE].into_iter().flat_map(move |alphabet| {
        let engine = engine::GeneralPurpose::new(&alphabet, engine::general_purpose::NO_PAD);
        let core = move |offset: usize| {
            let mut padded = vec![0; offset];
            padded.extend_from_slice(secret);
            let encoded = engine.encode(padded);
            let first = (offset * 8).div_ceil(6);
            // A short one is looked for as a whole only.
            let end = if secret.len() >= ENCODED_FROM { (offset + secret.len()) * 8 / 6 } else { encoded.len() };
            encoded[first..end].to_owned()
        };
        offsets.clone().map(core)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const SECRET: &str = "p&ss \"wörd\"/+9?";

    #[test]
    fn every_form_of_a_secret_is_masked() {
        let masks = Masks::new([SECRET]);
        let standard = engine::general_purpose::STANDARD;
        let url_safe = engine::general_purpose::URL_SAFE_NO_PAD;
        let forms = [
            SECRET.to_owned(),
            json!(SECRET).to_string(),
            r#"p&ss \"w\u00f6rd\"\/+9?"#.to_owned(),
            "p%26ss%20%22w%C3%B6rd%22%2F%2B9%3F".to_owned(),
            "p%26ss%20%22w%c3%b6rd%22%2f%2b9%3f".to_owned(),
            "p%26ss+%22w%C3%B6rd%22%2F%2B9%3F".to_owned(),
            standard.encode(SECRET),
            standard.encode(format!("user:{SECRET}")),
            standard.encode(format!("u:{SECRET}")),
            standard.encode(format!("me:{SECRET} and more")),
            url_safe.encode(format!("{{{SECRET}")),
            crate::domain::digest::hex(SECRET.as_bytes()),
        ];
        for form in forms {
            let masked = masks.mask(&format!("before {form} after"));
            assert!(masked.contains(MASKED), "{form}");
            assert!(masked.starts_with("before ") && masked.ends_with(" after"), "{masked}");
            // At base64 group edges, up to two characters that mix the secret with its neighbours may stay.
            assert!(masked.len() <= "before ".len() + MASKED.len() + " after".len() + 24, "{masked}");
        }
    }

    #[test]
    fn overlapping_secrets_leave_nothing() {
        let masks = Masks::new(["abcdef", "efghij", "aaaa"]);
        assert_eq!(masks.mask("xabcdefghijx"), "x[masked]x");
        assert_eq!(masks.mask("aaaaaa"), "[masked]");
        assert_eq!(Masks::new(["abc"]).mask("abc"), "abc", "too short to mask");
    }

    #[test]
    fn each_line_of_a_long_secret_is_one() {
        let masks = Masks::new(["-----BEGIN X-----\nQUJDREVGR0hJSktMTU5PUA\n-----END X-----\n"]);
        assert_eq!(masks.mask("log: QUJDREVGR0hJSktMTU5PUA"), "log: [masked]");
    }

    #[test]
    fn the_password_of_an_address_is_one() {
        for (address, left) in [
            ("postgres://app:hunter22@db.example.com:5432/app?x=y", "[masked] for app at db.example.com:5432"),
            ("https://app:hunter22@example.com", "[masked] for app at db.example.com:5432"),
            ("https://hunter22@example.com", "[masked] for app at db.example.com:5432"),
            ("postgres://db.example.com:5432/hunter22", "hunter22 for app at db.example.com:5432"),
            ("https://example.com/?mail=app:hunter22@example.com", "hunter22 for app at db.example.com:5432"),
        ] {
            assert_eq!(Masks::new([address]).mask("hunter22 for app at db.example.com:5432"), left, "{address}");
        }
    }

    #[test]
    fn json_is_masked_in_keys_strings_and_numbers() {
        let mut value = json!({"k-hunter22": [{"a": "x hunter22"}, 12345678, 1, true]});
        Masks::new(["hunter22", "12345678"]).mask_json(&mut value);
        assert_eq!(value, json!({"k-[masked]": [{"a": "x [masked]"}, "[masked]", 1, true]}));
    }

    #[test]
    fn the_detail_of_a_missing_fact_is_masked() {
        let unavailable = Masks::new(["hunter22"]).unavailable(Unavailable::new("timeout").detail("https://x/?a=hunter22&token=abc"));
        assert_eq!(unavailable.detail.as_deref(), Some("https://x/?a=[masked]&token=[redacted]"));
    }

    #[test]
    fn two_sets_together_mask_the_secrets_of_both() {
        let both = Masks::new(["first-secret"]).and(&Masks::new(["second-secret"]));
        assert_eq!(both.mask("first-secret second-secret"), "[masked] [masked]");
    }

    #[test]
    fn text_that_only_resembles_a_secret_stays() {
        let masks = Masks::new(["1234", "a+b cd", "hunter22"]);
        for text in ["12 34", "1+2+3+4", "hunter 21", "bHVudGVyMjI=", "68756e74657232", "YSBzZW50ZW5jZSBvZiBubyBpbXBvcnRhbmNl"] {
            assert_eq!(masks.mask(text), text);
        }
        for text in ["12\n  34", "A B+cD", "HUNT er 22", "hunter+22"] {
            assert_eq!(masks.mask(text), MASKED, "{text}");
        }
    }

    #[test]
    fn base64_whose_case_was_changed_is_found() {
        let masks = Masks::new(["Hunter22-and-more"]);
        for before in ["", "a", "ab"] {
            let encoded = engine::general_purpose::STANDARD.encode(format!("{before}Hunter22-and-more"));
            let masked = masks.mask(&encoded.to_lowercase());
            assert!(masked.contains(MASKED) && masked.len() <= MASKED.len() + 6, "{masked}");
        }
    }

    /// However the text is made: views of views cannot multiply.
    #[test]
    fn the_effort_grows_with_the_text_and_not_with_the_secrets() {
        let effort = |masks: &Masks, text: &str| {
            let matcher = Matcher::new(&masks.secrets);
            let mut search = Search { matcher: &matcher, hits: Vec::new(), length: text.len(), left: usize::MAX };
            search.look(&View::of(text, true), Layer::Text, LAYERS);
            usize::MAX - search.left
        };
        let few = Masks::new(["hunter22"]);
        let many = Masks::new((0..500).map(|number| format!("hunter22-{number}")));
        let nested = (0..4).fold("a sentence of no importance ".repeat(40), |text, _| engine::general_purpose::STANDARD.encode(text));
        for text in ["prose of any kind, ", "%2525252541+", "&amp;amp;\\\\u0025", "deadBEEF 0123", "+/-_", &nested] {
            let (short, long) = (text.repeat(2000 / text.len() + 1), text.repeat(8000 / text.len() + 4));
            let (once, more) = (effort(&few, &short), effort(&few, &long));
            assert!(once <= EFFORT / 2 * short.len(), "{once} for {} of `{text:.20}`", short.len());
            assert!(more <= 5 * once * long.len() / short.len() / 4, "{more} after {once} of `{text:.20}`");
            assert_eq!(effort(&many, &short), once, "{text:.20}");
        }
    }

    #[test]
    fn a_text_that_takes_too_long_is_masked_as_a_whole() {
        let matcher = Matcher::new(&Masks::new(["hunter22"]).secrets);
        let mut search = Search { matcher: &matcher, hits: Vec::new(), length: 9, left: 8 };
        search.look(&View::of("some text", false), Layer::Text, LAYERS);
        assert_eq!(search.hits, [(0, 9)]);
    }

    #[test]
    fn the_beginning_of_a_secret_at_a_cut_goes() {
        let masks = Masks::new(["hunter22-and-more", "4-fold"]);
        for (text, want) in [
            ("log: hunter22-an", "log: [masked]"),
            ("log: hun", "log: [masked]"),
            ("log: HUNTER%32%3", "log: [masked]"),
            ("log: hunter&#50;&#5", "log: [masked]"),
            ("log: aHVudGVyMjItYW5kL", "log: [masked]"),
            ("log: nothing.", "log: nothing."),
        ] {
            assert_eq!(masks.mask_cut(text), want, "{text}");
            assert_eq!(masks.mask(text), text, "where nothing was cut");
        }
    }

    // ---- any secret in any form ------------------------------------------------------------------------------------------

    /// What of a form may stay, in bytes besides white space: two characters of base64 that belong to the neighbours, each of
    /// them and the line break behind it encoded once more.
    const PIECE: usize = 24;

    #[derive(Clone, Debug)]
    enum Form {
        Case(Vec<bool>),
        Wrapped(usize, &'static str),
        Percent { upper: bool, which: Vec<bool> },
        Posted,
        Html(Vec<u8>),
        Json(Vec<u8>),
        Base64 { url: bool, pad: bool, before: usize, width: usize, between: &'static str },
        Hex { upper: bool, width: usize },
    }

    fn form() -> impl Strategy<Value = Form> {
        let some = || prop::collection::vec(any::<bool>(), 1..8);
        let kinds = |kinds: u8| prop::collection::vec(0..kinds, 1..8);
        let between = || prop::sample::select(vec!["\n", "\r\n", "\n    ", " "]);
        prop_oneof![
            some().prop_map(Form::Case),
            (1..30_usize, prop::sample::select(vec!["\n", "\r\n", "\n\t  "])).prop_map(|(width, between)| Form::Wrapped(width, between)),
            (any::<bool>(), some()).prop_map(|(upper, which)| Form::Percent { upper, which }),
            Just(Form::Posted),
            kinds(4).prop_map(Form::Html),
            kinds(3).prop_map(Form::Json),
            (any::<bool>(), any::<bool>(), 0..3_usize, 1..80_usize, between())
                .prop_map(|(url, pad, before, width, between)| Form::Base64 { url, pad, before, width, between }),
            (any::<bool>(), 1..80_usize).prop_map(|(upper, width)| Form::Hex { upper, width }),
        ]
    }

    fn wrap(text: &str, width: usize, between: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(width).map(|line| line.iter().collect::<String>()).collect::<Vec<_>>().join(between)
    }

    impl Form {
        fn of(&self, text: &str) -> String {
            let each = |encode: &dyn Fn(usize, char) -> String| text.chars().enumerate().map(|(at, c)| encode(at, c)).collect::<String>();
            let percent = |c: char, upper: bool| {
                let bytes = c.to_string().into_bytes().into_iter();
                bytes.map(|byte| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") }).collect::<String>()
            };
            match self {
                Form::Case(which) => each(&|at, c| match which[at % which.len()] {
                    true => c.to_uppercase().collect(),
                    false => c.to_lowercase().collect(),
                }),
                Form::Wrapped(width, between) => wrap(text, *width, between),
                // Whoever leaves a `%` as it is leaves none of it readable.
                Form::Percent { upper, which } => {
                    each(&|at, c| if c == '%' || c == '+' || which[at % which.len()] { percent(c, *upper) } else { c.to_string() })
                }
                Form::Posted => each(&|_, c| match c {
                    ' ' => "+".to_owned(),
                    c if c.is_ascii_alphanumeric() => c.to_string(),
                    c => percent(c, true),
                }),
                Form::Html(which) => each(&|at, c| match (c, which[at % which.len()]) {
                    ('&', 0) => "&amp;".to_owned(),
                    ('<', 0 | 3) => "&lt;".to_owned(),
                    ('"', 0 | 3) => "&quot;".to_owned(),
                    ('\'', 0 | 3) => "&apos;".to_owned(),
                    ('/', 0 | 3) => "&sol;".to_owned(),
                    ('\u{f6}', 0 | 3) => "&ouml;".to_owned(),
                    ('&', 1) => "&#38;".to_owned(),
                    (c, 1) => format!("&#{};", u32::from(c)),
                    ('&', _) => "&#x26;".to_owned(),
                    (c, 2) => format!("&#x{:X};", u32::from(c)),
                    (c, _) => c.to_string(),
                }),
                Form::Json(which) => each(&|at, c| match (c, which[at % which.len()]) {
                    ('/', 1) => "\\/".to_owned(),
                    (c, 2) => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
                    (c, _) => {
                        let quoted = Value::from(c.to_string()).to_string();
                        quoted[1..quoted.len() - 1].to_owned()
                    }
                }),
                Form::Base64 { url, pad, before, width, between } => {
                    use engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
                    let bytes = [&b"me:"[..*before], text.as_bytes()].concat();
                    let encoded = match (url, pad) {
                        (false, true) => STANDARD.encode(bytes),
                        (false, false) => STANDARD_NO_PAD.encode(bytes),
                        (true, true) => URL_SAFE.encode(bytes),
                        (true, false) => URL_SAFE_NO_PAD.encode(bytes),
                    };
                    // Padding tells nothing.
                    let bare = encoded.trim_end_matches('=');
                    wrap(bare, *width, between) + &encoded[bare.len()..]
                }
                Form::Hex { upper, width } => {
                    let hex = crate::domain::digest::hex(text.as_bytes());
                    wrap(&if *upper { hex.to_uppercase() } else { hex }, *width, "\n")
                }
            }
        }
    }

    /// What of `form` is still in `text`: its longest part, in bytes.
    fn longest_part<'a>(form: &'a str, text: &str) -> &'a str {
        let starts = form.char_indices().map(|(at, _)| at);
        let part = |start: usize| {
            let ends = form[start..].char_indices().map(|(at, c)| start + at + c.len_utf8());
            ends.take_while(|end| text.contains(&form[start..*end])).last().map_or("", |end| &form[start..end])
        };
        starts.map(part).max_by_key(|part| part.len()).unwrap_or_default()
    }

    proptest! {
        #[test]
        fn nothing_of_a_secret_remains_in_any_form(
            secret in r#"[a-z0-9]{4}[a-zA-Z0-9&<"'/%+=_.\\ \u{f6}-]{4,32}[A-Z0-9]{4}"#,
            inner in form(),
            outer in prop::option::of(form()),
            before in "[xyz ,;:=\n]{0,20}",
            after in "[xyz ,;:=\n]{0,20}",
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            // Base64 of changed case is no base64, and is found of the bare value alone.
            prop_assume!(!matches!((&inner, &outer), (Form::Base64 { .. }, Some(Form::Case(_)))));
            let masks = Masks::new([&secret, "another-secret"]);
            let inside = inner.of(&secret);
            let form = match &outer {
                Some(outer) => outer.of(&inside.replace('\r', "").replace("    ", "")),
                None => inside,
            };
            let text = format!("{before}{form}{after}");
            let masked = match cut {
                None => masks.mask(&text),
                Some(cut) => {
                    let at = (0..=cut.index(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                    masks.mask_cut(&text[..at])
                }
            };
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            let (form, masked) = (bare(&form), bare(&masked));
            let left = longest_part(&form, &masked);
            prop_assert!(left.len() <= if outer.is_some() { PIECE } else { 4 }, "`{}` of `{}` is left in `{}`", left, form, masked);
        }
    }
}
