//! `sync run` as it runs in production: the built program, woken by signed messages, asked over HTTP, and told to end.

use crate::{
    common::Scratch,
    sync::{PROTOCOL, product, release, seen, shop},
};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStderr},
};

const SECRET: &str = "a secret of the shop";

struct Controller<'s> {
    scratch: &'s Scratch,
    child: Child,
    lines: BufReader<ChildStderr>,
    address: String,
}

impl Controller<'_> {
    fn start(scratch: &Scratch) -> Controller<'_> {
        // Only messages wake it: nothing here takes ten minutes.
        let args = ["sync", "run", "--poll", "10m", "--listen", "127.0.0.1:0", "--webhook", "env:HOOK"];
        let mut child = scratch.spawn_program(&args);
        let lines = BufReader::new(child.stderr.take().unwrap());
        let mut controller = Controller { scratch, child, lines, address: String::new() };
        let listening = controller.line();
        controller.address = listening["address"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        controller
    }

    /// The next line of its log.
    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"))
    }

    fn round(&mut self, reason: &str) -> Value {
        let line = self.line();
        assert_eq!((&line["event"], &line["reason_code"]), (&"round".into(), &reason.into()), "{line}");
        line
    }

    /// Status and body.
    fn ask(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (request, headers) = head.split_once('\n').unwrap_or((head, ""));
        let length = body.len();
        write!(stream, "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn hook(&self, body: &str, secret: &str) -> u16 {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let tag: String = ring::hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        self.ask(&format!("POST /hook\nX-Hub-Signature-256: sha256={tag}\r\n"), body).0
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.ask("GET /status", "").1).unwrap()
    }

    fn metric(&self, line: &str) -> bool {
        self.ask("GET /metrics", "").1.lines().any(|known| known == line)
    }

    fn end(mut self) {
        self.scratch.signal("-TERM", &self.child.id().to_string());
        assert_eq!(self.line()["event"], "stopped");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Controller<'_> {
    fn drop(&mut self) {
        // It has ended where the test went well.
        let _ = self.child.kill();
    }
}

#[test]
fn a_controller_publishes_what_a_signed_message_wakes_it_for() {
    let mut scratch = shop(PROTOCOL);
    scratch.set("HOOK", SECRET);
    scratch.json(&["sync", "init"]).expect("passed");
    let mut controller = Controller::start(&scratch);
    controller.round("nothing_to_do");
    assert_eq!((controller.ask("GET /healthz", "").0, controller.ask("GET /readyz", "").0), (200, 503));

    release(&scratch, "1.0.0");
    // A message of somebody else wakes nobody: the round after it would publish.
    assert_eq!((controller.hook("{}", "another secret of a shop"), controller.ask("POST /hook", "{}").0), (401, 401));
    assert_eq!(controller.ask("GET /hook", "").0, 405);
    assert_eq!(controller.hook("{}", SECRET), 202);
    let line = controller.round("published");
    assert_eq!((&line["role"], &line["live"]["release"], &line["rows"]["written"]), (&"leader".into(), &"shop@1.0.0".into(), &2.into()));
    let first = seen(&scratch);
    assert_eq!(controller.ask("GET /readyz", "").0, 200);
    assert!(controller.metric("tagwarden_sync_live_rows{kind=\"product\"} 2") && controller.metric("tagwarden_sync_leads 1"));
    assert!(controller.metric("tagwarden_sync_messages_total{result=\"unsigned\"} 2"));
    assert!(controller.metric("tagwarden_sync_rounds_total{reason=\"published\"} 1"));

    // The newest is rejected: what readers see is named, and stays.
    scratch.write("products/chair.md", product("chair", "A title that is far too long"));
    release(&scratch, "1.1.0");
    assert_eq!(controller.hook("{}", SECRET), 202);
    controller.round("findings");
    let status = controller.status();
    let published = &status["conditions"][1];
    assert_eq!((&published["reason"], &status["role"]), (&"Rejected".into(), &"leader".into()), "{status:#}");
    assert!(published["message"].as_str().unwrap().contains("readers see shop@1.0.0"), "{published}");
    assert_eq!(controller.ask("GET /readyz", "").0, 200);
    assert!(controller.metric("tagwarden_sync_condition{type=\"Published\",reason=\"Rejected\"} 1"));
    assert_eq!(seen(&scratch), first);

    // Where the remote is gone, what is known is still answered, with why nothing newer is.
    std::fs::rename(scratch.path("origin.git"), scratch.path("away.git")).unwrap();
    assert_eq!(controller.hook("{}", SECRET), 202);
    controller.round("unreachable");
    let status = controller.status();
    assert_eq!((&status["failure"]["reason_code"], &status["live"]["release"]), (&"unreachable".into(), &"shop@1.0.0".into()));
    assert!(controller.metric("tagwarden_sync_failures 2"));
    std::fs::rename(scratch.path("away.git"), scratch.path("origin.git")).unwrap();

    // The same message again only wakes.
    scratch.write("products/chair.md", product("chair", "Stool"));
    release(&scratch, "1.2.0");
    assert_eq!(controller.hook("{}", SECRET), 202);
    controller.round("published");
    assert_eq!((controller.hook("{}", SECRET), controller.hook("{}", SECRET)), (202, 202));
    assert_ne!(seen(&scratch), first);
    controller.end();
    assert_eq!(crate::sync::count(&scratch, "SELECT count(*) FROM publications"), 2);
    assert_eq!(crate::sync::count(&scratch, "SELECT count(*) FROM pointer WHERE lease_holder IS NULL"), 1, "the lease is given back");
}

#[test]
fn a_controller_that_cannot_begin_says_so_and_ends() {
    let mut scratch = shop(PROTOCOL);
    let run = ["sync", "run", "--listen", "127.0.0.1:0", "--webhook", "env:HOOK"];
    let answer = |scratch: &Scratch, args: &[&str]| -> Value {
        let output = scratch.run_program(&[args, &["--format", "json"]].concat());
        serde_json::from_str(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output}"))
    };
    assert_eq!(answer(&scratch, &run)["reason_code"], "bad_usage", "without the secret");
    scratch.set("HOOK", "too short");
    let short = answer(&scratch, &run);
    assert!(short["reason_code"] == "bad_usage" && !short.to_string().contains("too short"), "{short}");
    assert_eq!(answer(&scratch, &["sync", "run"])["reason_code"], "no_store");
}
