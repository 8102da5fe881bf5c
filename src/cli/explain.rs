//! The verb `explain`: what a gate kind, a key, a reason code or a finding code means; and the pages of all gates and keys, made from
//! the same tables.

use super::{args, comment};
use crate::{
    artifact, catalog,
    domain::{Fault, Reason, Result},
    gate::{
        Kind,
        config::{self, Key},
        kinds::KINDS,
    },
    lockdown,
    release::transition::{self, ELSEWHERE, RULEBOOK, RULES},
    report::{Body, Report, TextShape, codes, reply},
    sync::{
        self,
        condition::{self, Known},
    },
    text::{
        near,
        slash::{COMMANDS, Dialect, Spec},
    },
    world::github::{Needed, Purpose},
};
use serde_json::{Value, json};
use std::fmt::Write as _;

pub fn run(args: &args::Explain) -> Result<Report> {
    let Some(id) = &args.id else { return Ok(answer(listing(), json!({ "ids": ids() }))) };
    let (text, value) = explain(id, KINDS).ok_or_else(|| unknown(id))?;
    Ok(answer(text, value))
}

fn answer(text: String, value: Value) -> Report {
    let shape = TextShape { media_type: TextShape::MARKDOWN, text, value: Some(value) };
    Report::new(Reason::Passed, Body::Text(shape))
}

fn unknown(id: &str) -> Fault {
    let known = ids();
    let help = match near::nearest(id, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? `tagwarden explain` lists everything"),
        None => "`tagwarden explain` lists everything that can be explained".to_owned(),
    };
    Fault::new(Reason::BadUsage, format!("`{}` is neither a gate kind nor a key nor a reason code nor a finding code", id.escape_debug()))
        .help(help)
}

/// Whether `explain` knows this id.
pub fn knows(id: &str) -> bool {
    explain(id, KINDS).is_some()
}

/// Every id, in the order of the listing.
pub fn ids() -> Vec<String> {
    let kinds = KINDS.iter().map(|kind| kind.id.to_owned());
    let reasons = Reason::ALL.iter().map(|reason| reason.slug().to_owned());
    let of_kinds = KINDS.iter().flat_map(|kind| codes_of(kind)).map(|(code, _)| code);
    let others = others().map(|(code, _)| code.to_owned());
    let keys = config::keys().into_iter().map(|key| key.path);
    kinds.chain(reasons).chain(of_kinds).chain(others).chain(keys).collect()
}

