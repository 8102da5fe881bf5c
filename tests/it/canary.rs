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

/// Where a canary is planted, and the variable that makes it a known secret.
const DOORS: &[(&str, &str)] = &[
    ("request path", "PATH_TOKEN"),
    ("request query", "QUERY_TOKEN"),
    ("request header", "HEADER_TOKEN"),
    ("request body", "BODY_TOKEN"),
    ("response header", "TOLD_TOKEN"),
    ("response body", "ANSWER_TOKEN"),
    ("media type", "MEDIA_TOKEN"),
    ("program output", "OUTPUT_TOKEN"),
    ("program error", "ERROR_TOKEN"),
    ("cut program error", "CUT_TOKEN"),
    ("redirect target", "TARGET_TOKEN"),
    ("redirect host", "HOST_TOKEN"),
    ("environment", "ENVIRONMENT_TOKEN"),
    ("server of git", "HOOK_TOKEN"),
    ("user info", "USER_TOKEN"),
    ("pin", "PIN_TOKEN"),
    ("certificates", "ROOTS_TOKEN"),
];

/// No two alike, of letters in both cases and digits.
fn canary(door: &str) -> String {
    let at = DOORS.iter().position(|(name, _)| *name == door).unwrap();
    let mut letters: Vec<u8> = b"vRk7WqZt3LmXp9HdYs5B".to_vec();
    letters.rotate_left(at);
    format!("Cy{}{at:02}", String::from_utf8(letters).unwrap())
}

/// The same secret as programs may write it.
fn encodings(secret: &str) -> Vec<(&'static str, String)> {
    let each =
        |encode: &dyn Fn(usize, u32) -> String| secret.chars().enumerate().map(|(at, c)| encode(at, u32::from(c))).collect::<String>();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = STANDARD.encode(format!("user:{secret}"));
    let wrapped: Vec<&str> = base64.as_bytes().chunks(9).map(|line| std::str::from_utf8(line).unwrap()).collect();
    vec![
        ("plain", secret.to_owned()),
        ("upper case", secret.to_uppercase()),
        ("lower case", secret.to_lowercase()),
        ("percent", each(&|_, c| format!("%{c:02x}"))),
        ("percent, partly", each(&|at, c| if at % 3 == 0 { format!("%{c:02X}") } else { char::from_u32(c).unwrap().to_string() })),
        ("html decimal", each(&|_, c| format!("&#{c};"))),
        ("html hex", each(&|at, c| if at % 2 == 0 { format!("&#x{c:X};") } else { char::from_u32(c).unwrap().to_string() })),
        ("json", each(&|_, c| format!("\\u{c:04x}"))),
        ("base64", STANDARD.encode(secret)),
        ("base64, small", STANDARD.encode(secret).to_lowercase()),
        ("base64, wrapped", wrapped.join("\n")),
        ("hex", hex),
    ]
}

/// All encodings of a canary, each behind a mark that is no secret.
fn told_in_all(door: &str, between: &str) -> String {
    let all = encodings(&canary(door)).into_iter().map(|(_, form)| form.replace('\n', between));
    let mark = mark(door);
    all.map(|form| format!("{mark}={form}")).collect::<Vec<_>>().join(between)
}

fn mark(door: &str) -> String {
    format!("mark-{}", door.replace(' ', "-"))
}

