use crate::{
    domain::Severity,
    lockdown::{Answers, Census, Facts, Fate, Library, PullAnswer, Reference, Verdict, pulls::State},
    text::{markdown, source::Source},
    tree::MapTree,
};
use std::collections::BTreeMap;

const FILES: &[(&str, &str)] = &[
    ("Makefile", ".PHONY: test\ntest:\n\techo\nbuild: x\n%.o: %.c\n"),
    ("more/Makefile", "include other.mk\nall:\n"),
    ("package.json", "{\"scripts\": {\"build\": \"x\", \"test\": \"y\"}}"),
    ("web/package.json", "{\"scripts\": {\"dev\": \"x\"}}"),
    ("Cargo.toml", "[package]\nname = \"tool\"\n[features]\nfull = []\n"),
    (".cargo/config.toml", "[alias]\nxtask = \"run\"\n"),
    ("justfile", "build:\n    x\n"),
    ("tests/smoke.rs", ""),
    ("scripts/check.sh", "#!/bin/sh\ncurl \"$BASE_URL/health\"\n"),
    ("scripts/dump.sh", "#!/bin/sh\necho \"$1\"\n"),
    ("scripts/plain.sh", "echo\n"),
    ("scripts/keys.mjs", "process.env.FORCE\n"),
    ("web/scripts/dev.sh", "echo $PORT\n"),
    ("app/api/health/route.ts", "process.env.DATABASE_URL"),
    ("docs/x.md", ""),
    ("examples/a.yaml", ""),
];

fn census(text: &str, strict: bool) -> (Census, Source) {
    let files = FILES.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    let tree = MapTree::new(files).with_executables(|path| path.ends_with(".sh") && !path.ends_with("plain.sh"));
    let facts = Facts { foreign: BTreeMap::from([("other".to_owned(), "example/other".to_owned())]), ..Facts::default() };
    let source = Source::new("docs/x.md", text);
    let census = Library::new(&tree, &facts).unwrap().census(&source, &markdown::parse(text), strict).unwrap();
    (census, source)
}

fn shown(reference: &Reference) -> String {
    let verdict = match &reference.verdict {
        Verdict::Unchecked(reason) => format!("unchecked: {reason}"),
        verdict => verdict.slug().to_owned(),
    };
    format!("{} [{}] {verdict}", reference.kind.slug(), reference.target)
}

/// What is wrong with one command in a shell block: code and marked text of each finding.
fn wrong(command: &str, strict: bool) -> Vec<String> {
    let text = format!("```bash\n{command}\n```\n");
    let (census, source) = census(&text, strict);
    census.problems.iter().map(|problem| format!("{} [{}]", problem.finding.code, &source.text[problem.range.clone()])).collect()
}

fn verdict(command: &str) -> String {
    let text = format!("```bash\n{command}\n```\n");
    let (census, _) = census(&text, true);
    let commands = census.references.iter().filter(|reference| reference.kind.slug() == "command");
    let shown = commands.map(shown).next_back().unwrap_or_default();
    shown.rsplit("] ").next().unwrap_or_default().to_owned()
}

#[test]
fn a_block_that_is_named_shell_must_be_shell() {
    let severity =
        |text: &str, strict: bool| census(text, strict).0.problems.iter().map(|problem| problem.finding.severity).collect::<Vec<_>>();
    for command in ["ls | | wc", "} foo", ")", "ls;;"] {
        let fence = |info: &str, start: &str| format!("```{info}\n{start}{command}\n```\n");
        assert_eq!(severity(&fence("bash", ""), true), [Severity::Error], "{command}");
        assert_eq!(severity(&fence("bash", ""), false), [], "{command}");
        assert_eq!(severity(&fence("console", "$ ls\n$ "), true), [Severity::Warning], "{command}");
    }
}

