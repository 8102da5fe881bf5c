use super::{
    value::{Value, Values},
    *,
};
use crate::domain::{ChannelName, GateId, Oid, ReleaseName, ReleaseWord, Span, Until, Verb, VerdictWord, actor::sentence};
use proptest::{option, prelude::*, sample::select};

const SHA: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// Dialects that differ in everything.
fn dialects() -> Vec<Dialect> {
    let of = |prefix: &str, require_sha| Dialect { prefix: prefix.parse().unwrap(), require_sha };
    vec![Dialect::default(), of("/release-", false), of("tagwarden ", true), of("!", false)]
}

#[test]
fn every_row_of_the_table_is_whole() {
    for (at, spec) in COMMANDS.iter().enumerate() {
        let name = spec.name;
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase()), "{name}");
        assert!(COMMANDS[..at].iter().all(|other| other.name != name), "{name} is there twice");
        assert!(!spec.about.is_empty() && !spec.about.ends_with('.') && !spec.program.is_empty() && !spec.on.is_empty(), "{name}");
        for (at, argument) in spec.arguments.iter().enumerate() {
            assert!(spec.arguments[..at].iter().all(|other| other.name != argument.name), "{name} {}", argument.name);
            assert!(!argument.about.is_empty() && !argument.about.ends_with('.'), "{name} {}", argument.name);
            assert!(
                argument.form == Form::Flag || spec.arguments[..at].iter().all(|before| before.form == Form::Position && !before.repeats)
            );
            assert!(argument.kind != Kind::Switch || argument.form == Form::Flag, "{name} {}", argument.name);
            assert!(argument.need != Need::Policy || argument.kind == Kind::Sha, "{name} {}", argument.name);
        }
        assert!(spec.one_of.iter().all(|flag| spec.argument(Form::Flag, flag).is_some_and(|flag| flag.need == Need::No)), "{name}");
        assert!(spec.not_here.iter().all(|(flag, why)| spec.argument(Form::Flag, flag).is_none() && !why.is_empty()), "{name}");
    }
}

/// What only reads asks for no more than read access; what is recorded, for the right to the entry.
#[test]
fn rights_are_those_of_the_entries() {
    for spec in COMMANDS {
        let right = match spec.name {
            "plan" => Right::Verb(Verb::Promote),
            "verify" => Right::Role,
            name => Verb::ALL.iter().find(|verb| verb.slug() == name).map_or(Right::Read, |verb| Right::Verb(*verb)),
        };
        assert_eq!(spec.right, right, "{}", spec.name);
    }
}

#[test]
fn every_example_is_the_command_that_it_shows() {
    for dialect in dialects() {
        for spec in COMMANDS {
            let line = format!("{}{}", dialect.prefix, spec.example);
            let invocation = read(&line, &dialect).unwrap().unwrap();
            assert_eq!((invocation.command.name(), invocation.command.line(&dialect.prefix)), (spec.name, line));
        }
    }
}

/// Without any of the arguments that must be there no command is made, so that the table and the types say the same.
#[test]
fn what_must_be_there_is_what_the_table_says() {
    let sample = |kind: Kind| match kind {
        Kind::Release => Value::Release("web@1.4.0".parse().unwrap()),
        Kind::Channel => Value::Channel("production".parse().unwrap()),
        Kind::Gate => Value::Gate("docs".parse().unwrap()),
        Kind::Sha => Value::Sha(SHA.parse().unwrap()),
        Kind::Text => Value::Text("x".to_owned()),
        Kind::Until => Value::Until(Until::For(Span::minutes(5))),
        Kind::Verdict => Value::Verdict(VerdictWord::Safe),
        Kind::Command => Value::Command("help"),
        Kind::Word(_) | Kind::Switch => Value::Nothing,
    };
    for spec in COMMANDS {
        let needed = |argument: &&Argument| argument.need == Need::Always || spec.one_of.first() == Some(&argument.name);
        let needed: Vec<&Argument> = spec.arguments.iter().filter(needed).collect();
        let values = |without: &str| {
            let given = needed.iter().filter(|argument| argument.name != without);
            Values(given.map(|argument| (argument.name, sample(argument.kind))).collect())
        };
        assert!((spec.make)(&mut values("")).is_some(), "{}", spec.name);
        for argument in needed.iter().filter(|argument| !matches!(argument.kind, Kind::Word(_))) {
            assert!((spec.make)(&mut values(argument.name)).is_none(), "{} {}", spec.name, argument.name);
        }
    }
}

