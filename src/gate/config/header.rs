//! One gate file: the keys that every gate has, and exactly one kind key.

use super::collect::Collector;
use crate::{
    domain::{ChannelName, Fault, Finding, Reason, Result, Span, Verb},
    gate::{Header, Kind, OnFail, When, kinds::KINDS},
    text::{
        near,
        source::Source,
        yaml::{self, Spanned},
    },
};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};
use std::{fmt, marker::PhantomData};

/// What stands under a kind's key. Unknown keys must be refused (`#[serde(deny_unknown_fields)]`); [`Spanned`] keeps the
/// places that later checks want to show.
pub trait Spec: DeserializeOwned + JsonSchema {
    /// The kind's key in a gate file; the same word as [`Kind::id`].
    const KEY: &'static str;
}

/// Reads a gate file of this kind. The channels that it names are only checked to be lawful names here; whether they exist
/// is checked where the protocol is known.
pub fn read<S: Spec>(source: &Source) -> Result<(Header, S)> {
    read_among(source, KINDS)
}

pub(super) fn read_among<S: Spec>(source: &Source, kinds: &[&'static Kind]) -> Result<(Header, S)> {
    let refuse = |findings| Err(Fault::new(Reason::BadConfig, format!("{} is no valid gate", source.file)).findings(findings));
    let mut ids = ids(kinds);
    if !ids.contains(&S::KEY) {
        ids.push(S::KEY);
    }
    let keys = match yaml::keys(source) {
        Ok(keys) => keys,
        Err(finding) => return refuse(vec![finding]),
    };
    let mut findings = one_kind(source, &keys, &ids).err().unwrap_or_default();
    let raw: RawGate<S> = match yaml::parse(source) {
        Ok(raw) => raw,
        Err(finding) => {
            findings.push(finding);
            return refuse(findings);
        }
    };
    let mut collector = Collector { source, findings };
    let header = raw.header.check(&mut collector, keys.first());
    match (header, raw.spec) {
        (Some(header), Some(spec)) if collector.findings.is_empty() => Ok((header, spec)),
        (_, spec) => {
            if spec.is_none() && collector.findings.is_empty() {
                collector.refuse(&start(&keys), "missing-key", format!("the key `{}` is missing", S::KEY));
            }
            refuse(collector.findings)
        }
    }
}

/// The kind of a gate file, by its one kind key.
pub(super) fn kind_of(source: &Source, kinds: &[&'static Kind]) -> std::result::Result<&'static Kind, Vec<Finding>> {
    let keys = yaml::keys(source).map_err(|finding| vec![finding])?;
    let id = one_kind(source, &keys, &ids(kinds))?;
    kinds.iter().find(|kind| kind.id == id).copied().ok_or_else(Vec::new)
}

/// What is wrong with the header of a file whose kind is not known. Nothing, where the file cannot be read at all.
pub(super) fn check_alone(source: &Source) -> Vec<Finding> {
    let (Ok(keys), Ok(header)) = (yaml::keys(source), yaml::parse::<RawHeader>(source)) else { return Vec::new() };
    let mut collector = Collector::new(source);
    header.check(&mut collector, keys.first());
    collector.findings
}

/// The channels that a gate file names, with their places.
pub(super) fn channels(source: &Source) -> Vec<Spanned<String>> {
    let header: Option<RawHeader> = yaml::parse(source).ok();
    header.and_then(|header| header.channels).map(|channels| channels.value).unwrap_or_default()
}

fn ids(kinds: &[&'static Kind]) -> Vec<&'static str> {
    kinds.iter().map(|kind| kind.id).collect()
}

/// The one kind key among the keys of a gate file. Unknown keys, no kind and several kinds are findings.
fn one_kind<'k>(source: &Source, keys: &'k [Spanned<String>], ids: &[&'static str]) -> std::result::Result<&'k str, Vec<Finding>> {
    let mut collector = Collector::new(source);
    let known: Vec<&str> = HEADER_KEYS.iter().chain(ids).copied().collect();
    for key in keys.iter().filter(|key| !known.contains(&key.as_str())) {
        collector.refuse(key, "unknown-key", format!("unknown key `{}`", key.escape_debug()));
        collector.help(match near::nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("keys: {}; kinds: {}", HEADER_KEYS.join(", "), ids.join(", ")),
        });
    }
    let kinds: Vec<&Spanned<String>> = keys.iter().filter(|key| ids.contains(&key.as_str())).collect();
    match kinds.as_slice() {
        [kind] if collector.findings.is_empty() => return Ok(kind.as_str()),
        [_] => {}
        // An unknown key most likely is the mistyped kind: one finding is enough.
        [] if !collector.findings.is_empty() => {}
        [] => {
            collector.refuse(&start(keys), "no-kind", "the gate asks nothing: it has no kind key");
            collector.help(format!("one of: {}", ids.join(", ")));
        }
        several => {
            let names = several.iter().map(|kind| format!("`{}`", kind.value)).collect::<Vec<_>>().join(" and ");
            for kind in several {
                collector.refuse(kind, "several-kinds", format!("a gate has exactly one kind; here stand {names}"));
            }
        }
    }
    Err(collector.findings)
}

/// The place of the whole mapping: its first key.
fn start(keys: &[Spanned<String>]) -> Spanned<()> {
    keys.first().map(|key| key.with(())).unwrap_or_default()
}

const HEADER_KEYS: [&str; 8] = ["title", "owner", "on_fail", "when", "verbs", "channels", "max_age", "waivable"];

/// How long evidence stays good where the file has no `max_age`.
const MAX_AGE: Span = Span::minutes(15);

/// The keys that every gate has. The types are those of the file; [`RawHeader::check`] makes the lawful values.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct RawHeader {
    /// The heading of this gate in the protocol document, without its number.
    #[schemars(with = "String")]
    title: Option<Spanned<String>>,
    /// Who looks after the gate; shown in reports.
    owner: Option<Spanned<String>>,
    /// halt: required, blocks the move. document: advisory, can neither block nor pass.
    #[schemars(with = "Option<schema::OnFail>")]
    on_fail: Option<Spanned<String>>,
    /// Before or after the move.
    #[schemars(with = "Option<schema::When>")]
    when: Option<Spanned<String>>,
    /// The verbs that the gate decides; the kind's own where absent.
    #[schemars(with = "Option<Vec<schema::Move>>")]
    verbs: Option<Spanned<Vec<Spanned<String>>>>,
    /// The channels that the gate decides; all where absent.
    #[schemars(with = "Option<Vec<ChannelName>>")]
    channels: Option<Spanned<Vec<Spanned<String>>>>,
    /// How old the evidence may be at the move; 15m where absent.
    max_age: Option<Spanned<Span>>,
    /// Whether another person's signed, expiring waiver may let a run go on past this gate.
    waivable: Option<bool>,
}

/// The words of a header, for its JSON Schema alone.
mod schema {
    #[derive(schemars::JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code)]
    pub enum OnFail {
        Halt,
        Document,
    }

    #[derive(schemars::JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code)]
    pub enum When {
        Before,
        After,
    }

    #[derive(schemars::JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code)]
    pub enum Move {
        Promote,
        Rollback,
    }
}

impl RawHeader {
    /// The header with its defaults; `first` is the file's first key.
    fn check(self, collector: &mut Collector, first: Option<&Spanned<String>>) -> Option<Header> {
        let title = match &self.title {
            None => {
                let at = first.map(|key| key.with(())).unwrap_or_default();
                collector.refuse(&at, "missing-key", "the key `title` is missing");
                collector.help("the title is the gate's heading in the protocol document");
                None
            }
            Some(title) => line(collector, title),
        };
        let owner = self.owner.as_ref().and_then(|owner| line(collector, owner));
        let on_fail = word_or(collector, self.on_fail, &[("halt", OnFail::Halt), ("document", OnFail::Document)], OnFail::Halt);
        let when = word_or(collector, self.when, &[("before", When::Before), ("after", When::After)], When::Before);
        let verbs = self.verbs.map(|verbs| {
            list(collector, &verbs, |collector, verb| collector.word(verb, &[("promote", Verb::Promote), ("rollback", Verb::Rollback)]))
        });
        let channels =
            self.channels.map(|channels| list(collector, &channels, |collector, channel| collector.parsed::<ChannelName>(channel)));
        if let Some(max_age) = self.max_age.as_ref().filter(|max_age| max_age.as_millis() == 0) {
            collector.refuse(max_age, "wrong-value", "evidence that may not age at all has always expired");
        }
        Some(Header {
            title: title?,
            owner,
            on_fail: on_fail?,
            when: when?,
            verbs,
            channels,
            max_age: self.max_age.map_or(MAX_AGE, |max_age| max_age.value),
            waivable: self.waivable.unwrap_or(false),
        })
    }
}

/// A text of one line that is not blank.
fn line(collector: &mut Collector, text: &Spanned<String>) -> Option<String> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.contains('\n') {
        collector.refuse(text, "wrong-value", "one line of text must stand here");
        return None;
    }
    Some(trimmed.to_owned())
}

fn word_or<T: Copy>(collector: &mut Collector, word: Option<Spanned<String>>, words: &[(&'static str, T)], default: T) -> Option<T> {
    word.map_or(Some(default), |word| collector.word(&word, words))
}

/// A list that is not empty and names nothing twice.
fn list<T: PartialEq>(
    collector: &mut Collector,
    items: &Spanned<Vec<Spanned<String>>>,
    mut read: impl FnMut(&mut Collector, &Spanned<String>) -> Option<T>,
) -> Vec<T> {
    if items.is_empty() {
        collector.refuse(items, "wrong-value", "an empty list would take the gate out of use");
        collector.help("leave the key out for all, or remove the gate");
    }
    let mut values = Vec::with_capacity(items.len());
    for item in &items.value {
        let Some(value) = read(collector, item) else { continue };
        if values.contains(&value) {
            collector.refuse(item, "duplicate", format!("`{}` stands here a second time", item.value));
        } else {
            values.push(value);
        }
    }
    values
}

/// A whole gate file. Unknown keys are skipped here; [`one_kind`] has refused them.
struct RawGate<S> {
    header: RawHeader,
    spec: Option<S>,
}

impl<'de, S: Spec> Deserialize<'de> for RawGate<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<RawGate<S>, D::Error> {
        deserializer.deserialize_map(GateVisitor(PhantomData))
    }
}

struct GateVisitor<S>(PhantomData<S>);

impl<'de, S: Spec> Visitor<'de> for GateVisitor<S> {
    type Value = RawGate<S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a gate (`title: ...` and a kind)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<RawGate<S>, A::Error> {
        let mut gate = RawGate { header: RawHeader::default(), spec: None };
        let header = &mut gate.header;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "title" => header.title = map.next_value()?,
                "owner" => header.owner = map.next_value()?,
                "on_fail" => header.on_fail = map.next_value()?,
                "when" => header.when = map.next_value()?,
                "verbs" => header.verbs = map.next_value()?,
                "channels" => header.channels = map.next_value()?,
                "max_age" => header.max_age = map.next_value()?,
                "waivable" => header.waivable = map.next_value()?,
                key if key == S::KEY => gate.spec = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(gate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Ping {
        to: Spanned<String>,
        within: Option<Span>,
    }

    impl Spec for Ping {
        const KEY: &'static str = "ping";
    }

    /// Reads, and gives `code line:column-end source line` of each finding.
    fn refusals(text: &str) -> Vec<String> {
        let fault = read::<Ping>(&Source::new("gates/10-a.yaml", text)).map(|_| ()).expect_err(text);
        assert_eq!(fault.reason, Reason::BadConfig);
        let show = |finding: &Finding| {
            let place = finding.place.clone().unwrap();
            assert_eq!(place.file, "gates/10-a.yaml");
            format!("{} {}:{}-{} |{}|", finding.code, place.line, place.column, place.end_column.unwrap_or(0), place.source.unwrap())
        };
        fault.findings.iter().map(show).collect()
    }

    #[test]
    fn a_header_has_its_defaults() {
        let (header, spec) = read::<Ping>(&Source::new("g", "title: T\nping: { to: a }\n")).unwrap();
        let wanted = Header {
            title: "T".into(),
            owner: None,
            on_fail: OnFail::Halt,
            when: When::Before,
            verbs: None,
            channels: None,
            max_age: Span::minutes(15),
            waivable: false,
        };
        assert_eq!(header, wanted);
        assert_eq!(spec.to.value, "a");
    }

    #[test]
    fn every_key_is_read() {
        let text = "title: ' T '\nowner: o\non_fail: document\nwhen: after\nverbs: [rollback, promote]\nchannels: [a, b]\nmax_age: 2s\n\
                    waivable: true\nping: { to: a, within: 5s }\n";
        let (header, _) = read::<Ping>(&Source::new("g", text)).unwrap();
        let wanted = Header {
            title: "T".into(),
            owner: Some("o".into()),
            on_fail: OnFail::Document,
            when: When::After,
            verbs: Some(vec![Verb::Rollback, Verb::Promote]),
            channels: Some(vec!["a".parse().unwrap(), "b".parse().unwrap()]),
            max_age: Span::seconds(2),
            waivable: true,
        };
        assert_eq!(header, wanted);
    }

    #[test]
    fn everything_wrong_has_its_place() {
        for (text, wanted) in [
            ("ping: { to: a }\n", vec!["config/missing-key 1:1-5 |ping: { to: a }|"]),
            ("title: T\n", vec!["config/no-kind 1:1-6 |title: T|"]),
            ("title: T\npink: {}\n", vec!["config/unknown-key 2:1-5 |pink: {}|"]),
            ("title: T\nping: { to: a, form: b }\n", vec!["config/unknown-key 2:16-20 |ping: { to: a, form: b }|"]),
            ("title: T\nping: { within: 5s }\n", vec!["config/missing-key 2:9-15 |ping: { within: 5s }|"]),
            ("title: T\nping: { to: a, within: 5 }\n", vec!["config/wrong-value 2:24-25 |ping: { to: a, within: 5 }|"]),
            (
                "title: T\non_fail: stop\nwhen: 'never'\nping: { to: a }\n",
                vec!["config/unknown-word 2:10-14 |on_fail: stop|", "config/unknown-word 3:7-14 |when: 'never'|"],
            ),
            (
                "title: T\nverbs: [promote, adopt, promote]\nping: { to: a }\n",
                vec![
                    "config/unknown-word 2:18-23 |verbs: [promote, adopt, promote]|",
                    "config/duplicate 2:25-32 |verbs: [promote, adopt, promote]|",
                ],
            ),
            ("title: T\nchannels: []\nping: { to: a }\n", vec!["config/wrong-value 2:11-12 |channels: []|"]),
            ("title: T\nchannels: [A]\nping: { to: a }\n", vec!["config/wrong-value 2:12-13 |channels: [A]|"]),
            (
                "title: ''\nmax_age: 0s\nping: { to: a }\n",
                vec!["config/wrong-value 1:8-10 |title: ''|", "config/wrong-value 2:10-12 |max_age: 0s|"],
            ),
            ("title: T\nwaivable: NO\nping: { to: a }\n", vec!["config/wrong-type 2:11-13 |waivable: NO|"]),
            ("title: T\ntitle: T\nping: { to: a }\n", vec!["config/duplicate-key 2:1-6 |title: T|"]),
            ("- title\n", vec!["config/wrong-type 1:1-2 |- title|"]),
            ("", vec!["config/empty 1:1-2 ||"]),
        ] {
            assert_eq!(refusals(text), wanted, "{text}");
        }
    }

    #[test]
    fn two_kinds_are_shown_at_both_places() {
        let keys = [("title", 0..5), ("ping", 9..13), ("pong", 19..23)].map(|(key, span)| Spanned::new(key.to_owned(), span));
        let source = Source::new("g", "title: T\nping: {}\npong: {}\n");
        let findings = one_kind(&source, &keys, &["ping", "pong"]).unwrap_err();
        let places: Vec<u32> = findings.iter().map(|finding| finding.place.as_ref().unwrap().line).collect();
        assert_eq!(places, [2, 3]);
        assert!(findings.iter().all(|finding| finding.code == "config/several-kinds" && finding.message.contains("`ping` and `pong`")));
    }

    #[test]
    fn a_mistyped_key_gets_a_guess() {
        for (text, guess) in [
            ("titel: T\nping: {to: a}", "title"),
            ("title: T\npnig: {to: a}", "ping"),
            ("title: T\non-fail: halt\nping: {to: a}", "on_fail"),
        ] {
            let fault = read::<Ping>(&Source::new("g", text)).map(|_| ()).unwrap_err();
            assert_eq!(fault.findings[0].help.as_deref(), Some(format!("did you mean `{guess}`?").as_str()), "{text}");
        }
    }
}
