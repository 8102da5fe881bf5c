//! Releases: versions in code spans and in commands of git that have the form of a release tag. One that no tag here bears
//! may be an example or of other software, so it is unchecked; broken only where something beside it says that it is a tag
//! of this repository ([`super::evidence`]) and the tags of this repository have that form.

use super::{
    census::{Question, ReferenceKind, Verdict},
    commits::Named,
    desk::{Desk, Draft},
    evidence,
};
use crate::text::{constant::pattern, markdown::Bytes};
use regex::Regex;
use std::sync::LazyLock;

pub const NO_TAG: &str = "no tag here bears this name";

static VERSION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:[A-Za-z0-9][A-Za-z0-9._-]*[/@])?v?[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?$"));

pub fn take(desk: &mut Desk, by_commands: &[Named]) {
    // Without a protocol a bare number says nothing of releases.
    let any = desk.library.facts.protocol.is_some();
    let mut found: Vec<(Bytes, bool)> = Vec::new();
    for code in &desk.document.codes {
        let name = code.text.trim();
        if desk.text(&code.content).trim() != name {
            continue;
        }
        if name.strip_prefix(TAGS).is_some_and(is_version) {
            found.push((code.content.clone(), evidence::of_tag(desk, &code.content)));
            continue;
        }
        if !is_version(name) {
            continue;
        }
        let sure = evidence::of_release(desk, &code.content, code.link.as_deref());
        let letter = name.rsplit(['/', '@']).next().is_some_and(|version| version.starts_with('v'));
        if any || sure || letter {
            found.push((code.content.clone(), sure));
        }
    }
    found.extend(by_commands.iter().filter(|named| is_version(desk.text(&named.range))).map(|named| (named.range.clone(), named.sure)));
    let versions = |text: &str| BARE.captures_iter(text).filter_map(|found| Some(found.name("name")?.range())).collect();
    found.extend(evidence::in_page(desk, &COLUMN, versions, |range| match desk.text(range).starts_with(TAGS) {
        true => evidence::of_tag(desk, range),
        false => evidence::of_release(desk, range, None),
    }));
    for (range, sure) in found {
        let text = desk.text(&range);
        let name = text.trim();
        let name = name.strip_prefix(TAGS).unwrap_or(name).to_owned();
        let draft = Draft { kind: ReferenceKind::Release, text: text.to_owned(), target: name.clone(), range };
        let at = desk.add(draft, Verdict::unchecked(NO_TAG));
        desk.ask(at, Question::Tag { name, sure });
    }
}

/// What tags are below.
const TAGS: &str = "refs/tags/";

static BARE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|[\s(|,;:])(?P<name>(?:refs/tags/(?:[A-Za-z0-9][A-Za-z0-9._-]*[/@])?)?v[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*)?)(?-u:\b)",
    )
});

static COLUMN: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^(?:git |release )?(?:tag|release)s?$"));

pub fn is_version(text: &str) -> bool {
    VERSION.is_match(text)
}

/// What tags of one series have in common: the name with every number as `0`, without what follows a hyphen behind them.
pub fn form(name: &str) -> String {
    let start = name.rfind(['/', '@']).map_or(0, |at| at + 1);
    let numbers = name[start..].find(|c: char| c.is_ascii_digit()).map_or(name.len(), |at| start + at);
    let end = name[numbers..].find('-').map_or(name.len(), |at| numbers + at);
    let mut form = String::new();
    for c in name[..end].chars() {
        match c.is_ascii_digit() {
            true if form.ends_with('0') => {}
            true => form.push('0'),
            false => form.push(c),
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_one_series_have_one_form() {
        for (name, told) in [
            ("v1.2.3", "v0.0.0"),
            ("v10.20.30-rc.1", "v0.0.0"),
            ("1.2.3", "0.0.0"),
            ("web/v1.2.3", "web/v0.0.0"),
            ("my-web@1.2.3-x", "my-web@0.0.0"),
            ("v2", "v0"),
        ] {
            assert_eq!(form(name), told, "{name}");
        }
    }
}