#[test]
fn usage_lines_say_what_may_be_left_out() {
    let usage = |name: &str, require_sha| spec(name).unwrap().usage(&Dialect { require_sha, ..Dialect::default() });
    insta::assert_snapshot!(usage("promote", true), @"/promote RELEASE... --channel CHANNEL --sha SHA [--reason TEXT]");
    insta::assert_snapshot!(usage("promote", false), @"/promote RELEASE... --channel CHANNEL [--sha SHA] [--reason TEXT]");
    insta::assert_snapshot!(usage("rollback", true), @"/rollback [RELEASE...] --channel CHANNEL [--sha SHA] --reason TEXT");
    insta::assert_snapshot!(usage("verify", true), @"/verify [--channel CHANNEL] [--at SHA] [--gate GATE]...");
    insta::assert_snapshot!(usage("verdict", true), @"/verdict record SAFE|FINDINGS (--release RELEASE | --at SHA) [--reason TEXT]");
    insta::assert_snapshot!(usage("help", true), @"/help [COMMAND]");
}

/// A comment of the greatest length, of whatever takes a parser long; one more character is refused where there is a command.
#[test]
fn the_longest_comments_are_read() {
    let dialect = Dialect::default();
    let filled = |start: &str, part: &str| {
        let length = MAX_CHARACTERS - start.chars().count();
        format!("{start}{}", part.chars().cycle().take(length).collect::<String>())
    };
    for part in
        ["x\n", "/status", "> ", "- ", "[", "![a](", "`", "*a ", "<a ", "<!--", "</a", "<a>", "|", "\"", "\\", "é ", "\n\n", "~~~\n"]
    {
        let text = filled("/status\n\n", part);
        assert_eq!(text.chars().count(), MAX_CHARACTERS);
        let unread = read(&text, &dialect).map(|found| found.map(|found| found.command.name()));
        match unread {
            Ok(name) => assert_eq!(name, Some("status"), "{part:?}"),
            Err(problem) => assert_eq!((part, problem.wrong), ("> ", Wrong::Unreadable)),
        }
        assert_eq!(read(&(text + "x"), &dialect).map_err(|problem| problem.wrong), Err(Wrong::Long), "{part:?}");
    }
    for (part, wrong) in [
        ("\n/status", Wrong::Several),
        (" --channel", Wrong::Missing),
        (" x", Wrong::Unexpected),
        (" \"", Wrong::Unexpected),
        (" \\", Wrong::Quotes),
        (" “", Wrong::Quotes),
        (" \u{200b}", Wrong::Hidden),
    ] {
        assert_eq!(read(&filled("/status", part), &dialect).map_err(|problem| problem.wrong), Err(wrong), "{part:?}");
    }
    let many = filled("/plan web@1.0.0", " api@1.0.0");
    assert_eq!(read(&many, &dialect).map_err(|problem| problem.wrong), Err(Wrong::Twice));
    assert_eq!(read(&filled("", "no command\n"), &dialect), Ok(None));
    assert_eq!(read(&"x".repeat(10 * MAX_CHARACTERS), &dialect), Ok(None));
}

fn release() -> impl Strategy<Value = ReleaseWord> {
    let version = (0_u64..50, 0_u64..50, 0_u64..50).prop_map(|(a, b, c)| semver::Version::new(a, b, c));
    let name = ("[a-z][a-z0-9_-]{0,5}(/[a-z][a-z0-9]{0,3})?", version)
        .prop_map(|(package, version)| ReleaseWord::Name(ReleaseName { package: package.parse().unwrap(), version }));
    prop_oneof![name, "[a-z]{1,4}/v[0-9]\\.[0-9]\\.[0-9]".prop_map(|tag| tag.parse().unwrap())]
}

fn releases(least: usize) -> impl Strategy<Value = Vec<ReleaseWord>> {
    proptest::collection::vec(release(), least..4).prop_map(|mut releases| {
        let mut seen = Vec::new();
        releases.retain(|release| {
            !seen.contains(release) && {
                seen.push(release.clone());
                true
            }
        });
        releases
    })
}

fn channel() -> impl Strategy<Value = ChannelName> {
    "[a-z][a-z0-9_-]{0,10}".prop_map(|text| text.parse().unwrap())
}

fn gate() -> impl Strategy<Value = GateId> {
    "[a-z][a-z0-9-]{0,10}".prop_map(|text| text.parse().unwrap())
}

fn sha() -> impl Strategy<Value = Oid> {
    "[1-9a-f][0-9a-f]{39}".prop_map(|text| text.parse().unwrap())
}

fn reason() -> impl Strategy<Value = String> {
    let free = "\\PC{1,30}".prop_filter("visible", |text| !text.chars().any(crate::text::hidden::is_hidden));
    let marks = "([\"\\\\'`“—\\- =/#@<>*~|]|--all|<!--|[a-c]){1,20}";
    prop_oneof![free, marks].prop_filter_map("something", |text| sentence(&text).ok())
}

fn until() -> impl Strategy<Value = Until> {
    prop_oneof![
        (1_u64..500).prop_map(|minutes| Until::For(Span::minutes(minutes))),
        (0_i64..4_000_000_000).prop_map(|time| Until::At(crate::domain::Timestamp::from_unix(time)))
    ]
}

fn promote() -> impl Strategy<Value = Promote> {
    (releases(1), channel(), sha(), option::of(reason())).prop_map(|(releases, channel, sha, reason)| Promote {
        releases,
        channel,
        sha: Some(sha),
        reason,
    })
}

