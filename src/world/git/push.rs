//! The push: its argument list from one list of updates, and the reading of git's answer, both pure.
//!
//! Never `--force`, `-f`, `--mirror` or a `+refspec`: each of them defeats a lease silently, so the list is checked before
//! it is used. What an answer does not say stays unknown: the caller reads the refs again before it believes anything but
//! [`PushEnd::Moved`].
//!
//! git checks no lease of a ref that it finds up to date. Such a ref counts as moved only where the lease expected it there.

use crate::domain::{Fault, Oid, Reason, RefName, Result};
use std::{collections::BTreeSet, ffi::OsString};

/// One ref move under its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    pub name: RefName,
    /// What the remote ref must hold; `None`: it must not exist.
    pub expect: Option<Oid>,
    /// What it shall hold; `None`: it shall be removed.
    pub new: Option<Oid>,
}

/// What one push shall do, all or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushSpec {
    pub updates: Vec<Update>,
}

/// The arguments of `git` for a push of exactly these updates, each with its lease.
pub fn push_argv(remote: &str, spec: &PushSpec) -> Result<Vec<OsString>> {
    let names: BTreeSet<&RefName> = spec.updates.iter().map(|update| &update.name).collect();
    if spec.updates.is_empty() || names.len() != spec.updates.len() {
        return Err(Fault::new(Reason::Internal, "a push names no ref, or one ref twice"));
    }
    let mut argv: Vec<String> = PUSH.iter().map(|word| (*word).to_owned()).collect();
    let text = |oid: &Option<Oid>| oid.as_ref().map(ToString::to_string).unwrap_or_default();
    argv.extend(spec.updates.iter().map(|update| format!("--force-with-lease={}:{}", update.name, text(&update.expect))));
    argv.extend(["--".to_owned(), remote.to_owned()]);
    argv.extend(spec.updates.iter().map(|update| format!("{}:{}", text(&update.new), update.name)));
    check_argv(&argv)?;
    Ok(argv.into_iter().map(OsString::from).collect())
}

const PUSH: &[&str] = &[
    "push",
    "--atomic",
    "--porcelain",
    "--no-verify",
    "--no-follow-tags",
    "--no-signed",
    "--no-force-if-includes",
    "--no-progress",
    "--recurse-submodules=no",
];

/// Holds whatever becomes of the list above.
fn check_argv(argv: &[String]) -> Result<()> {
    let split = argv.iter().position(|word| word == "--").unwrap_or(argv.len());
    let (options, rest) = argv.split_at(split);
    let lease = |word: &'_ String| {
        word.strip_prefix("--force-with-lease=").and_then(|lease| lease.split_once(':')).map(|(name, _)| name.to_owned())
    };
    let known = |word: &String| PUSH.contains(&word.as_str()) || lease(word).is_some();
    let leases: Vec<String> = options.iter().filter_map(lease).collect();
    let moved: Vec<&str> = rest
        .iter()
        .skip(2)
        .filter_map(|spec| spec.split_once(':'))
        .filter(|(new, _)| !new.starts_with('+'))
        .map(|(_, name)| name)
        .collect();
    let sound = options.iter().all(known) && leases == moved && rest.len() == moved.len() + 2 && !rest[1].starts_with(['-', '+']);
    if sound && options.iter().any(|word| word == "--atomic") {
        Ok(())
    } else {
        Err(Fault::new(Reason::Internal, format!("refusing to push without an exact lease for every ref: {argv:?}")))
    }
}

/// What git and the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushAnswer {
    pub end: PushEnd,
    pub lines: Vec<PushLine>,
    /// The server's own words (`remote: ...`), line by line.
    pub remote: Vec<String>,
}

/// How the push ended as a whole. Everything but `Moved` asks for another look at the refs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushEnd {
    /// Every ref holds its new value.
    Moved,
    /// Every ref held its new value before; nothing was sent. Proves nothing about who put it there.
    UpToDate,
    /// Somebody else moved first; nothing moved.
    Stale(String),
    /// A lock file on the server is in the way: of a push that is at work, or of one that was killed; nothing moved.
    Locked(String),
    /// The server refused, in its own words; nothing moved.
    Refused(String),
    /// The server cannot push atomically; nothing was sent.
    NoAtomic,
    /// Some refs hold their new value and some do not.
    Partial(String),
    /// git ended before it sent any update; nothing moved.
    NotSent(String),
    /// It was sent, and no answer came: it may or may not have happened.
    Unknown(String),
}

