//! Artifacts that lead to one another by a rule: no way may lead back, and no way may be too long.

use super::{
    Known,
    file::{self, Asked},
};
use crate::{
    catalog::{
        document::Library,
        rules::{
            Form,
            refs::{Refs, What},
        },
    },
    domain::Finding,
    tree::Unreadable,
};
use std::collections::{BTreeMap, HashSet};

type Edges<'a> = BTreeMap<usize, Vec<(usize, &'a Asked<'a>)>>;

pub(super) fn findings(library: &Library, known: &Known, each: &[(usize, &Asked)]) -> Result<Vec<Finding>, Unreadable> {
    let mut rules: BTreeMap<&str, (&Refs, Edges)> = BTreeMap::new();
    for (at, asked) in each {
        let Form::Refs(refs) = &asked.rule.form else { continue };
        if !refs.acyclic && refs.depth.is_none() {
            continue;
        }
        let (_, edges) = rules.entry(asked.rule.id.as_str()).or_insert_with(|| (refs, Edges::new()));
        for to in targets(known, *at, asked, refs) {
            edges.entry(*at).or_default().push((to, *asked));
        }
    }
    let mut findings = Vec::new();
    for (refs, edges) in rules.values() {
        walk(library, known, refs, edges, &mut findings)?;
    }
    Ok(findings)
}

/// The artifacts that a value leads to: the version that it names, else the one that is active, else all.
fn targets(known: &Known, at: usize, asked: &Asked, refs: &Refs) -> Vec<usize> {
    let about = known.about(&known.artifacts[at]);
    for target in refs.to.iter().filter(|target| target.what == What::Artifact) {
        let Some(Some(named)) = target.named(&about, &asked.value) else { continue };
        let Some((kind, rest)) = named.split_once(':') else { continue };
        let (id, version) = rest.rsplit_once('@').map_or((rest, None), |(id, version)| (id, Some(version)));
        let active = known.pointers.iter().find_map(|pointer| pointer.active(kind, id));
        let wanted = version.or(active);
        let found: Vec<usize> = known
            .of(kind, id)
            .filter(|at| wanted.is_none() || known.artifacts[*at].version.is_none() || known.artifacts[*at].version.as_deref() == wanted)
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// Depth first, with the way that led here; how long the longest way on from an artifact is, is known once it was left.
fn walk(library: &Library, known: &Known, refs: &Refs, edges: &Edges, findings: &mut Vec<Finding>) -> Result<(), Unreadable> {
    let mut longest: BTreeMap<usize, u32> = BTreeMap::new();
    for start in edges.keys() {
        if longest.contains_key(start) {
            continue;
        }
        let mut way: Vec<(usize, usize)> = vec![(*start, 0)];
        let mut on_way: HashSet<usize> = [*start].into();
        while let Some((here, next)) = way.last_mut() {
            let here = *here;
            let out = edges.get(&here).map(Vec::as_slice).unwrap_or_default();
            let Some((to, asked)) = out.get(*next) else {
                let length = out.iter().filter_map(|(to, _)| longest.get(to)).max().map_or(0, |longest| longest + 1);
                longest.insert(here, if out.is_empty() { 0 } else { length });
                on_way.remove(&here);
                way.pop();
                continue;
            };
            *next += 1;
            if on_way.contains(to) {
                if refs.acyclic {
                    let from = way.iter().position(|(other, _)| other == to).unwrap_or(0);
                    let names: Vec<String> = way[from..].iter().map(|(at, _)| known.artifacts[*at].name()).collect();
                    let message = format!("this leads back: {} -> {}", names.join(" -> "), known.artifacts[*to].name());
                    let finding = asked.rule.finding("catalog/cycle", message).at(file::place(library, asked)?);
                    findings.push(finding.pointer(asked.pointer.as_str()));
                }
            } else if !longest.contains_key(to) {
                way.push((*to, 0));
                on_way.insert(*to);
            }
        }
    }
    let Some(most) = refs.depth else { return Ok(()) };
    for (at, length) in longest.iter().filter(|(_, length)| **length > most) {
        // Only where the way begins to be too long; those before it are no other error.
        let Some((_, asked)) = edges.get(at).into_iter().flatten().find(|(to, _)| longest.get(to) == Some(&most)) else { continue };
        let message = format!("{length} references follow one another from `{}`, {most} may", known.artifacts[*at].name());
        let finding = asked.rule.finding("catalog/chain", message).at(file::place(library, asked)?);
        findings.push(finding.pointer(asked.pointer.as_str()));
    }
    Ok(())
}
