//! What the program says where the machine fails it: limits of files and sizes, and places that are not there. Conditions that
//! need another user or another file system (no processes left, a full disk, one that is read-only) are not made here.

use crate::common::{Scratch, exit_code_of};
use std::{
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// Runs the program under a limit of the shell.
fn run_limited(scratch: &Scratch, limit: &str, args: &str) -> Output {
    let script = format!("ulimit {limit}; exec \"$0\" {args} --format json");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_tagwarden")]).current_dir(scratch.path("work"));
    shell.env_clear().stdin(Stdio::null());
    for name in ["home", "tmp"] {
        shell.env(if name == "home" { "HOME" } else { "TMPDIR" }, scratch.path(name));
    }
    shell.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("GIT_CONFIG_GLOBAL", "/dev/null");
    shell.output().unwrap()
}

/// Exit code and standard output.
fn limited(scratch: &Scratch, limit: &str, args: &str) -> (i32, String) {
    let output = run_limited(scratch, limit, args);
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stdout).unwrap())
}

fn no_resources(scratch: &Scratch, limit: &str, args: &str) {
    let (code, text) = limited(scratch, limit, args);
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{limit} {args}: {error}: {text}"));
    assert_eq!((code, &answer["reason_code"]), (exit_code_of("no_resources"), &"no_resources".into()), "{limit} {args}: {answer:#}");
    assert!(!answer["message"].to_string().contains("defect"), "{answer:#}");
}

#[test]
fn too_few_open_files() {
    let scratch = Scratch::minimal();
    // Whoever runs the tests may leave files open in every process, so the least that lets the program start is looked for.
    let starts = |files: &u32| {
        let output = run_limited(&scratch, &format!("-n {files}"), "status");
        let unable = String::from_utf8_lossy(&output.stderr).contains("while loading shared libraries");
        assert!(unable || !output.stdout.is_empty(), "{files}: {output:?}");
        !unable
    };
    let least = (4..1000).find(starts).unwrap();
    // In the order of what fails: the program's own start, a library, git.
    for files in [0, 1, 3, 5, 7, 9] {
        for args in ["status", "promote v1.0.0 --channel local_dev", "docs check"] {
            no_resources(&scratch, &format!("-n {}", least + files), args);
        }
    }
    assert_eq!(limited(&scratch, &format!("-n {}", least + 59), "status").0, 0);
}

#[test]
fn files_that_may_not_grow() {
    let scratch = Scratch::minimal();
    // git is ended by the system, without a word.
    no_resources(&scratch, "-f 0", "promote v1.0.0 --channel local_dev");
    no_resources(&scratch, "-f 0", "rehearse");
    no_resources(&scratch, "-f 0", "docs lock");
    let (code, text) = limited(&scratch, "-f 0", "status --output answer.json");
    assert!(code == 3 && text.contains("\"reason_code\": \"passed\""), "what happened is told elsewhere, and is no success: {code} {text}");
    let empty = Scratch::new();
    no_resources(&empty, "-f 0", "init --minimal");
}

#[test]
fn no_place_for_temporary_files() {
    let scratch = Scratch::minimal();
    let nowhere = scratch.path("nowhere").display().to_string();
    scratch.refused_with(&["promote", "v1.0.0", "--channel", "local_dev"], &[("TMPDIR", &nowhere)], "no_resources");
}

/// The variable by which the program hands secrets to a new start of itself, set by somebody else: standard input is left alone.
#[test]
fn a_foreign_mark_reads_no_standard_input() {
    let scratch = Scratch::minimal();
    for (mark, secret) in [("1", ""), ("", "hunter22-and-more"), ("1", "hunter22-and-more")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagwarden"));
        command.args(["status", "--format", "json"]).current_dir(scratch.path("work")).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", scratch.path("home"));
        command.env("TAGWARDEN_HIDDEN_ENVIRONMENT", mark).env("DEPLOY_TOKEN", secret);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let limit = Instant::now() + Duration::from_secs(60);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > limit => panic!("it waits for standard input: {:?}", child.kill()),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        assert_eq!(status.code(), Some(0), "{mark} {secret}");
    }
}
