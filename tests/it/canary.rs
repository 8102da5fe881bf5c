//! Secrets are planted everywhere a run may meet one; then everything that was written is searched: outputs, reports, every
//! git object of remote and clone, every file. A marker that is no secret shows that the search finds what is there.

use crate::common::{
    Output, Scratch, collect,
    server::{Reply, Server, closed_url},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Command, Stdio},
};

/// Not a secret: stands in a reason, in a title and in an answer under a harmless name.
const MARKER: &str = "marker-Wb5Tq0xKd8";

/// Every secret by where it is planted. Letters and digits, so that no encoding of a URL or of JSON changes them; some look
/// like a token, some like words, which only somebody who knows the value can tell.
const SECRETS: &[(&str, &str)] = &[
    ("env gate", "sk_live_Zk3vQ9tR7wXy2Lp8mN4cJ6hB"),
    ("env gate, other mode", "pk_test_Yh6uE1sG5qVn9Dk2zT8rC3fA"),
    ("rule", "Rx4mW8yK1pLc7Tq5vN2bH9jD6gFs3Za"),
    ("request header", "Hd2cV7nQ5xRw9Lk3tY8mP4zB6jG1sEf"),
    ("request query", "mellowpebbleharbourquartzlantern"),
    ("request body", "violetotterparademeadowthimble"),
    ("response member", "Rm7kD3zX9cWv5Ln1tQ8yB4pH6gJ2sFr"),
    ("response header", "Rh1tL6wQ8nZx4Vc9kM2yD5bP7jG3hSa"),
    ("response to env", "Re9vB2kW6mTx8Zq3nL7cY5dH1jP4gSr"),
    ("address of a database", "Db7wN3cX9vTz5Lm1kQ8yR2hJ6gP4sFe"),
    ("command output", "gentlewillowcanyonemberbramble"),
    ("remote url", "Ru6nK2xT9vLw4Zc8mQ1yB7dH5jG3pSf"),
    ("garbled key", "Gk3wZ7cX1vTn9Lm5kQ8yR2bD6hJ4pGs"),
];

fn secret(place: &str) -> &'static str {
    SECRETS.iter().find(|(name, _)| *name == place).unwrap().1
}

/// What makes a gate fail.
type Spoil = fn(&Server, &mut Scratch);

