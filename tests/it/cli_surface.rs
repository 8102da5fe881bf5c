//! The command line as a script sees it: the built program, a cleared environment, exit codes, and what stands on standard
//! output, standard error and in files. What the verbs do to repositories is tested elsewhere.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

fn tagwarden<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagwarden"));
    command.args(words).env_clear().stdin(Stdio::null());
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

#[must_use]
fn run(line: &str) -> (i32, String, String) {
    told(tagwarden(line.split_whitespace()).output().unwrap())
}

fn told(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn help_shows_what_is_built_and_nothing_else() {
    let (code, help, errors) = run("--help");
    assert_eq!((code, errors.as_str()), (0, ""));
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs: Vec<&str> = verbs.filter_map(|line| line.split_whitespace().next()).collect();
    insta::assert_snapshot!(verbs.join(" "), @"init verify policy stage promote rollback status resolve history audit hold unhold waive ack verdict comment follow docs validate snapshot bundle sync diff catalog trust doctor rehearse serve explain schema completions man help");
    assert!(!verbs.contains(&"queue") && !help.contains(" queue "), "it is not built");
    for verb in verbs {
        let (code, help, _) = run(&format!("help {verb}"));
        assert!(code == 0 && help.contains("Usage: tagwarden"), "{verb}: {help}");
    }
}

#[test]
fn the_version_is_told() {
    assert_eq!(run("--version"), (0, format!("tagwarden {}\n", env!("CARGO_PKG_VERSION")), String::new()));
}

#[test]
fn a_wrong_line_is_refused_in_the_format_that_was_asked_for() {
    let (code, out, errors) = run("promot web@1.0.0");
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(errors, @r"
    error[bad_usage]: unrecognized subcommand 'promot'

    stop (bad_usage). A similar subcommand exists: 'promote'.
    ");

    let (code, out, errors) = run("promot web@1.0.0 --format json");
    assert_eq!((code, errors.as_str()), (2, ""));
    insta::assert_snapshot!(out, @r#"
    {
      "schema": "tagwarden.error/1",
      "decision": "stop",
      "reason_code": "bad_usage",
      "message": "unrecognized subcommand 'promot'",
      "help": "a similar subcommand exists: 'promote'",
      "findings": [],
      "notices": []
    }
    "#);

    let (code, out, _) = run("--format=junit promot");
    assert!(code == 2 && out.contains("<failure type=\"bad_usage\""), "{out}");
    let (code, out, _) = run("--format github promot");
    assert!(code == 2 && out.contains("\n::error title=bad_usage::"), "{out}");
    let (code, out, _) = run("--format sarif promot");
    assert!(code == 2 && out.contains("\"exitCodeDescription\": \"bad_usage\""), "{out}");
    let (code, _, errors) = run("status --format xml");
    assert!(code == 2 && errors.contains("human, json, junit, github, sarif"), "{errors}");
}

#[test]
fn every_refusal_on_the_line_is_bad_usage() {
    for line in [
        "",
        "promote --channel production",
        "promote web@1.0.0",
        "promote web@1.0.0 --channel Production",
        "promote -- --channel",
        "rollback --channel production",
        "rollback --channel production --reason \u{3000}",
        "hold --reason x",
        "verdict record MAYBE --release web@1.0.0",
        "verdict record SAFE",
        "waive docs --channel production --release web@1.0.0 --until 5 --reason x",
        "audit --expect-head abc",
        "status --now yesterday",
        "status --signing-key env:",
        "serve --listen nowhere",
        "explain no-such-thing",
        "schema other",
        "completions csh",
        "status -q -v",
    ] {
        let words = ["--format", "json"].into_iter().chain(line.split(' ').filter(|word| !word.is_empty()));
        let (code, out, errors) = told(tagwarden(words).output().unwrap());
        let answer = json(&out);
        assert_eq!((code, &answer["reason_code"], &answer["decision"]), (2, &"bad_usage".into(), &"stop".into()), "{line}: {out}{errors}");
    }
}

const WRITERS: &[&str] = &[
    "init",
    "policy adopt --reason x",
    "stage web@1.0.0 --at HEAD",
    "promote web@1.0.0 --channel production",
    "rollback --channel production --reason x",
    "hold --all --reason x",
    "unhold --all --reason x",
    "waive docs --channel production --release web@1.0.0 --until 5h --reason x",
    "ack docs --channel production --release web@1.0.0",
    "verdict record SAFE --at HEAD",
    "docs check --fix",
    "docs lock",
    "docs accept x --kind path --reason x",
    "catalog rail new seat",
    "doctor",
    "rehearse",
    "serve",
];

const READERS: &[&str] = &["verify", "policy show", "status", "resolve production", "history", "audit", "docs check", "docs list"];

/// The words of the verb alone.
fn verb(line: &str) -> String {
    let nested = ["policy", "verdict", "docs", "catalog"].iter().any(|verb| line.starts_with(verb));
    line.split(' ').take(1 + usize::from(nested)).collect::<Vec<_>>().join(" ")
}

#[test]
fn only_verbs_that_read_are_told_the_time() {
    let nowhere = tempfile::tempdir().unwrap();
    let reason = |line: &str| {
        let words = line.split(' ').chain(["--repo", nowhere.path().to_str().unwrap(), "--format", "json"]);
        let (code, out, _) = told(tagwarden(words).env("GIT_CEILING_DIRECTORIES", "/").output().unwrap());
        (code, json(&out)["reason_code"].as_str().unwrap().to_owned(), out)
    };
    for line in WRITERS {
        let (code, without, out) = reason(line);
        assert_ne!((code, without.as_str()), (2, "bad_usage"), "{line} alone is well written: {out}");
        for now in ["--now 2026-11-21T10:00:00Z", "--now=2026-11-21T10:00:00Z"] {
            let (code, refused, out) = reason(&format!("{line} {now}"));
            assert_eq!((code, refused.as_str()), (2, "bad_usage"), "{line} {now}");
            assert!(out.contains("--now"), "{out}");
        }
        let (_, help, _) = run(&format!("{} --help", verb(line)));
        assert_eq!(help.contains("--now"), *line == "docs check --fix", "{line}: {help}");
    }
    for line in READERS {
        let (code, taken, out) = reason(&format!("{line} --now 2026-11-21T10:00:00Z"));
        assert_eq!((code, taken.as_str()), (2, "not_a_repository"), "{line}: {out}");
        assert!(run(&format!("{} --help", verb(line))).1.contains("--now"), "{line}");
    }
    assert!(!run("--help").1.contains("--now"));
    assert_eq!(run("explain held --now 2026-11-21T10:00:00Z").0, 0);
    insta::assert_snapshot!(run("promote web@1.0.0 --channel production --now 2026-11-21T10:00:00Z").2, @r"
    error[bad_usage]: `--now` is for verbs that only read: what is written has the time of the system's clock

    stop (bad_usage). Leave it out, or let it follow verify, policy show, status, resolve, history, audit, docs check, docs list or explain.
    ");
}

#[test]
fn texts_are_printed_whole_and_can_be_piped() {
    for line in ["explain", "explain held", "completions bash", "man", "schema gate", "schema"] {
        let (code, text, errors) = run(line);
        assert!(code == 0 && !text.is_empty() && errors.is_empty(), "{line}: {errors}");
        let (code, answer, _) = run(&format!("{line} --format json"));
        let answer = json(&answer);
        assert_eq!((code, &answer["decision"], answer["text"].as_str()), (0, &"done".into(), Some(text.as_str())), "{line}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let mut child = tagwarden(["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(told(child.wait_with_output().unwrap()), (0, String::new(), String::new()));
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    for word in ["man", "--help", "--version"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (code, _, errors) = told(tagwarden([word]).stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap());
        assert!(code == 3 && errors.starts_with("tagwarden: cannot write the answer"), "{code} {errors}");
    }
}

#[cfg(unix)]
#[test]
fn a_closed_output_is_no_failure() {
    for line in ["man >&-", "--help >&-", "promot >&- 2>&-", "explain <&- >&- 2>&-"] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec \"$0\" {line}"), env!("CARGO_BIN_EXE_tagwarden")]).env_clear().stdin(Stdio::null());
        let code = if line.starts_with("promot") { 2 } else { 0 };
        assert_eq!(told(shell.output().unwrap()), (code, String::new(), String::new()), "{line}");
    }
}

#[test]
fn an_output_file_is_replaced_whole_by_answers_and_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answer.json");
    let file = path.to_str().unwrap();
    let to = |line: &str, file: &str| told(tagwarden(line.split(' ').chain(["--format", "json", "--output", file])).output().unwrap());
    assert_eq!(to("explain held", file), (0, String::new(), String::new()));
    assert_eq!(json(&fs::read_to_string(&path).unwrap())["value"]["reason_code"], "held");
    let (code, out, errors) = to("promot", file);
    assert_eq!((code, out.as_str(), errors.as_str()), (2, "", ""));
    assert_eq!(json(&fs::read_to_string(&path).unwrap())["reason_code"], "bad_usage");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");

    let (code, out, _) = to("explain held", &format!("{file}/below"));
    assert!(code == 2 && out.contains("cannot write the answer to"), "refused before anything is run, and said where it can be: {out}");
}

#[test]
fn further_files_have_the_same_answer_in_other_forms() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let to = |line: &str, report: &str| {
        let also = [format!("json={report}"), format!("sarif={}", at("b.sarif"))];
        let words = line.split(' ').chain(["--format", "github", "--also", &also[0], "--also", &also[1]]);
        told(tagwarden(words).env("GITHUB_OUTPUT", at("output")).output().unwrap())
    };
    for (line, code, reason) in [("explain no-such-thing", 2, "bad_usage"), ("promot", 2, "bad_usage"), ("explain held", 0, "passed")] {
        let (exit, out, errors) = to(line, &at("a.json"));
        assert_eq!((exit, errors.as_str()), (code, ""), "{line}: {out}");
        assert_eq!(json(&fs::read_to_string(at("a.json")).unwrap())["reason_code"], reason, "{line}");
        assert_eq!(json(&fs::read_to_string(at("b.sarif")).unwrap())["runs"][0]["invocations"][0]["exitCode"], code, "{line}");
        let outputs = fs::read_to_string(at("output")).unwrap();
        let lines: Vec<&str> = outputs.lines().collect();
        let report = lines.iter().rposition(|line| line.starts_with("report<<")).unwrap();
        assert_eq!(lines[report + 1], at("a.json"));
    }
    let (code, out, _) = to("explain held", &at("no/such/a.json"));
    assert!(code == 2 && out.contains("cannot write the answer to"), "{out}");
}

