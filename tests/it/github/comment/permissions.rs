//! What the token needs, held to the calls that are made.

use super::{Setup, Talk};
use crate::github::model::Way;
use tagwarden::{cli::explain, text::slash::COMMANDS};

/// Everything by the right of a team, so that each permission is needed that can be.
const ALL_BY_TEAM: &[(&str, &str)] =
    &[("may: [hold, unhold, ack, waive, verdict], on: [test, live]", "may: [promote, rollback, hold, unhold, ack, waive, verdict]")];

const STEPS: &[(&str, &str)] = &[
    ("gates/20-migrated.yaml", "title: Migrated\nchannels: [live]\nack: { step: Run the migration }\n"),
    ("gates/30-slow.yaml", "title: Slow\nchannels: [live]\nwaivable: true\ncommand: [ { run: [\"true\"] } ]\n"),
];

/// With exactly what the page names each command is done and told; with one permission less, or at a lower level, it is refused or not
/// told, and the run says which permission it lacked.
#[test]
fn each_command_needs_the_permissions_of_the_page() {
    let mut talk = Talk::with(Setup { protocol: ALL_BY_TEAM, files: STEPS, ..Setup::default() });
    let mover = talk.hosted.hub.user("mover");
    let pull = talk.hosted.pull(8, &["b.txt"]);
    talk.hosted.merge(&pull, Way::Merge);
    talk.hosted.release("v1.2.0");
    let newer = format!("/promote app@1.2.0 --channel test --sha {}", talk.hosted.at("HEAD"));
    let live = "--channel live --release app@1.1.0";
    let lines = [
        ("help", "/help".to_owned()),
        ("status", "/status".to_owned()),
        ("plan", "/plan app@1.1.0 --channel test".to_owned()),
        ("verify", "/verify --channel test".to_owned()),
        ("promote", talk.promote("test")),
        ("ack", format!("/ack migrated {live}")),
        ("waive", format!("/waive slow {live} --until 2h --reason x")),
        ("verdict", format!("/verdict record SAFE --at {}", talk.commit)),
        ("hold", "/hold --channel live --reason x".to_owned()),
        ("unhold", "/unhold --channel live --reason x".to_owned()),
        ("rollback", "/rollback app@1.1.0 --channel test --reason x".to_owned()),
    ];
    assert_eq!(lines.len(), COMMANDS.len());
    let mut try_with = |permissions: &[(&str, &str)], line: &str| {
        let token = talk.hosted.hub.limited_token(&mover, permissions);
        talk.hosted.scratch.set("GITHUB_TOKEN", &token);
        talk.says(&talk.helper, line).answer.value
    };
    for (command, line) in &lines {
        let spec = COMMANDS.iter().find(|spec| spec.name == *command).unwrap();
        let all: Vec<(&'static str, &'static str)> =
            explain::permissions(spec).into_iter().map(|need| (need.permission, need.level.name())).collect();
        if *command == "rollback" {
            assert_eq!(try_with(&all, &newer)["reason_code"], "moved");
        }
        // What cannot be told may be done all the same, so it is tried last.
        let (telling, others): (Vec<_>, Vec<_>) = all.iter().copied().partition(|(permission, _)| *permission == "issues");
        let lacks = |need: (&'static str, &'static str)| {
            let without: Vec<(&str, &str)> = all.iter().copied().filter(|other| *other != need).collect();
            let lower = [without.clone(), vec![(need.0, "read")]].concat();
            if need.1 == "write" { vec![without, lower] } else { vec![without] }
        };
        for need in others {
            for less in lacks(need) {
                let answer = try_with(&less, line);
                assert_eq!(answer["decision"], "stop", "{command} with {less:?}: {answer:#}");
                // A server of git does not say whether reading or writing is what it refuses.
                let named = if need.0 == "contents" { "contents: ".to_owned() } else { format!("{}: {}", need.0, need.1) };
                assert!(answer.to_string().contains(&named), "{command} with {less:?}: {answer:#}");
            }
        }
        let answer = try_with(&all, line);
        assert!(answer["decision"] != "stop" && !answer["notices"].to_string().contains("GitHub"), "{command}: {answer:#}");
        for need in telling {
            for less in lacks(need) {
                let answer = try_with(&less, line);
                assert!(answer["notices"].to_string().contains("issues: "), "{command} with {less:?}: {answer:#}");
            }
        }
    }
}