fn explain(id: &str, kinds: &[&'static Kind]) -> Option<(String, Value)> {
    if let Some(kind) = kinds.iter().find(|kind| kind.id == id) {
        return Some((about_kind(kind, 1), json!({ "kind": kind.id, "about": kind.about, "codes": code_list(kind) })));
    }
    if let Some(reason) = Reason::parse(id) {
        let text = format!("reason code `{reason}`, exit code {}\n\n{}\n\nNext: {}\n", reason.exit_code(), reason.about(), reason.next());
        let value = json!({ "reason_code": id, "exit_code": reason.exit_code(), "about": reason.about(), "next": reason.next() });
        return Some((text, value));
    }
    if let Some(found) = explain_key(id) {
        return Some(found);
    }
    let prefix = id.split_once('/')?.0;
    let (kind, meaning) = match kinds.iter().find(|kind| kind.id == prefix) {
        Some(kind) => {
            let of_kind = codes_of(kind).into_iter().find(|(code, _)| code == id).map(|(_, meaning)| meaning);
            (Some(kind.id), of_kind.or_else(|| meaning(id))?)
        }
        None => (None, meaning(id)?),
    };
    if let Some(rule) = transition::rule(id) {
        let text = format!(
            "finding code `{id}`\n\nA commit on the ledger breaks rule {}, so it does not count. The rule: {}.\n",
            rule.number, rule.about
        );
        return Some((text, json!({ "code": id, "kind": null, "rule": rule.number, "about": rule.about })));
    }
    let whose = kind.map(|kind| format!("\n\nIt is a finding of `{kind}` gates: `tagwarden explain {kind}`.")).unwrap_or_default();
    Some((format!("finding code `{id}`\n\n{}{whose}\n", sentence(meaning)), json!({ "code": id, "kind": kind, "about": meaning })))
}

/// A key by its whole path, or by its name alone wherever it stands.
fn explain_key(id: &str) -> Option<(String, Value)> {
    let keys = config::keys();
    let mut meant: Vec<&Key> = keys.iter().filter(|key| key.path == id).collect();
    if meant.is_empty() {
        meant = keys.iter().filter(|key| key.name() == id).collect();
    }
    let text: Vec<String> = meant.iter().map(|key| about_key(key, &keys)).collect();
    let values: Vec<Value> =
        meant.iter().map(|key| json!({ "file": key.file, "key": key.path, "about": key.about, "required": key.required })).collect();
    (!meant.is_empty()).then(|| (text.join("\n"), json!({ "keys": values })))
}

fn about_key(key: &Key, keys: &[Key]) -> String {
    let required = if key.required { ", required" } else { "" };
    let mut text = format!("key `{}` of {}{required}\n\n{}\n", key.path, key.file, key.about);
    let below: Vec<String> = keys
        .iter()
        .filter(|other| other.file == key.file && other.path.strip_prefix(&key.path).is_some_and(|rest| rest.starts_with('.')))
        .map(|other| format!("`{}`", other.path))
        .collect();
    if !below.is_empty() {
        let _ = writeln!(text, "\nKeys in it: {}.", below.join(", "));
    }
    text
}

/// The codes that no page of a kind lists.
fn others() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rules = RULES.iter().flat_map(|rule| rule.codes.iter().map(|code| (*code, rule.about)));
    codes::CODES.iter().chain(lockdown::CODES).chain(catalog::CODES).chain(sync::CODES).chain(artifact::CODES).copied().chain(rules)
}

fn meaning(id: &str) -> Option<&'static str> {
    others().find(|(code, _)| *code == id).map(|(_, meaning)| meaning)
}

/// The kind's own codes, then those that any kind may give.
fn codes_of(kind: &Kind) -> Vec<(String, &'static str)> {
    let mut known: Vec<(String, &'static str)> = kind.codes.iter().map(|(code, meaning)| ((*code).to_owned(), *meaning)).collect();
    for (what, meaning) in codes::ANY_KIND {
        let code = format!("{}/{what}", kind.id);
        if !known.iter().any(|(own, _)| *own == code) {
            known.push((code, meaning));
        }
    }
    known
}

fn code_list(kind: &Kind) -> Value {
    codes_of(kind).into_iter().map(|(code, meaning)| json!({ "code": code, "about": meaning })).collect()
}

/// A kind as Markdown under a heading of this level.
fn about_kind(kind: &Kind, level: usize) -> String {
    let mut text = format!("{} {}\n\n{}\n\n", "#".repeat(level), kind.id, sentence(kind.about));
    let verbs: Vec<String> = kind.verbs.iter().map(|verb| format!("`{verb}`")).collect();
    let writes = if kind.writes { "; some of its probes write, so plain `verify` needs `--effects`" } else { "" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Decides {} unless the gate file says otherwise{writes}.\n", verbs.join(" and "));
    let _ = writeln!(text, "{}\n", kind.page.trim());
    let _ = writeln!(text, "| finding | means |\n|---|---|");
    for (code, meaning) in codes_of(kind) {
        let _ = writeln!(text, "| `{code}` | {} |", meaning.replace('|', "\\|"));
    }
    text
}

/// With its capital letter and its full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    let stop = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    first.chain(letters).chain(stop.chars()).collect()
}

fn listing() -> String {
    let mut text = "gate kinds\n".to_owned();
    let mut rows = |head: &str, rows: Vec<(String, &str)>| {
        let width = rows.iter().map(|(id, _)| id.len()).max().unwrap_or(0);
        text.push_str(head);
        rows.iter().for_each(|(id, about)| {
            let _ = writeln!(text, "  {id:width$}  {about}");
        });
    };
    rows("", KINDS.iter().map(|kind| (kind.id.to_owned(), kind.about)).collect());
    rows("\nreason codes\n", Reason::ALL.iter().map(|reason| (reason.slug().to_owned(), reason.about())).collect());
    let mut names = |head: &str, names: Vec<String>| {
        let _ = writeln!(text, "\n{head}\n{}", wrapped(&names));
    };
    let keys = config::keys();
    let mut files: Vec<&str> = keys.iter().map(|key| key.file).collect();
    files.dedup();
    for file in files {
        names(&format!("keys of {file}"), keys.iter().filter(|key| key.file == file).map(|key| key.path.clone()).collect());
    }
    names("finding codes outside gates", others().map(|(code, _)| code.to_owned()).collect());
    text.push_str("\nThe finding codes of a gate kind: `tagwarden explain KIND`.\n");
    text
}

/// Names side by side, in indented lines that are not too long to read.
fn wrapped(names: &[String]) -> String {
    const WIDTH: usize = 100;
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.len() + name.len() < WIDTH => {
                line.push(' ');
                line.push_str(name);
            }
            _ => lines.push(format!("  {name}")),
        }
    }
    lines.join("\n")
}

