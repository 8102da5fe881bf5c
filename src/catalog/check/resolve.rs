//! What artifacts say of one another: every value that names something is looked up, and every value that is to be there once is counted.

use super::{
    Known,
    file::{self, Asked},
    graph,
};
use crate::{
    catalog::{
        document::{Library, Read},
        rules::{
            Form,
            refs::{self, Must, Refs, Target, What},
        },
    },
    domain::Finding,
    text::{located::MOST_WRONG, near},
    tree::Unreadable,
};
use rayon::prelude::*;
use std::collections::HashMap;

/// Among how many artifacts one of a similar name is looked for.
pub(super) const MOST_NEAR: usize = 1_000;

/// `asked`: by the index of the artifact.
pub(super) fn all(library: &Library, known: &Known, asked: &[(usize, Vec<Asked>)]) -> Result<Vec<Finding>, Unreadable> {
    let resolved: Result<Vec<Vec<Finding>>, Unreadable> =
        asked.par_iter().map(|(at, asked)| references(library, known, *at, asked)).collect();
    let each: Vec<(usize, &Asked)> = asked.iter().flat_map(|(at, asked)| asked.iter().map(|asked| (*at, asked))).collect();
    let mut findings: Vec<Finding> = resolved?.into_iter().flatten().collect();
    findings.extend(within_kinds(library, known, &each)?);
    findings.extend(graph::findings(library, known, &each)?);
    Ok(findings)
}

/// Those of one artifact.
fn references(library: &Library, known: &Known, at: usize, asked: &[Asked]) -> Result<Vec<Finding>, Unreadable> {
    let mut findings = Vec::new();
    for (number, one) in asked.iter().enumerate() {
        let Form::Refs(refs) = &one.rule.form else { continue };
        if findings.len() == MOST_WRONG {
            let rest = asked[number..].iter().map(|asked| asked.rule.severity);
            findings.push(file::too_many(&known.artifacts[at].path, rest));
            break;
        }
        findings.extend(reference(library, known, at, one, refs)?);
    }
    Ok(findings)
}

/// Why a target does not hold.
struct Fails {
    code: &'static str,
    message: String,
    help: Option<String>,
}

impl Fails {
    fn new(code: &'static str, message: String) -> Fails {
        Fails { code, message, help: None }
    }
}

fn reference(library: &Library, known: &Known, at: usize, asked: &Asked, refs: &Refs) -> Result<Vec<Finding>, Unreadable> {
    let artifact = &known.artifacts[at];
    let about = known.about(artifact);
    let mut failed: Option<Fails> = None;
    let mut is_meant = false;
    for target in &refs.to {
        let Some(named) = target.named(&about, &asked.value) else { continue };
        is_meant = true;
        let Some(named) = named else {
            failed = failed.or(Some(Fails::new("catalog/dangling-reference", format!("`{}` has no version to refer by", artifact.name()))));
            continue;
        };
        match holds(library, known, at, asked, target, &named)? {
            None => return Ok(Vec::new()),
            Some(fails) => failed = failed.or(Some(fails)),
        }
    }
    let shown = match asked.value.is_empty() {
        true => artifact.name(),
        false => asked.value.escape_debug().to_string(),
    };
    let fails = match (failed, is_meant) {
        (Some(fails), _) => fails,
        (None, _) => Fails::new("catalog/malformed-reference", format!("it has not the form {}", refs.forms())),
    };
    let finding = asked.rule.finding(fails.code, format!("`{shown}`: {}", fails.message)).at(file::place(library, asked)?);
    let finding = if asked.pointer.is_empty() { finding } else { finding.pointer(asked.pointer.as_str()) };
    Ok(vec![match (&asked.rule.help, fails.help) {
        (None, Some(help)) => finding.help(help),
        _ => finding,
    }])
}

/// `None`: it holds.
fn holds(library: &Library, known: &Known, at: usize, asked: &Asked, target: &Target, named: &str) -> Result<Option<Fails>, Unreadable> {
    match target.what {
        What::Path => path(library, known, at, asked, target.must, named),
        What::Text => speaks_of(library, known, at, asked, named),
        What::Artifact => artifact(library, known, at, asked, target.must, named),
    }
}

fn path(library: &Library, known: &Known, at: usize, asked: &Asked, must: Must, named: &str) -> Result<Option<Fails>, Unreadable> {
    let (file, pointer) = named.split_once('#').map_or((named, None), |(file, pointer)| (file, Some(pointer)));
    let dangling = |message: String| Ok(Some(Fails::new("catalog/dangling-reference", message)));
    // A place alone is one in the file that names it.
    let path = if file.is_empty() { Some(asked.file.clone()) } else { refs::from_root(known.artifacts[at].folder(), file) };
    let Some(path) = path else {
        return dangling(format!("the path `{}` leads out of the repository", file.escape_debug()));
    };
    if must == Must::Equal {
        return differs(library, asked, &path);
    }
    let is_there = library.has(&path) || pointer.is_none() && library.has_folder(&path);
    if !is_there {
        return dangling(format!("there is no file {}", path.escape_debug()));
    }
    let Some(pointer) = pointer else { return Ok(None) };
    match library.document(&path)?.as_deref() {
        Some(Read::Document(document)) if pointer.is_empty() || document.located.value.pointer(pointer).is_some() => Ok(None),
        Some(Read::Document(_)) => dangling(format!("{} has nothing at `{}`", path.escape_debug(), pointer.escape_debug())),
        _ => dangling(format!("{} cannot be read", path.escape_debug())),
    }
}

