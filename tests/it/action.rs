//! The action and the workflows for other repositories: the scripts as a runner starts them, with a mirror on loopback, and what the
//! files promise each other. Whole workflows are run by `tests/full actions`.
//!
//! A good attestation cannot be proved offline: gh asks GitHub for it. A stand-in shows what is asked of gh, and that its no is a no.

use crate::common::server::{Reply, Server};
use base64::{Engine, engine::general_purpose::STANDARD};
use regex::Regex;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

const PROGRAM: &str = "#!/bin/sh\necho ran >\"$0.ran\"\n";
const URL: &str = "https://github.com/example/tagwarden/releases/download/v1.0.0";

/// A folder as a runner has it: the action's files, a place for temporary ones, a file for outputs.
struct Runner {
    folder: tempfile::TempDir,
    mirror: Server,
}

struct Ran {
    code: i32,
    said: String,
    /// The path that the next step starts.
    program: Option<PathBuf>,
    /// The reason code of a refusal.
    reason: String,
}

impl Runner {
    fn new(assets: &str) -> Runner {
        let folder = tempfile::tempdir().unwrap();
        for sub in ["action", "temp", "bin"] {
            fs::create_dir(folder.path().join(sub)).unwrap();
        }
        for name in ["fetch", "run"] {
            fs::copy(root().join("action").join(name), folder.path().join("action").join(name)).unwrap();
        }
        fs::write(folder.path().join("action/assets.txt"), assets).unwrap();
        Runner { folder, mirror: Server::start() }
    }