/// `protocol-docs/keys.md`: every key of the protocol and of a gate's header.
fn keys_page() -> String {
    let mut text = String::from(KEYS_INTRO);
    let keys = config::keys();
    let files = [
        ("gates/protocol.yaml", "The protocol"),
        ("gates/NN-<id>.yaml", "Every gate"),
        ("gates/rails/<rail>/lint.yaml", "The rules of a rail"),
    ];
    for (file, title) in files {
        let _ = writeln!(text, "\n## {title}: `{file}`\n\n| key | says | required |\n|---|---|---|");
        for key in keys.iter().filter(|key| key.file == file) {
            let required = if key.required { "yes" } else { "" };
            let _ = writeln!(text, "| `{}` | {} | {required} |", key.path, key.about.replace('|', "\\|"));
        }
    }
    text
}

/// `protocol-docs/gates.md`: every kind of gate, every finding code and every reason code.
fn gates_page() -> String {
    let mut text = String::from(INTRO);
    for kind in KINDS {
        let _ = writeln!(text, "\n{}", about_kind(kind, 2).trim_end());
    }
    text.push_str("\n## Findings outside gates\n\n| finding | means |\n|---|---|\n");
    for (code, meaning) in others().filter(|(code, _)| transition::rule(code).is_none()) {
        let _ = writeln!(text, "| `{code}` | {} |", meaning.replace('|', "\\|"));
    }
    text.push_str("\nFindings about entries of the ledger: [the rulebook](rulebook.md).\n");
    text.push_str("\n## Reason codes\n\n| code | exit | means | next |\n|---|---|---|---|\n");
    for reason in Reason::ALL {
        let _ = writeln!(text, "| `{reason}` | {} | {} | {} |", reason.exit_code(), reason.about(), reason.next());
    }
    text
}