/// One line of the porcelain answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushLine {
    pub name: RefName,
    pub answer: RefAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefAnswer {
    Moved,
    UpToDate,
    /// The ref does not hold what the lease expects.
    Stale(String),
    /// A hook, a ruleset, a protected branch.
    Refused(String),
    /// Refused only because another ref of the push was.
    Collateral,
    /// The server did not say.
    Unknown(String),
}

/// The answer of a push that gave none.
pub(super) fn no_answer(why: String, has_sent: bool) -> PushAnswer {
    let end = if has_sent { PushEnd::Unknown(why) } else { PushEnd::NotSent(why) };
    PushAnswer { end, lines: Vec::new(), remote: Vec::new() }
}

/// Reads exit code and output of a push. `has_sent`: updates left, or may have.
pub(super) fn read_answer(spec: &PushSpec, code: Option<i32>, stdout: &str, stderr: &str, has_sent: bool) -> PushAnswer {
    let remote: Vec<String> =
        stderr.lines().filter_map(|line| line.strip_prefix("remote: ")).map(|line| line.trim_end().to_owned()).collect();
    let lines: Vec<PushLine> = stdout.lines().filter_map(read_line).collect();
    let end = match end(spec, code, &lines, &remote, stderr) {
        PushEnd::Unknown(why) if !has_sent && lines.is_empty() => PushEnd::NotSent(why),
        end => end,
    };
    PushAnswer { end, lines, remote }
}

/// The porcelain answer with what the server said in it cleaned. Names of refs stay as they are: they tell what moved.
pub(super) fn clean_summaries(stdout: &str, clean: impl Fn(&str) -> String) -> String {
    let line = |line: &str| match line.match_indices('\t').nth(1) {
        Some((tab, _)) => format!("{}\t{}\n", &line[..tab], clean(&line[tab + 1..])),
        None => format!("{line}\n"),
    };
    stdout.lines().map(line).collect()
}

/// `<flag> TAB <from>:<to> TAB <summary>`, where a refusal ends with its reason in parentheses.
fn read_line(line: &str) -> Option<PushLine> {
    let mut parts = line.splitn(3, '\t');
    let (flag, refs, summary) = (parts.next()?, parts.next()?, parts.next()?);
    let name: RefName = refs.rsplit_once(':')?.1.parse().ok()?;
    let (kind, reason) = match summary.split_once("] (") {
        Some((kind, reason)) => (kind.trim_start_matches('['), reason.trim_end_matches(')')),
        None => (summary.trim_matches(['[', ']']), ""),
    };
    let answer = match (flag, kind) {
        (" " | "+" | "-" | "*", _) => RefAnswer::Moved,
        ("=", _) => RefAnswer::UpToDate,
        ("!", _) if COLLATERAL.contains(&reason) => RefAnswer::Collateral,
        ("!", _) if STALE.iter().any(|words| reason.contains(words)) => RefAnswer::Stale(reason.to_owned()),
        ("!", "rejected" | "remote rejected") => RefAnswer::Refused(reason.to_owned()),
        _ => RefAnswer::Unknown(summary.to_owned()),
    };
    Some(PushLine { name, answer })
}

/// Said of a ref that fell with another one: by the client, by the server before, and by the server at its transaction. The
/// last is said of every ref, and the cause stands in the server's words.
const COLLATERAL: &[&str] = &["atomic push failed", "atomic push failure", "atomic transaction failed", "transaction failed to start"];

/// Said of a ref that does not hold what was expected: by the client, and by the server's ref transaction in a true race.
const STALE: &[&str] = &[
    "stale info",
    "remote ref updated since checkout",
    "incorrect old value provided",
    "reference already exists",
    "reference does not exist",
    "cannot lock ref",
    "failed to update ref",
    "failed to lock",
    "fetch first",
];