    /// With one asset for Linux X64, whose mirror has these bytes.
    fn with(file: &str, digest: &str, body: &[u8]) -> Runner {
        let runner = Runner::new(&format!("# A comment\nLinux X64 {digest} {URL}/{file}\nmacOS ARM64 {} {URL}/other\n", "0".repeat(64)));
        let reply = Reply::Send { status: 200, headers: Vec::new(), body: body.to_vec() };
        runner.mirror.set(&format!("/{file}"), reply);
        runner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn fetch(&self, inputs: &[(&str, &str)]) -> Ran {
        let output = self.path("output");
        fs::write(&output, "").unwrap();
        let mirror = format!("{}/", self.mirror.url());
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let mut env: BTreeMap<&str, &str> =
            [("INPUT_BINARY", ""), ("INPUT_MIRROR", &mirror), ("INPUT_ATTESTATION", "none"), ("RUNNER_OS", "Linux")].into();
        env.extend([("RUNNER_ARCH", "X64"), ("PATH", &path)]);
        env.extend(inputs.iter().copied());
        let done = self.script("fetch").envs(env).env("GITHUB_OUTPUT", &output).output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
        let outputs = fs::read_to_string(output).unwrap();
        let value = |name: &str| outputs.strip_prefix(name).and_then(|value| value.strip_suffix('\n')).map(str::to_owned);
        let reason = value("reason_code=").unwrap_or_default();
        Ran { code: done.status.code().unwrap(), said, program: value("program=").map(PathBuf::from), reason }
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new("bash");
        command.arg(self.path("action").join(name)).env_clear().current_dir(self.folder.path());
        command.env("GITHUB_ACTION_PATH", self.folder.path()).env("RUNNER_TEMP", self.path("temp"));
        command
    }

    /// A program in the search path that writes its arguments down.
    fn stand_in(&self, name: &str, script: &str) {
        executable(&self.path("bin").join(name), &format!("#!/bin/sh\necho \"$@\" >>{}\n{script}\n", self.path("asked").display()));
    }

    /// Nothing that came is left, and nothing of it was run.
    fn is_clean(&self) -> bool {
        fs::read_dir(self.path("temp")).unwrap().next().is_none()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn a_download_is_used_only_with_the_digest_of_the_commit() {
    let good = Runner::with("tagwarden", &digest(PROGRAM.as_bytes()), PROGRAM.as_bytes());
    let ran = good.fetch(&[]);
    let program = ran.program.expect(&ran.said);
    assert_eq!((ran.code, ran.said.as_str()), (0, ""));
    assert_eq!(fs::read_to_string(&program).unwrap(), PROGRAM);
    assert!(fs::metadata(&program).unwrap().permissions().mode() & 0o111 != 0 && !program.with_extension("ran").exists());

    let bad = Runner::with("tagwarden-linux", &digest(b"another"), PROGRAM.as_bytes());
    let ran = bad.fetch(&[]);
    assert!(ran.code == 1 && ran.program.is_none() && bad.is_clean() && ran.reason == "differences", "{}", ran.said);
    let said = ran.said.replace(&bad.mirror.url(), "MIRROR");
    insta::assert_snapshot!(said.trim_end(), @"::error title=tagwarden::MIRROR/tagwarden-linux has the SHA-256 f13a6b2de8ffa863099d057d10d1534082e84550371af33e61d7b34aba3d8c67, and the action's commit says ae448ac86c4e8e4dec645729708ef41873ae79c6dff84eff73360989487f08e5; nothing of it was run. Do not use it; tell whoever publishes that address");

    // What is packed is looked at whole, then unpacked.
    let pack = tempfile::tempdir().unwrap();
    executable(&pack.path().join("tagwarden"), PROGRAM);
    let tar = |args: &[&str]| assert!(Command::new("tar").args(args).current_dir(pack.path()).status().unwrap().success());
    tar(&["-czf", "a.tar.gz", "tagwarden"]);
    let packed = fs::read(pack.path().join("a.tar.gz")).unwrap();
    let good = Runner::with("tagwarden-linux.tar.gz", &digest(&packed), &packed);
    let ran = good.fetch(&[]);
    assert_eq!(fs::read_to_string(ran.program.expect(&ran.said)).unwrap(), PROGRAM);
}

#[test]
fn what_cannot_be_fetched_is_refused_with_the_next_step() {
    let there = Runner::with("tagwarden-linux", &digest(PROGRAM.as_bytes()), PROGRAM.as_bytes());
    let none = Runner::new(&read("action/assets.txt"));
    let broken = Runner::new(&format!("Linux X64 abc {URL}/x\n"));
    let foreign = Runner::new(&format!("Linux X64 {} https://example.com/x\n", digest(b"")));
    let mut told = String::new();
    for (runner, inputs) in [
        (&none, &[][..]),
        (&there, &[("RUNNER_ARCH", "ARM64")]),
        (&broken, &[]),
        (&foreign, &[]),
        (&there, &[("INPUT_MIRROR", "file:///etc")]),
        (&there, &[("INPUT_MIRROR", "-o/x\n::error::y ##[z]")]),
        (&there, &[("INPUT_MIRROR", "ftp://ann:p@ss@example.com/x?token=hidden")]),
        (&there, &[("INPUT_MIRROR", "http://ann:p@ss@example.com/x")]),
        (&there, &[("INPUT_ATTESTATION", "maybe")]),
        (&there, &[("INPUT_BINARY", "no/such/file")]),
        (&there, &[("INPUT_BINARY", "action"), ("INPUT_ATTESTATION", "build")]),
        (&there, &[("INPUT_BINARY", "a\nb")]),
    ] {
        let ran = runner.fetch(inputs);
        assert!(ran.code == 1 && ran.program.is_none() && runner.is_clean() && ran.reason == "bad_usage", "{inputs:?}: {}", ran.said);
        told += &ran.said;
    }
    insta::assert_snapshot!(told.trim_end(), @r"
    ::error title=tagwarden::this commit of the action has no program for Linux X64 (it has: none, since it belongs to no release). Name the commit of a release, or build the program and give its path as `binary`
    ::error title=tagwarden::this commit of the action has no program for Linux ARM64 (it has: Linux X64, macOS ARM64). Name the commit of a release, or build the program and give its path as `binary`
    ::error title=tagwarden::action/assets.txt names no SHA-256 for Linux X64. Name another commit of the action
    ::error title=tagwarden::action/assets.txt names 'https://example.com/x', which is not a release's asset. Name another commit of the action
    ::error title=tagwarden::`mirror` is 'file:///etc'. It is the address of a folder, https://... or http://..., without a query
    ::error title=tagwarden::`mirror` is '-o/x::error::y '. It is the address of a folder, https://... or http://..., without a query
    ::error title=tagwarden::`mirror` is 'example.com/x'. It is the address of a folder, https://... or http://..., without a query
    ::error title=tagwarden::`mirror` is 'example.com/x'. It is the address of a folder, https://... or http://..., without a query
    ::error title=tagwarden::`attestation` is 'maybe'. It is one of none, release, build
    ::error title=tagwarden::`binary` names 'no/such/file', which is not an executable file. Build or download it in a step before this one
    ::error title=tagwarden::`attestation` is for a download, and `binary` names a program that is there. Leave one of them out
    ::error title=tagwarden::`binary` has more than one line. Give it the path of one program
    ");
    let ran = there.fetch(&[("INPUT_MIRROR", &format!("{}/nothing", there.mirror.url()))]);
    assert!(ran.code == 1 && ran.program.is_none() && there.is_clean() && ran.said.contains("could not be downloaded"), "{}", ran.said);
    assert_eq!(ran.reason, "unreachable");
    executable(&there.path("mine"), PROGRAM);
    // As a block of YAML ends it, too.
    for given in ["mine", "mine\n"] {
        let ran = there.fetch(&[("INPUT_BINARY", given), ("INPUT_MIRROR", "")]);
        assert_eq!(ran.program.expect(&ran.said), fs::canonicalize(there.path("mine")).unwrap());
    }
    // A file whose name ends with a line end is not what is meant by the name without it.
    executable(&there.path("other\n"), PROGRAM);
    let ran = there.fetch(&[("INPUT_BINARY", "other\n"), ("INPUT_MIRROR", "")]);
    assert!(ran.code == 1 && ran.program.is_none(), "{}", ran.said);
}

#[test]
fn an_address_is_told_without_its_password() {
    for (body, reason) in [(&b"another"[..], "differences"), (b"", "unreachable")] {
        let runner = Runner::with("tagwarden-linux", &digest(PROGRAM.as_bytes()), body);
        let folder = if body.is_empty() { "/nothing" } else { "" };
        let mirror = runner.mirror.url().replace("://", "://ann:p%40ssword@") + folder;
        let ran = runner.fetch(&[("INPUT_MIRROR", &mirror)]);
        assert_eq!((ran.code, ran.reason.as_str()), (1, reason), "{}", ran.said);
        let address = runner.mirror.url().replace("http://", "");
        assert!(ran.said.contains(&address) && !ran.said.contains("ssword") && !ran.said.contains("ann"), "{}", ran.said);
    }
}

#[test]
fn an_attestation_that_gh_does_not_accept_is_refused() {
    let runner = Runner::with("tagwarden-linux", &digest(PROGRAM.as_bytes()), PROGRAM.as_bytes());
    let asked = || fs::read_to_string(runner.path("asked")).unwrap_or_default();
    let mut said = String::new();
    for way in ["release", "build"] {
        // The runner that has no gh: nothing but what the script needs is in reach.
        let tools = runner.path("tools");
        if !tools.exists() {
            fs::create_dir(&tools).unwrap();
            for tool in ["bash", "sed", "tr", "awk", "paste", "mktemp", "mkdir", "curl", "sha256sum", "rm", "basename"] {
                let found = ["/usr/bin", "/bin"].iter().map(|folder| Path::new(folder).join(tool)).find(|path| path.exists()).unwrap();
                std::os::unix::fs::symlink(found, tools.join(tool)).unwrap();
            }
        }
        let ran = runner.fetch(&[("INPUT_ATTESTATION", way), ("PATH", &tools.display().to_string())]);
        assert!(ran.code == 1 && ran.program.is_none() && ran.said.contains("needs the program gh"), "{}", ran.said);

        runner.stand_in("gh", "echo first >&2\necho '::error::no attestation of %0A this ##[file]' >&2\nexit 1");
        let ran = runner.fetch(&[("INPUT_ATTESTATION", way)]);
        assert!(ran.code == 1 && ran.program.is_none() && ran.reason == "gate_inconclusive", "{}", ran.said);
        said += &ran.said;
        // gh says yes: the file is used. That the attestation is good is gh's to know.
        runner.stand_in("gh", "exit 0");
        let ran = runner.fetch(&[("INPUT_ATTESTATION", way)]);
        assert!(ran.code == 0 && ran.program.is_some(), "{}", ran.said);
    }
    insta::assert_snapshot!(said.trim_end(), @r"
    ::error title=tagwarden::gh does not accept the attestation of tagwarden-linux (release) in example/tagwarden: ::error::no attestation of %250A this ## [file]. Do not use this file unless you know why; gh must reach GitHub for it
    ::error title=tagwarden::gh does not accept the attestation of tagwarden-linux (build) in example/tagwarden: ::error::no attestation of %250A this ## [file]. Do not use this file unless you know why; gh must reach GitHub for it
    ");
    let asked = Regex::new(r"/\S*/tagwarden\.\w+/download/").unwrap().replace_all(&asked(), "FOLDER/").into_owned();
    insta::assert_snapshot!(asked.trim_end(), @r"
    release verify-asset v1.0.0 FOLDER/tagwarden-linux --repo example/tagwarden
    release verify-asset v1.0.0 FOLDER/tagwarden-linux --repo example/tagwarden
    attestation verify FOLDER/tagwarden-linux --repo example/tagwarden --signer-workflow example/tagwarden/.github/workflows/release.yml
    attestation verify FOLDER/tagwarden-linux --repo example/tagwarden --signer-workflow example/tagwarden/.github/workflows/release.yml
    ");
    // A wrong digest is refused before gh is asked.
    let bad = Runner::with("tagwarden-linux", &digest(b"another"), PROGRAM.as_bytes());
    bad.stand_in("gh", "exit 0");
    assert!(bad.fetch(&[("INPUT_ATTESTATION", "build")]).code == 1 && !bad.path("asked").exists());
}

#[test]
fn every_input_is_one_word_and_no_shell_text() {
    let runner = Runner::new("");
    executable(&runner.path("program"), "#!/bin/sh\nfor word; do printf '<%s>\\n' \"$word\"; done\nenv | grep -e INPUT -e CHANNEL\n");
    let run = |inputs: &[(&str, &str)]| {
        let names = ["VERB", "RELEASE", "CHANNEL", "REASON", "SHA", "AT", "SIGNATURES", "ARGUMENTS", "SARIF"];
        let mut command = runner.script("run");
        command.envs(names.map(|name| (format!("INPUT_{name}"), ""))).env("PATH", "/usr/bin:/bin").env("CHANNEL", "of the job");
        command.env("INPUT_PROGRAM", runner.path("program")).envs(inputs.iter().copied());
        let done = command.output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
        Regex::new(r"=/\S*/tagwarden\.\w+/(\S+)").unwrap().replace_all(&said, "=FOLDER/$1").into_owned()
    };
    insta::assert_snapshot!(run(&[("INPUT_VERB", "comment")]).trim_end(), @r"
    <comment>
    <--format=github>
    <--also=json=FOLDER/report.json>
    CHANNEL=of the job
    ");
    let signature = |text: &str| STANDARD.encode(format!("-----BEGIN SSH SIGNATURE-----\n{text}\n"));
    let hostile = "$(touch pwned) `touch pwned` \"; touch pwned; # * ${{ github.token }}\n--all\u{1b}";
    let said = run(&[
        ("INPUT_VERB", "promote"),
        ("INPUT_RELEASE", "a@1.0.0 b@1.0.0\n--dry-run *"),
        ("INPUT_CHANNEL", "--help"),
        ("INPUT_REASON", hostile),
        ("INPUT_SHA", "-q"),
        ("INPUT_AT", "HEAD"),
        ("INPUT_SIGNATURES", &format!("{}  {}\n", signature("one"), signature("two"))),
        ("INPUT_ARGUMENTS", "--dry-run\r\n\n--claim=a b $(touch pwned)\n"),
        ("INPUT_SARIF", "out.sarif"),
    ]);
    insta::assert_snapshot!(said.replace('\u{1b}', "ESC").trim_end(), @r#"
    <promote>
    <--format=github>
    <--also=json=FOLDER/report.json>
    <--also=sarif=out.sarif>
    <--channel=--help>
    <--reason=$(touch pwned) `touch pwned` "; touch pwned; # * ${{ github.token }}
    --allESC>
    <--sha=-q>
    <--at=HEAD>
    <--signature=FOLDER/8.sig>
    <--signature=FOLDER/9.sig>
    <--dry-run>
    <--claim=a b $(touch pwned)>
    <-->
    <a@1.0.0>
    <b@1.0.0>
    <--dry-run>
    <*>
    CHANNEL=of the job
    "#);
    assert!(!runner.path("pwned").exists());
    let kept = |name: &str| {
        let mut files = fs::read_dir(runner.path("temp")).unwrap().map(|entry| entry.unwrap().path().join(name));
        fs::read_to_string(files.find(|file| file.exists()).unwrap()).unwrap()
    };
    assert_eq!(["8.sig", "9.sig"].map(kept), ["one", "two"].map(|text| format!("-----BEGIN SSH SIGNATURE-----\n{text}\n")));
    for wrong in ["a.sig", "$(touch pwned)", "/etc/passwd", &STANDARD.encode("a.sig"), &format!("{} x", signature("one"))] {
        let said = run(&[("INPUT_VERB", "policy adopt"), ("INPUT_SIGNATURES", wrong)]);
        assert!(said.starts_with("::error title=tagwarden::`signatures` holds") && said.lines().count() == 1, "{wrong}: {said}");
    }
    for verb in ["", "--help", "promote; id", "Promote", "promote x y", "promote\nid"] {
        let said = run(&[("INPUT_VERB", verb)]);
        assert!(said.starts_with("::error title=tagwarden::`verb` is a verb") && said.lines().count() == 1, "{verb}: {said}");
    }
}

#[test]
fn a_script_that_is_started_without_its_variables_says_so() {
    let runner = Runner::new("");
    executable(&runner.path("program"), "#!/bin/sh\necho \"$@\"\n");
    let run = |env: &[(&str, &str)]| {
        let mut command = Command::new("bash");
        command.arg(runner.path("action/run")).env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", runner.path("temp"));
        let done = command.envs(env.iter().copied()).output().unwrap();
        String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap()
    };
    let program = runner.path("program").display().to_string();
    assert_eq!(run(&[]), "::error title=tagwarden::no program is named; action.yml starts action/fetch before this script\n");
    assert!(run(&[("INPUT_PROGRAM", &program)]).starts_with("::error title=tagwarden::`verb` is a verb"));
    let said = run(&[("INPUT_PROGRAM", &program), ("INPUT_VERB", "status")]);
    assert!(said.starts_with("status --format=github --also=json=") && said.ends_with("/report.json\n"), "{said}");
}

#[test]
fn the_action_has_the_outputs_that_the_program_writes() {
    let action = read("action.yml");
    let taken: Vec<String> =
        Regex::new(r"steps\.run\.outputs\.(\w+)").unwrap().captures_iter(&action).map(|found| found[1].to_owned()).collect();
    let scratch = crate::common::Scratch::minimal();
    let file = scratch.path("outputs");
    scratch.run_with(&["verify", "--format", "github"], &[("GITHUB_OUTPUT", file.to_str().unwrap())]).ok();
    let written = fs::read_to_string(file).unwrap();
    let written: BTreeSet<&str> = written.lines().filter_map(|line| line.split_once("<<")).map(|(name, _)| name).collect();
    let unknown: Vec<&String> = taken.iter().filter(|name| !written.contains(name.as_str())).collect();
    assert!(taken.len() == 13 && unknown.is_empty(), "{unknown:?} of {taken:?}");
    // Each input reaches a script, by a variable of its own.
    let inputs = action.split("\noutputs:").next().unwrap().split("\ninputs:").nth(1).unwrap();
    let names: Vec<String> = Regex::new(r"(?m)^  ([a-z-]+):$").unwrap().captures_iter(inputs).map(|found| found[1].to_owned()).collect();
    let scripts = read("action/run") + &read("action/fetch");
    for name in names.iter().filter(|name| *name != "working-directory") {
        let variable = format!("INPUT_{}", name.to_uppercase());
        assert!(action.contains(&format!("        {variable}: ${{{{ inputs.{name} }}}}\n")) && scripts.contains(&variable), "{name}");
    }
    // Nothing is pasted into a script.
    assert!(action.lines().filter(|line| line.trim_start().starts_with("run:")).all(|line| !line.contains("${{")), "{action}");
}

/// Every workflow of this repository, by its file name.
fn workflows() -> BTreeMap<String, String> {
    let folder = root().join(".github/workflows");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn what_workflows_use_is_pinned_to_whole_commits() {
    let pinned = Regex::new(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40} # \S.*$").unwrap();
    let runner = Regex::new(r"(?i)\bact\b|env\.ACT").unwrap();
    let mut own = BTreeSet::new();
    for (name, text) in workflows() {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        for used in lines.filter_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix("uses: ")) {
            assert!(pinned.is_match(used), "{name}: {used}");
            if used.contains("/tagwarden@") {
                own.insert(used.to_owned());
            }
        }
        assert!(text.contains("\npermissions: {}\n") && text.contains("\n    permissions:\n"), "{name}");
        assert_eq!(text.matches("actions/checkout@").count(), text.matches("persist-credentials: false").count(), "{name}");
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        assert!(!code.iter().any(|line| runner.is_match(line)), "{name} knows who runs it");
    }
    assert_eq!(own.len(), 1, "all workflows name one commit of the action: {own:?}");
}

#[test]
fn workflows_for_others_use_a_checkout_and_the_action_alone() {
    let all = workflows();
    let shared: Vec<(&String, &String)> = all.iter().filter(|(name, _)| name.starts_with("reusable-")).collect();
    assert_eq!(shared.len(), 6);
    let action = read("action.yml");
    let (uses, key) = (Regex::new(r"uses: ([\w./-]+)@").unwrap(), Regex::new(r"(?m)^          ([a-z-]+):").unwrap());
    for (name, text) in shared {
        assert!(text.contains("\non:\n  workflow_call:\n") && !text.contains("\n  push:") && !text.contains("run: "), "{name}");
        let code: String =
            text.lines().filter(|line| !line.trim_start().starts_with('#')).fold(String::new(), |all, line| all + line + "\n");
        let used: BTreeSet<String> = uses.captures_iter(&code).map(|found| found[1].to_owned()).collect();
        assert_eq!(used, ["OWNER/tagwarden", "actions/checkout"].map(str::to_owned).into(), "{name}");
        // What is handed to the action are inputs that it has.
        for step in code.split("uses: OWNER/tagwarden@").skip(1) {
            let with = step.split("\n        with:\n").nth(1).unwrap().split("\n        env:").next().unwrap();
            for found in key.captures_iter(with) {
                assert!(action.contains(&format!("\n  {}:\n    description", &found[1])), "{name}: {}", &found[1]);
            }
        }
        // A secret is in reach only behind an environment.
        let secret = code.contains("${{ secrets.");
        assert_eq!(secret, code.contains("    environment: ${{ inputs.environment }}\n"), "{name}");
        assert_eq!(secret, code.contains("cancel-in-progress: false"), "{name}");
    }
}
