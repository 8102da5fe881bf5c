//! The log of a store: what happened to it, one event a line, each naming the digest of the line before.
//!
//! A line is canonical JSON and is never written again. What the events come to is a [`State`]: which snapshots must be there and in
//! which order they were captured. Who wrote a line is what they said of themselves: the log proves order and completeness, signatures
//! prove people.

use super::Label;
use crate::domain::{Digest, Finding, Result, Timestamp, digest::canonical_json};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const SCHEMA: &str = "tagwarden.event/1";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    schema: String,
    /// From 1.
    pub serial: u64,
    /// Of the line before; `None`: it is the first.
    previous: Option<Digest>,
    pub time: Timestamp,
    #[serde(flatten)]
    pub by: By,
    #[serde(flatten)]
    pub what: What,
}

/// Who says that they did it, and what made them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    pub actor: String,
    /// `cli`, or the event that started the job.
    pub trigger: String,
    /// The run of the job.
    pub run: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum What {
    /// A snapshot was captured, perhaps not for the first time.
    Create(Capture),
    /// What was looked at, and how many findings there were; `snapshot`: only this one.
    Verify { snapshot: Option<Digest>, snapshots: u64, findings: u64 },
    /// Files are about to be written; `before`: what was there.
    RestoreBegin { snapshot: Digest, target: String, before: Option<Digest>, reason: Option<String> },
    /// They are written; `undone`: and were taken back.
    RestoreEnd { snapshot: Digest, target: String, undone: bool },
    /// Somebody signed; `signature`: the manifest of it, `signer`: as they are listed.
    Sign { snapshot: Digest, signature: Digest, signer: String },
    /// A snapshot was forgotten.
    Prune { snapshot: Digest },
    /// A restore was rehearsed in a scratch copy.
    Rehearse(Rehearsal),
}

/// What a rehearsal came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    pub snapshot: Digest,
    /// The criteria that did not hold; empty: it passed.
    pub failed: Vec<String>,
    /// How long the restore of the whole snapshot took.
    pub recovery_ms: u64,
    pub limit_seconds: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    pub snapshot: Digest,
    /// What was captured, as it is compared with later captures.
    pub source: String,
    /// The commit, where it was not the work tree.
    pub commit: Option<String>,
    pub channel: Option<String>,
    pub files: u64,
    pub bytes: u64,
    pub tags: Vec<String>,
    pub reason: Option<String>,
    /// It was captured by a restore, before it wrote.
    #[serde(default)]
    pub before_restore: bool,
    /// `None`: it is not a bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Label>,
}

/// A log whose chain holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    pub events: Vec<Event>,
    pub head: Option<Digest>,
    /// How long the lines are together, in bytes.
    pub length: usize,
}

impl Log {
    /// The first so many lines, of which the last must have this digest. What follows them is not looked at. The error says what is
    /// wrong.
    pub fn parse(bytes: &[u8], entries: u64, head: &Digest) -> std::result::Result<Log, String> {
        let mut log = Log::default();
        for serial in 1..=entries {
            let rest = &bytes[log.length..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                return Err(format!("it has {} events, and the store had {entries}", serial - 1));
            };
            let line = &rest[..end];
            let event: Event = serde_json::from_slice(line).map_err(|error| format!("event {serial} cannot be read: {error}"))?;
            if event.schema != SCHEMA {
                return Err(format!("event {serial} has the schema `{}`", event.schema.escape_debug()));
            }
            if event.serial != serial || event.previous != log.head {
                return Err(format!("event {serial} does not follow the one before it"));
            }
            log.events.push(event);
            log.head = Some(Digest::of(line));
            log.length += end + 1;
        }
        if log.head.as_ref() != Some(head) {
            return Err(format!("event {entries} is not the one that was written"));
        }
        Ok(log)
    }

    /// Adds an event; gives its line.
    pub fn add(&mut self, time: Timestamp, by: &By, what: What) -> Result<Vec<u8>> {
        let serial = self.events.len() as u64 + 1;
        let event = Event { schema: SCHEMA.to_owned(), serial, previous: self.head.clone(), time, by: by.clone(), what };
        let mut line = canonical_json(&event)?;
        self.head = Some(Digest::of(&line));
        line.push(b'\n');
        self.length += line.len();
        self.events.push(event);
        Ok(line)
    }

    pub fn state(&self) -> State {
        let mut state = State::default();
        self.events.iter().for_each(|event| state.apply(event));
        state
    }
}