/// Every page that is made from tables of the program, by its path.
pub fn pages() -> [(&'static str, String); 5] {
    [
        ("protocol-docs/gates.md", gates_page()),
        ("protocol-docs/keys.md", keys_page()),
        ("protocol-docs/rulebook.md", rulebook_page()),
        ("protocol-docs/slash-commands.md", slash_page()),
        ("protocol-docs/troubleshooting.md", troubleshooting_page()),
    ]
}

/// `protocol-docs/troubleshooting.md`: by the reason code of an answer, what it means and what to do; what each use needs of a token.
fn troubleshooting_page() -> String {
    let mut text = String::from(TROUBLESHOOTING_INTRO);
    let mut exit = None;
    for reason in Reason::ALL.iter().filter(|reason| reason.exit_code() != 0) {
        if exit != Some(reason.exit_code()) {
            exit = Some(reason.exit_code());
            let _ = writeln!(text, "\n## Exit {}", reason.exit_code());
        }
        let _ = writeln!(text, "\n### {reason}\n\n{}\n\nDo: {}", reason.about(), reason.next());
    }
    text.push_str(TROUBLESHOOTING_STORES);
    for Known { name, reason, about, next } in condition::REASONS {
        let _ = writeln!(text, "| `{name}` | `{reason}` | {about} | {next} |");
    }
    text.push_str("\nFindings about releases and rows:\n\n| finding | means |\n|---|---|\n");
    for (code, meaning) in sync::CODES {
        let _ = writeln!(text, "| `{code}` | {} |", meaning.replace('|', "\\|"));
    }
    text.push_str("\n## What GitHub lacks\n\n`tagwarden doctor --github` names these:\n\n| finding | means |\n|---|---|\n");
    for (code, meaning) in others().filter(|(code, _)| code.starts_with("github/")) {
        let _ = writeln!(text, "| `{code}` | {} |", meaning.replace('|', "\\|"));
    }
    text.push_str(TROUBLESHOOTING_PERMISSIONS);
    for purpose in Purpose::ALL {
        let needs: Vec<String> = purpose.needs().iter().map(|need| format!("`{need}`")).collect();
        let _ = writeln!(text, "| {} | {} |", purpose.about(), needs.join(", "));
    }
    text
}

const TROUBLESHOOTING_INTRO: &str = "\
# Troubleshooting

<!-- Made by `UPDATE_PAGES=1 cargo test --test it cli_surface` from the closed list of reason codes; edit `src/domain/fault.rs`. -->

Every answer ends with a reason code, in brackets, and JSON has it as `reason_code`. `tagwarden explain CODE` prints what stands here.
";

const TROUBLESHOOTING_STORES: &str = "
## What a read store says

`tagwarden sync status`, and `/status` of a controller, show two conditions. `Ready`: readers get a whole snapshot. `Published`: it is what
the channel is at.

| condition | reason | means | do |
|---|---|---|---|
";

const TROUBLESHOOTING_PERMISSIONS: &str = "
## What a token needs

Of the App's installation each use asks for no more than this. `metadata: read` comes with every token. A tag at a commit whose workflows
differ from the branch's may need `workflows: write` as well, which GitHub says when it refuses the push.

| use | permissions |
|---|---|
";

/// `protocol-docs/slash-commands.md`: how commands are written, every command, and every refusal.
fn slash_page() -> String {
    let dialect = Dialect::default();
    let mut text = format!("{SLASH_INTRO}\n## The commands\n\n{}", reply::help(&dialect));
    for spec in COMMANDS {
        let _ = writeln!(text, "\n### {}\n\n{}", spec.name, reply::help_of(spec, &dialect).trim_end());
        if !spec.not_here.is_empty() {
            text.push_str("\n| flag of the program | in a comment |\n|---|---|\n");
        }
        for (flag, instead) in spec.not_here {
            let _ = writeln!(text, "| `--{flag}` | {instead} |");
        }
    }
    text.push_str(SLASH_PERMISSIONS);
    for spec in COMMANDS {
        let needs: Vec<String> = permissions(spec).iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "| `{}` | {} |", spec.name, needs.join(", "));
    }
    text.push_str(
        "\n## What each refusal means\n\nWhat is wrong with the comment itself (`bad_usage`, `not_permitted`, `unreachable`):\n\n",
    );
    text.push_str("| finding | means |\n|---|---|\n");
    for (code, meaning) in others().filter(|(code, _)| code.starts_with("comment/")) {
        let _ = writeln!(text, "| `{code}` | {} |", meaning.replace('|', "\\|"));
    }
    text.push_str(
        "\nWhat the command ended with, as the answer and `tagwarden explain CODE` name it:\n\n| reason | means | then |\n|---|---|---|\n",
    );
    for reason in Reason::ALL.iter().filter(|reason| reason.exit_code() != 0) {
        let cell = |words: &str| words.replace('|', "\\|");
        let _ = writeln!(text, "| `{reason}` | {} | {} |", cell(reason.about()), cell(reason.next()));
    }
    text
}

