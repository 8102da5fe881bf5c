//! Identities of people as gates name them: `ssh:<principal>`, `local:<git e-mail>` where nothing is signed, and
//! `github:<numeric id>`.
//!
//! Deliberately absent: teams and permissions. They are rights, which several people have, and no person.

const SIGNER: &str = "ssh:";
const LOCAL: &str = "local:";
const GITHUB: &str = "github:";

/// Refuses what names no person.
pub fn check(identity: &str) -> Result<(), String> {
    let form = "write ssh:<principal>, local:<git e-mail> or github:<numeric id>";
    let shown = identity.escape_debug();
    let name = |scheme: &str| identity.strip_prefix(scheme);
    let lawful = |name: &str| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    match (name(SIGNER).or_else(|| name(LOCAL)), name(GITHUB)) {
        (Some(name), _) if lawful(name) => Ok(()),
        (_, Some(id)) if !id.is_empty() && id.bytes().all(|c| c.is_ascii_digit()) => Ok(()),
        (_, Some(_)) => Err(format!("`{shown}` names a login, which can change hands; {form}")),
        _ if identity.starts_with("team:") || identity.starts_with("permission:") => {
            Err(format!("`{shown}` is a right of several people; {form}"))
        }
        _ => Err(format!("`{shown}` names no person; {form}")),
    }
}

/// The person behind an identity, for telling whether two are the same. Case does not make two people out of one, nor does
/// signing under one's own e-mail.
pub fn person(identity: &str) -> String {
    let name = [SIGNER, LOCAL].iter().find_map(|scheme| identity.strip_prefix(scheme));
    name.unwrap_or(identity).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_people_are_lawful() {
        for (identity, lawful) in [
            ("ssh:alice@example.com", true),
            ("local:alice@example.com", true),
            ("github:199175422", true),
            ("github:alice", false),
            ("github:", false),
            ("ssh:", false),
            ("ssh:a b", false),
            ("alice@example.com", false),
            ("team:org/slug", false),
            ("permission:maintain", false),
            ("", false),
        ] {
            assert_eq!(check(identity).is_ok(), lawful, "{identity}");
        }
    }

    #[test]
    fn one_person_has_several_forms() {
        assert_eq!(person("ssh:Alice@Example.com"), person("local:alice@example.com"));
        assert_ne!(person("ssh:alice@example.com"), person("ssh:bob@example.com"));
        assert_ne!(person("github:1"), person("ssh:1"));
    }
}