#[test]
fn github_gets_annotations_summary_and_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let (summary, output) = (folder.path().join("summary"), folder.path().join("output"));
    fs::write(&output, "before=1\n").unwrap();
    let mut command = tagwarden(["explain", "x\n::set-output name=a::b", "--format", "github"]);
    let (code, out, errors) = told(command.env("GITHUB_STEP_SUMMARY", &summary).env("GITHUB_OUTPUT", &output).output().unwrap());
    assert_eq!((code, errors.as_str()), (2, ""));
    assert!(out.lines().all(|line| !line.trim_start().starts_with("::") || line.starts_with("::error title=bad_usage::")), "{out}");
    assert!(fs::read_to_string(&summary).unwrap().starts_with("### tagwarden: stop (`bad_usage`)\n"));
    let outputs = fs::read_to_string(&output).unwrap();
    let delimiter = outputs.lines().nth(1).and_then(|line| line.strip_prefix("decision<<")).unwrap();
    assert!(
        outputs.starts_with(&format!("before=1\ndecision<<{delimiter}\nstop\n{delimiter}\nreason_code<<{delimiter}\nbad_usage\n")),
        "{outputs}"
    );
    assert!(delimiter.len() == 32 && delimiter.chars().all(|c| c.is_ascii_hexdigit()), "{delimiter}");
}