fn speaks_of(library: &Library, known: &Known, at: usize, asked: &Asked, named: &str) -> Result<Option<Fails>, Unreadable> {
    let Some(path) = refs::from_root(known.artifacts[at].folder(), named) else {
        return Ok(Some(Fails::new(
            "catalog/dangling-reference",
            format!("the path `{}` leads out of the repository", named.escape_debug()),
        )));
    };
    let read = library.document(&path)?;
    let text = match read.as_deref() {
        Some(Read::Document(document)) => &document.source.text,
        Some(Read::NoFrontMatter(source)) => &source.text,
        _ => return Ok(Some(Fails::new("catalog/dangling-reference", format!("there is no readable file {}", path.escape_debug())))),
    };
    let fails = || Fails::new("catalog/not-mentioned", format!("{} does not speak of it", path.escape_debug()));
    Ok((!refs::speaks_of(text, &asked.value)).then(fails))
}

fn artifact(library: &Library, known: &Known, at: usize, asked: &Asked, must: Must, named: &str) -> Result<Option<Fails>, Unreadable> {
    let Some((kind, rest)) = named.split_once(':') else {
        return Ok(Some(Fails::new("catalog/malformed-reference", format!("`{}` is not the name of an artifact", named.escape_debug()))));
    };
    let (id, version) = rest.rsplit_once('@').map_or((rest, None), |(id, version)| (id, Some(version)));
    let versions: Vec<usize> = known.of(kind, id).collect();
    let found = versions.iter().copied().find(|at| version.is_none() || known.artifacts[*at].version.as_deref() == version);
    let Some(found) = found else {
        if must == Must::Equal {
            return Ok(None);
        }
        let message = format!("there is no artifact `{}`", named.escape_debug());
        let ids = || known.artifacts.iter().filter(|artifact| artifact.kind.as_str() == kind).map(|artifact| artifact.id.as_str());
        let help = match versions.as_slice() {
            [] if known.artifacts.len() > MOST_NEAR => None,
            [] => near::nearest(id, ids()).map(|near| format!("did you mean `{kind}:{near}`?")),
            some => {
                let versions: Vec<&str> = some.iter().filter_map(|at| known.artifacts[*at].version.as_deref()).collect();
                Some(format!("versions of it: {}", versions.join(", ")))
            }
        };
        return Ok(Some(Fails { code: "catalog/dangling-reference", message, help }));
    };
    match must {
        Must::Exist => Ok(None),
        Must::Equal => differs(library, asked, &known.artifacts[found].path),
        Must::Active => {
            // Of an artifact that is active somewhere it must be active there; of any other, anywhere.
            let own = &known.artifacts[at];
            let there: Vec<_> = match asked.rule.only_active {
                true => known.active_in(own).collect(),
                false => known.pointers.iter().filter(|pointer| pointer.active(kind, id).is_some()).take(1).collect(),
            };
            let is_active = |pointer: &&crate::catalog::pointer::Pointer| {
                pointer.active(kind, id).is_some_and(|active| version.is_none_or(|version| version == active))
            };
            let fails = if there.is_empty() { true } else { !there.iter().all(is_active) };
            if !fails {
                return Ok(None);
            }
            let active = there.iter().chain(&known.pointers.iter().collect::<Vec<_>>()).find_map(|pointer| pointer.active(kind, id));
            let message = match active {
                Some(active) if version.is_some() => format!("`{}` is not active, `{active}` is", named.escape_debug()),
                _ => format!("no version of `{kind}:{}` is active", id.escape_debug()),
            };
            Ok(Some(Fails::new("catalog/inactive-reference", message)))
        }
    }
}

/// Whether two files have other bytes; where one is not there, there is nothing to compare.
fn differs(library: &Library, asked: &Asked, path: &str) -> Result<Option<Fails>, Unreadable> {
    let (Some(one), Some(other)) = (library.bytes(&asked.file)?, library.bytes(path)?) else { return Ok(None) };
    let fails = || Fails::new("catalog/differs", format!("{} and {} differ", asked.file.escape_debug(), path.escape_debug()));
    Ok((one != other).then(fails))
}

/// Values that another artifact of the same kind has, too.
fn within_kinds(library: &Library, known: &Known, each: &[(usize, &Asked)]) -> Result<Vec<Finding>, Unreadable> {
    let mut first: HashMap<(&str, &str, &str), usize> = HashMap::new();
    let mut findings = Vec::new();
    for (at, asked) in each.iter().filter(|(_, asked)| matches!(asked.rule.form, Form::Unique(_))) {
        let artifact = &known.artifacts[*at];
        let key = (asked.rule.id.as_str(), artifact.kind.as_str(), asked.value.as_str());
        let other = *first.entry(key).or_insert(*at);
        if other != *at && known.artifacts[other].id != artifact.id {
            let message = format!("`{}` has `{}` already", known.artifacts[other].name(), asked.value.escape_debug());
            let finding = asked.rule.finding("catalog/not-unique", message).at(file::place(library, asked)?);
            findings.push(finding.pointer(asked.pointer.as_str()));
        }
    }
    Ok(findings)
}
