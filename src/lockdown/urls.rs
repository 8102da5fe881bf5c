//! URLs: those of the same repository lead to files, pull requests, commits and releases of it; all others are listed and left alone.

use super::{
    census::{Inside, Question, ReferenceKind, Verdict},
    desk::{Desk, Draft},
    extract::spans::Span,
    landmarks::Word,
    releases,
    resolve::URL,
    shape,
};
use crate::text::markdown::Bytes;
use serde::{Deserialize, Serialize};

/// Where the repository is on its forge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Such as `github.com`; with its port where a web address has one of its own. That of SSH is left out: it says nothing of the
    /// web's.
    pub host: String,
    /// `owner/repo`.
    pub name: String,
}

impl Origin {
    /// From the URL of a remote: `https://host/owner/repo.git`, `git@host:owner/repo.git`, `ssh://git@host/owner/repo`.
    pub fn of_remote(url: &str) -> Option<Origin> {
        let (authority, path, default) = match url.split_once("://") {
            Some((scheme @ ("https" | "http" | "ssh" | "git"), rest)) => {
                let (authority, path) = rest.split_once('/')?;
                let default = match scheme {
                    "https" => Some("443"),
                    "http" => Some("80"),
                    _ => None,
                };
                (authority, path, default)
            }
            Some(_) => return None,
            None => url.split_once(':').filter(|(host, _)| !host.contains('/')).map(|(host, path)| (host, path, None))?,
        };
        let (host, port) = match authority.rsplit('@').next()?.split_once(':') {
            Some((host, port)) => (host, Some(port).filter(|port| !port.is_empty() && default.is_some_and(|default| default != *port))),
            None => (authority.rsplit('@').next()?, None),
        };
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return None;
        }
        let name = path.trim_matches('/').trim_end_matches(".git");
        let lawful = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        let (owner, repo) = name.split_once('/')?;
        if !(lawful(owner) && lawful(repo) && host.contains('.')) {
            return None;
        }
        let host = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Some(Origin { host, name: name.to_owned() })
    }

    /// What a URL leads to; `None`: to another repository, or to no part of this one that is known.
    pub fn read(&self, url: &str) -> Option<Target> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(rest, fragment)| (rest, Some(fragment.to_owned())));
        let rest = rest.split('?').next()?.trim_end_matches('/');
        let (host, path) = rest.split_once('/')?;
        if host.eq_ignore_ascii_case("raw.githubusercontent.com") && self.host == "github.com" {
            let inner = strip_name(path, &self.name)?;
            let inner = inner.strip_prefix("refs/heads/").unwrap_or(inner);
            let (rev, file) = inner.split_once('/')?;
            return Some(Target::File { rev: rev.to_owned(), path: file.to_owned(), fragment: None });
        }
        if !host.trim_start_matches("www.").eq_ignore_ascii_case(&self.host) {
            return None;
        }
        let inner = strip_name(path, &self.name)?;
        let (what, rest) = inner.split_once('/')?;
        match what {
            "blob" | "tree" | "raw" | "blame" | "edit" => {
                let (rev, file) = rest.split_once('/').unwrap_or((rest, ""));
                Some(Target::File { rev: rev.to_owned(), path: file.to_owned(), fragment })
            }
            "pull" => Some(Target::Pull(rest.split('/').next()?.parse().ok()?)),
            "issues" => Some(Target::Issue(rest.split('/').next()?.parse().ok()?)),
            "commit" => Some(Target::Commit(rest.split('/').next()?.to_owned())),
            "releases" => Some(Target::Tag(super::extract::decode(rest.strip_prefix("tag/")?))),
            _ => None,
        }
    }
}

fn strip_name<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    let (start, rest) = path.split_at_checked(name.len())?;
    rest.strip_prefix('/').filter(|_| start.eq_ignore_ascii_case(name))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    File { rev: String, path: String, fragment: Option<String> },
    Pull(u64),
    Issue(u64),
    Commit(String),
    Tag(String),
}

impl Target {
    /// The path and fragment in the present tree, where the revision is a branch that moves on.
    pub fn here(&self, branches: &[String]) -> Option<(&str, Option<&str>)> {
        let Target::File { rev, path, fragment } = self else { return None };
        let moving = ["main", "master", "HEAD", "trunk", "develop"].contains(&rev.as_str()) || branches.iter().any(|branch| branch == rev);
        moving.then_some((path.as_str(), fragment.as_deref()))
    }
}

