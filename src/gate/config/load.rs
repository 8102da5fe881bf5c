//! From the files of `gates/` to a [`Protocol`]: reads each, checks each, then checks what they say of one another.

use super::{agree, collect::Collector, header, protocol, raw};
use crate::{
    attest::openpgp::Keyring,
    catalog::layout::RailFiles,
    domain::{Fault, Finding, GateId, Place, Reason, Result, Severity},
    gate::{Kind, LoadedGate, Protocol, kinds::KINDS},
    text::{near, source::Source, yaml},
};
use std::{collections::BTreeMap, sync::Arc};

/// The files of a gates folder, as they are in a work tree, a commit or the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateFiles {
    /// By path relative to the folder. Read are `protocol.yaml`, `allowed_signers`, `openpgp/`, `rails/` and the YAML files directly in the folder;
    /// the rest (scripts of `command` gates, notes) is left alone.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The folder's own path, for places in messages.
    pub root: String,
}

pub(super) const PROTOCOL: &str = "protocol.yaml";
/// What says what must hold of configuration artifacts.
const RAILS: &str = "rails/";
pub(super) const SIGNERS: &str = "allowed_signers";

/// Reads and checks everything. The fault (`bad_config`) carries every error of every file, in the order of the files.
pub fn load(files: &GateFiles) -> Result<Protocol> {
    load_among(files, KINDS)
}

pub(super) fn load_among(files: &GateFiles, kinds: &[&'static Kind]) -> Result<Protocol> {
    let Some(bytes) = files.files.get(PROTOCOL) else {
        let fault = Fault::new(Reason::BadConfig, format!("there is no {}/{PROTOCOL}", files.root));
        return Err(fault.help("`tagwarden init` writes one; `tagwarden init --minimal` the smallest"));
    };
    let mut findings = Vec::new();
    let written = read_protocol(files, bytes, &mut findings);
    let before = findings.len();
    let gates = read_gates(files, kinds, &mut findings);
    let all_gates_read = findings.len() == before;
    let signers = agree::read_signers(files, &mut findings);
    let (openpgp, mut keys) = Keyring::read(&files.files, &files.root);
    findings.append(&mut keys);
    let loaded = written.map(|(source, raw, mut protocol)| {
        agree::gates(&protocol, &gates, &mut findings);
        // A gate that could not be read may be the one that decides.
        if all_gates_read {
            agree::every_channel_is_decided(&source, &raw, &protocol, &gates, &mut findings);
        }
        agree::signers(&source, &raw, &protocol, (signers.as_ref(), &openpgp), &mut findings);
        agree::pointers(&files.root, &source, &raw, &protocol, &mut findings);
        protocol.gates = gates.into_iter().map(|(_, gate)| gate).collect();
        if !protocol.catalog.kinds.is_empty() {
            let rails = files.files.iter().filter(|(path, _)| path.starts_with(RAILS)).map(|(path, bytes)| (path.clone(), bytes.clone()));
            protocol.catalog.rails = Arc::new(RailFiles { files: rails.collect(), root: files.root.clone() });
        }
        protocol.allowed_signers = signers.map(|(source, _)| source.text);
        protocol.openpgp = Arc::new(openpgp);
        protocol
    });
    let (warnings, mut errors): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| finding.severity != Severity::Error);
    errors.sort_by(|a, b| position(a).cmp(&position(b)));
    match loaded.filter(|_| errors.is_empty()) {
        Some(protocol) => Ok(Protocol { warnings, ..protocol }),
        None => {
            let place = errors.first().and_then(|finding| finding.place.as_ref());
            let at = place.map_or_else(|| files.root.clone(), |place| format!("{}:{}:{}", place.file, place.line, place.column));
            Err(Fault::new(Reason::BadConfig, format!("the configuration is wrong at {at}")).findings(errors))
        }
    }
}

fn position(finding: &Finding) -> (&str, u32, u32) {
    finding.place.as_ref().map_or(("", 0, 0), |place| (&place.file, place.line, place.column))
}

/// The protocol file; `None` where it is too wrong for the gates to be compared with it.
fn read_protocol(files: &GateFiles, bytes: &[u8], findings: &mut Vec<Finding>) -> Option<(Source, raw::Protocol, Protocol)> {
    let source = yaml::source(format!("{}/{PROTOCOL}", files.root), bytes);
    let (source, raw) = match source.and_then(|source| yaml::parse(&source).map(|raw| (source, raw))) {
        Ok(read) => read,
        Err(finding) => {
            findings.push(finding);
            return None;
        }
    };
    let mut collector = Collector::new(&source);
    let protocol = protocol::check(&mut collector, &raw);
    let whole = collector.findings.is_empty();
    findings.append(&mut collector.findings);
    protocol.filter(|_| whole).map(|protocol| (source, raw, protocol))
}