/// Whether the server says that a lock file is there already.
fn tells_of_lock(words: &str) -> bool {
    words.contains("Unable to create '") && words.contains(".lock': File exists")
}

fn end(spec: &PushSpec, code: Option<i32>, lines: &[PushLine], remote: &[String], stderr: &str) -> PushEnd {
    if lines.is_empty() {
        return if stderr.contains("does not support --atomic push") { PushEnd::NoAtomic } else { PushEnd::Unknown(last_words(stderr)) };
    }
    let answer = |update: &Update| lines.iter().find(|line| line.name == update.name).map(|line| &line.answer);
    let holds = |update: &&Update| matches!(answer(update), Some(RefAnswer::Moved | RefAnswer::UpToDate));
    let moved = |update: &&Update| match answer(update) {
        Some(RefAnswer::Moved) => true,
        Some(RefAnswer::UpToDate) => update.expect == update.new,
        _ => false,
    };
    let any_moved = lines.iter().any(|line| line.answer == RefAnswer::Moved);
    let cause = cause(lines, remote);
    if spec.updates.iter().all(|update| moved(&update)) {
        return match (code, any_moved) {
            (Some(0), true) => PushEnd::Moved,
            (Some(0), false) => PushEnd::UpToDate,
            _ => PushEnd::Unknown(last_words(stderr)),
        };
    }
    if any_moved {
        let left = spec.updates.iter().filter(|update| !moved(update)).map(|update| update.name.as_str()).collect::<Vec<_>>().join(", ");
        return PushEnd::Partial(format!(
            "{left}: {}",
            cause.map_or("held its new value before the push".to_owned(), |cause| cause.words())
        ));
    }
    if spec.updates.iter().all(|update| holds(&update)) {
        return PushEnd::UpToDate;
    }
    match cause {
        Some(Cause::Stale(words)) => PushEnd::Stale(words),
        Some(Cause::Locked(words)) => PushEnd::Locked(words),
        Some(Cause::Refused(words)) => PushEnd::Refused(words),
        None => PushEnd::Unknown(last_words(stderr)),
    }
}

enum Cause {
    Stale(String),
    Locked(String),
    Refused(String),
}

impl Cause {
    fn words(self) -> String {
        match self {
            Cause::Stale(words) | Cause::Locked(words) | Cause::Refused(words) => words,
        }
    }
}

/// The cause among the collateral: a refusal first (it would stand after another try), then a lock file, which git tells of only
/// beside the lines, then a stale lease, then what else the server said there.
fn cause(lines: &[PushLine], remote: &[String]) -> Option<Cause> {
    let refused = lines.iter().find_map(|line| match &line.answer {
        RefAnswer::Refused(reason) => Some(Cause::Refused(format!("{}: {}", line.name, with_words(reason, remote)))),
        _ => None,
    });
    let stale = lines.iter().find_map(|line| match &line.answer {
        RefAnswer::Stale(reason) => Some(Cause::Stale(format!("{}: {reason}", line.name))),
        _ => None,
    });
    let collateral = lines.iter().any(|line| line.answer == RefAnswer::Collateral);
    let raced = remote.iter().find(|words| STALE.iter().any(|stale| words.contains(stale)));
    let locked = remote.iter().find(|words| tells_of_lock(words)).map(|words| Cause::Locked(words.trim().to_owned()));
    refused.or(locked).or(stale).or_else(|| match raced {
        Some(words) if collateral => Some(Cause::Stale(words.clone())),
        None if collateral => Some(Cause::Refused(with_words("the server's ref transaction failed", remote))),
        _ => None,
    })
}

fn with_words(reason: &str, remote: &[String]) -> String {
    let words: Vec<&str> = remote.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    if words.is_empty() { reason.to_owned() } else { format!("{reason} (the server says: {})", words.join("; ")) }
}

