//! Compares what a release asks for with what a store holds, both in order of their keys, page by page, and says what to write.
//!
//! One comparison serves three: a hydration writes the differences, its validation demands that there are none, and `audit` names them.

use super::row::{Content, Key, Row, uid};
use crate::domain::{Finding, Place};

/// One identity on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pair<'w> {
    Missing(&'w Content),
    Dangling(Row),
    Both(&'w Content, Row),
    /// More than one stored row, the oldest first.
    Twice(Option<&'w Content>, Vec<Row>),
}

/// What is written of one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: Key,
    /// Whether what is there now ends.
    pub ends: bool,
    pub begins: Option<Row>,
}

/// A comparison under way.
pub struct Compare<'w> {
    wanted: std::iter::Peekable<std::slice::Iter<'w, Content>>,
    /// Rows of one key, whose last may be on the next page.
    open: Vec<Row>,
}

impl<'w> Compare<'w> {
    /// `wanted`: sorted, each key once.
    pub fn new(wanted: &'w [Content]) -> Compare<'w> {
        Compare { wanted: wanted.iter().peekable(), open: Vec::new() }
    }

    /// The next stored rows, in order of their keys; gives every pair that is known now.
    pub fn page(&mut self, rows: Vec<Row>) -> Vec<Pair<'w>> {
        let mut pairs = Vec::with_capacity(rows.len());
        for row in rows {
            if self.open.first().is_some_and(|open| open.content.key != row.content.key) {
                self.close(&mut pairs);
            }
            self.open.push(row);
        }
        pairs
    }

    /// Every pair that is left once the last page was given.
    pub fn finish(mut self) -> Vec<Pair<'w>> {
        let mut pairs = Vec::new();
        self.close(&mut pairs);
        pairs.extend(self.wanted.map(Pair::Missing));
        pairs
    }

    fn close(&mut self, pairs: &mut Vec<Pair<'w>>) {
        let mut rows = std::mem::take(&mut self.open);
        let Some(key) = rows.first().map(|row| row.content.key.clone()) else { return };
        while let Some(before) = self.wanted.next_if(|wanted| wanted.key < key) {
            pairs.push(Pair::Missing(before));
        }
        let wanted = self.wanted.next_if(|wanted| wanted.key == key);
        pairs.push(match (wanted, rows.len()) {
            (wanted, 2..) => Pair::Twice(wanted, rows),
            // One row is left here: an empty list has no key.
            (Some(wanted), _) => Pair::Both(wanted, rows.remove(0)),
            (None, _) => Pair::Dangling(rows.remove(0)),
        });
    }
}

