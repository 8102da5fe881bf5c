//! Tells options from arguments, by a list of those options of a program that take a value.

use super::shell::Word;

/// The options that take a value: letters, and long names in one text, separated by blanks.
pub struct Valued {
    pub letters: &'static str,
    pub names: &'static str,
}

/// One word, or a part of it, behind a program.
#[derive(Debug)]
pub enum Given<'w> {
    /// An option by its name with its dashes, and its value.
    Option(String, Option<Value<'w>>),
    Argument(&'w Word),
}

#[derive(Clone, Debug)]
pub struct Value<'w> {
    /// `None`: it is known only when it runs.
    pub text: Option<String>,
    pub word: &'w Word,
}

/// Reads what stands behind a program. `text`: what the words stand in.
pub fn read<'w>(words: &'w [Word], text: &str, valued: &Valued) -> Vec<Given<'w>> {
    let mut given = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(value) = word.value(text) else {
            given.push(Given::Argument(word));
            continue;
        };
        if value == "--" {
            given.extend(words.by_ref().map(Given::Argument));
        } else if let Some(name) = value.strip_prefix("--") {
            let (name, attached) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
            let attached = attached.map(|value| Value { text: Some(value.to_owned()), word });
            let takes = attached.is_none() && valued.names.split(' ').any(|known| known == name);
            let next = if takes { words.next().map(|word| Value { text: word.value(text), word }) } else { None };
            given.push(Given::Option(format!("--{name}"), attached.or(next)));
        } else if value.len() > 1 && value.starts_with('-') {
            let letters = &value[1..];
            match letters.char_indices().find(|(_, letter)| valued.letters.contains(*letter)) {
                Some((at, letter)) => {
                    given.extend(letters[..at].chars().map(|flag| Given::Option(format!("-{flag}"), None)));
                    let rest = &letters[at + letter.len_utf8()..];
                    let value = match rest.is_empty() {
                        true => words.next().map(|word| Value { text: word.value(text), word }),
                        false => Some(Value { text: Some(rest.to_owned()), word }),
                    };
                    given.push(Given::Option(format!("-{letter}"), value));
                }
                None => given.extend(letters.chars().map(|flag| Given::Option(format!("-{flag}"), None))),
            }
        } else {
            given.push(Given::Argument(word));
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockdown::commands::shell;

    #[test]
    fn options_take_their_values() {
        let valued = Valued { letters: "XHd", names: "data header" };
        for (text, told) in [
            ("x -sX POST -H 'a b' u", "-s -X=POST -H='a b' [u]"),
            ("x -XPOST --data {} --header=b u v", "-X=-XPOST --data={} --header=--header=b [u] [v]"),
            ("x \"$A\" -- -d", "[\"$A\"] [-d]"),
            ("x - -d", "[-] -d"),
        ] {
            let statements = shell::read(text, true);
            let given = read(&statements[0].commands[0].words[1..], text, &valued);
            let show = |given: &Given| match given {
                Given::Option(name, None) => name.clone(),
                Given::Option(name, Some(value)) => format!("{name}={}", value.word.raw(text)),
                Given::Argument(word) => format!("[{}]", word.raw(text)),
            };
            assert_eq!(given.iter().map(show).collect::<Vec<_>>().join(" "), told, "{text}");
        }
    }
}