#[test]
fn what_is_wrong_with_a_command_is_told_with_its_characters() {
    for (command, findings) in [
        ("echo 'x", vec!["docs/shell-syntax [']"]),
        ("for i in a; do\n  x", vec!["docs/shell-syntax [do]"]),
        ("x |", vec!["docs/shell-syntax [|]"]),
        ("curl -s https://<t>/x | jq '.a, .b // (post #3)\n'", vec!["docs/jq-syntax [(]"]),
        ("jq -r '.a | map(.b' x.json", vec!["docs/jq-syntax [(]"]),
        ("jq -r --arg x 1 '.a ++ 1' y.json", vec!["docs/jq-syntax [++]"]),
        ("jq \".a | \\\"b\\\" ) \"", vec!["docs/jq-syntax [)]"]),
        ("jq '.a |'", vec!["docs/jq-syntax [']"]),
        ("curl /api/health | jq .", vec!["docs/curl-without-host [/api/health]"]),
        ("curl -sX POST -d '{}' \"/x?y=$Z\" -o /dev/null", vec!["docs/curl-without-host [\"/x?y=$Z\"]"]),
        ("curl -s -H 'A: b' -o /tmp/x", vec!["docs/curl-without-host [curl]"]),
        ("wget -O /tmp/x /y", vec!["docs/curl-without-host [/y]"]),
        ("./scripts/check.sh BASE_URL=https://<t>", vec!["docs/assignment-after-command [BASE_URL=https://<t>]"]),
        ("./scripts/gone.sh X_Y=1", vec!["docs/missing-script [./scripts/gone.sh]", "docs/assignment-after-command [X_Y=1]"]),
        ("node scripts/keys.mjs FORCE=1", vec!["docs/assignment-after-command [FORCE=1]"]),
        ("scripts/chek.sh", vec!["docs/missing-script [scripts/chek.sh]"]),
        ("bash -x scripts/gone.sh", vec!["docs/missing-script [scripts/gone.sh]"]),
        ("cd scripts && ./gone.sh", vec!["docs/missing-script [./gone.sh]"]),
        ("sudo -u a ./scripts/gone", vec!["docs/missing-script [./scripts/gone]"]),
        ("./scripts/plain.sh", vec!["docs/not-executable [./scripts/plain.sh]"]),
        ("./scripts/check.sh staging", vec!["docs/unread-argument [staging]"]),
        ("source scripts/env.sh", vec!["docs/missing-path [scripts/env.sh]"]),
        (". ./scripts/env.sh", vec!["docs/missing-path [./scripts/env.sh]"]),
        ("cat app/x.yaml | head -n 3", vec!["docs/missing-path [app/x.yaml]"]),
        ("cp scripts/a.sh web/b.sh", vec!["docs/missing-path [scripts/a.sh]"]),
        ("chmod +x scripts/run.sh", vec!["docs/missing-path [scripts/run.sh]"]),
        (
            "less +G scripts/a.md; head -5 scripts/b.md; tail -f -n 10 scripts/c.md",
            vec!["docs/missing-path [scripts/a.md]", "docs/missing-path [scripts/b.md]", "docs/missing-path [scripts/c.md]"],
        ),
        ("diff -u scripts/a.md docs/x.md", vec!["docs/missing-path [scripts/a.md]"]),
        ("jq -r .a app/a.json", vec!["docs/missing-path [app/a.json]"]),
        ("kubectl -n x apply -f app/x.yaml", vec!["docs/missing-path [app/x.yaml]"]),
        ("kubectl apply --filename=app/x.yaml -k web/base", vec!["docs/missing-path [web/base]"]),
        ("psql \"$URL\" < scripts/schema.sql", vec!["docs/missing-path [scripts/schema.sql]"]),
        ("cd web && cat scripts/none.md", vec!["docs/missing-path [scripts/none.md]"]),
        ("grep -rn word scripts/none", vec!["docs/missing-path [scripts/none]"]),
        ("kubectl apply -f examples/x.yaml", vec!["docs/missing-path [examples/x.yaml]"]),
        ("cat app/gone.json", vec!["docs/missing-path [app/gone.json]"]),
        ("cat README.md; cat ./x.yaml", vec!["docs/missing-path [README.md]", "docs/missing-path [./x.yaml]"]),
        ("source ./env.sh && . ./more.sh", vec!["docs/missing-path [./env.sh]", "docs/missing-path [./more.sh]"]),
        ("psql \"$URL\" < input.txt; psql < ./schema", vec!["docs/missing-path [input.txt]", "docs/missing-path [./schema]"]),
        ("kubectl apply -f ./thing.yaml", vec!["docs/missing-path [./thing.yaml]"]),
        ("cd web && cat notes.md scripts/dev.sh ./check.sh", vec!["docs/missing-path [notes.md]", "docs/missing-path [./check.sh]"]),
        ("npm run build; source ./env.sh; cat ./check.sh", vec!["docs/missing-path [./env.sh]", "docs/missing-path [./check.sh]"]),
        ("make tset", vec!["docs/missing-target [tset]"]),
        ("make -j4 X=1 test nothing", vec!["docs/missing-target [nothing]"]),
        ("npm run biuld", vec!["docs/missing-target [biuld]"]),
        ("npm start", vec!["docs/missing-target [start]"]),
        (
            "curl --data @scripts/none.json -T 'scripts/none.txt' https://<t>/x",
            vec!["docs/missing-path [@scripts/none.json]", "docs/missing-path ['scripts/none.txt']"],
        ),
        ("jq '.a | select(.b == $y)' docs/x.md", vec!["docs/jq-syntax [$y]"]),
        ("curl -s https://<t>/x | jq 'selct(.a)'", vec!["docs/jq-syntax [selct]"]),
        ("ls;;", vec!["docs/shell-syntax [;;]"]),
        ("pnpm run nothing -- --x", vec!["docs/missing-target [nothing]"]),
        ("cargo run --bin tol", vec!["docs/missing-target [tol]"]),
        ("cargo test --features full,none -- --test x", vec!["docs/missing-target [full,none]"]),
        ("just biuld", vec!["docs/missing-target [biuld]"]),
        ("x \"$(curl /y)\"", vec!["docs/curl-without-host [/y]"]),
        ("DATABSE_URL=x ./scripts/dump.sh y", vec!["docs/unknown-env [DATABSE_URL]"]),
        ("}\necho 'x", vec!["docs/shell-syntax [}]", "docs/shell-syntax [']"]),
        ("curl https://<t>/app/x\ncurl -X PUT http://localhost:3/api/halth", vec!["docs/unknown-endpoint [/api/halth]"]),
    ] {
        assert_eq!(wrong(command, true), findings, "{command}");
    }
}