impl Pair<'_> {
    /// What hydration `number` writes; `None`: nothing, the row is kept.
    pub fn change(self, number: u64) -> Option<Change> {
        let next = |wanted: &Content, old: &Row| {
            let generation = old.generation + u64::from(wanted.counted != old.content.counted);
            Row { content: wanted.clone(), uid: old.uid.clone(), generation, is_in_bucket: true }
        };
        match self {
            Pair::Missing(wanted) => {
                let uid = uid(&wanted.key, number);
                Some(Change {
                    key: wanted.key.clone(),
                    ends: false,
                    begins: Some(Row { content: wanted.clone(), uid, generation: 1, is_in_bucket: true }),
                })
            }
            Pair::Dangling(row) => Some(Change { key: row.content.key, ends: true, begins: None }),
            Pair::Both(wanted, row) if *wanted == row.content && row.is_in_bucket => None,
            Pair::Both(wanted, row) => Some(Change { begins: Some(next(wanted, &row)), key: row.content.key, ends: true }),
            Pair::Twice(wanted, rows) => {
                let newest = rows.into_iter().max_by_key(|row| row.generation)?;
                Some(Change { begins: wanted.map(|wanted| next(wanted, &newest)), key: newest.content.key, ends: true })
            }
        }
    }

    /// What is wrong with the store; `None`: nothing.
    pub fn finding(&self) -> Option<Finding> {
        let named = |key: &Key| format!("`{}` `{}`", key.kind, key.identity.escape_debug());
        let place = |content: &Content| Place { file: content.path.clone(), line: 1, column: 1, end_column: None, source: None };
        match self {
            Pair::Missing(wanted) => {
                Some(Finding::error("sync/missing", format!("the store has no row of {}", named(&wanted.key))).at(place(wanted)))
            }
            Pair::Dangling(row) => {
                let message = format!(
                    "the store has a row of {} from {}, which the release does not have",
                    named(&row.content.key),
                    row.content.path
                );
                Some(Finding::error("sync/dangling", message))
            }
            Pair::Both(wanted, row) => {
                let Content { version, path, digest, counted, .. } = &row.content;
                let differs = [
                    (*digest != wanted.digest, "content"),
                    (*version != wanted.version, "version"),
                    (*path != wanted.path, "path"),
                    (*counted != wanted.counted, "generation"),
                    (!row.is_in_bucket, "bucket"),
                ];
                let what: Vec<&str> = differs.iter().filter(|(differs, _)| *differs).map(|(_, what)| *what).collect();
                let message = || format!("the row of {} has another {}", named(&wanted.key), what.join(", another "));
                (!what.is_empty()).then(|| Finding::error("sync/stale", message()).at(place(wanted)))
            }
            Pair::Twice(_, rows) => {
                let key = rows.first().map(|row| named(&row.content.key)).unwrap_or_default();
                Some(Finding::error("sync/duplicate", format!("the store has {} rows of {key} in one snapshot", rows.len())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Digest;

    fn content(identity: &str, body: &str) -> Content {
        let digest = Digest::of(body.as_bytes());
        let key = Key { kind: "product".into(), identity: identity.into() };
        Content { key, version: None, path: format!("{identity}.md"), counted: digest.clone(), digest }
    }

    fn row(identity: &str, body: &str, generation: u64) -> Row {
        Row { content: content(identity, body), uid: format!("uid-{identity}"), generation, is_in_bucket: true }
    }

    /// Every pair, whatever the size of the pages.
    fn pairs<'w>(wanted: &'w [Content], stored: &[Row]) -> Vec<Pair<'w>> {
        let in_pages = |size: usize| {
            let mut compare = Compare::new(wanted);
            let mut pairs: Vec<Pair<'w>> = stored.chunks(size).flat_map(|page| compare.page(page.to_vec())).collect();
            pairs.extend(compare.finish());
            pairs
        };
        let all = in_pages(1000);
        for size in 1..=stored.len() {
            assert_eq!(in_pages(size), all, "pages of {size}");
        }
        all
    }

    fn told(wanted: &[Content], stored: &[Row]) -> Vec<String> {
        let change = |change: Change| {
            let begins = change.begins.map(|row| format!(" {} {}", &row.uid[..5], row.generation)).unwrap_or_default();
            format!("{}{}{begins}", change.key.identity, if change.ends { " ends" } else { "" })
        };
        pairs(wanted, stored).into_iter().filter_map(|pair| pair.change(7)).map(change).collect()
    }

    #[test]
    fn only_what_differs_is_written() {
        let [a, b, c] = ["a", "b", "c"].map(|identity| content(identity, "x"));
        let stored = [row("a", "x", 1), row("b", "old", 3), row("d", "x", 1)];
        let new = &uid(&c.key, 7)[..5];
        assert_eq!(
            told(&[a.clone(), b.clone(), c.clone()], &stored),
            ["b ends uid-b 4".to_owned(), format!("c {new} 1"), "d ends".to_owned()]
        );
        assert_eq!(told(std::slice::from_ref(&a), &[row("a", "x", 1)]), [""; 0], "nothing changed");
        assert_eq!(told(&[], &[row("a", "x", 1)]), ["a ends"]);
        assert_eq!(told(&[a], &[]).len(), 1);
    }

    #[test]
    fn a_file_that_moves_keeps_uid_and_generation() {
        let moved = Content { path: "other/a.md".into(), ..content("a", "x") };
        assert_eq!(told(&[moved], &[row("a", "x", 3)]), ["a ends uid-a 3"]);
    }

    #[test]
    fn what_does_not_count_makes_no_generation() {
        let labelled = Content { digest: Digest::of(b"y"), ..content("a", "x") };
        assert_eq!(told(&[labelled], &[row("a", "x", 3)]), ["a ends uid-a 3"]);
    }

    #[test]
    fn a_row_in_another_bucket_is_stale_and_written_again() {
        let wanted = [content("a", "x")];
        let stored = [Row { is_in_bucket: false, ..row("a", "x", 3) }];
        let finding = pairs(&wanted, &stored).iter().find_map(Pair::finding).unwrap();
        assert_eq!((finding.code.as_str(), finding.message.as_str()), ("sync/stale", "the row of `product` `a` has another bucket"));
        assert_eq!(told(&wanted, &stored), ["a ends uid-a 3"]);
    }

    #[test]
    fn what_comes_back_is_another() {
        let key = content("a", "x").key;
        assert_ne!(uid(&key, 1), uid(&key, 3));
        assert_eq!(uid(&key, 1), uid(&key, 1), "a hydration that is repeated gives the same");
    }

    #[test]
    fn every_difference_has_its_code() {
        let wanted = ["b", "c", "e", "f"].map(|identity| content(identity, "x"));
        let stored = [row("a", "x", 1), row("c", "x", 1), row("d", "x", 1), row("d", "x", 2), row("e", "old", 1), row("f", "x", 1)];
        let codes: Vec<(String, bool)> =
            pairs(&wanted, &stored).iter().filter_map(Pair::finding).map(|finding| (finding.code, finding.place.is_some())).collect();
        let want = [("sync/dangling", false), ("sync/missing", true), ("sync/duplicate", false), ("sync/stale", true)];
        assert_eq!(codes, want.map(|(code, placed)| (code.to_owned(), placed)));
        assert_eq!(told(&wanted[2..3], &[row("e", "x", 1), row("e", "x", 2)]), ["e ends uid-e 2"], "one is left of two");
    }
}
