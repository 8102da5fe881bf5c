//! Kind `bundle`: is the payload signed and in its window?
//!
//! The bundle that the gate, or a file of the candidate, names is looked up in the store of snapshots that the policy in force names.
//! Every byte of it is read. Who counts is said by the policy's `allowed_signers` and `openpgp/`, when by the time of the decision.
//!
//! Deliberately absent: an order of versions, and whether the files of the bundle are those of the candidate; a `command` gate can compare
//! what the repository alone knows.

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey,
    config::{self, Spec, collect::Collector},
    probe::{Ask, BundleAsk, BundleFound, BundleGot, Got},
    shapes,
};
use crate::{
    artifact::bundle::Phase,
    domain::{Fault, Finding, Reason, Result, Severity, Verb},
    text::{
        source::Source,
        template::{self, Allowed, Slot, Template},
        yaml::Spanned,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The kind whose gates weigh windows.
pub const ID: &str = "bundle";

pub static KIND: Kind = Kind {
    id: ID,
    about: "is the payload signed and in its window?",
    page: include_str!("bundle.md"),
    codes: CODES,
    verbs: &[Verb::Promote, Verb::Rollback],
    writes: false,
    read,
    schema: |generator| generator.subschema_for::<BundleSpec>(),
};

/// What the gate itself finds; [`crate::artifact::CODES`] has the rest.
const CODES: &[(&str, &str)] = &[
    ("bundle/absent", "the store has no bundle of this name"),
    ("bundle/foreign-answer", "the recorded answer is not about the bundle that the gate names"),
    ("bundle/no-value", "a placeholder has no value here"),
    ("bundle/not-found", "the candidate has no such file, or the protocol names no store of snapshots"),
    ("bundle/other-rail", "the bundle is of another rail than the gate wants"),
    ("bundle/unanswered", "there is no recorded answer about the bundle"),
    (
        "bundle/unchecked",
        "too few people are known to have signed the bundle, and this build cannot check a signature that may be of another",
    ),
    ("bundle/unreadable", "the store, or the file that names the bundle, could not be read"),
    ("bundle/unsigned", "fewer people signed the bundle than the gate wants"),
];

/// A bundle, named here or in a file of the candidate.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BundleSpec {
    /// RAIL@VERSION, a tag, or the first 8 or more digits of its digest; with placeholders.
    name: Option<Spanned<String>>,
    /// A file of the candidate whose first word is such a name; excludes `name`.
    file: Option<Spanned<String>>,
    /// The rail that it must be of; any where absent.
    rail: Option<String>,
    /// How many people of allowed_signers and openpgp/ must have signed it; snapshots.signatures of the protocol where absent, at least 1.
    signatures: Option<Spanned<u32>>,
}

impl Spec for BundleSpec {
    const KEY: &'static str = ID;
}

struct Bundle {
    named: Named,
    rail: Option<String>,
    /// `None`: as many as the policy wants of every snapshot.
    signatures: Option<u32>,
}

enum Named {
    Here(Template),
    InFile(String),
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<BundleSpec>(source)?;
    let mut collector = Collector::new(source);
    match check(spec, &mut collector).filter(|_| collector.findings.is_empty()) {
        Some(bundle) => Ok((header, Box::new(bundle))),
        None if collector.findings.is_empty() => {
            let finding = Finding::error("config/missing-key", "the gate names no bundle").at(source.place(0..0));
            let fault = Fault::new(Reason::BadConfig, format!("{} is not a valid gate", source.file)).finding(finding);
            Err(fault.help("exactly one of `name` and `file`"))
        }
        None => Err(Fault::new(Reason::BadConfig, format!("{} is not a valid gate", source.file)).findings(collector.findings)),
    }
}

fn check(spec: BundleSpec, collector: &mut Collector) -> Option<Bundle> {
    if let Some(signatures) = spec.signatures.as_ref().filter(|signatures| signatures.value == 0) {
        collector.refuse(signatures, "wrong-value", "a bundle that nobody signed proves nothing");
        collector.help("1 or more");
    }
    let named = match (&spec.name, &spec.file) {
        (Some(name), None) => {
            shapes::template(collector, name, &Allowed { values: template::VALUES, ..Allowed::default() }).map(Named::Here)
        }
        (None, Some(file)) => {
            if let Some(why) = crate::artifact::files::why_not(file) {
                collector.refuse(file, "path", format!("`{}` is not a path of the candidate: {why}", file.escape_debug()));
            }
            Some(Named::InFile(file.value.clone()))
        }
        (Some(_), Some(file)) => {
            collector.refuse(file, "wrong-value", "a bundle has `name` or `file`, not both");
            None
        }
        (None, None) => None,
    };
    Some(Bundle { named: named?, rail: spec.rail, signatures: spec.signatures.map(|signatures| signatures.value) })
}

const ITEM: u32 = 0;

impl Gate for Bundle {
    fn asks(&self, cx: &Context, seen: &Evidence) -> Vec<Probe> {
        match (self.ask(cx), seen.last(ITEM)) {
            (Ok(ask), None) => vec![Probe::reads(ProbeKey::first(ITEM), Ask::Bundle(ask))],
            _ => Vec::new(),
        }
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        let unknown = |code: &str, message: String| Finding::error(format!("bundle/{code}"), message);
        match (self.ask(cx), seen.last(ITEM)) {
            (Err(slot), _) => checks.unknown(unknown("no-value", format!("`{slot}` has no value here")).help("name a release or a commit")),
            (Ok(_), None) => checks.unknown(unknown("unanswered", "there is no answer about the bundle".to_owned())),
            (Ok(ask), Some(answer)) => match answer.result() {
                _ if answer.ask != Ask::Bundle(ask) => {
                    checks.unknown(unknown("foreign-answer", "the recorded answer is not about this bundle".to_owned()));
                }
                Ok(Got::Bundle(got)) => self.weigh(cx, got, &mut checks),
                Ok(_) => checks.unknown(unknown("unreadable", "the answer about the bundle has another shape".to_owned())),
                Err(unavailable) => checks.unavailable("bundle", "the bundle", &unavailable),
            },
        }
        checks.judge("bundle")
    }
}

impl Bundle {
    fn ask(&self, cx: &Context) -> std::result::Result<BundleAsk, Slot> {
        let placeholders = cx.placeholders();
        Ok(match &self.named {
            Named::InFile(file) => BundleAsk { file: Some(file.clone()), name: None },
            Named::Here(template) => {
                let name = template.expand(|slot| match slot {
                    Slot::Value(name) => placeholders.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
                    Slot::Env(_) | Slot::Capture(_) => None,
                });
                BundleAsk { name: Some(name?), file: None }
            }
        })
    }

    fn weigh(&self, cx: &Context, got: &BundleGot, checks: &mut Checks) {
        let Some(found) = &got.bundle else {
            let message = format!("the store has no bundle `{}`", got.named.escape_debug());
            checks.fail(
                Finding::error("bundle/absent", message).help("`tagwarden bundle create PATH --rail RAIL --version VERSION` makes one"),
            );
            return;
        };
        let BundleFound { label, people, unchecked, wrong, .. } = found;
        wrong.iter().cloned().for_each(|finding| checks.fail(finding));
        if let Some(rail) = self.rail.as_ref().filter(|rail| **rail != label.rail) {
            checks.fail(Finding::error("bundle/other-rail", format!("{label} is not of the rail `{rail}`")));
        }
        let needed = self.signatures.or_else(|| cx.protocol.snapshots.as_ref().map(|snapshots| snapshots.signatures)).unwrap_or(0).max(1);
        let needed = needed as usize;
        if people.len() < needed && people.len() + unchecked >= needed {
            let message =
                format!("{} of {needed} people signed {label}, and signatures that this build cannot check may be of more", people.len());
            let finding = Finding::error("bundle/unchecked", message);
            checks.unknown(finding.help("use a build with the feature `openpgp`, as published ones are"));
        } else if people.len() < needed {
            let message = format!("{} of {needed} people signed {label}", people.len());
            let help = format!("`tagwarden bundle sign {label}` by somebody of the policy's allowed_signers or openpgp/");
            checks.fail(Finding::error("bundle/unsigned", message).help(help));
        } else {
            checks.hold();
        }
        let phase = label.phase(cx.now);
        let finding = label.out_of_window(phase);
        match phase {
            Phase::Effective => checks.hold(),
            Phase::Scheduled(_) if got.scheduled => {
                checks.hold();
                finding.into_iter().for_each(|finding| checks.remark(Finding { severity: Severity::Note, ..finding }));
            }
            Phase::Scheduled(_) => {
                let help = "wait, or move it before its time: `tagwarden promote --scheduled`";
                finding.into_iter().for_each(|finding| checks.fail(finding.help(help)));
            }
            Phase::Expired(_) => finding.into_iter().for_each(|finding| checks.fail(finding)),
        }
    }
}