#[test]
fn what_is_right_is_not_called_wrong() {
    for command in [
        "jq '.config.clerk'",
        "curl -s https://<target>/.well-known/jwks.json | jq",
        "curl -sX POST -H 'Content-Type: application/json' \\\n  -d '{}' https://<target>/v1/receipts/verify -w '%{http_code}\\n'",
        "curl \"$URL\"; curl --url x.y/z; curl $BASE/v1; curl localhost:3/x; echo /x | xargs curl -s; curl --version",
        "curl ... ; curl <url>; curl -K file; curl -d @- -d a=b -d @scripts/check.sh https://<t>/x",
        "jq --arg y 1 '.a == $y' docs/x.md; jq '.a == $y' docs/x.md --argjson y 1; jq --arg \"$n\" 1 '$x' docs/x.md; gojq 'newer(.)' docs/x.md",
        "case x in a) ls;; esac",
        "jq -f x.jq y; jq --arg a /b '$a' c; jq -rn '[inputs | .a?] | @tsv'; jq '.[0].a // empty, .b[\"c d\"], ($ENV.X|length)'",
        "jq '.a == \"<x>\"'; jq '.<field>'; jq '.a | ...'; jq \".a | $FILTER\"; jq 'def f(x): x + 1; f(.) as [$a, {b: $c}] | reduce .[] as $i (0; . + $i)'",
        "jq '.a[\"b\"]' | jq 'if .x then 1 else 2 end' | jq '{a, \"b\": .c, (.d): 1, @base64 \"x\": 2}' | jq 'try error(\"x\") catch .' | jq '.. | numbers'",
        "BASE_URL=https://<t> ./scripts/check.sh",
        "./scripts/dump.sh BASE_URL=x; ./scripts/dump.sh x; sh scripts/plain.sh; node scripts/keys.mjs",
        "chmod +x scripts/plain.sh; ./scripts/plain.sh",
        "cd web && ./scripts/dev.sh; cd .. && ./scripts/check.sh",
        "(cd web && ./scripts/dev.sh)\n./scripts/check.sh",
        "cd /tmp/x && ./scripts/gone.sh",
        "git clone https://example.com/a/b.git && b/scripts/x.sh",
        "curl -LO https://example.com/install.sh && bash install.sh",
        "cat > x.sh <<EOF\necho \"it's\"\nEOF\nbash x.sh",
        "node dist/index.js; ./target/debug/tool; ./gradlew build; ./bin/x; node_modules/.bin/tsc; source .venv/bin/activate",
        "bash -c './x.sh'; sh -s x.sh; python3 -m http.server; node -e 'x.js'; bash <(curl -s https://example.com)",
        "~/x.sh; /opt/x.sh; $DIR/x.sh; \"$(dirname \"$0\")/x.sh\"; ./<name>.sh; ./scripts/*.sh",
        "env A_B=1 ./scripts/check.sh; make A_B=1 test; docker run -e A_B=1 x; export A_B=1; git -c a.b=c x; dd if=a of=b; helm x --set a=b",
        "make test build a.o Makefile; make -C more anything; make <target>; make \"$X\"; make; make -f x.mk y",
        "npm run build; npm test; npm ci; npm run -w x y; npm --prefix web run dev; npm run dev; yarn tsc; pnpm add x; npm run <script>",
        "cd web; npm run dev",
        "cargo run --bin tool -- --bin x; cargo test --test smoke --features full; cargo xtask x; cargo +nightly build -F tool/full; cargo install --bin x y",
        "just build x; just --list",
        "git clone https://example.com/a/b.git\ncd b\n```\nThen `bash scripts/gone.sh`, and\n```sh\n./install.sh",
        "node scripts/keys.mjs make FORCE=1; ./scripts/check.sh [x]",
        "make TARGET; npm run NAME; cargo run --example=NAME",
        "./scripts/check.sh [options]",
        "# 'tis\n./scripts/check.sh # don't",
        "cat docs/x.md scripts/dump.sh; source scripts/dump.sh; cd docs; cat x.md; cd ../web; less scripts/dev.sh",
        "cp docs/x.md scripts/new.sh && cat scripts/new.sh",
        "echo x > app/a.yaml; cat app/a.yaml; mkdir -p scripts/d && touch scripts/d/e.sh && chmod +x scripts/d/e.sh",
        "curl -o app/b.yaml https://example.com/x && kubectl apply -f app/b.yaml",
        "echo x | tee app/c.yaml\ncat app/c.yaml\n```\n\n```sh\ncat app/c.yaml",
        "echo x > a.yaml; cat a.yaml; touch b.sh && . ./b.sh; cp docs/x.md c.md; cat c.md; curl -o d.json https://example.com && jq . d.json",
        "vim e.yaml\nkubectl apply -f e.yaml; mv docs/x.md ./f.md; cat ./f.md; wget https://example.com/g.sh; source ./g.sh",
        "cat x.md; cat package.json; cat ./Makefile; cd scripts; cat check.sh ./dump.sh; cd ../web && source scripts/dev.sh",
        "cat check.sh; cat my.yaml; cat ./local.yaml; cat key.pem; cat app.log; cat x.json; cat ./.env; cat thing; cat a b; cat README",
        "make build; cat report.json; npm test && cat report.txt; git clone https://example.com/a/b && cd b && cat ./x.yaml",
        "kubectl apply -f thing.yaml; cd /tmp; cat ./z.yaml",
        "cat > app/d.yaml <<E\nx\nE\nkubectl apply -f app/d.yaml",
        "git clone https://example.com/a/b && cd b && cat docs/none.md",
        "make build\ncat app/report.json; npm run build && tail app/a.log",
        "cat config/none.yaml; cat /etc/x; cat ~/x/y; cat $A/scripts/x; cat scripts/*.md; cat <scripts/x>; cat scripts/<name>.md",
        "cat app/my-values.yaml; cat app/local.yaml; cat docs/examples/x.yaml; cat scripts/build/x.md; cat scripts/.env; cat web/node_modules/x.js",
        "scp a@b:scripts/x.md .; cp user:app/x y; ssh h cat app/none.md; docker exec c cat app/none.md; kubectl exec p -- cat app/none.md",
        "head -n app/3 docs/x.md; grep app/none docs/x.md; sed s/app/none/ docs/x.md; echo app/none.md; xargs cat < docs/x.md",
        "jq -n '.a' ; jq --arg a app/none . docs/x.md; cp -t scripts docs/none.md; vim scripts/none.md; rm scripts/none.md; ln -s app/none x",
        "GITHUB_TOKEN=x gh pr list; echo $NOT_KNOWN_HERE",
        "X_Y=1\n./scripts/dump.sh $X_Y",
        "RUST_LOG=x cargo run; NODE_OPTIONS=x npm test; AWS_PROFILE=x ./scripts/dump.sh y",
    ] {
        assert_eq!(wrong(command, true), [] as [&str; 0], "{command}");
    }
    // No condition of a shell excuses what is not there; a marker can.
    for command in
        ["test -e app/x.sh && cat app/x.sh", "cat app/x.sh || true", "[ -f app/x.sh ] && . app/x.sh", "if true; then cat app/x.sh; fi"]
    {
        assert_eq!(wrong(command, true), ["docs/missing-path [app/x.sh]"], "{command}");
    }
}

