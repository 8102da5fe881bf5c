//! What prose says of pull requests: which ones there are in the tables, and what became of them.

use super::*;

fn findings(pulls: &[(u64, pulls::State)], text: &str) -> Vec<String> {
    let pulls = pulls.iter().map(|(number, state)| (*number, pulls::Pull { state: Some(*state), ..pulls::Pull::default() })).collect();
    let facts = Facts { pulls: pulls::Known { pulls, complete: false, ..pulls::Known::default() }, ..Facts::default() };
    let tree = tree(&[]);
    let source = Source::new("docs/promotion.md", text);
    let census = Library::new(&tree, &facts).unwrap().census(&source, &markdown::parse(text), true).unwrap();
    census.findings().map(|finding| finding.message.clone()).collect()
}

fn table(numbers: &[u64]) -> String {
    let rows: String = numbers.iter().map(|number| format!("| #{number} | x |\n")).collect();
    format!("\n\n| PR | What |\n|---|---|\n{rows}\n")
}

#[test]
fn a_range_declares_the_tables_that_it_covers() {
    let one = |range: &str, missing: &str| format!("{range} pull requests, but 1 stands in no table: {missing}");
    let extra = |number: u64, of: &str| format!("#{number} stands in a table, but lies outside of {of}");
    let four = one("#1 to #4 are 4", "#3");
    for (prose, rows, messages) in [
        ("The PRs (#1\u{2013}#4) ship.", &[1, 2, 4][..], vec![four.clone()]),
        ("PRs (#1\u{2013}#4) have implicit dependencies. The following order is safe:", &[1, 2, 4], vec![four.clone()]),
        ("The PRs (#1 to #4) ship.\n\nAfter #1-#2 have landed, do #3.", &[1, 2, 3, 4], vec![]),
        ("After #1-#3 have landed, do #4.", &[1, 2, 3, 4], vec![]),
        ("After #1-#6 have landed, go on.", &[1, 2, 3, 4], vec![]),
        ("#4 needs PRs #1-#3.", &[1, 2, 3, 4], vec![]),
        ("The PRs (#1-#4).\n\nHistory: #90-#95 were chores.", &[1, 2, 3, 4], vec![]),
        ("The PRs (#1-#4).\n\nLook at #3-#6, too.", &[1, 2, 3, 4], vec![]),
        ("The PRs (#1-#4).\n\nLook at #3-#5, too.", &[1, 2, 3, 4], vec![]),
        ("PRs #1-#9 were chores; what remains:", &[3, 5], vec![]),
        // The list that a range stands in.
        ("The PRs (#1-#4, #7).", &[1, 2, 3, 4, 7], vec![]),
        ("The PRs (#1-#4 and [#7](https://example.com/7)).", &[1, 2, 3, 4, 7], vec![]),
        ("The PRs (#7, #1-#2, #4-#5).", &[1, 2, 4, 5, 7], vec![]),
        ("The PRs (#1-#4, #7).", &[1, 2, 3, 4], vec!["#7 is declared beside a range, but stands in no table".to_owned()]),
        ("The PRs #1-#4 and #7 touch the same file.", &[1, 2, 3, 4], vec![]),
        ("The PRs (#1-#4, #7).", &[1, 2, 3, 4, 7, 8], vec![extra(8, "#1 to #4, #7")]),
        // Lists without a range, right above the table.
        (
            "The PRs #1, #2, #3 and #4 must land in this order:",
            &[1, 2, 4],
            vec!["#3 is declared above a table, but stands in none".to_owned()],
        ),
        ("Pull requests: #1, #2, #3.", &[1, 2, 3, 5], vec![extra(5, "#1, #2, #3")]),
        ("The PRs #1, #2, #3 and #4 must land in this order:", &[1, 2, 3, 4], vec![]),
        ("#1, #2 and #3 touch the same file.", &[1, 2], vec![]),
        ("Merged: #1, #2 and #3.", &[1, 2], vec![]),
        ("The PRs #1, #2, #3:\n\nThere is more to say.", &[1, 2], vec![]),
        ("PRs #1, #2 and #3 are backend, #4 is frontend:", &[1, 2, 4], vec![]),
        ("The PRs #1 and #2:", &[1, 3], vec![]),
        // What is left out.
        ("The PRs (#1 - #4).", &[1, 2, 4], vec![four.clone()]),
        ("The PRs (#1-#4, except #3).", &[1, 2, 4], vec![]),
        ("The PRs (#1-#5, except #2-#3).", &[1, 4, 5], vec![]),
        ("The PRs #1-#4 (without #3) ship.", &[1, 2, 4], vec![]),
        ("The PRs (#1-#4, not #3 and #2).", &[1, 4], vec![]),
        ("The PRs (#1-#4) ship. #3 was dropped.", &[1, 2, 4], vec![]),
        ("The PRs (#1-#4) ship. #3 is big.", &[1, 2, 4], vec![four.clone()]),
        ("The PRs (#1-#4) for #3 ship.", &[1, 2, 4], vec![four.clone()]),
        // What is too much.
        ("The PRs #1-#3.", &[1, 2, 3, 5], vec![extra(5, "#1 to #3")]),
        ("All pull requests (#1-#3):", &[1, 2, 3, 5], vec![extra(5, "#1 to #3")]),
        ("PRs #1-#3 are backend, #4 is frontend.", &[1, 2, 3, 4], vec![]),
        ("PRs #1-#3 come first.", &[1, 2, 3, 4], vec![]),
        ("The backend of #1-#3 is small.", &[1, 2, 3, 4], vec![]),
        ("The PRs #1-#2.", &[1, 2, 3, 4], vec![]),
        ("The PRs #1-#2.\n\nThe PRs #3-#5.", &[1, 2, 3, 4, 5, 9], vec![extra(9, "#1 to #2")]),
    ] {
        assert_eq!(findings(&[], &format!("# P\n\n{prose}{}", table(rows))), messages, "{prose} {rows:?}");
    }
    let sections = format!("# P\n\n## A\n\nThe PRs #1-#2.{}## B{}", table(&[1, 2]), table(&[3]));
    assert_eq!(findings(&[], &sections), Vec::<String>::new());
    let sections = format!("# P\n\nThe PRs #1-#2.\n\n## A{}## B{}", table(&[1, 2]), table(&[3]));
    assert_eq!(findings(&[], &sections), [extra(3, "#1 to #2")]);
    let below = format!("# P{}All of #1-#4 above go.", table(&[1, 2, 4]));
    assert_eq!(findings(&[], &below), [four]);
    let cells = format!("# P{}\n\n| PR | Note |\n|---|---|\n| #9 | replaces #1-#3 |\n", table(&[1, 2]));
    assert_eq!(findings(&[], &cells), Vec::<String>::new());
}