/// The table of doors and encodings is printed with `--nocapture`.
#[test]
fn no_canary_comes_through_in_any_encoding() {
    let server = Server::start();
    let outside = tempfile::tempdir().unwrap();
    let scratch = canaries(&server, outside.path());

    let (verify, promote) = (["verify", "--at", "HEAD", "--channel"], ["promote", "v1.0.0", "--channel", "production"]);
    let mut said = run_in(&ALL, &scratch, &[&verify[..], &["production"]].concat(), 0);
    said.extend(run_in(&["human", "json"], &scratch, &[&verify[..], &["elsewhere"]].concat(), 1));
    said.extend(run_in(&["json"], &scratch, &[&verify[..], &["environment"]].concat(), 3));
    scratch.git(&["config", "remote.leaky.url", &format!("http://me:{}@{}/x.git", canary("user info"), &closed_url()[7..])]);
    said.push(scratch.run(&["status", "--remote", "leaky", "-vv"]));
    let pin = told_in_all("pin", " ");
    said.push(scratch.run_with(&["status", "--format", "json"], &[("TAGWARDEN_GENESIS", &pin)]));
    let roots = told_in_all("certificates", " ");
    said.push(scratch.run_with(&[&verify[..], &["elsewhere", "--format", "json"]].concat(), &[("SSL_CERT_FILE", &roots)]));
    let hook = scratch.path("origin.git/hooks/pre-receive");
    let words = outside.path().join("hook");
    std::fs::write(&hook, format!("#!/bin/sh\ncat {} >&2\nexit 1\n", words.display())).unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let refused = scratch.run(&[&promote[..], &["--format", "json"]].concat());
    assert!(refused.code == 4 && refused.stdout.contains("server_refused"), "{refused}");
    said.push(refused);
    std::fs::remove_file(&hook).unwrap();
    for channel in ["production", "long"] {
        let moved = scratch.run(&["promote", "v1.0.0", "--channel", channel, "-vv"]);
        assert_eq!(moved.code, 0, "{moved}");
        said.push(moved);
    }
    let asked: String = server.log().iter().map(|request| format!("{}{}", request.head, String::from_utf8_lossy(&request.body))).collect();
    for door in ["request path", "request query", "request header", "request body"] {
        assert!(asked.contains(&canary(door)), "the server was told the {door}");
    }

    let mut wanted = Vec::new();
    for (door, _) in DOORS {
        for (encoding, form) in encodings(&canary(door)) {
            let cut = (*door == "cut program error" && encoding == "plain").then(|| form[..12].to_owned());
            wanted.extend(cut.map(|piece| (format!("{door} | {encoding}"), piece.into_bytes())));
            // The first line of what is wrapped is the same for all.
            let lines = form.split('\n').skip(usize::from(form.contains('\n')));
            let pieces = lines.filter(|piece| piece.len() > 8).flat_map(as_rendered);
            wanted.extend(pieces.map(|piece| (format!("{door} | {encoding}"), piece.into_bytes())));
        }
    }
    let written = everything_written(&scratch, &said);
    let found = search(&written, &wanted);
    print!("{}", table(&found));
    assert!(found.is_empty(), "{found:#?}");

    // Every door was open: what stood beside the canaries came through, or the refusal that it led to.
    let marks: Vec<_> = DOORS.iter().map(|(door, _)| (format!("the {door}"), mark(door).into_bytes())).collect();
    let seen = search(&written, &marks);
    let unseen = [
        "request path",
        "request query",
        "request header",
        "request body",
        "redirect host",
        "environment",
        "user info",
        "pin",
        "certificates",
    ];
    for (door, _) in DOORS.iter().filter(|(door, _)| !unseen.contains(door)) {
        assert!(seen.iter().any(|at| at.starts_with(&format!("the {door}:"))), "`{door}` was not open: {seen:#?}");
    }
    let all: String = said.iter().map(|output| format!("{}{}", output.stdout, output.stderr)).collect();
    for words in
        ["http/redirect-elsewhere", "env/unreadable", "remote `leaky` could not be read", "TAGWARDEN_GENESIS is not", "SSL_CERT_FILE names"]
    {
        assert!(all.contains(words), "`{words}` was not said");
    }
}

/// A form as it stands in texts, in JSON and in XML.
fn as_rendered(form: &str) -> BTreeSet<String> {
    BTreeSet::from([form.to_owned(), form.replace('\\', "\\\\"), form.replace('&', "&amp;")])
}

fn table(found: &BTreeSet<String>) -> String {
    let names: Vec<&str> = encodings("x").into_iter().map(|(name, _)| name).collect();
    let mut table = format!("{:18}  {}\n", "", names.join(" | "));
    for (door, _) in DOORS {
        let cells = names.iter().map(|name| {
            let leaks = found.iter().any(|at| at.starts_with(&format!("{door} | {name}:")));
            format!("{:width$}", if leaks { "LEAK" } else { "-" }, width = name.len())
        });
        table.push_str(&format!("{door:18}  {}\n", cells.collect::<Vec<_>>().join(" | ")));
    }
    table
}