/// What the token of a slash command needs, beside what the gates ask for.
pub fn permissions(spec: &Spec) -> Vec<Needed> {
    Needed::of(&comment::intents(spec))
}

fn rulebook_page() -> String {
    let mut text =
        format!("{RULEBOOK_INTRO}\n## Rules of rulebook {RULEBOOK}\n\n| rule | what holds | finding | asked |\n|---|---|---|---|\n");
    for rule in RULES {
        let codes: Vec<String> = rule.codes.iter().map(|code| format!("`{code}`")).collect();
        let asked = if rule.is_early() { "before the gates, and of the entry" } else { "of the entry" };
        let _ = writeln!(text, "| {} | {}. | {} | {asked} |", rule.number, sentence_start(rule.about), codes.join(", "));
    }
    text.push_str(RULEBOOK_CHAIN);
    text.push_str("\n## What the ledger alone cannot decide\n\n| what holds | who decides |\n|---|---|\n");
    for (about, who) in ELSEWHERE {
        let _ = writeln!(text, "| {about} | {who} |");
    }
    text
}

/// The text with a capital, where it starts with a letter.
fn sentence_start(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

const RULEBOOK_INTRO: &str = "\
# The rulebook

<!-- Made by `UPDATE_PAGES=1 cargo test --test it cli_surface` from the rules themselves; edit those. -->

What may be written into the ledger is exactly what verifies: every rule that can be decided from the ledger stands once, in
`src/release/transition/`, and both sides run it. A verb builds an entry, runs it through, and only then signs and pushes it;
every verb that reads the ledger folds the same function over its branch. An entry names the rulebook it was written under, and a
rule is tightened only under a new number. `tagwarden explain CODE` prints one of these rules.
";

const RULEBOOK_CHAIN: &str = "
## The chain

What the rules cannot tell: on a ledger where nothing was written for more than a day, somebody who has the right to the newest
entry can date one of their own before it and take its place. It is named by `status` and `audit` from then on, tags no longer
agree with the ledger, and the object id of a head that was seen (`audit --expect-head`) tells it for certain.

The chain is the `previous` links from the newest valid entry to entry 0. A commit of the branch that breaks a rule is skipped: it
hides nothing, stops nobody, and is named by `status` and `audit`. An entry's commit follows whatever is at the tip of the branch;
its `previous` names the last valid entry.

| on the branch | what happens |
|---|---|
| a commit that is not an entry, a merge, an entry that breaks a rule | it is skipped |
| an entry that is dated ahead of the clock by more than five minutes and up to a day | verbs refuse (`clock_behind`): this clock or the one that wrote it is wrong |
| an entry that is dated further ahead | it is skipped; once a valid entry with the same predecessor follows, by somebody who has the right to it, it never counts (`ledger/passed-by`) |
| lines that parted, and that a merge brings together | the line goes on of which the signers have the right to everything on the other one, and of two such lines the higher; the other one is named (`ledger/passed-by`) |
| the same where that decides nothing, or where each has an entry 0 of its own | the ledger is broken (`ledger/fork`), except on a machine that remembers one of them or has entry 0 pinned; the next entry by somebody who has the right to everything on the other lines decides |
| an entry of a signer under a higher rulebook | verbs refuse (`ledger_unverifiable`): a newer version is needed |
";

const SLASH_PERMISSIONS: &str = "
## What the token needs

The job's `GITHUB_TOKEN`, or the GitHub App of `TAGWARDEN_APP_ID`, beside `metadata: read`, which every token has. `members: read` is
needed where a role names a team; the token of a workflow cannot have it. Gates that ask GitHub need what
`tagwarden explain verdict` and `tagwarden explain checks` say. Where one is missing, the answer names it, or the output of the run
where the thread cannot be told.

| command | permissions |
|---|---|
";

const SLASH_INTRO: &str = "\
# Slash commands

<!-- Made by `UPDATE_PAGES=1 cargo test --test it cli_surface` from the table of commands; edit that. -->

How a command is written in a comment on GitHub, who may give it, and what comes of it.

## What happens

`tagwarden comment` runs in a workflow `on: issue_comment`. It reads the comment again, and the head of its pull request; finds out what
whoever wrote it may do, by the number of their account; and runs the command as the command line would, under the policy in force. The
entry of the ledger has the writer as its actor (`github:NUMBER`), the comment as its source, and the answers that gave the right in
`evidence/actor.json`; a signer of `movers:` signs it.

- The comment gets a reaction at once (eyes), and one answer below it, which changes in place when the command is done. A last reaction
  says how it went: a rocket (moved), a thumb up (done), a thumb down (refused), or confusion (not known, or something came first).
- A command is carried out once. The same event again finds its entry and does nothing; an answer that could not be written is written
  then, or by `tagwarden follow`.
- It stands on an open or merged pull request, or on the issue of `comment.release_issue`; on an open one from another repository none
  is carried out. It was written within `comment.max_age`, and nobody changed it since, its writer neither.
- What GitHub does not tell gives no right. A thread that cannot be told changes nothing of what was decided.
- Commits that are pushed to the pull request while the command runs stop it. Those that came between the comment and its start change
  nothing of what is moved, which the command names; `verify` without `--at` judges the newest commit, and the answer says which one.
- A comment that asks for nothing gets no answer, and the run ends 0 (`nothing_to_do`): prose, a command where none is read (in a quote,
  code, a list, a comment of HTML), the event that a comment was edited or deleted, a comment of our own. Nobody asked, so nothing
  was refused, and not every remark on a pull request leaves a failed run.

## The workflow

[reusable-promote.yml](../.github/workflows/reusable-promote.yml) is the job; this calls it for every new comment:

```yaml
on:
  issue_comment:
    types: [created]

permissions: {}

jobs:
  comment:
    permissions:
      contents: read
    uses: OWNER/tagwarden/.github/workflows/reusable-promote.yml@COMMIT
    with:
      environment: promotion
    secrets:
      TAGWARDEN_SIGNING_KEY: ${{ secrets.TAGWARDEN_SIGNING_KEY }}
      TAGWARDEN_APP_ID: ${{ secrets.TAGWARDEN_APP_ID }}
      TAGWARDEN_APP_KEY: ${{ secrets.TAGWARDEN_APP_KEY }}
```

GitHub runs it from the default branch, whatever the pull request changes, and the text of the comment is read from the event. Every comment
is a group of its own (`concurrency`, nothing is cancelled): of several that wait in one group GitHub keeps the newest and cancels the others,
which would have neither a reaction nor an answer. Between runs at the same time the ledger decides.

## How a command is written

A command is one line: the prefix (`/`, unless `comment.prefix` of `gates/protocol.yaml` says otherwise), its name, values, flags.

- The line begins with the prefix: nothing is before it, no space either. It is a line of a paragraph. What is quoted, shown as code,
  in a list, a table, a heading, a link, emphasis, a footnote, a comment of HTML or an element of HTML is no command; neither is a line
  that goes on with a quote or an item without its mark.
- One comment holds one command. Whatever else it says is prose.
- The words and flags are those of the program: `tagwarden help promote` says more. A flag is written `--flag VALUE` or
  `--flag=VALUE`, once, unless it may be repeated. Releases and other values without a flag stand before the flags.
- A value with a space in it stands in double quotes. In them `\\\"` is a double quote and `\\\\` is a backslash; nothing else is an escape.
  Outside of quotes there is neither a double quote nor a backslash. A value is never read as a flag; one that begins with a hyphen
  stands in double quotes or behind `=`.
- Control characters, and characters that nobody sees or that change the direction of text, are refused anywhere in the line.
- A commit is named by its full id. `--sha` says which commit the release must be at, so that nothing else can be moved by its name;
  `promote` needs it unless `comment.require_sha` is false.
- A first word that is one slip away from a command (a letter too many, too few, wrong, or two exchanged; names of four letters or more)
  is answered with what was meant. Every other word behind the prefix is left to others and gets no answer.
";

const KEYS_INTRO: &str = "\
# Keys

<!-- Made by `UPDATE_PAGES=1 cargo test --test it cli_surface` from the types that read the files; edit their comments. -->

`NAME` stands for a name of your own: of a package, a channel, a role. `tagwarden explain KEY` prints one row, by its path or by its
last word; `tagwarden schema` prints the shape of these files. What stands under a gate's kind: [the kinds](gates.md).
";

const INTRO: &str = "\
# Gates

<!-- Made by `UPDATE_PAGES=1 cargo test --test it cli_surface` from the kinds themselves; edit those. -->

A gate is one ordered question, declared in `gates/NN-<id>.yaml`: `NN` sorts, `<id>` names it, and exactly one key of the
file is its kind. `tagwarden explain KIND` prints a section of this page, `tagwarden schema gate` the shape of the file.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(id: &str) -> String {
        explain(id, KINDS).unwrap_or_else(|| panic!("{id}")).0
    }

    #[test]
    fn everything_listed_is_explained() {
        let listing = listing();
        for id in ids() {
            assert!(text(&id).contains(&id), "{id}");
            let of_kind = KINDS.iter().any(|kind| codes_of(kind).iter().any(|(code, _)| *code == id));
            assert!(of_kind || listing.contains(&id), "{id}");
        }
        assert!(listing.lines().count() < 200, "{listing}");
    }

    #[test]
    fn a_key_is_found_by_its_path_and_by_its_name() {
        insta::assert_snapshot!(text("release_branches"), @r"
        key `release_branches` of gates/protocol.yaml, required

        A release's commit must be reachable from one of these branches (names without refs/heads/).
        ");
        insta::assert_snapshot!(text("on_fail"), @r"
        key `on_fail` of gates/NN-<id>.yaml

        halt: required, blocks the move. document: advisory, can neither block nor pass.
        ");
        insta::assert_snapshot!(text("threshold"), @r"
        key `signing.threshold` of gates/protocol.yaml

        How many signers an adoption needs; 1 where absent.
        ");
        // Of both files.
        let channels = text("channels");
        assert!(channels.contains("`channels` of gates/protocol.yaml, required") && channels.contains("`channels` of gates/NN-<id>.yaml"));
        assert!(channels.contains("`channels.NAME.rules.when`"), "{channels}");
    }

    #[test]
    fn a_reason_and_a_finding() {
        insta::assert_snapshot!(text("held"), @r"
        reason code `held`, exit code 4

        A hold forbids this move; nothing was moved.

        Next: `tagwarden status` shows the hold; `tagwarden unhold` lifts it.
        ");
        insta::assert_snapshot!(text("ledger/broken-chain"), @r"
        finding code `ledger/broken-chain`

        A commit on the ledger breaks rule 16, so it does not count. The rule: `previous` is the newest valid entry before it.
        ");
    }

    #[test]
    fn kinds_have_lawful_codes() {
        for kind in KINDS {
            let lawful = |code: &str| code.strip_prefix(kind.id).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1);
            assert!(kind.codes.iter().all(|(code, meaning)| lawful(code) && !meaning.is_empty()), "{}", kind.id);
            assert!(!kind.about.is_empty() && !kind.page.trim().is_empty(), "{}", kind.id);
            assert!(!kind.page.lines().any(|line| line.starts_with("# ") || line.starts_with("## ")), "{}: headings start at ###", kind.id);
        }
    }

    #[test]
    fn an_unknown_id_is_answered_with_the_nearest() {
        let fault = unknown("gate_faild");
        assert_eq!(fault.reason, Reason::BadUsage);
        assert!(fault.help.unwrap_or_default().contains("`gate_failed`"));
        assert!(!knows("ledger/nothing") && !knows("nothing/timeout") && !knows(""));
    }

    #[test]
    fn the_pages_have_every_code() {
        let pages: String = pages().into_iter().map(|(_, page)| page).collect();
        assert!(ids().iter().all(|id| pages.contains(id.as_str())));
    }
}
