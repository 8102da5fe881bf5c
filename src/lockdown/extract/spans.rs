//! What the text of a code span is, by its shape alone. Each span is of one sort, so that no two kinds of reference claim it.

use crate::{
    lockdown::shape::{self, PathClaim},
    text::markdown::CodeSpan,
};
use std::{collections::HashSet, sync::LazyLock};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    Url,
    /// `#312`, `owner/repo#3`
    Pull,
    /// `NAME`, `$NAME`, `${NAME}`, `NAME=value`, `NAME_*`; the name alone.
    Env(String),
    /// Several words that start with a program.
    Command,
    /// `GET /x`, `/x`: method and path. `/x` may be a path of the tree all the same.
    Endpoint(Option<&'static str>, String),
    /// Seven to forty hex digits, with a digit and a letter.
    Commit,
    Path(PathClaim),
    /// A name as programs have it: `run`, `Runner::run`, `run()`.
    Name(String),
    Other,
}

pub const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Programs that commands of protocols start with.
const PROGRAMS: &str = "\
    act ansible ansible-playbook apt apt-get argocd awk aws az bash brew bun bundle bunx cargo cat cd certbot chmod chown composer corepack \
    cosign cp crane createdb curl deno dig docker docker-compose doctl dotnet dropdb echo env eslint export flyctl gcloud gh git glab go gpg \
    gradle grep gsutil helm helmfile heroku initdb java journalctl jq just k3d kubeadm kubectl kustomize lerna ln ls make minikube mise mkdir \
    mongodump mongorestore mongosh mv mvn mypy mysql mysqldump netlify node npm npx nslookup nvm oc openssl pdm perl pg_dump pg_dumpall \
    pg_isready pg_restore php pip pip3 pipx pm2 pnpm podman poetry pre-commit prettier prisma psql pulumi pytest python python3 railway rails \
    rake redis-cli rg rm rsync ruby ruff rustc rustup scp sed sh sha256sum shellcheck skaffold skopeo sops source sqlite3 ssh ssh-keygen sudo \
    supabase svn syft systemctl tagwarden tar tee terraform tofu touch trivy tsc tsx turbo unzip uv uvicorn uvx vagrant vercel vitest wget \
    wrangler xargs xdg-open yarn yq zsh";

static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| PROGRAMS.split(' ').collect());

/// Programs whose names are words too: what follows must look like an argument.
const WORDS: &str = "at diff find head http kill kind open ping sort step swift tail test time watch which";

/// Files that are commands where something follows them.
const SCRIPTS: &[&str] = &[".bash", ".mjs", ".pl", ".py", ".rb", ".sh"];

pub fn read(span: &CodeSpan) -> Span {
    let text = span.text.trim();
    if let Some(url) = url(text) {
        return url;
    }
    if is_pull(text) {
        return Span::Pull;
    }
    if let Some(name) = env(text) {
        return Span::Env(name.to_owned());
    }
    if let Some((method, path)) = endpoint(text) {
        return Span::Endpoint(method, path.to_owned());
    }
    if text.starts_with("//") {
        return Span::Other;
    }
    if is_command(text) {
        return Span::Command;
    }
    if is_commit(text) {
        return Span::Commit;
    }
    if let Some(claim) = shape::path(text) {
        return Span::Path(claim);
    }
    match name(text) {
        Some(name) => Span::Name(name.to_owned()),
        None => Span::Other,
    }
}

/// Where only URLs are looked for.
pub fn read_url(span: &CodeSpan) -> Span {
    url(span.text.trim()).unwrap_or(Span::Other)
}

fn url(text: &str) -> Option<Span> {
    let starts = text.starts_with("http://") || text.starts_with("https://");
    starts.then(|| if text.contains(char::is_whitespace) { Span::Other } else { Span::Url })
}

fn is_pull(text: &str) -> bool {
    let Some((repo, number)) = text.split_once('#') else { return false };
    let lawful = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let word = ["pr", "pull request", "issue"].iter().any(|word| repo.trim_end().eq_ignore_ascii_case(word));
    let named = repo.is_empty() || word || repo.split_once('/').is_some_and(|(owner, name)| lawful(owner) && lawful(name));
    named && (1..=9).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
}

/// A name needs an underscore, since a plain upper-case word may be anything.
pub fn env(text: &str) -> Option<&str> {
    let (bare, sure) = match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        Some(inner) => (inner, true),
        None => text.strip_prefix('$').map_or((text, false), |rest| (rest, true)),
    };
    let (name, value) = bare.split_once('=').map_or((bare, None), |(name, value)| (name, Some(value)));
    if value.is_some_and(|value| value.contains(char::is_whitespace) || value.starts_with('=')) {
        return None;
    }
    let stem = name.strip_suffix('*').unwrap_or(name);
    let lawful = stem.starts_with(|c: char| c.is_ascii_uppercase())
        && stem.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && stem.len() >= 3;
    let underscore = stem.trim_matches('_').contains('_') || name.ends_with("_*");
    (lawful && (underscore || sure && stem == name)).then_some(name)
}