/// A repository whose gates open every door; the words of programs and of the server's hook lie in `outside`, which is not
/// searched.
fn canaries(server: &Server, outside: &std::path::Path) -> Scratch {
    let mut scratch = Scratch::new();
    for (door, variable) in DOORS {
        scratch.set(variable, &canary(door));
    }
    std::fs::create_dir(scratch.path("tmp-out")).unwrap();
    let put = |name: &str, text: String| std::fs::write(outside.join(name), text).unwrap();
    put("out", told_in_all("program output", "\n") + "\n");
    put("err", told_in_all("program error", "\n") + "\n");
    // Inside the canary what is read ends, at one MiB.
    let (before, secret) = (mark("cut program error") + "=", canary("cut program error"));
    put("cut", format!("{}\n{before}{secret}", "x".repeat((1 << 20) - before.len() - 1 - 20)));
    put("hook", told_in_all("server of git", "\n") + "\n");
    scratch.set("WORDS", &outside.display().to_string());

    server.set(&format!("/echo/{}", canary("request path")), Reply::Echo);
    let body = serde_json::json!({"mark": "ok", "note": told_in_all("response body", "\n"), "list": encodings(&canary("response body"))});
    server.set("/told", Reply::json(&body.to_string()).header("x-note", &told_in_all("response header", " ")));
    let media = format!("{}/{}", mark("media type"), canary("media type"));
    let headers = vec![("content-type".to_owned(), media)];
    server.set("/media", Reply::Send { status: 200, headers, body: told_in_all("media type", "\n").into_bytes() });
    let target = format!("https://example.com/?{}", told_in_all("redirect target", "%0A"));
    server.set("/moved", Reply::status(302, "").header("location", &target));
    server.set("/away", Reply::status(302, "").header("location", &format!("https://{}.example.com/", canary("redirect host"))));
    server.set("/env", Reply::status(302, "").header("location", &format!("https://{}.example.com/", canary("environment"))));

    let url = server.url();
    let channel = |name: &str| format!("  {name}: {{ tag: \"channel/{{channel}}\", base_url: \"{url}\" }}\n");
    let channels: String = ["production", "elsewhere", "environment", "long"].map(channel).concat();
    let head = "version: 1\npackages: { web: { release_tag: \"v{version}\" } }\nrelease_branches: [main]\nsigning: { key: none }\n";
    scratch.write("gates/protocol.yaml", format!("{head}release_tags: any\nchannels:\n{channels}"));
    for (name, text) in OPEN_GATES {
        scratch.write(&format!("gates/{name}.yaml"), text);
    }
    scratch.commit("Add the protocol");
    scratch.push();
    let adopted = scratch.run(&["policy", "adopt", "--reason", "start"]);
    assert_eq!(adopted.code, 0, "{adopted}");
    scratch
}

const OPEN_GATES: &[(&str, &str)] = &[
    (
        "10-sent",
        r#"title: A request that is said back
channels: [production]
http:
  - post: "{base_url}/echo/{env.PATH_TOKEN}?of={env.QUERY_TOKEN}"
    headers: { X-Note: "{env.HEADER_TOKEN}" }
    json: { note: "{env.BODY_TOKEN}" }
    expect: { jq: ['.echo | length > 10'] }
"#,
    ),
    (
        "20-told",
        r#"title: Answers that tell too much
channels: [production]
http:
  - get: "{base_url}/told"
    expect: { headers: { X-Note: { matches: "mark" } }, jq: ['.mark == "ok"'] }
  - get: "{base_url}/media"
    expect: { status: 200 }
"#,
    ),
    (
        "30-program",
        r#"title: A program that talks
channels: [production]
command:
  - shell: 'cat "$WORDS/out"; cat "$WORDS/err" >&2'
    env: [WORDS]
"#,
    ),
    // Of its own, since so long an output takes its time.
    ("35-long", "title: A program without end\nchannels: [long]\ncommand: [ { shell: 'cat \"$WORDS/cut\" >&2', env: [WORDS] } ]\n"),
    (
        "40-elsewhere",
        r#"title: Redirects
channels: [elsewhere]
http:
  - get: "{base_url}/moved"
    expect: { status: 200 }
  - get: "{base_url}/away"
    follow: 3
    expect: { status: 200 }
"#,
    ),
    (
        "50-environment",
        "title: Variables\nchannels: [environment]\nenv:\n  from: { http: \"{base_url}/env\" }\n  vars: { MODE: required }\n",
    ),
];

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
