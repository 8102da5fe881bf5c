use super::*;

/// A history from lines, newest first: `commit`, `commit!` of a merge, `- path`, `old > new`.
fn history(text: &str) -> History {
    recorded(text, true)
}

/// `renames`: whether they are told as such, and not as removals.
fn recorded(text: &str, renames: bool) -> History {
    let mut recorder = Recorder::default();
    for line in lines(text) {
        if let Some(path) = line.strip_prefix("- ") {
            recorder.removed(path);
        } else if let Some((from, to)) = line.split_once(" > ") {
            if renames { recorder.renamed(from, to, 100) } else { recorder.removed(from) }
        } else {
            recorder.commit(line.trim_end_matches('!'), line.ends_with('!'));
        }
    }
    recorder.finish(Limits::default())
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', '\n']).map(str::trim).filter(|line| !line.is_empty())
}

/// The same history where renames are told only of commits in which they matter for this path; and how many those were.
fn by_and_by(text: &str, path: &str, exists: impl Fn(&str) -> bool) -> (History, usize) {
    let mut history = recorded(text, false);
    let mut told = 0;
    loop {
        let unclear = history.unclear(&[path], &exists);
        if unclear.is_empty() {
            return (history, told);
        }
        for commit in unclear {
            let own = lines(text).skip_while(|line| line.trim_end_matches('!') != commit).skip(1);
            let own = own.take_while(|line| line.starts_with("- ") || line.contains(" > "));
            history.renames(&commit, own.filter_map(|line| line.split_once(" > ")).map(|(from, to)| (from, to, 100)));
            told += 1;
        }
    }
}

/// Path, the paths that exist, the history, and the fate as it is shown.
type Case = (&'static str, &'static str, &'static str, &'static str);

#[track_caller]
fn check(cases: &[Case]) {
    for (path, exist, text, expected) in cases {
        let exists = |asked: &str| exist.split(' ').any(|path| path == asked || path.starts_with(&format!("{asked}/")));
        let fate = history(text).fate(path, exists);
        let shown = fate.as_ref().map_or("never".to_owned(), Fate::to_string);
        assert_eq!(shown, *expected, "{path} in {text}");
        assert_eq!(by_and_by(text, path, exists).0.fate(path, exists), fate, "by and by: {path} in {text}");
        if let Some(now) = fate.as_ref().and_then(Fate::now) {
            assert!(exists(now), "{now} does not exist: {text}");
        }
    }
}

#[test]
fn files_are_followed_through_their_names() {
    check(&[
        ("a", "", "c1; - a", "removed in c1"),
        ("a", "b", "c1; a > b", "renamed to b in c1"),
        ("a", "c", "c2; b > c; c1; a > b", "renamed to c in c2"),
        ("a", "", "c3; - c; c2; b > c; c1; a > b", "renamed to c in c2, which was removed in c3"),
        ("b", "c", "c2; b > c; c1; a > b", "renamed to c in c2"),
        ("never", "b", "c1; a > b", "never"),
        // The new name of something is no name that went away.
        ("b", "", "c1; a > b", "never"),
        // There is nothing to tell of what exists.
        ("a", "a", "c1; - a", "never"),
        ("", "b", "c1; a > b", "never"),
        ("a", "b", "0123456789abcdef; a > b", "renamed to b in 0123456789"),
    ]);
}

#[test]
fn names_that_were_used_again_are_told_apart_by_time() {
    check(&[
        // Removed, made again, removed again.
        ("a", "b", "c3; - a; c2; - a; c1; a > b", "removed in c3"),
        ("a", "b", "c3; a > b; c2; - a", "renamed to b in c3"),
        // What carried the name b before a was given it does not matter.
        ("a", "b", "c2; a > b; c1; - b", "renamed to b in c2"),
        ("a", "b", "c2; a > b; c1; b > x", "renamed to b in c2"),
        // The name b was left again, and then taken by something else.
        ("a", "b c", "c2; b > c; c1; a > b", "renamed to c in c2"),
        // b was removed and brought back.
        ("a", "b", "c2; - b; c1; a > b", "renamed to b in c1"),
        ("a", "b", "c3; - c; c2; b > c; c1; a > b", "renamed to b in c1"),
    ]);
}

#[test]
fn swaps_and_circles_end() {
    check(&[
        ("x", "a b", "c2; a > b; b > a; c1; x > a", "renamed to b in c2"),
        ("a", "", "c1; a > b; b > a", "renamed to b in c1, which is gone as well"),
        ("a", "", "c1; a > a", "gone"),
        ("a", "b", "c3; a > b; c2; b > a; c1; a > b", "renamed to b in c3"),
        // From the newest removal of the name on, not from the oldest.
        ("a", "", "c4; - b; c3; a > b; c2; b > a; c1; a > b", "renamed to b in c3, which was removed in c4"),
    ]);
    // A long circle, of which every name is gone.
    let circle: String = (0..2000).map(|n| format!("c{n}; n{n} > n{}\n", (n + 1) % 2000)).collect();
    assert_eq!(history(&circle).fate("n5", |_| false).unwrap().end, End::Lost);
}

