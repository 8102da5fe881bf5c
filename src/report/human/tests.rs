use super::*;
use crate::{
    domain::{Fault, Outcome, Place, Reason},
    report::{TextShape, sample},
};

fn plain(report: &Report) -> String {
    render(report, Style::default())
}

fn found_at(place: Place) -> Report {
    Fault::new(Reason::BadConfig, "x").finding(Finding::error("a/b", "m").at(place)).into()
}

#[test]
fn a_run_with_every_outcome() {
    insta::assert_snapshot!(plain(&sample::verify()), @r#"
    verify commit cccccccccc for production by policy bbbbbbbbbb
      ✓   1  env     The env gate     41 ms                         owner operator
      ✗   2  window  The window gate  41 ms      gate_failed        waived until 2026-11-21T10:00:00Z by ssh:lead@example.com (entry 7)
      ?   3  advice  The advice gate  2.5 s      gate_inconclusive  advisory
      ✗   4  health  The health gate  1 min 1 s  gate_failed
      –   5  docs    The docs gate               not run

    gate 4, health: gate_failed
    error[http/status]: the status was 500, expected 200
     --> gates/20-health.yaml:3:11
      |
    3 |   - get: "{base_url}/é/health"
      |           ^^^^^^^^^^^^^^^^^^
      |
      = note: at /status
      = help: look at the service's log
    signing: none

    stop (gate_failed). Read the finding, mend its cause, run `tagwarden verify --channel production --at COMMIT`.
    "#);
}

#[test]
fn a_passed_draft_with_a_warning() {
    insta::assert_snapshot!(plain(&sample::passed()), @r"
    verify the work tree (draft) for production by its own gates
      ✓   1  env  The env gate  41 ms

    warning[config/unused-role]: the role `nobody` names no one
    note: shallow clone deepened

    continue (passed). Promote: `tagwarden promote RELEASE --channel production`.
    ");
}

#[test]
fn quiet_keeps_errors_and_the_decision() {
    let quiet = Style { quiet: true, ..Style::default() };
    insta::assert_snapshot!(render(&sample::verify(), quiet), @r#"
    gate 4, health: gate_failed
    error[http/status]: the status was 500, expected 200
     --> gates/20-health.yaml:3:11
      |
    3 |   - get: "{base_url}/é/health"
      |           ^^^^^^^^^^^^^^^^^^
      |
      = note: at /status
      = help: look at the service's log
    signing: none

    stop (gate_failed). Read the finding, mend its cause, run `tagwarden verify --channel production --at COMMIT`.
    "#);
    insta::assert_snapshot!(render(&sample::passed(), quiet), @"");
}

#[test]
fn verbose_shows_whole_ids_and_digests() {
    let text = render(&sample::verify(), Style { verbose: 1, ..Style::default() });
    assert!(text.contains(sample::oid('c').as_str()) && text.contains("sha256:"), "{text}");
    assert!(!plain(&sample::verify()).contains("sha256:"));
}

#[test]
fn moves() {
    insta::assert_snapshot!(plain(&sample::moved()), @r"
    promote web@1.4.0 to production
      refs/tags/channel/production  none -> aaaaaaaaaa  commit cccccccccc
      ledger entry 12 (eeeeeeeeee) on tagwarden/ledger

    gates before the move
      ✓   1  env  The env gate  41 ms

    done (moved). See it: `tagwarden status`.
    ");
    insta::assert_snapshot!(plain(&sample::dry_run()), @r"
    promote web@1.4.0 to production (dry run)
      refs/tags/channel/production  none -> new tag  commit cccccccccc
      nothing is written in a dry run

    gates before the move
      ✓   1  env  The env gate  41 ms

    continue (passed). Run it again without `--dry-run`.
    ");
    insta::assert_snapshot!(plain(&sample::lost_race()), @r"
    promote web@1.4.0 to production
      refs/tags/channel/production  none -> aaaaaaaaaa  commit cccccccccc
      nothing moved

    gates before the move
      ✓   1  env  The env gate  41 ms

    stop (stale_pointer). Look at `tagwarden status`, then run again.
    ");
}

#[test]
fn refusals() {
    insta::assert_snapshot!(plain(&sample::refused()), @r#"
    error[held]: production is held

    error[http/status]: the status was 500, expected 200
     --> gates/20-health.yaml:3:11
      |
    3 |   - get: "{base_url}/é/health"
      |           ^^^^^^^^^^^^^^^^^^
      |
      = note: at /status
      = help: look at the service's log

    stop (held). `tagwarden status` shows the hold; `tagwarden unhold` lifts it.
    "#);
}

#[test]
fn ledger_views() {
    insta::assert_snapshot!(plain(&sample::status()), @r"
      ledger entry 12 (eeeeeeeeee) on tagwarden/ledger
      policy 3 (bbbbbbbbbb)

      local_dev   nothing yet
      staging     web@1.4.0    cccccccccc  since 2026-11-21T10:00:00Z  entry 12                  drift
      production  web@1.4.0    cccccccccc  since 2026-11-21T10:00:00Z  entry 12  held: incident

    releases
      web@1.4.0  cccccccccc  released  staging, production

    holds
      channel production  incident  by ssh:release@example.com  entry 9

    waivers
      window  production  cccccccccc  until 2026-11-21T10:00:00Z  by ssh:lead@example.com  entry 7

    error[ledger/tag-drift]: refs/tags/channel/staging was moved by hand
      help: `tagwarden doctor --fix` moves it back

    stop (findings). Read the findings.
    ");
    insta::assert_snapshot!(plain(&sample::resolve()), @r"
    production is at web@1.4.0
      commit  cccccccccccccccccccccccccccccccccccccccc
      tag     refs/tags/channel/production (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)
      since   2026-11-21T10:00:00Z by entry 12

    done (passed). Nothing is wrong.
    ");
    insta::assert_snapshot!(plain(&sample::history()), @r"
      12  promote production web@1.4.0  2026-11-21T10:00:00Z by ssh:release@example.com (eeeeeeeeee)
          planned
          refs/tags/channel/production none -> aaaaaaaaaa
          gate window: failed, waived by entry 7
          after the move: smoke; nothing against it is recorded
      11  rollback production  2026-11-21T10:00:00Z by ssh:release@example.com (eeeeeeeeee)
          undoes entry 10
          holds channel production for automation
          planned
       9  unhold production  2026-11-21T10:00:00Z by ssh:release@example.com (eeeeeeeeee)
          everything
          lifts the hold of entry 8
          planned
       8  hold production  2026-11-21T10:00:00Z by ssh:release@example.com (eeeeeeeeee)
          everything
          planned
       7  waive production  2026-11-21T10:00:00Z by ssh:release@example.com (eeeeeeeeee)
          gate window until 2026-11-21T10:00:00Z for web@1.4.0 at commit cccccccccc
          planned
       6  ack production  2026-11-21T10:00:00Z by ssh:release@example.com (eeeeeeeeee)
          gate window for web@1.4.0 at commit cccccccccc
          planned
       5  verdict production  2026-11-21T10:00:00Z by ssh:release@example.com (eeeeeeeeee)
          SAFE for web@1.4.0 at commit cccccccccc
          planned

    done (passed). Nothing is wrong.
    ");
    insta::assert_snapshot!(plain(&sample::audit()), @r"
    ledger head eeeeeeeeee: 13 entries verified, 13 of them signed
      first entry 1111111111111111111111111111111111111111

    judged again
      ✓  entry 12  env     recorded passed, again passed
      ✗  entry 12  health  recorded passed, again gate_failed
      ?  entry 12  docs    recorded passed, cannot be judged again

    error[ledger/broken-chain]: entry 4 names another parent

    stop (ledger_broken). Run `tagwarden audit`, which names what is wrong.
    ");
    insta::assert_snapshot!(plain(&sample::policy()), @r"
    policy 3 (bbbbbbbbbb)
      ledger entry 12 (eeeeeeeeee) on tagwarden/ledger
      entry 0           1111111111111111111111111111111111111111
      channels          staging, production (after staging)
      release branches  main
      automation        ssh:ci@example.com
      threshold         1

    signers
      release@example.com  SHA256:abc

    roles
      promoters  ssh:release@example.com  may promote, rollback  on every channel

    gates
       1  env  env  before promote  on every channel

    done (passed). Nothing is wrong.
    ");
    insta::assert_snapshot!(plain(&sample::entry()), @r"
    hold channel production
      ledger entry 12 (eeeeeeeeee) on tagwarden/ledger
    signing: none

    done (moved). It is recorded, and no tag moved. See it: `tagwarden history`.
    ");
}

#[test]
fn other_verbs() {
    insta::assert_snapshot!(plain(&sample::rehearsal()), @r"
    rehearsal: 3 steps in 1.2 s
      ✓   1  first promotion            120 ms
      ✗   2  a held release is refused  120 ms  exit 0, expected 4 (held)
      –   3  rollback
    stand-ins: a throw-away signing key
    proves: move; ledger
    does not prove: data migrations

    stop (drill_failed). Read the failed step.
    ");
    insta::assert_snapshot!(plain(&sample::doctor()), @r"
      ✓  git 2.45
      ✗  tags agree with the ledger  mended
      ?  server pushes atomically

    error[doctor/check]: server pushes atomically: it does not hold
      help: do this

    stop (gate_inconclusive). Make the fact available and run again.
    ");
    insta::assert_snapshot!(plain(&sample::init()), @r"
      wrote  gates/protocol.yaml         packages, channels, roles
      kept   protocol-docs/promotion.md  packages, channels, roles
    signing: none

    done (passed). Commit and push these files, then `tagwarden policy adopt --reason start`.
    ");
}

#[test]
fn hostile_text_is_shown_and_does_nothing() {
    let text = plain(&sample::hostile());
    insta::assert_snapshot!(text, @r"
    verify commit cccccccccc for production by policy bbbbbbbbbb
      ✗   1  body  x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}  41 ms  gate_failed  owner x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}

    gate 1, body: gate_failed
    error[http/body]: x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}
     --> x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}:1:8
      |
    1 | a␛[31m�b: x
      |        ^^^^
      |
      = help: x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}
    note: x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}
    signing: none

    stop (gate_failed). Read the finding, mend its cause, run `tagwarden verify --channel production --at COMMIT`.
    ");
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{text}");
}

#[test]
fn colours_come_only_when_asked_for() {
    let color = Style { color: true, ..Style::default() };
    assert!(render(&sample::verify(), color).contains('\u{1b}'));
    assert!(!plain(&sample::verify()).contains('\u{1b}'));
    let foreign = render(&sample::hostile(), color);
    assert!(!foreign.contains("\u{1b}[2J"), "{foreign:?}");
}

#[test]
fn marks_stand_under_the_exact_characters_whatever_the_place() {
    for (line, column, end, marked) in [
        ("é: ü", 4, Some(5), "ü"),
        ("\tkey: 1", 2, Some(5), "key"),
        ("short", 6, Some(7), ""),
        ("short", 60, None, ""),
        ("", 1, Some(2), ""),
        ("abc", 2, None, "b"),
        ("abc", 3, Some(1), ""),
    ] {
        let place = Place { file: "f".into(), line: 3, column, end_column: end, source: Some(line.into()) };
        let excerpt = finding::excerpt(&place).unwrap();
        assert_eq!(&excerpt.line[excerpt.span.clone()], marked, "{line} {column}");
        let shown = plain(&found_at(place));
        assert!(shown.contains("f:3"), "{shown}");
    }
}

#[test]
fn a_very_long_source_line_is_cut_around_the_mark() {
    let line = format!("{}needle{}", "x".repeat(100_000), "y".repeat(100_000));
    let place = Place { file: "min.json".into(), line: 1, column: 100_001, end_column: Some(100_007), source: Some(line) };
    let shown = plain(&found_at(place));
    insta::assert_snapshot!(shown, @r"
    error[bad_config]: x

    error[a/b]: m
     --> min.json:1:100001
      |
    1 | ...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxneedleyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...
      |                                                                  ^^^^^^

    stop (bad_config). Mend the file at the place shown; `tagwarden schema` prints its shape.
    ");
}

#[test]
fn a_text_is_printed_as_it_is() {
    let report = Report::new(Reason::Passed, Body::Text(TextShape::plain("a\tb")));
    assert_eq!(render(&report, Style { quiet: true, ..Style::default() }), "a\tb\n");
}

#[test]
fn more_findings_than_anybody_reads_are_counted() {
    let finding = |number: usize| {
        Finding::error(if number.is_multiple_of(3) { "docs/case" } else { "docs/missing-file" }, format!("number {number}"))
    };
    let report = |count: usize| Report::new(Reason::Findings, Body::Docs(Box::default())).findings((0..count).map(finding));
    let drawn = |count: usize| render(&report(count), Style::default());
    assert!(!drawn(MOST_DRAWN).contains(" more"), "all are drawn");
    let text = drawn(MOST_DRAWN + 4);
    assert!(text.contains("number 999\n") && !text.contains("number 1000\n"), "{text}");
    let last = "and 4 more: 1 docs/case, 3 docs/missing-file. `--format json` lists them all\n";
    assert!(text.contains(last), "{}", &text[text.len() - 300..]);
}

#[test]
fn no_error_is_left_out_for_warnings() {
    let warnings = (0..MOST_DRAWN).map(|number| Finding::warning("docs/case", format!("number {number}")));
    let findings = warnings.chain([Finding::error("docs/missing-file", "it is gone")]);
    let report = Report::new(Reason::Findings, Body::Docs(Box::default())).findings(findings);
    let text = render(&report, Style::default());
    assert!(text.contains("it is gone") && text.contains("and 1 more: 1 docs/case."), "{}", &text[text.len() - 300..]);
    let annotated = crate::report::github::render(&report, Style::default());
    assert!(annotated.contains("::error title=docs/missing-file"), "{}", &annotated[annotated.len() - 300..]);
}

#[test]
fn a_problem_of_two_gates_is_told_once() {
    let Body::Run(mut run) = sample::verify().body else { panic!("a run") };
    run.gates = vec![sample::gate(1, "one", Outcome::Failed), sample::gate(2, "two", Outcome::Failed)];
    run.gates.iter_mut().for_each(|gate| gate.findings = vec![Finding::error(format!("{}/gone", gate.id), "the ledger is gone")]);
    let report = Report::new(Reason::GateFailed, Body::Run(run));
    let text = plain(&report);
    assert_eq!(text.matches("the ledger is gone").count(), 1, "{text}");
    assert!(text.contains("gate 2, two: gate_failed, as at gate 1\n"), "{text}");
    let annotated = crate::report::github::render(&report, Style::default());
    assert_eq!(annotated.matches("the ledger is gone").count(), 1, "{annotated}");
}

#[test]
fn columns_of_a_table_go_on_below() {
    let Body::Run(mut run) = sample::verify().body else { panic!("a run") };
    run.gates[0].title = "健康 状態 の 確認 🚀 e\u{301}te\u{301} and many more words than fit here".into();
    run.gates[3].owner = Some("the operator who is on call this week".into());
    let report = Report::new(Reason::GateFailed, Body::Run(run));
    insta::assert_snapshot!(render(&report, Style { width: Some(80), verbose: 1, ..Style::default() }), @r#"
    verify commit cccccccccccccccccccccccccccccccccccccccc for production by policy
      bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
      ✓   1  env     健康 状態 の  41 ms                         owner operator,
                     確認 🚀 été                                 sha256:b77349bf1fa9b26d45d545d7d64dad96737e9cfbb3cbb5f5d10fb77b0fcc44ad
                     and many
                     more words
                     than fit
                     here
      ✗   2  window  The window    41 ms      gate_failed        waived until
                     gate                                        2026-11-21T10:00:00Z
                                                                 by
                                                                 ssh:lead@example.com
                                                                 (entry 7),
                                                                 sha256:44ff7b02c80d38b26dd6aa31d9470aed81b32e10331a3c994fb1a9945fd847ba
      ?   3  advice  The advice    2.5 s      gate_inconclusive  advisory,
                     gate                                        sha256:02c97447687b4871b00afe98075a37426dda6be15030c7222033c471491e69f5
      ✗   4  health  The health    1 min 1 s  gate_failed        owner the operator
                     gate                                        who is on call this
                                                                 week,
                                                                 sha256:62484e22a6a5ade1ba25cb1b7c55c4b8861de24caddab73c9409742734008b26
      –   5  docs    The docs                 not run
                     gate

    gate 4, health: gate_failed
    error[http/status]: the status was 500, expected 200
     --> gates/20-health.yaml:3:11
      |
    3 |   - get: "{base_url}/é/health"
      |           ^^^^^^^^^^^^^^^^^^
      |
      = note: at /status
      = help: look at the service's log

    stop (gate_failed). Read the finding, mend its cause, run
      `tagwarden verify --channel production --at COMMIT`.
    "#);
}