#[test]
fn no_secret_is_written_anywhere() {
    let server = Server::start();
    let mut scratch = scene(&server);
    let mut said = Vec::new();

    // Passing, in every format; then every way to fail. `verify` with a summary and outputs, as in a workflow.
    good(&server);
    let all = ["--channel", "production"];
    said.extend(run_in(&ALL, &scratch, &[&["verify", "--at", "HEAD"], &all[..]].concat(), 0));
    let failures: &[(&str, Spoil)] = &[
        ("env", |_, scratch| _ = scratch.set("API_KEY", secret("env gate, other mode"))),
        ("channel", |_, scratch| _ = scratch.set("CLASS", secret("rule"))),
        ("echo", |server, _| server.set("/echo", Reply::status(418, &echo_of("a teapot")))),
        ("echo", |server, _| server.set("/echo", Reply::json("no JSON at all").header("x-token", secret("response header")))),
        ("echo", |server, _| {
            let to = format!("/elsewhere?token={}", secret("response header"));
            server.set("/echo", Reply::status(302, "").header("location", &to).header("set-cookie", secret("response header")));
        }),
        ("echo", |server, _| server.set("/echo", Reply::Drop)),
        ("whole", |server, _| server.set("/told", Reply::json(&told("tampered")))),
        ("told", |server, _| {
            server.set("/env", Reply::json(&format!(r#"{{"DB_PASSWORD":"{}","DB_MODE":"no"}}"#, secret("response to env"))))
        }),
        ("program", |_, scratch| _ = scratch.set("FAIL", "1")),
    ];
    for (gate, spoil) in failures {
        good(&server);
        sound(&mut scratch);
        spoil(&server, &mut scratch);
        let line = ["promote", "v1.0.0", "--channel", "production", "--reason", MARKER];
        let outputs = run_in(&["human", "json"], &scratch, &line, 1);
        let report: Value = serde_json::from_str(&outputs[1].stdout).unwrap();
        let stopped = report["run"]["gates"].as_array().unwrap().iter().find(|gate| gate["outcome"] != "passed");
        assert_eq!(stopped.unwrap()["id"], *gate, "{report:#}");
        said.extend(outputs);
    }
    assert_eq!(scratch.remote_refs().len(), 2, "nothing moved");

    // A gate that asks where nobody listens, a remote that is not there, a key that is none.
    good(&server);
    sound(&mut scratch);
    said.extend(run_in(&ALL, &scratch, &["verify", "--at", "HEAD", "--channel", "nowhere"], 3));
    for url in [
        format!("http://user:{}@{}/x.git", secret("remote url"), &closed_url()[7..]),
        format!("ssh://user:{}@127.0.0.1:1/x.git", secret("remote url")),
    ] {
        scratch.git(&["config", "remote.leaky.url", &url]);
        said.extend(run_in(&["json"], &scratch, &["status", "--remote", "leaky"], 3));
        said.extend(run_in(&["human"], &scratch, &["promote", "v1.0.0", "--channel", "production", "--remote", "leaky"], 3));
    }
    let env = [("TAGWARDEN_SIGNING_KEY", secret("garbled key"))];
    said.push(scratch.run_with(&["promote", "v1.0.0", "--channel", "production", "-vv"], &env));
    said.push(scratch.run_with(&["promote", "v1.0.0", "--channel", "production", "--format", "json"], &env));

    // The move, and everything that reads it afterwards.
    server.forget();
    let moved = scratch.run(&["promote", "v1.0.0", "--channel", "production", "--reason", MARKER, "-vv"]);
    assert_eq!(moved.code, 0, "{moved}");
    said.push(moved);
    // Here no gate but the one that sends a variable has named it.
    let moved = scratch.run(&["promote", "v1.0.0", "--channel", "alone", "--format", "json"]);
    assert_eq!(moved.code, 0, "{moved}");
    said.push(moved);
    let asked: String = server.log().iter().map(|request| format!("{}{}", request.head, String::from_utf8_lossy(&request.body))).collect();
    for place in ["request header", "request query", "request body"] {
        assert!(asked.contains(secret(place)), "the server was told the {place}");
    }
    drop(server);
    for line in
        [&["status"][..], &["history"], &["audit", "--rejudge", "all"], &["policy", "show"], &["doctor"], &["resolve", "production"]]
    {
        said.extend(run_in(&["human", "json"], &scratch, line, 0));
    }

    let key = std::fs::read_to_string(scratch.path("keys/ann")).unwrap();
    let key_lines = key.lines().filter(|line| !line.starts_with('-')).skip(1);
    let mut wanted: Vec<(String, Vec<u8>)> = key_lines.map(|line| ("signing key".to_owned(), line.as_bytes().to_vec())).collect();
    wanted.extend(SECRETS.iter().flat_map(|(place, secret)| forms(secret).into_iter().map(|form| (place.to_string(), form))));
    assert!(wanted.len() > SECRETS.len());
    let written = everything_written(&scratch, &said);
    let found = search(&written, &wanted);
    assert!(found.is_empty(), "{found:#?}");

    // The search sees what is there, wherever it looks.
    let marks = [("marker", MARKER), ("actor", "ssh:ann@example.com")].map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    let seen = search(&written, &marks);
    for place in [
        "marker: stdout of",
        "marker: file tmp-out/human",
        "marker: file tmp-out/json",
        "marker: file tmp-out/junit",
        "marker: file tmp-out/sarif",
        "marker: file tmp-out/github",
        "marker: file tmp-out/summary",
        "marker: object of origin.git",
        "marker: object of work",
        "actor: object of origin.git",
    ] {
        assert!(seen.iter().any(|at| at.starts_with(place)), "`{place}` is not among {seen:#?}");
    }
    let left: Vec<_> = std::fs::read_dir(scratch.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Runs a line that moves nothing in these formats, verbosely, with its report in a file and the files of a workflow; and once
/// plainly. All at once, since each waits for git most of the time.
fn run_in(formats: &[&str], scratch: &Scratch, line: &[&str], code: i32) -> Vec<Output> {
    let file = |name: &str| scratch.path("tmp-out").join(name).display().to_string();
    let (summary, outputs) = (file("summary"), file("outputs"));
    let env = [("GITHUB_STEP_SUMMARY", summary.as_str()), ("GITHUB_OUTPUT", outputs.as_str()), ("RUST_BACKTRACE", "1")];
    // No report hides what an earlier one wrote.
    let number = std::fs::read_dir(scratch.path("tmp-out")).unwrap().count();
    let reports: Vec<String> = formats.iter().map(|format| file(&format!("{format}-{number}"))).collect();
    let verbose = formats.iter().zip(&reports).map(|(format, to)| [line, &["--format", format, "-vv", "--output", to]].concat());
    let lines: Vec<Vec<&str>> = verbose.chain([line.to_vec()]).collect();
    let children: Vec<_> = lines.iter().map(|line| scratch.start(line, &env)).collect();
    let mut said: Vec<Output> = children.into_iter().zip(&lines).map(|(child, line)| scratch.finish(child, line)).collect();
    for (output, line) in said.iter_mut().zip(&lines) {
        let right = output.code == code || (code == 1 && output.code == 3);
        assert!(right, "{line:?}: {output}");
    }
    for (output, report) in said.iter_mut().zip(&reports) {
        output.stdout = std::fs::read_to_string(report).unwrap();
    }
    said
}

const ALL: [&str; 5] = ["human", "json", "junit", "github", "sarif"];

/// What a secret looks like in other clothes: itself, in hexadecimal, in base64 at each of the three places.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.as_bytes().to_vec(), hex.into_bytes()];
    for pad in 0..3 {
        let encoded = STANDARD.encode(format!("{}{secret}", "x".repeat(pad)));
        // The first and last characters hang on what stands beside it.
        forms.push(encoded.as_bytes()[4..encoded.len() - 4].to_vec());
    }
    forms
}

/// Everything that may hold what was written, by a name.
fn everything_written(scratch: &Scratch, said: &[Output]) -> BTreeMap<String, Vec<u8>> {
    let mut written = BTreeMap::new();
    for (at, output) in said.iter().enumerate() {
        written.insert(format!("stdout of {at}"), output.stdout.clone().into_bytes());
        written.insert(format!("stderr of {at}"), output.stderr.clone().into_bytes());
    }
    let mut files = BTreeMap::new();
    for name in std::fs::read_dir(scratch.root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        collect(scratch.root(), &name, &mut files);
    }
    // Where the test itself put secrets.
    let planted = |name: &str| name.starts_with("keys/") || name == "work/.git/config";
    written.extend(files.into_iter().filter(|(name, _)| !planted(name)).map(|(name, bytes)| (format!("file {name}"), bytes)));
    for dir in ["origin.git", "work"] {
        let mut command = Command::new("git");
        command.args(["cat-file", "--batch-all-objects", "--batch", "--unordered"]).current_dir(scratch.path(dir)).stdin(Stdio::null());
        let objects = command.output().unwrap();
        assert!(objects.status.success() && objects.stdout.len() > 10_000, "{dir}");
        written.insert(format!("object of {dir}"), objects.stdout);
    }
    written
}

/// `what: where` for everything that is found.
fn search(written: &BTreeMap<String, Vec<u8>>, wanted: &[(String, Vec<u8>)]) -> BTreeSet<String> {
    let literals: Vec<String> = wanted.iter().map(|(_, bytes)| regex::escape(std::str::from_utf8(bytes).unwrap())).collect();
    let any = regex::bytes::Regex::new(&literals.join("|")).unwrap();
    let mut found = BTreeSet::new();
    for (name, bytes) in written {
        for hit in any.find_iter(bytes).chain(any.find_iter(name.as_bytes())) {
            let (what, _) = wanted.iter().find(|(_, form)| form == hit.as_bytes()).unwrap();
            found.insert(format!("{what}: {name}"));
        }
    }
    found
}

fn echo_of(text: &str) -> String {
    format!(r#"{{"status":"{text}","note":"{MARKER}"}}"#)
}

fn told(status: &str) -> String {
    let secret = secret("response member");
    format!(
        r#"{{"status":"{status}","note":"{MARKER}","password":"{secret}","session":{{"access_token":"{secret}","keys":[{{"kty":"EC","d":"{secret}"}}]}}}}"#
    )
}

fn good(server: &Server) {
    server.set("/echo", Reply::Echo);
    server.set("/told", Reply::json(&told("ok")).header("authorization", secret("response header")));
    server.set("/env", Reply::json(&format!(r#"{{"DB_PASSWORD":"{}","DB_MODE":"yes"}}"#, secret("response to env"))));
}

/// The environment in which everything passes.
fn sound(scratch: &mut Scratch) {
    for (name, place) in [
        ("API_KEY", "env gate"),
        ("STRIPE", "rule"),
        ("GREETING", "request header"),
        ("SHARD", "request query"),
        ("PARCEL", "request body"),
        ("CONNECTION", "command output"),
    ] {
        scratch.set(name, secret(place));
    }
    // Whoever has only a part of it has the part that matters.
    scratch.set("DATABASE_URL", &format!("postgres://app:{}@db.example.com/app", secret("address of a database")));
    scratch.set("CLASS", "production").set("FAIL", "0");
}

fn scene(server: &Server) -> Scratch {
    let mut scratch = Scratch::new();
    scratch.key("ann");
    // The key itself, not its path, is in the variable.
    let key = std::fs::read_to_string(scratch.path("keys/ann")).unwrap();
    scratch.set("TAGWARDEN_SIGNING_KEY", &key);
    sound(&mut scratch);
    std::fs::create_dir(scratch.path("tmp-out")).unwrap();
    // A remote whose address holds a password, and that answers all the same.
    let address = format!("https://user:{}@example.com/", secret("remote url"));
    scratch.git(&["config", "remote.origin.url", &format!("{address}origin.git")]);
    scratch.git(&["config", &format!("url.{}/.insteadOf", scratch.root().display()), &address]);
    scratch.git(&["config", "core.sshCommand", "false"]);
    let (url, closed) = (server.url(), closed_url());
    scratch.write(
        "gates/protocol.yaml",
        format!(
            r#"version: 1
packages:
  web: {{ release_tag: "v{{version}}" }}
release_branches: [main]
channels:
  production:
    tag: "channel/{{channel}}"
    base_url: "{url}"
    rules:
      - {{ name: never, when: '$env.STRIPE == "x"' }}
      - {{ name: production, when: '$env.CLASS == "production" or ($env.CLASS | tonumber) > 3' }}
  alone:
    tag: "channel/{{channel}}"
    base_url: "{url}"
  nowhere:
    tag: "channel/{{channel}}"
    base_url: "{closed}"
signing: {{ key: "env:TAGWARDEN_SIGNING_KEY" }}
"#
        ),
    );
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["ann"]));
    for (name, text) in GATES {
        scratch.write(&format!("gates/{name}.yaml"), text.replace("MARKER", MARKER));
    }
    scratch.commit("Add the protocol");
    scratch.push();
    let adopted = scratch.run(&["policy", "adopt", "--reason", "start"]);
    assert_eq!(adopted.code, 0, "{adopted}");
    scratch
}

const GATES: &[(&str, &str)] = &[
    ("10-env", "title: Variables, MARKER\nchannels: [production]\nenv:\n  vars: { API_KEY: { prefix: sk_live_ }, SHARD: required }\n"),
    ("20-channel", "title: The channel\nchannels: [production]\nchannel: {}\n"),
    (
        "30-echo",
        r#"title: An endpoint that says everything back, MARKER
http:
  - post: "{base_url}/echo?key={env.SHARD}&of={channel}"
    headers: { Authorization: "Bearer {env.GREETING}", X-Api-Key: "{env.GREETING}" }
    json: { token: "{env.PARCEL}", deep: [{ text: "says {env.PARCEL}" }] }
    expect:
      status: 200
      jq: ['.status == "ok"', '.echo | length > 10']
    capture: { STATUS: .status }
    within: 5s
"#,
    ),
    (
        "40-whole",
        r#"title: An endpoint that tells too much
channels: [production]
http:
  - get: "{base_url}/told?again={env.SHARD}"
    expect: { jq: ['.status == "ok"', '.note | test("marker")'] }
"#,
    ),
    (
        "50-told",
        r#"title: The environment of the deployment
channels: [production]
env:
  from: { http: "{base_url}/env?key={env.SHARD}" }
  vars: { DB_PASSWORD: required, DB_MODE: { literal: "yes" } }
"#,
    ),
    (
        "60-program",
        r#"title: A program that talks, MARKER
channels: [production]
command:
  - shell: |
      echo "stdout says $CONNECTION"
      echo "stderr says $CONNECTION" >&2
      printf '{"password":"%s"}\n' "$CONNECTION"
      echo "connecting to $DATABASE_URL"
      echo "$DATABASE_URL" | cut -d: -f3 | cut -d@ -f1 >&2
      test "$FAIL" = 0
    env: [CONNECTION, DATABASE_URL, FAIL]
"#,
    ),
];