#[test]
fn colours_are_for_terminals_and_those_who_ask() {
    assert!(!run("promot").2.contains('\u{1b}'));
    assert!(run("explain --color always no-such-thing").2.contains('\u{1b}'));
    assert!(!run("explain --color never no-such-thing").2.contains('\u{1b}'));
}

#[cfg(unix)]
#[test]
fn serve_answers_from_the_verified_ledger_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("clone");
    let git = |line: &str| {
        let mut command = Command::new("git");
        command
            .args(line.split(' '))
            .current_dir(if clone.exists() { &clone } else { folder.path() })
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let verb = |line: &str| {
        let (code, out, errors) = told(tagwarden(line.split(' ')).current_dir(&clone).env("HOME", folder.path()).output().unwrap());
        assert_eq!(code, 0, "{line}: {out}{errors}");
    };
    for line in [
        "init -q --bare remote.git",
        "init -q -b main clone",
        "remote add origin ../remote.git",
        "config user.email a@example.com",
        "config user.name A",
    ] {
        git(line);
    }
    verb("init --minimal");
    for line in ["add -A", "commit -q -m start", "push -q origin main"] {
        git(line);
    }
    verb("policy adopt --reason start");
    verb("promote v1.0.0 --channel local_dev");

    let answers = serve(&clone, &["GET /healthz", "GET /channels/local_dev", "GET /channels/other", "POST /channels"]);
    let seen: Vec<(u16, &str)> = answers.iter().map(|(status, body)| (*status, body["reason_code"].as_str().unwrap())).collect();
    assert_eq!(seen, [(200, "passed"), (200, "passed"), (404, "unknown_channel"), (405, "bad_usage")]);
    let (_, channel) = &answers[1];
    assert_eq!((&channel["release"], &channel["signing"], &channel["serial"]), (&"app@1.0.0".into(), &"none".into(), &1.into()));

    git("push -q -f origin main:refs/heads/tagwarden/ledger");
    let answers = serve(&clone, &["GET /channels", "GET /version"]);
    let seen: Vec<(u16, &str)> = answers.iter().map(|(status, body)| (*status, body["reason_code"].as_str().unwrap())).collect();
    assert_eq!(seen, [(503, "ledger_broken"), (200, "passed")]);
}

