//! Verbs that write are run in process by most tests. Here they are run as somebody runs them, the built program by the clock
//! of the machine, and both say the same.

use crate::common::{Output, Scratch, show::steady};
use regex::Regex;
use std::sync::LazyLock;

fn shown(scratch: &Scratch, output: &Output) -> String {
    static TIME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+Z").unwrap());
    // In process a file that the words name is told with the folder that it counts from.
    static BESIDE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\.tagwarden-\w+").unwrap());
    let text = output.all().replace(&format!("{}/", scratch.path("work").display()), "");
    BESIDE.replace_all(&TIME.replace_all(&steady(&text), "[when]"), "[beside]").into_owned()
}

#[test]
fn the_program_says_what_the_tests_see() {
    let (here, there) = (Scratch::new(), Scratch::new());
    let both = |line: &[&str], code: i32| {
        for format in [&[][..], &["--format", "json"], &["--format", "github", "-v"]] {
            let line = [line, format].concat();
            let (ours, theirs) = (here.run(&line), there.run_program(&line));
            assert_eq!(shown(&here, &ours), shown(&there, &theirs), "{line:?}");
            // Whatever is written the first time is there the second time.
            if format.is_empty() {
                assert_eq!(theirs.code, code, "{line:?}: {theirs}");
            }
        }
    };
    let each = |act: &dyn Fn(&Scratch)| [&here, &there].into_iter().for_each(act);
    both(&["init", "--minimal"], 0);
    each(&|scratch| {
        scratch.commit("Add the protocol");
        scratch.push();
    });
    both(&["promote", "v1.0.0", "--channel", "local_dev"], 2);
    both(&["policy", "adopt", "--reason", "start"], 0);
    both(&["promote", "v1.0.0", "--channel", "local_dev"], 0);
    each(&|scratch| {
        scratch.commit_and_push("second");
    });
    both(&["stage", "v1.1.0", "--at", "HEAD"], 0);
    both(&["promote", "v1.1.0", "--channel", "local_dev", "--dry-run"], 0);
    both(&["promote", "v1.1.0", "--channel", "local_dev"], 0);
    both(&["rollback", "--channel", "local_dev", "--reason", "try"], 0);
    both(&["verdict", "record", "SAFE", "--release", "v1.1.0"], 0);
    both(&["waive", "docs", "--channel", "local_dev", "--release", "v1.1.0", "--until", "24h", "--reason", "try"], 5);
    both(&["hold", "--channel", "local_dev", "--reason", "try"], 0);
    both(&["promote", "v1.1.0", "--channel", "local_dev"], 4);
    both(&["unhold", "--channel", "local_dev", "--reason", "try"], 0);
    both(&["docs", "lock", "--pulls", "nothing.json"], 2);
    both(&["doctor"], 0);
    both(&["promote", "v1.2.0", "--channel", "local_dev", "--output", "no/such/folder"], 2);
    // A verb that reads, and was told no time: what was written above is as old as the machine says.
    there.run_program(&["status"]).ok();
}

/// Files that the words name count from where the words are said, and temporary files go where the variable says.
#[test]
fn words_are_said_in_the_folder_of_the_test() {
    let scratch = Scratch::minimal();
    let output = scratch.run(&["promote", "v1.0.0", "--channel", "local_dev", "--format", "json", "--output", "answer.json"]);
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (0, "", ""));
    let answer: serde_json::Value = serde_json::from_str(&scratch.read("answer.json")).unwrap();
    assert_eq!(answer["reason_code"], "moved");
    scratch.commit_and_push("second");
    std::fs::write(scratch.path("pulls.json"), r#"{"pulls": {}}"#).unwrap();
    scratch.json(&["promote", "v1.1.0", "--channel", "local_dev", "--pulls", "../pulls.json"]).expect("moved");
    let mut elsewhere = Scratch::minimal();
    elsewhere.set("TMPDIR", "/nowhere/at/all");
    elsewhere.json(&["promote", "v1.0.0", "--channel", "local_dev"]).expect("no_resources");
}