/// Every gate file that can be read, in order of number.
fn read_gates(files: &GateFiles, kinds: &[&'static Kind], findings: &mut Vec<Finding>) -> Vec<(Source, LoadedGate)> {
    let mut named: Vec<(u64, GateId, String)> = Vec::new();
    for name in files.files.keys().filter(|name| is_gate_file(name)) {
        match number_and_id(name) {
            Ok((number, id)) => named.push((number, id, name.clone())),
            Err(why) => {
                let finding = Finding::error("config/file-name", format!("`{}` is no gate file: {why}", name.escape_debug()));
                let help = match near::nearest(name, [PROTOCOL]) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "a gate file is named NN-<id>.yaml: digits, a hyphen, and an id of a-z, 0-9 and hyphens".to_owned(),
                };
                findings.push(finding.at(file_start(files, name)).help(help));
            }
        }
    }
    named.sort();
    for (position, (number, id, name)) in named.iter().enumerate() {
        let earlier = &named[..position];
        if let Some((.., other)) = earlier.iter().find(|(known, ..)| known == number) {
            let finding = Finding::error("config/same-number", format!("{other} has the number {number} too, so their order is open"));
            findings.push(finding.at(file_start(files, name)).help("give one of them another number"));
        }
        if let Some((.., other)) = earlier.iter().find(|(_, known, _)| known == id) {
            let finding = Finding::error("config/same-id", format!("{other} is a gate `{id}` too"));
            findings.push(finding.at(file_start(files, name)).help("give one of them another id"));
        }
    }
    let mut gates = Vec::new();
    for (position, (_, id, name)) in named.into_iter().enumerate() {
        match read_gate(files, &name, kinds) {
            Ok((source, kind, header, gate)) => {
                let file = source.file.clone();
                gates.push((source, LoadedGate { id, number: position + 1, kind, header, gate, file }));
            }
            Err(wrong) => findings.extend(wrong),
        }
    }
    gates
}

type ReadGate = (Source, &'static Kind, crate::gate::Header, Box<dyn crate::gate::Gate>);

fn read_gate(files: &GateFiles, name: &str, kinds: &[&'static Kind]) -> std::result::Result<ReadGate, Vec<Finding>> {
    let bytes = files.files.get(name).map(Vec::as_slice).unwrap_or_default();
    let source = yaml::source(format!("{}/{name}", files.root), bytes).map_err(|finding| vec![finding])?;
    let kind = match header::kind_of(&source, kinds) {
        Ok(kind) => kind,
        // Without a kind, what is wrong with the rest of the header can still be said.
        Err(mut findings) => {
            findings.extend(header::check_alone(&source));
            return Err(findings);
        }
    };
    match (kind.read)(&source) {
        Ok((header, gate)) => Ok((source, kind, header, gate)),
        Err(fault) if fault.findings.is_empty() => {
            let finding = Finding::error("config/wrong-value", fault.message).at(source.place(0..0));
            Err(vec![Finding { help: fault.help, ..finding }])
        }
        Err(fault) => Err(fault.findings),
    }
}

fn is_gate_file(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    name != PROTOCOL && !name.contains('/') && (lower.ends_with(".yaml") || lower.ends_with(".yml"))
}

fn number_and_id(name: &str) -> std::result::Result<(u64, GateId), String> {
    let stem = name.strip_suffix(".yaml").ok_or("it does not end with .yaml")?;
    let digits = stem.len() - stem.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = stem.split_at(digits);
    if number.is_empty() {
        return Err("it does not start with a number".to_owned());
    }
    let number = number.parse().map_err(|_| "its number is too large")?;
    let id = rest.strip_prefix('-').ok_or("there is no hyphen behind the number")?;
    Ok((number, id.parse()?))
}

/// A file as a whole.
fn file_start(files: &GateFiles, name: &str) -> Place {
    let bytes = files.files.get(name).map(Vec::as_slice).unwrap_or_default();
    let first = String::from_utf8_lossy(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default()).trim_end().to_owned();
    Place { file: format!("{}/{name}", files.root), line: 1, column: 1, end_column: None, source: Some(first) }
}
