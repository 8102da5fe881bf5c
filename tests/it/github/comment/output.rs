//! Foreign text in what a run of `comment` prints, writes for its workflow, and posts: it acts on nobody who reads it.

use super::{Setup, Talk};
use tagwarden::text::{
    markdown,
    slash::{self, Dialect},
};

/// What a runner, a terminal or GitHub's Markdown would act on, in one line.
const HOSTILE: &str =
    "::set-output name=a::b ::stop-commands::x ##[command]rm @boss example/app#1 https://evil.example <img src=x> --> ````";

/// A title and the output of a program, and a page whose every link is dead.
fn files() -> Vec<(&'static str, String)> {
    let lines = ["::error::owned", "::stop-commands::x", "##[command]rm", "/promote app@1.1.0 --channel live", "```"];
    let shell = lines.map(|line| format!("echo '{line}'; echo '{line}' >&2; ")).concat();
    let gate = format!("title: '{HOSTILE}'\nchannels: [live]\ncommand: [ {{ shell: \"{shell}exit 1\" }} ]\n");
    let links: String = (0..400).map(|at| format!("[{at}](missing-{at}-{}.md)\n\n", "@boss-#1-".repeat(20))).collect();
    let docs = "title: Whole\nchannels: [test]\ndocs: { documents: [docs/how.md] }\n".to_owned();
    vec![("gates/30-hostile.yaml", gate), ("gates/40-docs.yaml", docs), ("docs/how.md", format!("# How\n\n{links}"))]
}

/// No line that a runner takes for a command, but annotations of our own.
fn is_mute(text: &str) {
    for line in text.lines() {
        let line = line.trim_start();
        assert!(!line.contains("##["), "{line}");
        assert!(!line.starts_with("::") || line.starts_with("::error ") || line.starts_with("::warning "), "{line}");
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
    }
}

/// Nothing in a comment of ours formats, links, mentions or commands but what we wrote ourselves.
fn is_harmless(posted: &str) {
    assert!(posted.chars().count() <= slash::MAX_CHARACTERS, "{} characters", posted.chars().count());
    assert_eq!(slash::read(posted, &Dialect::default()), Ok(None), "{posted}");
    assert!(!posted.lines().any(|line| line.trim_start().starts_with('/')), "{posted}");
    let (_, body) = posted.split_once('\n').unwrap();
    let own = ["<details><summary>The whole report</summary>", "</details>"];
    let body = own.iter().fold(body.to_owned(), |body, tag| body.replacen(tag, "", 1));
    let document = markdown::parse(&body);
    assert!(document.links.is_empty() && document.comments.is_empty() && document.anchors.is_empty(), "{body}");
    // Beside code there is no tag, and nothing that GitHub makes a mention, a reference or a link of.
    let mut rest = body.clone();
    for range in document.codes.iter().map(|code| &code.range).chain(document.fences.iter().map(|fence| &fence.range)) {
        rest.replace_range(range.clone(), &" ".repeat(range.len()));
    }
    let rest = rest.replace("&#8203;", "\u{200b}");
    let acts = regex::Regex::new(r"<|@\w|#\d|://|www\.|\bGH-\d").unwrap();
    assert!(!acts.is_match(&rest), "{:?} in {rest}", acts.find(&rest));
}

#[test]
fn hostile_text_acts_neither_in_the_log_nor_in_the_thread() {
    let files = files();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let talk = Talk::with(Setup { files: &files[..1], ..Setup::default() });
    let quoted = HOSTILE.replace('`', "");
    talk.says(&talk.ann, &talk.promote("test")).answer.expect("moved");
    let [summary, outputs] = ["summary", "outputs"].map(|name| talk.hosted.scratch.path(name).display().to_string());
    let rows = [
        (format!("/promte {HOSTILE}"), 2),
        (format!("/promote \"{quoted}\" --channel live"), 2),
        (format!("/hold --channel \"{quoted}\" --reason x"), 2),
        (format!("/hold --channel test --reason \"{quoted}\""), 0),
        (talk.promote("test"), 0),
        (format!("/rollback app@1.1.0 --channel test --reason \"{quoted}\""), 2),
        (talk.promote("live"), 1),
        ("/verify --channel live".to_owned(), 1),
        ("/status".to_owned(), 0),
    ];
    for (body, code) in rows {
        let comment = talk.pull.comment(&talk.ann, &body);
        let env = [("GITHUB_STEP_SUMMARY", summary.as_str()), ("GITHUB_OUTPUT", outputs.as_str()), ("GITHUB_ACTIONS", "true")];
        let run = talk.step(&talk.event(comment), &env);
        assert_eq!(run.code, code, "{body}: {run}");
        is_mute(&run.stdout);
        assert_eq!(run.stderr, "");
        let summary = std::fs::read_to_string(&summary).unwrap();
        is_mute(&summary);
        assert!(markdown::parse(&summary).links.is_empty());
        let posted = talk.pull.comments().into_iter().find(|text| text.contains(&format!("comment={comment} "))).unwrap();
        is_harmless(posted.strip_prefix("deployer[bot]: ").unwrap());
        // Every output is what stands between its own two marks.
        let text = std::fs::read_to_string(&outputs).unwrap();
        let mut lines = text.lines();
        while let Some(head) = lines.next() {
            let (name, mark) = head.split_once("<<").unwrap();
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && mark.len() >= 32, "{head}");
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != mark).collect();
            assert_eq!(value.len(), 1, "{head}: {value:?}");
        }
        std::fs::remove_file(&outputs).unwrap();
    }
}

#[test]
fn a_long_answer_is_cut_and_says_so() {
    let files = files();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let talk = Talk::with(Setup { files: &files[1..], ..Setup::default() });
    let said = talk.says(&talk.ann, "/verify --channel test");
    let answer = said.answer.expect("gate_failed");
    assert!(super::codes(&answer).len() >= 400, "{answer:#}");
    let told = talk.told(said.comment);
    is_harmless(told.strip_prefix("deployer[bot]: ").unwrap());
    assert!(told.chars().count() > 60_000 && told.contains("... cut: the report is longer than GitHub shows"), "{told}");
    let (shown, _) = told.split_once("<details>").unwrap();
    insta::assert_snapshot!(shown, @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/verify --channel test`: a gate stopped it (`gate_failed`)

    commit [refs/heads/main] for **test**

    | | gate | title | outcome | findings |
    |---|---|---|---|---|
    | ✓ | 1 `tree` | The tree is whole | passed |  |
    | ✗ | 2 `docs` | Whole | failed (`gate_failed`) | gate 1 “The tree is whole” has no heading in docs/how&#8203;.md and 401 more |

    - gate 2 `docs`: add the heading “Gate 1 — The tree is whole”
    - asked by ann (`github:ANN`)

    **Next:** Read the finding, mend its cause, run `/verify --channel test`&#8203;.
    ");
}