/// A word in capitals, alone or with a value: a variable only where something else says so.
pub fn capitals(text: &str) -> Option<&str> {
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    if value.is_some_and(|value| value.contains(char::is_whitespace) || value.starts_with('=')) {
        return None;
    }
    let lawful = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    ((2..=100).contains(&name.len()) && name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(lawful)).then_some(name)
}

fn endpoint(text: &str) -> Option<(Option<&'static str>, &str)> {
    let (method, path) = match text.split_once(' ') {
        Some((word, path)) => (Some(METHODS.iter().find(|method| **method == word)?), path.trim()),
        None => (None, text),
    };
    let lawful = path.starts_with('/') && path.len() > 1 && !path.starts_with("//") && !path.contains(char::is_whitespace);
    let letters = path.chars().any(char::is_alphanumeric) && !path.contains(['\\', '`', '"', '\'', '(', '|', '^', '$', ';']);
    (lawful && letters && !path[1..].starts_with('*')).then_some((method.copied(), path))
}

fn is_command(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let assigned = |word: &&str| {
        word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
    };
    let Some(first) = words.by_ref().find(|word| !assigned(word) && *word != "$") else { return false };
    let script = first.starts_with("./") && first.len() > 2;
    let Some(second) = words.next() else { return script && text.contains('=') };
    let argument = second.starts_with(['-', '.', '/', '$', '<', '"', '\'']) || second.contains("://");
    script
        || KNOWN.contains(first)
        || argument && WORDS.split(' ').any(|program| program == first)
        || SCRIPTS.iter().any(|end| first.len() > end.len() && first.ends_with(end))
}

/// A word of letters only is no commit, a number neither.
pub fn is_commit(text: &str) -> bool {
    (7..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}

fn name(text: &str) -> Option<&str> {
    let bare = text.strip_suffix("()").unwrap_or(text);
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$')
    };
    let parts = bare.split("::").flat_map(|part| part.split('.'));
    (bare.len() <= 200 && parts.into_iter().all(part)).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(text: &str) -> String {
        let span = CodeSpan { text: text.to_owned(), range: 0..0, content: 0..0, link: None, cell: false };
        match read(&span) {
            Span::Env(name) => format!("env {name}"),
            Span::Endpoint(method, path) => format!("endpoint {} {path}", method.unwrap_or("-")),
            Span::Path(claim) => format!("path {}", claim.path),
            Span::Name(name) => format!("name {name}"),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    #[test]
    fn each_span_is_of_one_sort() {
        for (text, expected) in [
            ("https://example.com/a", "url"),
            ("#312", "pull"),
            ("owner/repo#3", "pull"),
            ("#Runner", "other"),
            ("DATABASE_URL", "env DATABASE_URL"),
            ("$HOME", "env HOME"),
            ("${APP_CHANNEL}", "env APP_CHANNEL"),
            ("APP_CHANNEL=staging", "env APP_CHANNEL"),
            ("APP_SIGNING_*", "env APP_SIGNING_*"),
            ("TODO", "name TODO"),
            ("HTTP", "name HTTP"),
            ("PR314A", "name PR314A"),
            ("A==B", "other"),
            ("GET /api/health", "endpoint GET /api/health"),
            ("/api/passport/<id>", "endpoint - /api/passport/<id>"),
            ("/.well-known/jwks.json", "endpoint - /.well-known/jwks.json"),
            ("/", "other"),
            ("//x", "other"),
            ("/etc/x y", "other"),
            ("curl -s https://example.com | jq", "command"),
            ("./scripts/check.sh BASE_URL=https://example.com", "command"),
            ("FORCE=1 node scripts/x.mjs", "command"),
            ("git push --atomic", "command"),
            ("git", "name git"),
            ("scripts/x.sh --all", "command"),
            ("open https://example.com/x", "command"),
            ("open the door", "other"),
            ("FORCE=1 ./x", "command"),
            ("merge the thing", "other"),
            ("a1b2c3d", "commit"),
            ("1234567", "other"),
            ("deadbee", "name deadbee"),
            ("src/main.rs", "path src/main.rs"),
            ("Runner::run", "name Runner::run"),
            ("run()", "name run"),
            ("config.clerk.mode", "name config.clerk.mode"),
            ("--flag", "other"),
            ("true", "name true"),
        ] {
            assert_eq!(sort(text), expected, "{text}");
        }
    }
}
