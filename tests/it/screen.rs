//! What fits on a screen: lines and tables of 80 columns, silence where it was asked for, and no problem twice.

use crate::common::{Scratch, show::steady};
use insta::assert_snapshot;
use unicode_width::UnicodeWidthStr;

const WIDTH: usize = 80;
const AT_80: &[(&str, &str)] = &[("COLUMNS", "80")];

/// A protocol whose titles and reasons are long, in several scripts; nothing signs.
fn wordy() -> Scratch {
    Scratch::with(&[
        (
            "gates/protocol.yaml",
            "version: 1\npackages:\n  web: { release_tag: \"v{version}\" }\nrelease_branches: [main, a-very-long-name-of-a-release-branch]\nchannels:\n  staging: { tag: \"channel/{channel}\" }\n  production: { tag: \"channel/{channel}\", after: staging }\nsigning: { key: none }\n",
        ),
        (
            "gates/10-long.yaml",
            "title: The long title of a gate that checks one thing after the other, and then some more of them\nowner: the operator who is on call this week\ncommand:\n  - shell: 'true'\n",
        ),
        (
            "gates/20-wide.yaml",
            "title: 健康 状態 の 確認 は 毎回 行う こと 🚀 e\u{301}te\u{301} 健康 状態 の 確認 は 毎回 行う こと\non_fail: document\ncommand:\n  - shell: 'echo the first line of an error output >&2; echo and the last, which is rather long and says what went wrong >&2; exit 3'\n",
        ),
    ])
}

/// At 80 columns no line is longer, unless one word alone is; and no word is cut.
#[track_caller]
fn fits(scratch: &Scratch, args: &[&str]) -> String {
    let output = scratch.run_with(args, AT_80);
    let text = format!("{}{}", output.stdout, output.stderr);
    for line in text.lines().filter(|line| line.width() > WIDTH) {
        let words: Vec<&str> = line.split_whitespace().collect();
        // A word that is too long has the line for itself, or stands in a table or beside a margin.
        let longest = words.iter().map(|word| word.width()).max().unwrap_or(0);
        assert!(longest > WIDTH / 2, "{args:?}: {} columns: {line}\n{text}", line.width());
    }
    text
}

#[track_caller]
fn fits_and_cuts_nothing(scratch: &Scratch, args: &[&str]) -> String {
    let text = fits(scratch, args);
    let wide = scratch.run_with(&[args, &["--wide"]].concat(), AT_80);
    let words = |text: &str| {
        // Excerpts of source lines are cut around their mark, whatever the width.
        let text = steady(text);
        let lines = text.lines().filter(|line| !line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(" |"));
        let mut words: Vec<String> = lines.flat_map(str::split_whitespace).map(str::to_owned).collect();
        words.sort();
        words
    };
    assert_eq!(words(&text), words(&format!("{}{}", wide.stdout, wide.stderr)), "{args:?}\n{text}");
    text
}

#[test]
fn every_answer_fits_eighty_columns_and_cuts_no_word() {
    let scratch = wordy();
    let reason = "a reason of many words, because somebody asked for it and nobody wrote it down anywhere else before";
    for args in [
        &["verify", "--channel", "staging", "--at", "HEAD"][..],
        &["policy", "show"],
        &["promote", "v1.0.0", "--channel", "staging", "--dry-run", "--reason", reason],
    ] {
        fits_and_cuts_nothing(&scratch, args);
    }
    fits(&scratch, &["promote", "v1.0.0", "--channel", "staging", "--reason", reason]);
    fits(&scratch, &["promote", "v1.0.0", "--channel", "production", "--reason", reason]);
    scratch.commit_and_push("second");
    fits(&scratch, &["promote", "v1.1.0", "--channel", "staging"]);
    fits(&scratch, &["rollback", "--channel", "staging", "--reason", reason]);
    fits(&scratch, &["hold", "--all", "--reason", reason]);
    for args in [
        &["status"][..],
        &["history"],
        &["audit", "--rejudge", "all"],
        &["doctor"],
        &["resolve", "staging"],
        &["promote", "v1.2.0", "--channel", "staging"],
        &["explain"],
        &["explain", "ack"],
        &["explain", "held"],
        &["--help"],
        &["verify", "--help"],
        &["docs", "check", "--help"],
    ] {
        fits_and_cuts_nothing(&scratch, args);
    }
}

/// A pipe is no screen: one line for each thing, so that logs can be searched.
#[test]
fn what_goes_into_a_pipe_is_not_wrapped() {
    let scratch = wordy();
    let verify = ["verify", "--channel", "staging", "--at", "HEAD", "-v"];
    let title = "The long title of a gate that checks one thing after the other, and then some more of them";
    let whole = |text: &str| text.lines().any(|line| line.contains(title) && line.contains("owner the operator who is on call this week"));
    assert!(!whole(&fits(&scratch, &verify)));
    assert!(whole(&scratch.run(&verify).ok()));
    assert!(whole(&scratch.run_with(&[&verify[..], &["--wide"]].concat(), AT_80).ok()));
    let path = scratch.path("report").display().to_string();
    scratch.run_with(&[&verify[..], &["--output", &path]].concat(), AT_80).ok();
    assert!(whole(&std::fs::read_to_string(path).unwrap()));
}