/// What the events come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What must be there, in the order of the last capture.
    pub snapshots: IndexMap<Digest, Known>,
    pub tags: BTreeMap<String, Digest>,
    /// What each rail and version is. The first stays for ever, also when it is pruned.
    pub versions: BTreeMap<(String, String), Digest>,
    /// The last verification of the whole store.
    pub verified: Option<(Timestamp, u64)>,
    pub rehearsed: Option<(Timestamp, Rehearsal)>,
    /// The last restore of each folder.
    pub restores: BTreeMap<String, Restore>,
    /// The signatures of each snapshot, with the time at which they were recorded.
    pub signatures: BTreeMap<Digest, BTreeMap<Digest, Timestamp>>,
}

/// A snapshot that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// When it was captured first.
    pub first: Timestamp,
    /// The event that captured it last.
    pub serial: u64,
    pub time: Timestamp,
    pub actor: String,
    pub capture: Capture,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    pub snapshot: Digest,
    pub before: Option<Digest>,
    pub time: Timestamp,
    pub ended: bool,
    pub undone: bool,
}

impl State {
    fn apply(&mut self, event: &Event) {
        let time = event.time;
        match &event.what {
            What::Create(capture) => {
                let digest = &capture.snapshot;
                let before = self.snapshots.shift_remove(digest);
                let first = before.map_or(time, |known| known.first);
                let known = Known { first, serial: event.serial, time, actor: event.by.actor.clone(), capture: capture.clone() };
                self.snapshots.insert(digest.clone(), known);
                if let Some(Label { rail, version, .. }) = &capture.bundle {
                    self.versions.entry((rail.clone(), version.clone())).or_insert_with(|| digest.clone());
                }
                self.tags.extend(capture.tags.iter().map(|tag| (tag.clone(), digest.clone())));
            }
            What::Verify { snapshot: None, findings, .. } => self.verified = Some((time, *findings)),
            What::Verify { snapshot: Some(_), .. } => {}
            What::RestoreBegin { snapshot, target, before, .. } => {
                let restore = Restore { snapshot: snapshot.clone(), before: before.clone(), time, ended: false, undone: false };
                self.restores.insert(target.clone(), restore);
            }
            What::RestoreEnd { target, undone, .. } => {
                if let Some(restore) = self.restores.get_mut(target) {
                    (restore.ended, restore.undone) = (true, *undone);
                }
            }
            What::Sign { snapshot, signature, .. } => {
                self.signatures.entry(snapshot.clone()).or_default().entry(signature.clone()).or_insert(time);
            }
            What::Rehearse(rehearsal) => self.rehearsed = Some((time, rehearsal.clone())),
            What::Prune { snapshot } => {
                self.signatures.remove(snapshot);
                self.snapshots.shift_remove(snapshot);
                self.tags.retain(|_, digest| digest != snapshot);
            }
        }
    }

    /// The bundle that a rail and a version are.
    pub fn version_of(&self, label: &Label) -> Option<&Digest> {
        self.versions.get(&(label.rail.clone(), label.version.clone()))
    }

    /// What is wrong where a bundle has the rail and version of another one.
    pub fn reused(&self, label: &Label, digest: &Digest) -> Option<Finding> {
        let first = self.version_of(label).filter(|first| *first != digest)?;
        Some(Finding::error("bundle/version-reused", format!("{digest} says that it is {label}, and the log says that {label} is {first}")))
    }

