//! What the program says where the machine fails it: limits of files and sizes, and places that are not there. Conditions that
//! need another user or another file system (no processes left, a full disk, one that is read-only) are not made here.

use crate::common::{Scratch, exit_code_of};
use std::process::{Command, Stdio};

/// Runs the program under a limit of the shell; exit code and standard output.
fn limited(scratch: &Scratch, limit: &str, args: &str) -> (i32, String) {
    let script = format!("ulimit {limit}; exec \"$0\" {args} --format json");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_tagwarden")]).current_dir(scratch.path("work"));
    shell.env_clear().stdin(Stdio::null());
    for name in ["home", "tmp"] {
        shell.env(if name == "home" { "HOME" } else { "TMPDIR" }, scratch.path(name));
    }
    shell.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = shell.output().unwrap();
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
    // In the order of what fails: the program's own start, a library, git.
    for files in [5, 6, 8, 10, 12, 14] {
        for args in ["status", "promote v1.0.0 --channel local_dev", "docs check"] {
            no_resources(&scratch, &format!("-n {files}"), args);
        }
    }
    assert!(limited(&scratch, "-n 64", "status").0 == 0);
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