#[test]
fn quiet_says_nothing_where_all_is_well_and_colours_reach_tables() {
    let scratch = wordy();
    for args in [&["verify", "--channel", "staging", "-q"][..], &["status", "-q"], &["promote", "v1.0.0", "--channel", "staging", "-q"]] {
        assert_eq!(scratch.run(args).all(), "-- exit 0", "{args:?}");
    }
    assert_snapshot!(steady(&scratch.run(&["promote", "v1.1.0", "--channel", "nowhere", "-q"]).all()), @r"
    -- stderr
    error[unknown_channel]: there is no channel `nowhere`
    signing: none

    stop (unknown_channel). Channels: staging, production.
    -- exit 2
    ");
    let colored = scratch.run(&["verify", "--channel", "staging", "--color", "always"]).ok();
    assert!(colored.contains("\u{1b}[32m✓\u{1b}[0m"), "{colored:?}");
    let plain = scratch.run(&["verify", "--channel", "staging", "--color", "never"]).ok();
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
}

/// Foreign text is escaped once, in a table as in a sentence.
#[test]
fn control_characters_of_others_are_shown_once() {
    let scratch = wordy();
    scratch.run(&["hold", "--all", "--reason", "tab\there \u{1b}[31mred"]).ok();
    let status = scratch.run(&["status"]).ok();
    assert!(status.contains("tab\\there \\u{1b}[31mred"), "{status}");
    assert!(!status.contains("\\\\t") && !status.contains(['\t', '\u{1b}']), "{status}");
    let history = scratch.run(&["history"]).ok();
    assert!(history.contains("tab\\there \\u{1b}[31mred") && !history.contains("\\\\t"), "{history}");
}

#[test]
fn doctor_tells_each_problem_once() {
    let scratch = Scratch::minimal();
    scratch.json(&["promote", "v1.0.0", "--channel", "local_dev"]).expect("moved");
    scratch.edit("gates/protocol.yaml", "default: true", "default: true ");
    scratch.commit("Change the policy");
    scratch.git(&["push", "--quiet", "--force", "origin", "HEAD:refs/tags/channel/local_dev"]);
    assert_snapshot!(steady(&scratch.run(&["doctor"]).all()), @r"
      ✓  repository   git answers, whole clone
      ✓  gates/       1 gates, 1 channels
      ✓  remote       origin answers
      ✓  ledger       2 entries verify, head [short]
      ✓  pin          entry 0 is the pinned one
      –  signer       signing: none, so entries prove nothing about who wrote them
      –  policy       the committed gates/ differ from the adopted policy (version 1)
      ✓  atomic push  the server offers it
      ✗  tags
    help: policy: `tagwarden policy adopt --reason REASON`

    error[status/tag-moved]: refs/tags/channel/local_dev holds [short] on the remote, the ledger says [short]
    signing: none

    stop (findings). `tagwarden doctor --fix` puts it back.
    -- exit 1
    ");
    scratch.git(&["push", "--quiet", "origin", ":refs/heads/tagwarden/ledger"]);
    let lost = scratch.run(&["doctor"]);
    for said in ["has no refs/heads/tagwarden/ledger any more", "ask who removed or hid it"] {
        assert_eq!(lost.stdout.to_lowercase().matches(said).count(), 1, "{said}: {lost}");
    }
}

#[test]
fn no_problem_is_told_twice() {
    let scratch = wordy();
    let github = |args: &[&str]| scratch.run(&[args, &["--format", "github"]].concat());
    // Green: notes stand in the text, and nothing is annotated but the advisory gate.
    let green = github(&["verify", "--channel", "staging", "--gate", "long"]).ok();
    assert!(!green.contains("::"), "{green}");
    scratch.edit("gates/10-long.yaml", "'true'", "'echo the cause >&2; exit 4'");
    scratch.edit("gates/20-wide.yaml", "on_fail: document\n", "");
    let red = github(&["verify", "--channel", "staging", "--gate", "long", "--gate", "wide"]);
    assert_eq!(red.code, 1);
    for said in ["ended with exit code 4", "stop (gate_failed)"] {
        assert_eq!(red.stdout.matches(said).count(), 1, "{said}: {red}");
    }
    let refused = github(&["status", "--channel", "nowhere"]);
    assert_eq!(refused.stdout.matches("there is no channel `nowhere`").count(), 1, "{refused}");

    // Where a finding is the whole refusal, it is told once.
    let last = "roles: { promoters: { who: [\"github:7\"], may: [promote] } }\n";
    scratch.write("gates/protocol.yaml", format!("{}{last}", scratch.read("gates/protocol.yaml")));
    scratch.commit("Let nobody promote");
    let refused = scratch.run(&["policy", "adopt", "--reason", "x"]);
    assert_eq!(format!("{}{}", refused.stdout, refused.stderr).matches("nobody could promote").count(), 1, "{refused}");
    scratch.edit("gates/protocol.yaml", last, "");

    // A mistake in the configuration is told where it is, once.
    scratch.edit("gates/10-long.yaml", "owner:", "ownr:");
    for format in ["human", "github"] {
        let output = scratch.run(&["verify", "--channel", "staging", "--format", format]);
        let text = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(text.matches("`ownr`").count(), 1, "{format}: {text}");
    }
    assert_snapshot!(steady(&scratch.run(&["verify", "--channel", "staging"]).all()), @r"
    -- stderr
    error[bad_config]: the configuration is wrong at gates/10-long.yaml:2:1

    error[config/unknown-key]: unknown key `ownr`
     --> gates/10-long.yaml:2:1
      |
    2 | ownr: the operator who is on call this week
      | ^^^^
      |
      = help: did you mean `owner`?

    stop (bad_config). Mend the file at the place shown; `tagwarden schema` prints its shape.
    -- exit 2
    ");
}