fn hold() -> impl Strategy<Value = Hold> {
    let on = prop_oneof![channel().prop_map(HoldOn::Channel), release().prop_map(HoldOn::Release), Just(HoldOn::All)];
    (on, reason()).prop_map(|(on, reason)| Hold { on, reason })
}

fn command() -> impl Strategy<Value = Command> {
    let rollback = (releases(0), channel(), option::of(sha()), reason())
        .prop_map(|(releases, channel, sha, reason)| Command::Rollback(Rollback { releases, channel, sha, reason }));
    let verify = (option::of(channel()), option::of(sha()), option::of(gate()))
        .prop_map(|(channel, at, gate)| Command::Verify(Verify { channel, at, gates: gate.into_iter().collect() }));
    let ack = (gate(), channel(), release(), option::of(sha()))
        .prop_map(|(gate, channel, release, sha)| Command::Ack(Ack { gate, channel, release, sha }));
    let waive = (gate(), channel(), release(), option::of(sha()), until(), reason())
        .prop_map(|(gate, channel, release, sha, until, reason)| Command::Waive(Waive { gate, channel, release, sha, until, reason }));
    let on = prop_oneof![release().prop_map(VerdictOn::Release), sha().prop_map(VerdictOn::Commit)];
    let verdict = (select(VerdictWord::ALL), on, option::of(reason()))
        .prop_map(|(verdict, on, reason)| Command::Verdict(Verdict { verdict, on, reason }));
    let names: Vec<&'static str> = COMMANDS.iter().map(|spec| spec.name).collect();
    prop_oneof![
        promote().prop_map(Command::Promote),
        promote().prop_map(Command::Plan),
        rollback,
        verify,
        option::of(channel()).prop_map(|channel| Command::Status(Status { channel })),
        hold().prop_map(Command::Hold),
        hold().prop_map(Command::Unhold),
        ack,
        waive,
        verdict,
        option::of(select(names)).prop_map(Command::Help),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(command in command(), dialect in select(dialects())) {
        let line = command.line(&dialect.prefix);
        let invocation = read(&line, &dialect).unwrap().unwrap();
        prop_assert_eq!(&invocation.command, &command);
        prop_assert_eq!((invocation.head.start, invocation.range), (0, 0..line.len()));
        let mut at = invocation.head.end;
        for part in invocation.parts {
            for range in [part.flag, part.value].into_iter().flatten() {
                prop_assert!(at < range.start && range.start <= range.end && line.get(range.clone()).is_some(), "{:?}", range);
                at = range.end;
            }
        }
    }

    #[test]
    fn a_command_inside_of_anything_is_none(command in command(), at in 0_usize..14) {
        let dialect = Dialect::default();
        let line = command.line(&dialect.prefix);
        let inside = [
            format!("> {line}"),
            format!("> quoted\n{line}"),
            format!("- {line}"),
            format!("1. item\n{line}"),
            format!("- item\n\n  {line}"),
            format!("```\n{line}\n```"),
            format!("~~~~\ntext\n\n{line}"),
            format!("    {line}"),
            format!("# {line}"),
            format!("<!--\n\n{}\n\n-->", line.replace("-->", "")),
            format!("<div>\n\n{}\n\n</div>", line.replace('<', "")),
            format!("| {} |\n|---|", line.replace('|', "")),
            format!(" {line}"),
            format!("text {line}"),
        ];
        prop_assert_eq!(read(&inside[at], &dialect), Ok(None), "{}", &inside[at]);
    }

    #[test]
    fn whatever_it_is_the_answer_points_into_it(
        text in "(/promote|/status|/hold|/statsu|web@1\\.4\\.0|--channel|--reason|=|staging|[\"\\\\'`“—> \t\r\n<!|#*-]|-->|\u{200b}|é){0,30}|\\PC{0,40}",
        dialect in select(dialects()),
    ) {
        for text in [text.clone(), format!("{}{text}", dialect.prefix)] {
            match read(&text, &dialect) {
                Ok(None) => {}
                Ok(Some(invocation)) => {
                    let line = &text[invocation.range.clone()];
                    prop_assert!(line.starts_with(dialect.prefix.as_str()) && text[..invocation.range.start].chars().next_back().is_none_or(|c| "\r\n".contains(c)));
                    for range in invocation.parts.iter().flat_map(|part| [&part.flag, &part.value]).flatten() {
                        prop_assert!(text.get(range.clone()).is_some() && invocation.range.contains(&range.start));
                    }
                }
                Err(problem) => {
                    prop_assert!(text.get(problem.range.clone()).is_some(), "{:?}", problem);
                    prop_assert!(problem.correct.starts_with(dialect.prefix.as_str()) && !problem.correct.contains(['\n', '\r']), "{:?}", problem);
                    prop_assert!(problem.place(&text).line >= 1);
                }
            }
        }
    }
}