#[test]
fn histories_side_by_side_are_joined() {
    check(&[
        // One line renamed b on before the other one renamed a to it.
        ("a", "c", "c2; a > b; c1; b > c", "renamed to c in c1"),
        ("a", "", "c2; a > b; c1; - b", "renamed to b in c2, which was removed in c1"),
        // A merge repeats what its commits did; they are named, and it only where none of them knows.
        ("a", "b", "m!; a > b; c1; a > b", "renamed to b in c1"),
        ("a", "b", "m!; - a; c1; a > b", "renamed to b in c1"),
        ("a", "", "m2!; - a; m1!; - a; c1; - x", "removed in m2"),
        ("a", "", "m!; - b; c1; a > b", "renamed to b in c1, which was removed in m"),
        ("a", "", "c1; a > b", "renamed to b in c1, which is gone as well"),
    ]);
}

#[test]
fn folders_are_followed_where_all_of_them_went_one_way() {
    check(&[
        ("old", "new/a", "c1; old/a > new/a; old/b > new/b", "renamed to new in c1"),
        ("old/", "new/a", "c1; old/a > new/a", "renamed to new in c1"),
        ("old", "new/x/y", "c1; old/x/y > new/x/y; old/z > new/z", "renamed to new in c1"),
        ("old/x", "new/x/y", "c1; old/x/y > new/x/y; old/z > new/z", "renamed to new/x in c1"),
        ("lib", "src/lib/a", "c1; lib/a > src/lib/a", "renamed to src/lib in c1"),
        // By and by.
        ("old", "new/a", "c2; old/a > new/a; c1; old/b > new/b", "renamed to new in c2"),
        // And on.
        ("old", "far/a", "c2; new/a > far/a; c1; old/a > new/a", "renamed to far in c2"),
        ("old", "", "c2; - new/a; c1; old/a > new/a", "renamed to new in c1, which was removed in c2"),
        ("old", "", "c1; old/a > new/a", "renamed to new in c1, which is gone as well"),
        ("old", "", "c2; new/a > old/a; c1; old/a > new/a", "gone"),
        ("old", "", "c1; old/a > new/a; new/a > old/a", "renamed to new in c1, which is gone as well"),
        // Removed, and when the last of it went.
        ("old", "", "c2; - old/b; c1; - old/a", "removed in c2"),
        ("old", "new/a", "c2; - old/b; c1; old/a > new/a", "removed in c2"),
        // Two ways.
        ("old", "new/a far/b", "c1; old/a > new/a; old/b > far/b", "removed in c1"),
        ("old", "new/a", "c1; old/a > new/a; - old/b", "removed in c1"),
        ("old", "far/a far/b new/c", "c2; old/c > new/c; c1; old/a > far/a; old/b > far/b", "removed in c2"),
        ("old", "far/z new/c", "c3; old/c > new/c; c2; old/z > far/z; c1; old/b > new/b", "removed in c3"),
        // What left before does not count.
        ("old", "far/a new/b", "c2; old/b > new/b; old/c > new/c; c1; old/a > far/a; - old/d", "renamed to new in c2"),
        // Renamed itself on the way, or edited beyond recognition.
        ("old", "new/a", "c1; old/a > new/a; old/b > new/bb", "renamed to new in c1"),
        ("old", "new/a new/b", "c1; old/a > new/a; - old/b", "renamed to new in c1"),
        ("old", "new/a new/LICENSE", "c1; old/a > new/a; old/LICENSE > far/LICENSE", "renamed to new in c1"),
        ("old", "new/a", "c2; - new/b; c1; old/a > new/a; - old/b", "renamed to new in c1"),
        // Into the root: no folder to name.
        ("old", "a", "c1; old/a > a", "removed in c1"),
        ("old", "older/a", "c1; - older/b", "never"),
    ]);
}

#[test]
fn many_changes_are_answered_at_once() {
    let text: String = (0..50_000).map(|n| format!("c{n}\nf/{n} > g/{n}\n")).collect();
    let history = history(&text);
    assert_eq!(history.fate("f/49999", |path| path.starts_with("g/")).unwrap().to_string(), "renamed to g/49999 in c49999");
    assert_eq!(history.fate("f", |path| path == "g").unwrap().now(), Some("g"));
}

#[test]
fn renames_are_asked_for_only_where_they_matter() {
    let text = "c5; x > y; c4; c > d; c3; z/a > z/b; c2; b > c; c1; a > b";
    let exists = |path: &str| ["d", "y", "z"].contains(&path);
    let asked = |path: &str| by_and_by(text, path, exists).1;
    assert_eq!([asked("a"), asked("c"), asked("never"), asked("z"), asked("z/a")], [3, 1, 0, 0, 1]);
}

proptest::proptest! {
    #[test]
    fn what_is_not_asked_for_changes_nothing(
        changes in proptest::collection::vec(("[abc](/[xy])?", "[abc](/[xy])?", 0..4_u8), 0..14),
        path in "[abc](/[xy])?",
        there in proptest::collection::vec("[abc](/[xy])?", 0..4),
    ) {
        let mut text = String::new();
        for (at, (from, to, sort)) in changes.iter().enumerate() {
            // One commit removes a path once.
            text += &match sort {
                0 => format!("c{at};- {from};"),
                1 => format!("c{at};{from} > {to};- {from}2;"),
                2 => format!("m{at}!;{from} > {to};"),
                _ => format!("c{at};{from} > {to};"),
            };
        }
        let exists = |asked: &str| there.iter().any(|path| path == asked || path.starts_with(&format!("{asked}/")));
        proptest::prop_assert_eq!(by_and_by(&text, &path, exists).0.fate(&path, exists), history(&text).fate(&path, exists), "{}", text);
    }
}