/// Pull requests, issues, commits and pinned files of the same repository, and every URL of elsewhere. Files of the present
/// tree were resolved as links before.
pub fn judge(desk: &mut Desk, kind: ReferenceKind, url: &str, range: Bytes, text: String) {
    let origin = desk.library.facts.origin.as_ref();
    let draft = |kind: ReferenceKind, target: String| Draft { kind, text: text.clone(), target, range: range.clone() };
    match origin.and_then(|origin| origin.read(url)) {
        Some(Target::File { rev, path, fragment }) => {
            let lines = fragment.as_deref().and_then(shape::line_fragment);
            let inside = lines.map_or(Inside::Whole, |(first, last)| Inside::Lines(first, last));
            let reason = "at a revision that was not looked at";
            let at = desk.add(draft(ReferenceKind::Url, format!("{rev}:{path}")), Verdict::unchecked(reason));
            // A branch may have a slash, and any commit of a fork is one of its forge.
            desk.ask(at, Question::AsOf { rev, path, inside, sure: false });
        }
        Some(Target::Pull(number)) => super::pulls::judge(desk, draft(ReferenceKind::Pull, format!("#{number}")), number),
        Some(Target::Issue(number)) => super::pulls::judge(desk, draft(ReferenceKind::Issue, format!("#{number}")), number),
        Some(Target::Commit(id)) => {
            let at = desk.add(draft(ReferenceKind::Commit, id.clone()), Verdict::unchecked("the object database was not asked"));
            desk.ask(at, Question::Commit { id, sure: true });
        }
        Some(Target::Tag(name)) => {
            let at = desk.add(draft(ReferenceKind::Release, name.clone()), Verdict::unchecked(releases::NO_TAG));
            desk.ask(at, Question::Tag { name, sure: true });
        }
        None => drop(desk.add(draft(kind, url.to_owned()), Verdict::unchecked(URL))),
    }
}

/// URLs that are no Markdown links: in code spans, and bare in the text.
pub fn bare(desk: &Desk) -> Vec<(String, Bytes)> {
    let document = desk.document;
    let spans = document.codes.iter().zip(&desk.spans).filter(|(code, span)| **span == Span::Url && code.link.is_none());
    let mut found: Vec<(String, Bytes)> = spans.map(|(code, _)| (code.text.trim().to_owned(), code.content.clone())).collect();
    let inside = |at: usize| {
        let links = &document.links;
        let next = links.partition_point(|link| link.range.start <= at);
        links[next.saturating_sub(4)..next].iter().any(|link| link.range.contains(&at))
    };
    let mut from = 0;
    for spot in desk.landmarks.spots(Word::Http) {
        // Inside of the one before.
        if spot.at < from {
            continue;
        }
        let rest = desk.text(&(spot.at..document.texts[spot.text].end));
        let Some(scheme) = ["https://", "http://"].iter().find(|scheme| rest.starts_with(**scheme)) else { continue };
        let end = rest.find(|c: char| c.is_whitespace() || "<>\"`|".contains(c)).unwrap_or(rest.len());
        let url = trimmed(&rest[..end]);
        from = spot.at + url.len();
        if url.len() > scheme.len() && !inside(spot.at) {
            found.push((url.to_owned(), spot.at..from));
        }
    }
    found
}

/// Without the punctuation of the sentence, and without a bracket that nothing opened.
fn trimmed(url: &str) -> &str {
    let mut url = url;
    loop {
        let cut = url.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
        let cut = match cut.strip_suffix(')') {
            Some(inner) if inner.matches('(').count() <= inner.matches(')').count() => inner,
            _ => cut.strip_suffix(']').unwrap_or(cut),
        };
        if cut.len() == url.len() {
            return url;
        }
        url = cut;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_name_their_repository() {
        let origin = Some(Origin { host: "github.com".to_owned(), name: "example/web".to_owned() });
        for (url, expected) in [
            ("https://github.com/example/web.git", origin.clone()),
            ("https://token@github.com/example/web", origin.clone()),
            ("git@github.com:example/web.git", origin.clone()),
            ("ssh://git@github.com:22/example/web/", origin),
            ("/srv/git/web.git", None),
            ("../web.git", None),
            ("file:///srv/web.git", None),
            ("https://github.com/web", None),
            ("./git.example.com:example/web", None),
            ("git@local:example/web", None),
            ("https://github.com/exa mple/web", None),
            ("https://github.com/example/web/more", None),
            ("https://github.com/example/.git", None),
        ] {
            assert_eq!(Origin::of_remote(url), expected, "{url}");
        }
    }

    #[test]
    fn urls_of_the_same_repository_are_understood() {
        let origin = Origin { host: "github.com".to_owned(), name: "example/web".to_owned() };
        let file = |rev: &str, path: &str, fragment: Option<&str>| {
            Some(Target::File { rev: rev.to_owned(), path: path.to_owned(), fragment: fragment.map(str::to_owned) })
        };
        for (url, expected) in [
            ("https://github.com/example/web/blob/main/src/a.rs#L3-L9", file("main", "src/a.rs", Some("L3-L9"))),
            ("https://github.com/Example/Web/tree/v1.0.0/docs/", file("v1.0.0", "docs", None)),
            ("https://raw.githubusercontent.com/example/web/main/a.md", file("main", "a.md", None)),
            ("https://github.com/example/web/pull/12/files", Some(Target::Pull(12))),
            ("https://github.com/example/web/issues/3?x=1", Some(Target::Issue(3))),
            ("https://github.com/example/web/commit/0123abc", Some(Target::Commit("0123abc".to_owned()))),
            ("https://github.com/example/web/releases/tag/web%2Fv1.0.0", Some(Target::Tag("web/v1.0.0".to_owned()))),
            ("https://github.com/example/web/releases/latest", None),
            ("https://github.com/example/website/blob/main/a", None),
            ("https://github.com/example/web", None),
            ("https://example.com/example/web/blob/main/a", None),
        ] {
            assert_eq!(origin.read(url), expected, "{url}");
        }
    }
}