#[test]
fn verdicts_say_what_was_looked_at() {
    for (command, expected) in [
        ("git push --atomic", "unchecked: a program outside of the tree"),
        ("./scripts/dump.sh x", "ok"),
        ("make test", "ok"),
        ("curl https://<t>/api/health", "ok"),
        ("./gradlew x", "unchecked: not in the tree; it may come of a build"),
        ("cd /x; ./y.sh", "unchecked: run in a folder outside of the tree"),
        ("other/x.sh", "unchecked: in another repository"),
        ("jq \".$X\"", "unchecked: the jq program is put together when it runs"),
        ("jq '.<x>'", "unchecked: the jq program has a placeholder"),
        ("}", "broken"),
        ("x 'y\nz", "unchecked: behind a line of shell that is never closed"),
        ("jq '.a as [$x] ?// $x | $x'", "unchecked: the jq program uses what is not understood here"),
        ("jq 'import \"a\" as b; b::c'", "unchecked: the jq program uses what is not understood here"),
        ("npm run dev", "unchecked: not in the package.json here, but in another one"),
        ("make all", "unchecked: no rule of the file here, but of another one"),
        ("make shown\n```\n```make\nshown: x\n\ty", "unchecked: the document itself shows the rule"),
        ("cat docs/x.md", "ok"),
        ("cd web && cat package.json", "ok"),
        ("cat ./package.json", "ok"),
        ("cat check.sh", "unchecked: reads a file of which there is one in another folder"),
        ("cat > x.sh <<E\nE\nsource ./x.sh", "unchecked: an earlier command may have made a file that it reads"),
        ("cd /x; cat ./x.md", "unchecked: reads a file in a folder outside of the tree"),
        (
            "cat docs/x.md\n```\n\nWrite `values.yaml`:\n\n```sh\ncat values.yaml",
            "unchecked: reads a file of which the document speaks before",
        ),
        ("cat scripts/my-own.yaml", "unchecked: reads a file that a build or the reader makes"),
        ("cd /x; cat scripts/none.md", "unchecked: reads a file in a folder outside of the tree"),
        ("cat other/x.md", "unchecked: reads a file of another repository"),
        ("npm run <x>", "unchecked: the script is known only when it runs"),
    ] {
        assert_eq!(verdict(command), expected, "{command}");
    }
}