fn last_words(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { "git said nothing".to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(digit: char) -> Oid {
        digit.to_string().repeat(40).parse().unwrap()
    }

    fn spec() -> PushSpec {
        PushSpec {
            updates: vec![
                Update { name: "refs/heads/l".parse().unwrap(), expect: Some(oid('a')), new: Some(oid('b')) },
                Update { name: "refs/tags/t".parse().unwrap(), expect: None, new: Some(oid('c')) },
            ],
        }
    }

    #[test]
    fn every_ref_has_its_lease_and_nothing_is_forced() {
        let mut spec = spec();
        spec.updates.push(Update { name: "refs/tags/gone".parse().unwrap(), expect: Some(oid('d')), new: None });
        let argv: Vec<String> = push_argv("origin", &spec).unwrap().into_iter().map(|word| word.into_string().unwrap()).collect();
        let (a, b, c, d) = (oid('a'), oid('b'), oid('c'), oid('d'));
        assert_eq!(argv[..9], PUSH[..]);
        assert_eq!(
            argv[9..],
            [
                format!("--force-with-lease=refs/heads/l:{a}"),
                "--force-with-lease=refs/tags/t:".to_owned(),
                format!("--force-with-lease=refs/tags/gone:{d}"),
                "--".to_owned(),
                "origin".to_owned(),
                format!("{b}:refs/heads/l"),
                format!("{c}:refs/tags/t"),
                ":refs/tags/gone".to_owned(),
            ]
        );
    }

    #[test]
    fn a_push_that_could_defeat_a_lease_is_refused() {
        let sound: Vec<String> = push_argv("origin", &spec()).unwrap().into_iter().map(|word| word.into_string().unwrap()).collect();
        assert!(check_argv(&sound).is_ok());
        let with = |at: usize, word: &str| {
            let mut argv = sound.clone();
            argv[at] = word.to_owned();
            argv
        };
        let plus = format!("+{}", sound[sound.len() - 1]);
        for broken in [
            with(1, "--no-atomic"),
            with(1, "--force"),
            with(3, "-f"),
            with(3, "--mirror"),
            with(3, "--force-with-lease"),
            with(3, "--force-with-lease=refs/tags/t"),
            with(9, &sound[10]),
            with(sound.len() - 1, &plus),
            with(sound.len() - 1, "refs/tags/t"),
            with(sound.len() - 3, "--force"),
            sound[..sound.len() - 1].to_vec(),
        ] {
            assert!(check_argv(&broken).is_err(), "{broken:?}");
        }
        assert!(push_argv("origin", &PushSpec::default()).is_err());
        assert!(push_argv("-f", &spec()).is_err());
        let mut twice = spec();
        twice.updates.push(twice.updates[0].clone());
        assert!(push_argv("origin", &twice).is_err());
    }

    /// Exit code, the two porcelain lines after the refs, standard error, and the end that they mean.
    type Case = (i32, [&'static str; 2], &'static str, fn(&PushEnd) -> bool);

    #[test]
    fn answers_tell_the_cause_from_the_collateral() {
        let cases: &[Case] = &[
            (0, [" |aaa..bbb", "*|[new tag]"], "", |end| *end == PushEnd::Moved),
            (0, ["+|aaa...bbb (forced update)", "*|[new tag]"], "", |end| *end == PushEnd::Moved),
            (0, ["=|[up to date]", "=|[up to date]"], "", |end| *end == PushEnd::UpToDate),
            // The tag was there before although the lease says that it must not exist.
            (0, [" |aaa..bbb", "=|[up to date]"], "", |end| matches!(end, PushEnd::Partial(why) if why.contains("refs/tags/t"))),
            (
                1,
                ["!|[rejected] (atomic push failed)", "!|[rejected] (stale info)"],
                "",
                |end| matches!(end, PushEnd::Stale(why) if why == "refs/tags/t: stale info"),
            ),
            (
                1,
                ["!|[remote rejected] (atomic transaction failed)", "!|[remote rejected] (atomic transaction failed)"],
                "remote: error: cannot lock ref 'refs/heads/l': is at aaa but expected bbb        \n",
                |end| matches!(end, PushEnd::Stale(why) if why.contains("but expected")),
            ),
            (
                1,
                ["!|[remote rejected] (atomic transaction failed)", "!|[remote rejected] (atomic transaction failed)"],
                "remote: error: cannot lock ref 'refs/tags/t': Unable to create '/s.git/./refs/tags/t.lock': File exists.        \n",
                |end| matches!(end, PushEnd::Locked(why) if why.contains("/s.git/./refs/tags/t.lock")),
            ),
            (
                1,
                ["!|[remote rejected] (failed to update ref)", "!|[remote rejected] (failed to update ref)"],
                "remote: error: Unable to create '/s.git/packed-refs.lock': File exists.        \n",
                |end| matches!(end, PushEnd::Locked(why) if why.contains("packed-refs.lock")),
            ),
            (
                1,
                ["!|[remote rejected] (atomic transaction failed)", "!|[remote rejected] (atomic transaction failed)"],
                "remote: error: no space left on device        \n",
                |end| matches!(end, PushEnd::Refused(why) if why.contains("no space left")),
            ),
            (
                1,
                ["!|[remote rejected] (atomic push failure)", "!|[remote rejected] (hook declined)"],
                "remote: GH013: Repository rule violations found for refs/tags/t.        \n",
                |end| matches!(end, PushEnd::Refused(why) if why.starts_with("refs/tags/t: hook declined") && why.contains("GH013")),
            ),
            (
                1,
                ["!|[remote rejected] (pre-receive hook declined)", "!|[remote rejected] (pre-receive hook declined)"],
                "",
                |end| matches!(end, PushEnd::Refused(why) if why == "refs/heads/l: pre-receive hook declined"),
            ),
            (
                1,
                [
                    "!|[remote rejected] (protected branch hook declined)",
                    "!|[remote rejected] (push declined due to repository rule violations)",
                ],
                "",
                |end| matches!(end, PushEnd::Refused(_)),
            ),
            (
                1,
                [" |aaa..bbb", "!|[remote rejected] (deny updating a hidden ref)"],
                "",
                |end| matches!(end, PushEnd::Partial(why) if why.contains("hidden ref")),
            ),
            (
                1,
                ["!|[remote failure] (remote failed to report status)", "!|[remote failure] (remote failed to report status)"],
                "",
                |end| matches!(end, PushEnd::Unknown(_)),
            ),
            // The server said nothing of one ref.
            (1, ["!|[rejected] (stale info)", "?|"], "", |end| matches!(end, PushEnd::Stale(_))),
            // Every line is well, yet git failed afterwards.
            (128, [" |aaa..bbb", "*|[new tag]"], "fatal: lost", |end| matches!(end, PushEnd::Unknown(_))),
        ];
        for (code, lines, stderr, fits) in cases {
            let line = |at: usize, name: &str| {
                let (flag, summary) = lines[at].split_once('|').unwrap();
                format!("{flag}\tx:{name}\t{summary}\n")
            };
            let stdout = format!("To ../s.git\n{}{}Done\n", line(0, "refs/heads/l"), line(1, "refs/tags/t"));
            let answer = read_answer(&spec(), Some(*code), &stdout, stderr, true);
            assert!(fits(&answer.end), "{lines:?} gave {:?}", answer.end);
        }
    }

    #[test]
    fn a_servers_reason_is_cleaned_and_names_stay() {
        let stdout = "To x\n!\tsecret:refs/tags/secret\t[remote rejected] (no secret here)\nDone\n";
        let clean = clean_summaries(stdout, |text| text.replace("secret", "*"));
        assert_eq!(clean, "To x\n!\tsecret:refs/tags/secret\t[remote rejected] (no * here)\nDone\n");
    }

    #[test]
    fn an_answer_without_lines_is_unknown_unless_atomic_is_missing() {
        let end = |stderr: &str| read_answer(&spec(), Some(128), "", stderr, true).end;
        assert_eq!(end("fatal: the receiving end does not support --atomic push\n"), PushEnd::NoAtomic);
        assert_eq!(
            end("fatal: unable to access 'https://***@example.com/': x\n"),
            PushEnd::Unknown("fatal: unable to access 'https://***@example.com/': x".to_owned())
        );
        assert_eq!(read_answer(&spec(), None, "", "", true).end, PushEnd::Unknown("git said nothing".to_owned()));
        assert_eq!(read_answer(&spec(), None, "", "", false).end, PushEnd::NotSent("git said nothing".to_owned()));
    }
}
