//! Tables, numbers and names of gates and channels, in all the forms that documents have them in.

use super::{
    edges::{check, of_gates},
    *,
};

/// Three gates on three channels.
fn three() -> Facts {
    let gate = |title: &str| {
        format!("title: {title}\nchannels: [production]\nhttp: [ {{ get: \"{{base_url}}/api/health\", expect: {{ status: 200 }} }} ]\n")
    };
    let first = "title: Variables are set\nenv: { vars: { APP_MODE: { default: optional } } }\n";
    let (second, third) = (gate("Health answers"), gate("Backups restore"));
    of_gates(&[("10-vars.yaml", first), ("20-health.yaml", &second), ("30-backup.yaml", &third)])
}

const OUT_2: &str = "gate-table: the table leaves out 1 of 3 gates: \u{201c}Health answers\u{201d}";

#[test]
fn tables_of_gates_are_compared_by_their_own_numbers() {
    check(
        &three(),
        &[],
        true,
        &[
            (
                "| # | Gate |\n|---|---|\n| 1 | Variables are set |\n| 3 | Backups restore |",
                &["gate Variables are set ok", "gate Backups restore ok", OUT_2],
            ),
            (
                "| # | Gate |\n|---|---|\n| 1 | Variables are set |\n| 1 | Variables are set |\n| 2 | Health answers |\n| 3. | `backup` |",
                &[
                    "gate Variables are set ok",
                    "gate Variables are set broken",
                    "gate Health answers ok",
                    "gate backup ok",
                    "gate-table: gate 1 \u{201c}Variables are set\u{201d} stands in two rows",
                ],
            ),
            (
                "| # | Gate |\n|---|---|\n| 1 | Variables are set |\n| 1 | Health answers |\n| 3 | Backups restore |",
                &[
                    "gate Variables are set ok",
                    "gate Health answers broken",
                    "gate Backups restore ok",
                    "gate-table: \u{201c}Health answers\u{201d} is gate 2",
                ],
            ),
            (
                "| # | Gate |\n|---|---|\n| 2 | Health answers |\n| 1 | Variables are set |\n| 3 | Backups restore |",
                &[
                    "gate Health answers ok",
                    "gate Variables are set broken",
                    "gate Backups restore ok",
                    "gate-table: gate 1 stands after gate 2 here, but comes before it among the gates",
                ],
            ),
            (
                "| # | Gate |\n|---|---|\n| 1 | Variables are set |\n\nx\n\n| # | Gate |\n|---|---|\n| 2 | Health answers |\n| 3 | Backups restore |",
                &["gate Variables are set ok", "gate Health answers ok", "gate Backups restore ok"],
            ),
        ],
    );
}

#[test]
fn ids_of_gates_are_compared() {
    check(
        &three(),
        &[],
        true,
        &[
            (
                "| # | Gate | Id |\n|---|---|---|\n| 1 | Variables are set | `vars` |\n| 2 | Health answers | vars |\n| 3 | Backups restore | nope |",
                &[
                    "gate Variables are set ok",
                    "gate vars ok",
                    "gate Health answers ok",
                    "gate vars broken",
                    "gate Backups restore ok",
                    "gate nope broken",
                    "gate-table: gate 2 has the id `health`, not `vars` (`vars` is the id of gate 1)",
                    "gate-table: gate 3 has the id `backup`, not `nope`",
                ],
            ),
            (
                "| # | Id | Gate |\n|---|---|---|\n| 1 | vars | Variables are set |\n| 2 | health | Health |\n| 3 | | Backups restore |",
                &[
                    "gate vars ok",
                    "gate Variables are set ok",
                    "gate health ok",
                    "gate Health broken",
                    "gate Backups restore ok",
                    "gate-table: gate 2 is \u{201c}Health answers\u{201d} (make the two equal: gates/20-health.yaml has the title)",
                ],
            ),
            (
                "| Gate | Title |\n|---|---|\n| `vars` | Variables are set |\n| `backup` | Backups restore |",
                &["gate vars ok", "gate Variables are set ok", "gate backup ok", "gate Backups restore ok", OUT_2],
            ),
            (
                "| Gate | Owner |\n|---|---|\n| 1. Variables are set | a |\n| 3. Backups restore | b |",
                &["gate Variables are set ok", "gate Backups restore ok", OUT_2],
            ),
            // Without numbers a table may tell of some gates only, in any order.
            (
                "| Gate | Owner |\n|---|---|\n| backup | a |\n| `vars` | b |\n| Health answer | c |",
                &[
                    "gate backup ok",
                    "gate vars ok",
                    "gate Health answer broken",
                    "gate-table: there is no gate \u{201c}Health answer\u{201d} (did you mean `Health answers`?)",
                ],
            ),
            ("| Gate | Owner |\n|---|---|\n| North | a |\n| South | b |\n| vars | c |", &[]),
            ("| Owner | Gate |\n|---|---|\n| a | vars |", &[]),
            ("| # | Issue | Gate |\n|---|---|---|\n| 7 | a | Vars |", &[]),
        ],
    );
}