#[test]
fn other_documents_get_warnings_about_their_own_text_only() {
    for (command, findings) in [
        ("echo 'x", vec!["docs/shell-syntax [']"]),
        ("jq '.a |'", vec!["docs/jq-syntax [']"]),
        ("./scripts/check.sh staging", vec!["docs/unread-argument [staging]"]),
        ("curl /x; ./scripts/gone.sh; make nothing; ./scripts/plain.sh; ./scripts/check.sh A_B=1; cat scripts/none.md", vec![]),
    ] {
        assert_eq!(wrong(command, false), findings, "{command}");
        let (census, _) = census(&format!("```sh\n{command}\n```\n"), false);
        assert!(census.findings().all(|finding| finding.severity == crate::domain::Severity::Warning), "{command}");
        assert!(census.references.iter().all(|reference| matches!(reference.verdict, Verdict::Unchecked(_))), "{command}");
    }
}

#[test]
fn commands_name_endpoints_and_variables() {
    let text = "| a |\n|---|\n| `curl /api/health \\| jq '.a'` |\n\n\
                - ```sh\n  curl -sX POST -d '{}' \\\n    \"https://$HOST_NAME/api/<id>/x?y=1\" -H \"A: ${API_KEY}\"\n  DATABASE_URL=x ./scripts/dump.sh \"$HOME\" $DATABASE_URL $1\n  ```\n\n\
                ```console\r\n$ open https://example.com/sign-in\r\nit's output\r\n```\r\n";
    let (census, source) = census(text, true);
    let told: Vec<String> =
        census.references.iter().map(|reference| format!("{} | {}", shown(reference), &source.text[reference.range.clone()])).collect();
    assert_eq!(
        told,
        [
            "command [curl /api/health | jq '.a'] broken | curl /api/health \\| jq '.a'",
            "endpoint [/api/health] ok | /api/health",
            "command [curl -sX POST -d '{}' \"https://$HOST_NAME/api/<id>/x?y=1\" -H \"A: ${API_KEY}\"] ok | curl -sX POST -d '{}' \\\n    \"https://$HOST_NAME/api/<id>/x?y=1\" -H \"A: ${API_KEY}\"",
            "env [HOST_NAME] unchecked: a variable that whoever runs the command may set | HOST_NAME",
            "endpoint [POST /api/<id>/x] broken | /api/<id>/x",
            "env [API_KEY] unchecked: a variable that whoever runs the command may set | API_KEY",
            "env [DATABASE_URL] ok | DATABASE_URL",
            "command [DATABASE_URL=x ./scripts/dump.sh \"$HOME\" $DATABASE_URL $1] ok | DATABASE_URL=x ./scripts/dump.sh \"$HOME\" $DATABASE_URL $1",
            "env [DATABASE_URL] ok | DATABASE_URL",
            "command [open https://example.com/sign-in] unchecked: a program outside of the tree | open https://example.com/sign-in",
            "endpoint [/sign-in] unchecked: on a host that no channel names | /sign-in",
        ]
    );
}