#[test]
fn rows_without_an_order_may_stand_above_what_they_need() {
    let rows = "| PR | Needs |\n|---|---|\n| #2 | #1 |\n| #1 | |\n\n";
    let wrong = "#2 depends on #1, which stands below it";
    assert_eq!(findings(&[], &format!("# P\n\nThese merge in any order.\n\n{rows}")), Vec::<String>::new());
    assert_eq!(findings(&[], &format!("# P\n\nThese merge in this order.\n\n{rows}")), [wrong]);
    assert_eq!(findings(&[], &format!("# In any order\n\n# P\n\n{rows}")), [wrong]);
}

#[test]
fn a_status_is_judged_where_it_is_certain() {
    use pulls::State::{Closed, Merged, Open};
    let states = [(1, Merged), (2, Open), (3, Closed), (4, Open), (5, Merged)];
    for (text, messages) in [
        ("#2 and #1 are merged.", &["#2 is called merged, but it is open"][..]),
        ("#2, #1 and #5 have shipped.", &["#2 is called shipped, but it is open"]),
        ("Both #2 and #1 shipped.", &["#2 is called shipped, but it is open"]),
        ("#1, #2 and #4 were merged.", &["#2 is called merged, but it is open", "#4 is called merged, but it is open"]),
        ("[#2](https://example.com/pull/2) is merged.", &["#2 is called merged, but it is open"]),
        ("[#2](https://example.com/pull/2) and [#1](https://example.com/pull/1) are merged.", &["#2 is called merged, but it is open"]),
        ("Merged: #2", &["#2 is called merged, but it is open"]),
        ("**Merged:** #1, #2", &["#2 is called merged, but it is open"]),
        ("Merged PRs: #1, #2", &["#2 is called merged, but it is open"]),
        ("The merged pull requests #1 and #2", &["#2 is called merged, but it is open"]),
        ("#2 went live.", &["#2 is called live, but it is open"]),
        ("#2 is in production.", &["#2 is called in production, but it is open"]),
        ("**#2** is `merged`.", &["#2 is called merged, but it is open"]),
        ("#2 is closed.", &["#2 is called closed, but it is open"]),
        ("#1 is not merged.", &["#1 is called not merged, but it is merged"]),
        ("#1 isn't merged yet.", &["#1 is called not merged, but it is merged"]),
        ("#1 has not been merged", &["#1 is called not merged, but it is merged"]),
        ("#3 is merged.", &["#3 is called merged, but it is closed"]),
        ("#1 is still open.", &["#1 is called open, but it is merged"]),
        ("The open #1 waits.", &["#1 is called open, but it is merged"]),
        ("Open: #1", &["#1 is called open, but it is merged"]),
        ("#2 was merged first.", &["#2 is called merged, but it is open"]),
        // Neither questions nor conditions nor orders claim anything.
        ("Is #2 merged?", &[]),
        ("Is #2 merged? Then go on.", &[]),
        ("is #2 merged? then go on.", &[]),
        ("Was #2 merged on Monday?", &[]),
        ("Check that #2 is merged.", &[]),
        ("Once the whole stack below #2 is merged, go on.", &[]),
        ("Neither #1 nor #2 is merged.", &[]),
        ("- [ ] #2 is merged", &[]),
        ("#2 is merged first, then #4.", &[]),
        ("#2 is merged after #1.", &[]),
        ("#2 and #4 are merged in the second phase.", &[]),
        ("Open #1 in the browser.", &[]),
        ("Not merged: #2", &[]),
        ("To be merged: #2, #4", &[]),
        // What stands beside a list need not speak of it.
        ("Besides #2, #1 and #5 are merged.", &[]),
        ("Look: #2 and #1 is merged.", &[]),
        ("Unlike #2, #1 and #5 are merged.", &[]),
        ("#4 waits for #2 and #1 is merged.", &[]),
        ("#2 or #1 are merged.", &[]),
        ("The merged #1 and #2 differ.", &[]),
        ("#2 closed the gap.", &[]),
        ("test #2 in production", &[]),
        // What is right.
        ("#1 and #5 are merged, #2 and #4 are open.", &[]),
        ("#3 and #1 are closed.", &[]),
        ("#2 is not merged.", &[]),
        ("#3 is not merged.", &[]),
        ("#1 is not merged by hand.", &[]),
        ("#1 is not merged into v1.", &[]),
        ("Merged: #1, #5", &[]),
    ] {
        assert_eq!(findings(&states, text), messages, "{text}");
    }
}
