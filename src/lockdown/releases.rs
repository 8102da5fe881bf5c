//! Releases: versions in code spans that have the form of a release tag. One that no tag here bears may be an example, so it is
//! never more than unchecked.

use super::{
    census::{Question, ReferenceKind, Verdict},
    desk::{Desk, Draft},
};
use crate::text::constant::pattern;
use regex::Regex;
use std::sync::LazyLock;

const NO_TAG: &str = "no tag here bears this name";

static VERSION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:[A-Za-z0-9][A-Za-z0-9._-]*[/@])?v?[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?$"));

pub fn take(desk: &mut Desk) {
    // Without a protocol nothing says that a version is one of this repository's.
    if desk.library.facts.protocol.is_none() {
        return;
    }
    for code in &desk.document.codes {
        let name = code.text.trim();
        if VERSION.is_match(name) {
            let draft = Draft { kind: ReferenceKind::Release, text: name.to_owned(), target: name.to_owned(), range: code.content.clone() };
            let at = desk.add(draft, Verdict::unchecked(NO_TAG));
            desk.ask(at, Question::Tag(name.to_owned()));
        }
    }
}