#[test]
fn a_missing_script_may_come_with_a_pull_request() {
    let block = "```sh\n# Backup (PR #320)\n./scripts/gone.sh X_Y=1\n./scripts/lost.sh\n```\n";
    let again = "`scripts/late.sh` (PR #7). Then:\n\n`bash scripts/late.sh x`\n";
    let (mut census, source) = census(&format!("{block}\n{again}"), true);
    let open = |state| PullAnswer { state: Some(state), has: Some(true) };
    let answers = Answers {
        pulls: BTreeMap::from([
            ((320, "scripts/gone.sh".to_owned()), open(State::Open)),
            ((7, "scripts/late.sh".to_owned()), open(State::Open)),
        ]),
        fates: BTreeMap::from([("scripts/lost.sh".to_owned(), Fate::Moved { to: "scripts/check.sh".to_owned() })]),
        ..Answers::default()
    };
    census.settle(&source, &answers);
    let commands: Vec<String> = census.references.iter().filter(|reference| reference.kind.slug() == "command").map(shown).collect();
    assert_eq!(
        commands,
        ["command [./scripts/gone.sh X_Y=1] broken", "command [./scripts/lost.sh] broken", "command [bash scripts/late.sh x] pending",]
    );
    let codes: Vec<&str> = census.findings().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["docs/assignment-after-command", "docs/missing-script"]);
    let fix = census.problems[1].fix.as_ref().unwrap();
    assert_eq!((&source.text[fix.range.clone()], fix.with.as_str()), ("./scripts/lost.sh", "./scripts/check.sh"));
}

#[test]
fn what_is_excused_may_be_wrong_otherwise() {
    let marker = "<!-- tagwarden: expect-missing -- made later -->";
    for (text, codes) in [
        (format!("`./scripts/gone.sh X_Y=1` {marker}"), vec!["docs/assignment-after-command"]),
        (format!("`./scripts/gone.sh x` {marker}"), vec![]),
    ] {
        let (census, _) = census(&text, true);
        let verdict = if codes.is_empty() { Verdict::Ok } else { Verdict::Broken };
        assert_eq!(census.references[0].verdict, verdict, "{text}");
        assert_eq!(census.findings().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), codes, "{text}");
    }
}

#[test]
fn a_long_block_takes_linear_time() {
    let line = "A_B=1 ./scripts/gone.sh \"$(curl -s https://<t>/api/x | jq -r '.a')\" || make nothing\n";
    let text = format!("```sh\n{}```\n", line.repeat(2_000));
    let (census, _) = census(&text, true);
    assert_eq!(census.references.iter().filter(|reference| reference.kind.slug() == "command").count(), 2_000);
}

proptest::proptest! {
    #[test]
    fn no_command_is_too_odd(text in "([ a-c='\"$(){}<>|&;`#\\\\\n/é-]|curl |jq |make |npm run |cargo run --bin |cd |bash |\\./scripts/|\\.sh|sudo |env |X_Y=|https://|<t>|--|\\$X_Y){0,40}") {
        for document in [format!("```sh\n{text}\n```\n"), format!("- ```console\n  $ {}\n  ```\n", text.replace('\n', "\n  ")), format!("| a |\n|---|\n| `curl {}` |\n", text.replace('|', "\\|"))] {
            let (census, source) = census(&document, true);
            for range in census.references.iter().map(|reference| &reference.range).chain(census.problems.iter().map(|problem| &problem.range)) {
                proptest::prop_assert!(source.text.get(range.clone()).is_some(), "{document}");
            }
            for finding in census.findings() {
                let mut known = crate::gate::kinds::KINDS.iter().flat_map(|kind| kind.codes).chain(crate::lockdown::CODES);
                proptest::prop_assert!(known.any(|(code, _)| *code == finding.code));
            }
        }
    }
}