#[test]
fn numbers_of_all_gates_are_read_in_many_forms() {
    let wrong = |number: u32| format!("wrong-count: the document says {number} gates, but there are 3 (gate files)");
    check(
        &three(),
        &[],
        true,
        &[
            ("The **seven** gates.", &["count 7 gates broken", &wrong(7)]),
            ("The\nseven\ngates; the 3\ngates.", &["count 7 gates broken", "count 3 gates ok", &wrong(7)]),
            ("> All of the\n> **four gates**.", &["count 4 gates broken", &wrong(4)]),
            ("All four of the gates. Two of the gates. The two of the gates.", &["count 4 gates broken", &wrong(4)]),
            ("# Way\n\nIt has 7 gates.", &["count 7 gates broken", &wrong(7)]),
            ("## Staging\n\nIt has 2 gates. Ours is slow, it has 2 gates.", &[]),
            (
                "This is our protocol. It has 2 gates in total. It has 2 gates on staging. The protocol has 2 gates that write.",
                &["count 2 gates broken", &wrong(2)],
            ),
            ("Our release protocol has *2* gates.", &["count 2 gates broken", &wrong(2)]),
            ("The\n\nseven gates\n\n- the\n- seven\n- gates", &[]),
            (
                "## The 4 `x` gates\n\n## Two of the gates\n\n## **4** gates\n\n- *the 5 gates*",
                &["count 4 gates broken", "count 5 gates broken", &wrong(4), &wrong(5)],
            ),
            (
                "Gates 1-5, gates 2\u{2013}3, gates 1, 2 and 7; gates 9 to 10x. This gates 9 things, gates 9 and more.",
                &[
                    "gate gate 1 ok",
                    "gate gate 5 broken",
                    "gate gate 2 ok",
                    "gate gate 3 ok",
                    "gate gate 1 ok",
                    "gate gate 2 ok",
                    "gate gate 7 broken",
                    "unknown-gate: there is no gate 5",
                    "unknown-gate: there is no gate 7",
                ],
            ),
            (
                "## Phase 1\n## Phase 2\n\nPhases 1\u{2013}4, phases 1.2 and 3.",
                &["phase phase 1 ok", "phase phase 4 broken", "missing-phase: no heading of the document opens phase 4"],
            ),
        ],
    );
}

#[test]
fn channels_are_found_by_their_name() {
    let unknown = "unknown-channel: the protocol has no channel `canary`";
    let perhaps = "unchecked: the protocol has no such channel, but it may be one of something else";
    check(
        &three(),
        &[],
        true,
        &[
            (
                "| Channel | URL |\n|---|---|\n| Local dev | a |\n| `staging` (default) | b |\n| canary | c |",
                &["channel local_dev ok", "channel staging ok", "channel canary broken", unknown],
            ),
            (
                "| # | Channel |\n|---|---|\n| 1 | staging, production |\n| 2 | stagin and local_dev |",
                &[
                    "channel staging ok",
                    "channel production ok",
                    "channel stagin broken",
                    "channel local_dev ok",
                    "unknown-channel: the protocol has no channel `stagin` (did you mean `staging`?)",
                ],
            ),
            (
                "| Channel | x |\n|---|---|\n| staging | a |\n| production | b |\n| all others | c |",
                &["channel staging ok", "channel production ok"],
            ),
            ("| Channel | x |\n|---|---|\n| production | a |", &["channel production ok"]),
            ("| Channel | x |\n|---|---|\n| #ops | a |\n| news | b |\n| production | b |", &[]),
            (
                "## Channel canary\n## Channel `staging`\n## Channel overview\n## Channel: preview\n## Production channel\n## Slack channel",
                &[
                    "channel canary broken",
                    "channel staging ok",
                    "channel preview broken",
                    "channel production ok",
                    unknown,
                    "unknown-channel: the protocol has no channel `preview`",
                ],
            ),
            (
                "## Channel staging\n## Channel production",
                &["channel staging ok", "channel production ok", "channel-missing: other channels have a heading here, but not local_dev"],
            ),
            (
                "The channel `canary`, the `production` channel. On channel `tx`, the `rx` channel; subchannel `production`, the `nightly` channel of Rust.",
                &[
                    "channel canary broken",
                    "channel production ok",
                    &format!("channel tx {perhaps}"),
                    "channel nightly broken",
                    unknown,
                    "unknown-channel: the protocol has no channel `nightly`",
                ],
            ),
            (
                "| Name | staging | canary | production | local_dev | notes |\n|---|---|---|---|---|---|\n| a | b | c | d | e | f |",
                &["channel staging ok", "channel canary broken", "channel production ok", "channel local_dev ok", unknown],
            ),
        ],
    );
    check(
        &three(),
        &[],
        false,
        &[(
            "The channel `canary`. Gates 1-5\n\n## Channel canary\n\n| Channel |\n|---|\n| staging |\n| canary |",
            &["gate gate 1 ok", "gate gate 5 unchecked: no heading bears this number"],
        )],
    );
}
