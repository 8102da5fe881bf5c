//! `init --github`: workflows that call those of Tagwarden's own repository, for the protocol in the work tree.
//!
//! A program cannot know the commit of the action that will carry it: that commit names the program's digest. So whoever sets up names
//! it by `--action`; without it [`workflows::PLACEHOLDER`] is written, which no runner finds and `doctor --github` names.
//! Deliberately absent: every setting of the repository, which `doctor --github` names.

use super::{
    set::{self, NewFile},
    write,
};
use crate::{
    cli::{args, gather, session::Session},
    domain::{Fault, Reason, Result},
    gate::Protocol,
    report::{Body, InitShape, Report, SigningMode},
    text::workflows,
};

/// Where the action is: its repository, and the commit of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRef {
    pub repository: String,
    pub commit: String,
}

impl ActionRef {
    /// `OWNER/NAME@COMMIT`, the commit in full.
    pub fn parse(text: &str) -> std::result::Result<ActionRef, String> {
        let wanted = "a repository and the whole id of a commit are wanted, as OWNER/tagwarden@COMMIT";
        let (repository, commit) = text.split_once('@').ok_or(wanted)?;
        let is_name = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        let is_repository = repository.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name));
        let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        match is_repository && is_commit {
            true => Ok(ActionRef { repository: repository.to_owned(), commit: commit.to_owned() }),
            false => Err(wanted.to_owned()),
        }
    }
}

pub async fn run(session: &Session, args: &args::Init) -> Result<Report> {
    let place = gather::place(session).await?;
    let git = &place.world.git;
    if git.is_bare() {
        let message = format!("{} is a bare repository: it has no files to add workflows to", git.dir().display());
        return Err(
            Fault::new(Reason::BadUsage, message).help("run it in a clone: `git clone URL`, then `tagwarden init --github` in there")
        );
    }
    let protocol = super::protocol(session, &place)?;
    let is_named = args.action.is_some();
    let placeholder = || ActionRef { repository: "OWNER/tagwarden".to_owned(), commit: workflows::PLACEHOLDER.to_owned() };
    let action = args.action.clone().unwrap_or_else(placeholder);
    let files = write(git.dir(), files(protocol, &action, &args.environment))?;
    let reason = if files.iter().any(|file| file.written) { Reason::Passed } else { Reason::NothingToDo };
    let report = Report::new(reason, Body::Init(InitShape { files })).signing(SigningMode::of(protocol));
    if is_named {
        return Ok(report.next("Commit and push these files, then `tagwarden doctor --github` names what GitHub still lacks."));
    }
    let words = format!("the workflows name `{}@{}`, which does not exist, so none of them can run", action.repository, action.commit);
    Ok(report.notice(words).next(
        "Put in the repository and the commit of a release's action (its action/assets.txt names the release's files): `tagwarden init --github --action OWNER/tagwarden@COMMIT` in a folder without them.",
    ))
}

fn files(protocol: &Protocol, action: &ActionRef, environment: &str) -> Vec<NewFile> {
    let channels: Vec<&str> =
        protocol.channels.iter().filter(|(_, channel)| channel.tag.is_some()).map(|(name, _)| name.as_str()).collect();
    let first = protocol.channels.keys().next().map_or_else(String::new, |name| name.as_str().to_owned());
    let marks = [
        ("@ACTION@", action.repository.clone()),
        ("@COMMIT@", action.commit.clone()),
        ("@CHANNEL@", set::quoted(&first)),
        ("@CHANNELS@", format!("[{}]", channels.iter().map(|name| set::quoted(name)).collect::<Vec<_>>().join(", "))),
        ("@ENVIRONMENT@", set::quoted(environment)),
        ("@PREFIX@", serde_json::Value::from(protocol.comments.dialect.prefix.as_str()).to_string()),
    ];
    let file =
        |name: &str, about, template| NewFile { path: format!(".github/workflows/{name}"), about, text: set::fill(template, &marks) };
    let mut files = vec![
        file("tagwarden-verify.yml", "the gates of every pull request", include_str!("github/verify.yml")),
        file("tagwarden-stage.yml", "a release's commit, by hand", include_str!("github/stage.yml")),
        file("tagwarden-promote.yml", "a channel, by hand or by a comment", include_str!("github/promote.yml")),
        file("tagwarden-adopt.yml", "the policy in force, by hand", include_str!("github/adopt.yml")),
        file("tagwarden-scheduled.yml", "documents and a rehearsal, weekly", include_str!("github/scheduled.yml")),
    ];
    // Without a store every run of it would fail.
    if protocol.snapshots.is_some() {
        files.push(file("tagwarden-snapshots.yml", "captures, their verification, a rehearsal", include_str!("github/snapshots.yml")));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_named_by_its_commit() {
        let commit = "de0fac2e4500dabe0009e67214ff5f5447ce83dd";
        let named = ActionRef::parse(&format!("example/tagwarden@{commit}")).unwrap();
        assert_eq!((named.repository.as_str(), named.commit.as_str()), ("example/tagwarden", commit));
        for wrong in ["", "example/tagwarden", "example/tagwarden@v1", "tagwarden@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "a/b/c@de0f"] {
            assert!(ActionRef::parse(wrong).is_err(), "{wrong}");
        }
        assert!(ActionRef::parse(&format!("example/tag warden@{commit}")).is_err());
        assert!(ActionRef::parse(&format!("example/tagwarden@{}", commit.to_uppercase())).is_err());
    }
}
