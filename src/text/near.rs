//! "Did you mean": the nearest known word to a mistyped one.
//!
//! Deliberately absent: any list of words; callers bring the words that are lawful at that place.

/// The candidate that `word` most likely meant, if one is near enough to be worth saying.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let scored = candidates.into_iter().map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate));
    let (distance, candidate) = scored.min_by_key(|(distance, _)| *distance)?;
    // A third of the word may be wrong; a word of one or two letters is never a guess at another one.
    let longest = folded.chars().count().max(candidate.chars().count());
    (distance * 3 <= longest).then_some(candidate)
}

/// A help line: the nearest word, or else the whole list.
pub fn help(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if candidates.is_empty() => "nothing may stand here".to_owned(),
        None => format!("one of: {}", candidates.join(", ")),
    }
}

/// Case and the choice of separator are no difference. Long words are cut, so that the comparison stays quick.
fn fold(word: &str) -> String {
    word.chars().take(64).map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let words = ["on_fail", "channels", "max_age", "http", "env"];
        for (word, near) in [
            ("on-fail", Some("on_fail")),
            ("chanels", Some("channels")),
            ("channel", Some("channels")),
            ("MaxAge", Some("max_age")),
            ("htpp", Some("http")),
            ("evn", Some("env")),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, words), near, "{word}");
        }
        assert_eq!(help("owner", &["a", "b"]), "one of: a, b");
        assert_eq!(help(&"x".repeat(1_000_000), &[]), "nothing may stand here");
    }
}
