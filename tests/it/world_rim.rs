//! Programs and keys as they really are: what a command gate's program sees and leaves behind, and signing by every source of
//! a key.

use crate::world_support::Scratch;
use std::{collections::BTreeMap, path::PathBuf};
use tagwarden::{
    attest::ssh::AllowedSigners,
    domain::{Reason, Span},
    gate::{
        probe::{CommandAsk, Unavailable, reduce::RawCommand},
        protocol::KeySource,
    },
    world::{
        EnvVars, Signer,
        process::{PATH, run_command},
        signer::throw_away,
    },
};

struct Place {
    scratch: Scratch,
    env: EnvVars,
}

impl Place {
    fn new() -> Place {
        let scratch = Scratch::new();
        std::fs::create_dir(scratch.path("checkout")).unwrap();
        std::fs::create_dir(scratch.path("files")).unwrap();
        let env = scratch.env().with("TOKEN", "hunter2").with("OTHER", "x");
        Place { scratch, env }
    }

    fn files(&self) -> PathBuf {
        self.scratch.path("files")
    }

    async fn ask(&self, ask: CommandAsk) -> Result<RawCommand, Unavailable> {
        run_command(&ask, &self.scratch.path("checkout"), &self.files(), &self.env).await
    }

    async fn shell(&self, script: &str) -> RawCommand {
        self.ask(CommandAsk { shell: Some(script.to_owned()), ..CommandAsk::default() }).await.ok().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_program_sees_its_own_environment_and_nothing_else() {
    let place = Place::new();
    let ask = CommandAsk {
        run: vec!["env".to_owned()],
        env: vec!["TOKEN".to_owned()],
        set: BTreeMap::from([("CHANNEL".to_owned(), "staging".to_owned())]),
        ..CommandAsk::default()
    };
    let raw = place.ask(ask).await.ok().unwrap();
    let mut lines: Vec<String> = text(&raw.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    let files = place.files().display().to_string();
    assert_eq!(
        lines,
        [
            "CHANNEL=staging".to_owned(),
            format!("HOME={files}"),
            "LANG=C".to_owned(),
            format!("PATH={PATH}"),
            format!("TAGWARDEN_SCRATCH={files}"),
            format!("TMPDIR={files}"),
            "TOKEN=hunter2".to_owned(),
        ]
    );
    let ask = CommandAsk { run: vec!["env".to_owned()], env: vec!["UNSET".to_owned()], ..CommandAsk::default() };
    assert_eq!(place.ask(ask).await.err().unwrap().why, "unset-variable");
}

#[tokio::test]
async fn a_program_runs_in_the_checkout_and_is_found_there_by_its_path() {
    let place = Place::new();
    place.scratch.script("checkout/check", "#!/bin/sh\nread line || echo no input; pwd; echo \"$1\" >&2; exit 3\n");
    let ask = CommandAsk { run: vec!["./check".to_owned(), "a b; c".to_owned()], ..CommandAsk::default() };
    let raw = place.ask(ask).await.ok().unwrap();
    assert_eq!(raw.exit, Some(3));
    let folder = place.scratch.path("checkout").canonicalize().unwrap();
    assert_eq!(text(&raw.stdout), format!("no input\n{}\n", folder.display()));
    assert_eq!(text(&raw.stderr), "a b; c\n", "arguments are not read by a shell");
    for missing in ["check", "./none", "/none/at/all"] {
        let ask = CommandAsk { run: vec![missing.to_owned()], ..CommandAsk::default() };
        assert_eq!(place.ask(ask).await.err().unwrap().why, "not-found", "{missing}");
    }
    assert_eq!(place.ask(CommandAsk::default()).await.err().unwrap().why, "bad-question");
    assert_eq!(place.shell("false; echo on").await.exit, Some(1), "a script stops at its first failure");
    assert_eq!(place.shell("kill -9 $$").await.exit, None);
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_ended_with_all_its_children() {
    let place = Place::new();
    let script = "(sleep 600; touch \"$HOME/late\") & echo $! > \"$HOME/child\"; sleep 600";
    let ask = CommandAsk { shell: Some(script.to_owned()), within: Some(Span::millis(300)), ..CommandAsk::default() };
    assert_eq!(place.ask(ask).await.err().unwrap().why, "timeout");
    assert_gone(&place).await;
}

#[tokio::test]
async fn what_a_program_left_in_the_background_ends_with_it() {
    let place = Place::new();
    let raw = place.shell("sleep 600 & echo $! > \"$HOME/child\"; echo done").await;
    assert_eq!((raw.exit, text(&raw.stdout).as_str(), raw.over_limit), (Some(0), "done\n", false));
    assert_gone(&place).await;
}

/// The process whose id stands in the file `child` is no more (or only a corpse that nobody collected).
async fn assert_gone(place: &Place) {
    let id = std::fs::read_to_string(place.files().join("child")).unwrap();
    for _ in 0..500 {
        match std::fs::read_to_string(format!("/proc/{}/stat", id.trim())) {
            Err(_) => return,
            Ok(stat) if stat.contains(") Z ") => return,
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
    panic!("process {id} still runs");
}

#[tokio::test]
async fn endless_output_is_cut_and_does_not_block() {
    let place = Place::new();
    let raw = place.shell("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2").await;
    assert_eq!((raw.exit, raw.over_limit, raw.stdout.len(), raw.stderr.len()), (Some(0), true, 1 << 20, 1 << 20));
    let raw = place.shell(&format!("head -c {} /dev/zero", 1 << 20)).await;
    assert_eq!((raw.over_limit, raw.stdout.len()), (false, 1 << 20));
    let ask = CommandAsk { shell: Some("yes".to_owned()), within: Some(Span::millis(300)), ..CommandAsk::default() };
    assert_eq!(place.ask(ask).await.err().unwrap().why, "timeout");
}

#[tokio::test]
async fn an_output_that_somebody_keeps_open_is_not_whole() {
    let place = Place::new();
    let raw = place.shell("setsid sleep 30 & echo $! > \"$HOME/child\"; sleep 0.2; echo done").await;
    assert!(raw.over_limit && text(&raw.stdout) == "done\n");
    let id = std::fs::read_to_string(place.files().join("child")).unwrap();
    place.scratch.try_run(&place.files(), "kill", &[id.trim()]);
}

#[tokio::test]
async fn a_produced_file_must_be_new_plain_and_inside() {
    let place = Place::new();
    let produce = async |script: &str| {
        let ask = CommandAsk { shell: Some(script.to_owned()), produces: Some("out/dump".to_owned()), ..CommandAsk::default() };
        place.ask(ask).await.ok().unwrap().produced
    };
    assert_eq!(produce("true").await, None);
    let made = produce("mkdir -p \"$HOME/out\"; printf abc > \"$HOME/out/dump\"").await.unwrap();
    assert_eq!((made.bytes, made.fresh), (3, true));
    assert_eq!(made.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert!(!produce("true").await.unwrap().fresh, "left over from before");
    assert!(produce("printf abc > \"$HOME/out/dump\"").await.unwrap().fresh, "the same bytes, written anew");
    assert!(
        !produce("touch -d '2020-01-01' \"$HOME/old\"; mv \"$HOME/old\" \"$HOME/out/dump\"").await.unwrap().fresh,
        "an old file moved here"
    );
    std::fs::write(place.scratch.path("outside"), "x").unwrap();
    assert_eq!(produce("ln -sf \"$HOME/../outside\" \"$HOME/out/dump\"").await, None);
    assert_eq!(
        produce("rm -r \"$HOME/out\"; mkdir \"$HOME/../elsewhere\"; echo > \"$HOME/../elsewhere/dump\"; ln -s ../elsewhere \"$HOME/out\"")
            .await,
        None
    );
    for name in ["../outside", "/etc/passwd", ""] {
        let ask = CommandAsk { shell: Some("true".to_owned()), produces: Some(name.to_owned()), ..CommandAsk::default() };
        assert_eq!(place.ask(ask).await.err().unwrap().why, "bad-question", "{name}");
    }
}

/// A key pair `name` in the scratch folder.
fn key(scratch: &Scratch, name: &str, passphrase: &str) -> String {
    scratch.run(&scratch.path(""), "ssh-keygen", &["-q", "-t", "ed25519", "-N", passphrase, "-C", "c", "-f", name]);
    std::fs::read_to_string(scratch.path(&format!("{name}.pub"))).unwrap()
}

async fn assert_signs(signer: &Signer, public: &str) {
    let allowed = AllowedSigners::parse(&format!("a@example.com {public}")).unwrap();
    let at = "2026-11-21T10:00:00Z".parse().unwrap();
    for message in [b"".as_slice(), b"bytes\n\0"] {
        let armored = signer.sign("tagwarden", message).await.unwrap();
        assert_eq!(allowed.verify("tagwarden", message, &armored, at).unwrap().principal, "a@example.com");
    }
    assert_eq!(allowed.principal_of(signer.public_key(), at).unwrap().fingerprint, signer.fingerprint());
}

#[tokio::test]
async fn keys_come_from_files_and_variables() {
    let scratch = Scratch::new();
    let public = key(&scratch, "k", "");
    let dir = scratch.path("");
    let private = std::fs::read_to_string(scratch.path("k")).unwrap();
    let env = scratch
        .env()
        .with("KEY", private.trim().replace('\n', "\\n"))
        .with("FILE", scratch.path("k"))
        .with("GARBLED", "c2VjcmV0LWtleQ==")
        .with("EMPTY", "");
    assert!(Signer::from(&KeySource::None, &env, &dir).await.unwrap().is_none());
    for source in [KeySource::Path("k".to_owned()), KeySource::Env("KEY".to_owned()), KeySource::Env("FILE".to_owned())] {
        let signer = Signer::from(&source, &env, &dir).await.unwrap().unwrap();
        assert_signs(&signer, &public).await;
    }
    std::fs::copy(scratch.path("k"), scratch.path("home/k")).unwrap();
    assert!(Signer::from(&KeySource::Path("~/k".to_owned()), &env, &dir).await.unwrap().is_some());
    for (source, named) in [
        (KeySource::Path("none".to_owned()), "none"),
        (KeySource::Env("UNSET".to_owned()), "UNSET"),
        (KeySource::Env("EMPTY".to_owned()), "EMPTY"),
        (KeySource::Env("GARBLED".to_owned()), "GARBLED"),
        (KeySource::Agent("SHA256:x".to_owned()), "agent"),
    ] {
        let fault = Signer::from(&source, &env, &dir).await.err().unwrap();
        assert_eq!(fault.reason, Reason::SignerMissing);
        assert!(fault.message.contains(named) && !fault.message.contains("c2VjcmV0"), "{fault}");
    }
}

#[tokio::test]
async fn a_key_of_a_variable_never_touches_a_disk() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    for (kind, is_ours) in [("ed25519", true), ("ecdsa", false), ("rsa", false)] {
        let (file, temporary) = (scratch.path(kind), scratch.path(&format!("temporary-{kind}")));
        let name = file.display().to_string();
        scratch.run(&scratch.path(""), "ssh-keygen", &["-q", "-t", kind, "-N", "", "-C", "", "-f", &name]);
        let (private, public) = (std::fs::read_to_string(&file).unwrap(), std::fs::read_to_string(format!("{name}.pub")).unwrap());
        std::fs::remove_file(&file).unwrap();
        let env = scratch.env().with("KEY", &private).with("TMPDIR", &temporary);
        let source = KeySource::Env("KEY".to_owned());
        if !is_ours {
            std::fs::create_dir(&temporary).unwrap();
        }
        let signer = Signer::from(&source, &env, &scratch.path("")).await.unwrap().unwrap();
        assert_signs(&signer, public.trim()).await;
        if is_ours {
            // It needed no folder at all.
            assert!(!temporary.exists());
            continue;
        }
        let folders: Vec<_> = std::fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).collect();
        let [folder] = folders.as_slice() else { panic!("{folders:?}") };
        assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, ["agent", "key.pub"], "a socket, and what is public");
        drop(signer);
        assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    }
    // What cannot be read is not quoted.
    let text = "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\n";
    let fault = Signer::from(&KeySource::Env("KEY".to_owned()), &scratch.env().with("KEY", text), &scratch.path("")).await.err().unwrap();
    assert_eq!(fault.reason, Reason::SignerMissing);
    assert!(fault.message.contains("KEY") && !fault.to_string().contains("c2VjcmV0"), "{fault}");
}

#[tokio::test]
async fn a_passphrase_is_never_waited_for() {
    let scratch = Scratch::new();
    let dir = scratch.path("");
    key(&scratch, "locked", "a passphrase");
    let signer = Signer::from(&KeySource::Path("locked".to_owned()), &scratch.env(), &dir).await.unwrap().unwrap();
    let fault = signer.sign("tagwarden", b"x").await.unwrap_err();
    assert_eq!(fault.reason, Reason::SignerMissing);
    assert!(fault.help.unwrap().contains("ssh-add"));
    std::fs::remove_file(scratch.path("locked.pub")).unwrap();
    let fault = Signer::from(&KeySource::Path("locked".to_owned()), &scratch.env(), &dir).await.err().unwrap();
    assert_eq!(fault.reason, Reason::SignerMissing);
}

/// An agent's socket has its name before anybody listens at it.
#[tokio::test]
async fn an_agent_that_is_slow_to_listen_is_waited_for() {
    let scratch = Scratch::new();
    let file = scratch.path("key").display().to_string();
    scratch.run(&scratch.path(""), "ssh-keygen", &["-q", "-t", "ecdsa", "-N", "", "-C", "", "-f", &file]);
    let (private, public) = (std::fs::read_to_string(&file).unwrap(), std::fs::read_to_string(format!("{file}.pub")).unwrap());
    let path = std::env::var("PATH").unwrap();
    scratch.script("ssh-agent", &format!("#!/bin/sh\n: >\"$2\"\nsleep 0.3\nrm \"$2\"\nPATH='{path}'\nexec ssh-agent \"$@\"\n"));
    let env = scratch.env().with("KEY", &private).with("PATH", format!("{}:{path}", scratch.path("").display()));
    let signer = Signer::from(&KeySource::Env("KEY".to_owned()), &env, &scratch.path("")).await.unwrap().unwrap();
    assert_signs(&signer, public.trim()).await;
}

#[tokio::test]
async fn an_agent_signs_with_the_key_of_the_fingerprint() {
    let scratch = Scratch::new();
    let (first, second) = (key(&scratch, "first", ""), key(&scratch, "second", ""));
    let dir = scratch.path("");
    let socket = scratch.path("agent");
    let mut agent = std::process::Command::new("ssh-agent")
        .args(["-D", "-a", &socket.display().to_string()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !socket.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let socket_line = format!("SSH_AUTH_SOCK='{}' ssh-add -q first second", socket.display());
    scratch.run(&dir, "sh", &["-c", &socket_line]);
    std::fs::remove_file(scratch.path("second")).unwrap();
    let env = scratch.env().with("SSH_AUTH_SOCK", socket);
    let fingerprint = tagwarden::attest::ssh::fingerprint_of(&second).unwrap();
    let bare = fingerprint.trim_start_matches("SHA256:").to_owned();
    for named in [fingerprint, bare] {
        let signer = Signer::from(&KeySource::Agent(named), &env, &dir).await.unwrap().unwrap();
        assert_signs(&signer, &second).await;
    }
    let signer = Signer::from(&KeySource::Path("second.pub".to_owned()), &env, &dir).await.unwrap().unwrap();
    assert_signs(&signer, &second).await;
    let signer = Signer::from(&KeySource::Path("first".to_owned()), &env, &dir).await.unwrap().unwrap();
    assert_signs(&signer, &first).await;
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[tokio::test]
async fn a_throw_away_key_signs_without_openssh() {
    let scratch = Scratch::new();
    let keys = [throw_away().unwrap(), throw_away().unwrap()];
    assert_ne!(keys[0].public_line(), keys[1].public_line());
    let env = EnvVars::of([("KEY", keys[0].to_openssh()), ("PATH", "/nowhere".to_owned())]);
    let signer = Signer::from(&KeySource::Env("KEY".to_owned()), &env, &scratch.path("")).await.unwrap().unwrap();
    assert_signs(&signer, &keys[0].public_line()).await;
    // OpenSSH reads the same key and makes the same signature.
    std::fs::write(scratch.path("k"), keys[0].to_openssh()).unwrap();
    std::fs::set_permissions(scratch.path("k"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(scratch.path("message"), b"bytes").unwrap();
    scratch.run(&scratch.path(""), "ssh-keygen", &["-q", "-Y", "sign", "-n", "file", "-f", "k", "message"]);
    assert_eq!(std::fs::read_to_string(scratch.path("message.sig")).unwrap(), keys[0].sign("file", b"bytes"));
}