/// Starts a server in this clone, asks it beside more half-open connections than it may have open files, and ends it by
/// SIGTERM.
#[cfg(unix)]
fn serve(clone: &Path, requests: &[&str]) -> Vec<(u16, serde_json::Value)> {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::TcpStream,
        time::Duration,
    };
    /// A server must not outlive a test that fails.
    struct Running(Option<std::process::Child>);
    impl Drop for Running {
        fn drop(&mut self) {
            if let Some(child) = &mut self.0 {
                let _ = child.kill();
            }
        }
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 64; exec \"$0\" serve --listen 0.0.0.0:0", env!("CARGO_BIN_EXE_tagwarden")]);
    shell.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    let mut child = shell.current_dir(clone).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let id = child.id().to_string();
    let mut running = Running(Some(child));
    let line = lines.next().unwrap().unwrap();
    let address = line.strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line}")).replace("0.0.0.0", "127.0.0.1");
    let warning = lines.next().unwrap().unwrap();
    assert!(warning.starts_with("tagwarden: warning: other machines may reach 0.0.0.0:"), "{warning}");
    let _open: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let ask = |request: &&str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        // Nothing takes this long; what does has hung.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), json(body))
    };
    let answers = requests.iter().map(ask).collect();
    let stopped = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(stopped.success());
    let (code, out, _) = told(running.0.take().unwrap().wait_with_output().unwrap());
    assert_eq!((code, out.as_str()), (0, ""));
    answers
}

#[test]
fn the_generated_pages_are_in_step_with_their_tables() {
    for (name, page) in tagwarden::cli::explain::pages() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        if std::env::var_os("UPDATE_PAGES").is_some_and(|value| value == "1") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &page).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        let first = written.lines().zip(page.lines()).position(|(old, new)| old != new);
        let line = first.unwrap_or_else(|| written.lines().count().min(page.lines().count())) + 1;
        assert!(written == page, "{name}:{line} is not what the tables say; run `UPDATE_PAGES=1 cargo test --test it cli_surface`");
    }
}
