//! The verb `init`: a first protocol with its document, written where nothing stands yet.
//!
//! Every file is compared before the first one is written. One that is there already and differs refuses the whole run; one
//! that is the same is kept. Nothing is committed, and no remote is asked.

mod github;
mod rulesets;
mod set;

pub use github::ActionRef;

use super::{args, gather, session::Session};
use crate::{
    attest::ssh,
    domain::{Fault, Finding, Reason, Result},
    gate::{Protocol, protocol::KeySource},
    report::{Body, InitShape, Report, SigningMode, shape::InitFile},
    world::{
        World,
        files::{self, Found},
        machine,
    },
};
use set::{Facts, NewFile, Signer};
use std::path::Path;

pub async fn run(session: &Session, args: &args::Init) -> Result<Report> {
    if args.rulesets {
        return rulesets::print(session, args.app).await;
    }
    if args.github {
        return github::run(session, args).await;
    }
    let globals = &session.globals;
    let world = session.world().await?;
    if world.git.is_bare() {
        let message = format!("{} is a bare repository: it has no files to add a protocol to", world.git.dir().display());
        return Err(Fault::new(Reason::BadUsage, message).help("run it in a clone: `git clone URL`, then `tagwarden init` in there"));
    }
    let is_unsigned = args.minimal || args.preset.is_some();
    if is_unsigned && globals.signing_key.is_some() {
        let fault = Fault::new(Reason::BadUsage, "this protocol signs nothing, so it has no place for `--signing-key`");
        return Err(fault.help("`tagwarden init --signing-key SOURCE` writes a protocol with signatures"));
    }
    if let Some(KeySource::OpenPgp(_)) = globals.signing_key {
        let fault = Fault::new(Reason::BadUsage, "the ledger is signed with SSH keys");
        return Err(fault.help("name an SSH key: `tagwarden init --signing-key SOURCE`; `openpgp:KEY` signs snapshots and bundles"));
    }
    let facts = Facts {
        branch: world.git.current_branch().await?,
        remote: globals.remote.clone(),
        gates: gates_folder(session.gates())?,
        key: globals.signing_key.clone(),
        signer: if is_unsigned { None } else { signer(world).await? },
    };
    let set = match args.preset {
        Some(preset) => set::preset(&facts, preset),
        None if args.minimal => set::minimal(&facts),
        None => set::full(&facts),
    };
    let files = write(world.git.dir(), set)?;
    let reason = if files.iter().any(|file| file.written) { Reason::Passed } else { Reason::NothingToDo };
    let signing = if is_unsigned { SigningMode::None } else { SigningMode::Ssh };
    let report = Report::new(reason, Body::Init(InitShape { files })).signing(signing);
    Ok(match args.preset {
        Some(_) => report.next(
            "Read what was written, `git add --all`, `tagwarden validate`, commit and push, then `tagwarden policy adopt --reason start`.",
        ),
        None if args.minimal => report,
        None => set::steps(report, &facts),
    })
}

/// `catalog rail new`: the files of a rail, for somebody to fill in. Faults: `bad_usage` where one of them is there and differs.
pub async fn rail(session: &Session, args: &args::NewRail) -> Result<Report> {
    let world = session.world().await?;
    if world.git.is_bare() {
        let message = format!("{} is a bare repository: it has no files to add a rail to", world.git.dir().display());
        return Err(Fault::new(Reason::BadUsage, message).help("run it in a clone: `git clone URL`"));
    }
    let gates = gates_folder(session.gates())?;
    let files = write(world.git.dir(), set::rail(&gates, &args.name))?;
    let reason = if files.iter().any(|file| file.written) { Reason::Passed } else { Reason::NothingToDo };
    let report = Report::new(reason, Body::Init(InitShape { files }));
    Ok(report.next(format!(
        "Fill it in, name it in {gates}/protocol.yaml (`kinds: {{ KIND: {{ path: PATH, rail: {} }} }}`), then `tagwarden validate`.",
        args.name
    )))
}

