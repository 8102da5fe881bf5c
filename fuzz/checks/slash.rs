//! A comment, read with two prefixes: it ends, what is answered points into it, a command is written as it was read, and a quoted
//! comment is none.

use tagwarden::text::slash::{Dialect, read};

pub fn check(text: &str) {
    let other: Dialect = match "tagwarden ".parse() {
        Ok(prefix) => Dialect { prefix, require_sha: false },
        Err(why) => panic!("{why}"),
    };
    for dialect in [Dialect::default(), other] {
        let answer = read(text, &dialect);
        assert_eq!(answer, read(text, &dialect), "the same text twice");
        match answer {
            Ok(None) => {}
            Ok(Some(invocation)) => {
                assert!(text[invocation.range.clone()].starts_with(&text[invocation.head.clone()]));
                let mut at = invocation.head.end;
                for range in invocation.parts.iter().flat_map(|part| [&part.flag, &part.value]).flatten() {
                    assert!(at <= range.start && range.end <= invocation.range.end && text.get(range.clone()).is_some(), "{range:?}");
                    at = range.end;
                }
                let line = invocation.command.line(&dialect.prefix);
                let again = read(&line, &dialect).map(|again| again.map(|again| again.command));
                assert_eq!(again, Ok(Some(invocation.command)), "{line}");
            }
            Err(problem) => {
                assert!(text.get(problem.range.clone()).is_some(), "{problem:?}");
                assert!(problem.correct.starts_with(dialect.prefix.as_str()) && !problem.correct.contains(['\n', '\r']), "{problem:?}");
                let place = problem.place(text);
                assert!(place.line >= 1 && place.column >= 1, "{place:?}");
            }
        }
        let quoted: String = text.split(['\n', '\r']).flat_map(|line| ["> ", line, "\n"]).collect();
        assert_eq!(read(&quoted, &dialect), Ok(None), "{quoted:?}");
    }
}