    /// The newest capture of a source.
    pub fn newest_of(&self, source: &str) -> Option<&Known> {
        self.snapshots.values().rev().find(|known| known.capture.source == source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(content: &str) -> What {
        What::Create(Capture {
            snapshot: Digest::of(content.as_bytes()),
            source: "config".to_owned(),
            commit: None,
            channel: None,
            files: 1,
            bytes: content.len() as u64,
            tags: Vec::new(),
            reason: None,
            before_restore: false,
            bundle: None,
        })
    }

    fn written(events: impl IntoIterator<Item = What>) -> (Log, Vec<u8>) {
        let by = By { actor: "local:a@example.com".to_owned(), trigger: "cli".to_owned(), run: None };
        let (mut log, mut bytes) = (Log::default(), Vec::new());
        for (at, what) in events.into_iter().enumerate() {
            bytes.extend(log.add(Timestamp::from_unix(1_800_000_000 + at as i64), &by, what).unwrap());
        }
        (log, bytes)
    }

    #[test]
    fn what_was_written_reads_back_and_what_follows_is_not_looked_at() {
        let prune = What::Prune { snapshot: Digest::of(b"one") };
        let verify = What::Verify { snapshot: None, snapshots: 1, findings: 0 };
        let begin = What::RestoreBegin { snapshot: Digest::of(b"two"), target: "/srv/x".to_owned(), before: None, reason: None };
        let end = What::RestoreEnd { snapshot: Digest::of(b"two"), target: "/srv/x".to_owned(), undone: false };
        let (log, mut bytes) = written([capture("one"), capture("two"), prune, verify, begin, end]);
        assert_eq!(bytes.len(), log.length);
        bytes.extend(b"{\"half\":");
        let head = log.head.clone().unwrap();
        assert_eq!(Log::parse(&bytes, 6, &head), Ok(log.clone()));
        let state = log.state();
        assert_eq!(state.snapshots.keys().collect::<Vec<_>>(), [&Digest::of(b"two")]);
        assert!(state.restores["/srv/x"].ended && state.verified == Some((Timestamp::from_unix(1_800_000_003), 0)));
        let first = String::from_utf8_lossy(&bytes).lines().next().unwrap().replace(",\"", ",\n\"");
        insta::assert_snapshot!(first, @r#"
        {"actor":"local:a@example.com",
        "before_restore":false,
        "bytes":3,
        "channel":null,
        "commit":null,
        "event":"create",
        "files":1,
        "previous":null,
        "reason":null,
        "run":null,
        "schema":"tagwarden.event/1",
        "serial":1,
        "snapshot":"sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
        "source":"config",
        "tags":[],
        "time":"2027-01-15T08:00:00Z",
        "trigger":"cli"}
        "#);
    }

    #[test]
    fn every_change_of_a_line_is_found() {
        let (log, bytes) = written([capture("one"), capture("two"), capture("three")]);
        let head = log.head.clone().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let join = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        for (what, bytes, why) in [
            ("cut off", join(&lines[..2]), "it has 2 events, and the store had 3"),
            ("cut off in a line", text[..text.len() - 1].to_owned(), "it has 2 events, and the store had 3"),
            ("taken out", join(&[lines[0], lines[2]]), "event 2 does not follow the one before it"),
            ("turned round", join(&[lines[1], lines[0], lines[2]]), "event 1 does not follow the one before it"),
            ("the first changed", text.replacen("\"files\":1", "\"files\":2", 1), "event 2 does not follow the one before it"),
            (
                "the last changed",
                format!("{}{}\n", join(&lines[..2]), lines[2].replace("\"files\":1", "\"files\":2")),
                "event 3 is not the one that was written",
            ),
            ("not JSON", join(&[lines[0], "x", lines[2]]), "event 2 cannot be read"),
            ("empty", String::new(), "it has 0 events, and the store had 3"),
        ] {
            let error = Log::parse(bytes.as_bytes(), 3, &head).expect_err(what);
            assert!(error.starts_with(why), "{what}: {error}");
        }
        assert!(Log::parse(text.as_bytes(), 2, &head).is_err());
    }

    #[test]
    fn a_content_that_is_captured_again_is_the_newest() {
        let (log, _) = written([capture("one"), capture("two"), capture("one")]);
        let state = log.state();
        assert_eq!(state.snapshots.keys().collect::<Vec<_>>(), [&Digest::of(b"two"), &Digest::of(b"one")]);
        let newest = state.newest_of("config").unwrap();
        assert_eq!((newest.serial, newest.first.unix()), (3, 1_800_000_000));
        assert_eq!(state.newest_of("other"), None);
    }

    #[test]
    fn a_version_is_what_it_was_first_also_when_that_is_pruned() {
        let bundle = |content: &str, version: &str| {
            let What::Create(capture) = capture(content) else { panic!("it is a capture") };
            What::Create(Capture { bundle: Some(Label::new("routing", version, (None, None)).unwrap()), ..capture })
        };
        let (log, bytes) =
            written([bundle("one", "1"), bundle("two", "2"), What::Prune { snapshot: Digest::of(b"one") }, bundle("three", "1")]);
        assert_eq!(Log::parse(&bytes, 4, &log.head.clone().unwrap()), Ok(log.clone()));
        let version = |version: &str| log.state().versions[&("routing".to_owned(), version.to_owned())].clone();
        assert_eq!((version("1"), version("2")), (Digest::of(b"one"), Digest::of(b"two")));
    }
}
