//! The change of a pointer file that a set of releases asks for: one change for each, all or none, and never to a lower version unless
//! the way goes back.
//!
//! Deliberately absent: whether what would be active is whole. The tree with the new pointer file is checked for that
//! ([`super::check`]).

use super::{
    layout::Shape,
    pointer::{Change, Pointer},
};
use crate::domain::{ChannelName, Fault, PackageName, Reason, ReleaseName, Result, state::Retired};
use serde::Serialize;

/// A change of the pointer file, for people and for the message of its commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Activation {
    /// `kind:id`.
    pub artifact: PackageName,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// The pointer file of this channel after these releases and without what is retired, and what changes in it. `back`: the way goes back, so
/// a version may be lower. Faults: `lower_version`, `not_permitted` for a pre-release, `half_state` where something else is active than is
/// retired, `bad_config`.
pub fn activated(
    pointer: &Pointer,
    releases: &[ReleaseName],
    retires: &[Retired],
    channel: &ChannelName,
    back: bool,
) -> Result<(Pointer, Vec<Activation>)> {
    let (mut changes, mut activations) = (Vec::new(), Vec::new());
    for release in releases {
        let Some((kind, id)) = release.package.artifact() else {
            return Err(Fault::new(Reason::BadUsage, format!("{release} is no artifact, so no pointer file can activate it")));
        };
        if !release.version.pre.is_empty() {
            let fault = Fault::new(Reason::NotPermitted, format!("{release} is a pre-release, which is never active"));
            return Err(fault.help("release it under a version without a hyphen"));
        }
        let from = pointer.active(kind, id).map(str::to_owned);
        if let Some(from) = from.as_ref().filter(|_| !back) {
            not_lower(from, release, channel)?;
        }
        let to = release.version.to_string();
        let in_group = (pointer.shape == Shape::Grouped).then(|| kind.to_owned());
        changes.push(Change { kind: in_group, id: id.to_owned(), to: Some(to.clone()) });
        activations.push(Activation { artifact: release.package.clone(), from, to: Some(to) });
    }
    let file = &pointer.source.file;
    for Retired { package, version } in retires {
        let Some((kind, id)) = package.artifact().filter(|(kind, id)| pointer.active(kind, id) == Some(version)) else {
            return Err(Fault::new(Reason::HalfState, format!("{file} does not say that {package}@{} is active", version.escape_debug())));
        };
        let in_group = (pointer.shape == Shape::Grouped).then(|| kind.to_owned());
        changes.push(Change { kind: in_group, id: id.to_owned(), to: None });
        activations.push(Activation { artifact: package.clone(), from: Some(version.clone()), to: None });
    }
    let after = pointer.with(&changes).map_err(|why| Fault::new(Reason::BadConfig, format!("{file} cannot be changed: {why}")))?;
    Ok((after, activations))
}

/// Whether the order cannot be told counts as lower: unknown is never a pass.
fn not_lower(active: &str, release: &ReleaseName, channel: &ChannelName) -> Result<()> {
    let why = match semver::Version::parse(active) {
        Ok(active) if active <= release.version => return Ok(()),
        Ok(active) => format!("{}@{active} is active, and {release} is lower", release.package),
        Err(_) => {
            format!("`{}` is active, which is no semantic version, so whether {release} is lower cannot be told", active.escape_debug())
        }
    };
    let fault = Fault::new(Reason::LowerVersion, why);
    Err(fault.help(format!("to go back to a version that was active: `tagwarden rollback {release} --channel {channel} --reason REASON`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::Source;

    fn run(text: &str, shape: Shape, releases: &[&str], back: bool) -> std::result::Result<String, Reason> {
        let pointer = Pointer::read(Source::new("active.json", text), shape).unwrap();
        let releases: Vec<ReleaseName> = releases.iter().map(|name| name.parse().unwrap()).collect();
        activated(&pointer, &releases, &[], &"live".parse().unwrap(), back)
            .map(|(after, _)| after.source.text)
            .map_err(|fault| fault.reason)
    }

    #[test]
    fn a_set_of_releases_is_one_change_of_the_file() {
        let flat = "{\n  \"a\": \"1.0.0\",\n  \"b\": \"1\"\n}\n";
        let cases = [
            (flat, Shape::Flat, vec!["k:a@1.1.0"], false, Ok("{\n  \"a\": \"1.1.0\",\n  \"b\": \"1\"\n}\n")),
            (flat, Shape::Flat, vec!["k:a@0.9.0"], true, Ok("{\n  \"a\": \"0.9.0\",\n  \"b\": \"1\"\n}\n")),
            (flat, Shape::Flat, vec!["k:a@1.0.0"], false, Ok(flat)),
            ("{}\n", Shape::Grouped, vec!["k:a@1.0.0"], false, Ok("{\n  \"k\": {\n    \"a\": \"1.0.0\"\n  }\n}\n")),
            (flat, Shape::Flat, vec!["k:a@0.9.0"], false, Err(Reason::LowerVersion)),
            (flat, Shape::Flat, vec!["k:a@1.1.0", "k:b@1.0.0"], false, Err(Reason::LowerVersion)),
            (flat, Shape::Flat, vec!["k:a@1.1.0-rc.1"], false, Err(Reason::NotPermitted)),
            (flat, Shape::Flat, vec!["k:a@0.9.0-rc.1"], true, Err(Reason::NotPermitted)),
            (flat, Shape::Flat, vec!["k:a@1.1.0", "web@1.0.0"], false, Err(Reason::BadUsage)),
        ];
        for (text, shape, releases, back, want) in cases {
            assert_eq!(run(text, shape, &releases, back), want.map(str::to_owned), "{releases:?} {back}");
        }
    }

    #[test]
    fn what_is_retired_must_be_what_is_active() {
        let pointer = Pointer::read(Source::new("active.json", "{\"a\": \"1.0.0\", \"b\": \"1\"}"), Shape::Flat).unwrap();
        for (releases, retires, want) in [
            (vec![], vec![("k:b", "1")], Ok("{\"a\": \"1.0.0\"}")),
            (vec!["k:a@1.1.0"], vec![("k:b", "1")], Ok("{\"a\": \"1.1.0\"}")),
            (vec![], vec![("k:b", "2")], Err(Reason::HalfState)),
            (vec![], vec![("k:c", "1")], Err(Reason::HalfState)),
            (vec![], vec![("web", "1")], Err(Reason::HalfState)),
        ] {
            let names: Vec<ReleaseName> = releases.iter().map(|name: &&str| name.parse().unwrap()).collect();
            let retired = |(package, version): &(&str, &str)| Retired { package: package.parse().unwrap(), version: (*version).to_owned() };
            let retires: Vec<Retired> = retires.iter().map(retired).collect();
            let text = activated(&pointer, &names, &retires, &"live".parse().unwrap(), false)
                .map(|(after, _)| after.source.text)
                .map_err(|fault| fault.reason);
            assert_eq!(text, want.map(str::to_owned), "{retires:?}");
        }
    }
}