/// The protocol in the work tree, for what is made of it.
fn protocol<'p>(session: &Session, place: &'p gather::Place) -> Result<&'p Protocol> {
    place.drafted.as_deref().ok_or_else(|| {
        let message = format!("there is no {}/protocol.yaml to begin with", gather::gates_folder(session));
        Fault::new(Reason::BadConfig, message).help("`tagwarden init` writes one; `tagwarden init --minimal` the smallest")
    })
}

/// The signer that git's own configuration names, where it signs with SSH and has a public key at hand. A key that cannot
/// be read is no error: the written file says what belongs there.
async fn signer(world: &World) -> Result<Option<Signer>> {
    let git = &world.git;
    if git.config("gpg.format").await?.as_deref() != Some("ssh") {
        return Ok(None);
    }
    let (Some(key), Some(principal)) = (git.config("user.signingkey").await?, git.config("user.email").await?) else { return Ok(None) };
    let literal = key.strip_prefix("key::").unwrap_or(&key);
    let line = match ssh::fingerprint_of(literal) {
        Ok(_) => Some(literal.to_owned()),
        Err(_) => files::public_key(&key, world.env.get("HOME").as_deref()),
    };
    Ok(line.and_then(|line| Signer::new(&principal, &line)))
}

/// The folder of the protocol, as it will stand in the document and in git.
fn gates_folder(given: &Path) -> Result<String> {
    let text = given.to_string_lossy();
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.')
            && !part.starts_with("..")
            && part != "."
            && !part.eq_ignore_ascii_case(".git")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let folder = text.trim_end_matches('/');
    if folder.split('/').all(plain) {
        Ok(folder.to_owned())
    } else {
        let message = format!("`{}` is no folder to write a protocol into", text.escape_debug());
        Err(Fault::new(Reason::BadUsage, message).help("give `--gates` a folder below the repository's root, such as `gates`"))
    }
}

/// Compares everything, then writes what is not there.
fn write(root: &Path, set: Vec<NewFile>) -> Result<Vec<InitFile>> {
    let mut written = Vec::with_capacity(set.len());
    let mut in_the_way = Vec::new();
    for file in &set {
        match files::compare(root, &file.path, &file.text).map_err(|error| unwritable(&file.path, &error))? {
            Found::Nothing => written.push(true),
            Found::Same => written.push(false),
            Found::Other(what) => in_the_way.push(format!("{} {what}", file.path)),
        }
    }
    if !in_the_way.is_empty() {
        return Err(refused(&in_the_way));
    }
    for (file, _) in set.iter().zip(&written).filter(|(_, written)| **written) {
        files::write_new(root, &file.path, &file.text).map_err(|error| unwritable(&file.path, &error))?;
    }
    let shape = |(file, written): (NewFile, bool)| InitFile { path: file.path, about: file.about.to_owned(), written };
    Ok(set.into_iter().zip(written).map(shape).collect())
}

fn refused(in_the_way: &[String]) -> Fault {
    let fault = Fault::new(Reason::BadUsage, "nothing is written over, so nothing was written");
    let findings = in_the_way.iter().map(|what| Finding::error("init/in-the-way", what.clone()));
    fault.findings(findings).help("see the protocol that is there with `tagwarden verify`, or move these files away and run it again")
}

fn unwritable(path: &str, error: &std::io::Error) -> Fault {
    Fault::new(machine::unwritten(error, Reason::BadUsage), format!("cannot write {path}: {error}"))
        .help("make the folder writable, then run it again: what is written stays")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_stays_below_the_root() {
        for (given, folder) in [("gates", "gates"), ("ops/gates/", "ops/gates"), (".release", ".release")] {
            assert_eq!(gates_folder(Path::new(given)).unwrap(), folder);
        }
        for wrong in ["/etc", "..", "a/../../b", "a//b", ".git", "a/.GIT/b", "-x", "a b", "a\\b", "", "."] {
            assert_eq!(gates_folder(Path::new(wrong)).unwrap_err().reason, Reason::BadUsage, "{wrong}");
        }
    }
}
