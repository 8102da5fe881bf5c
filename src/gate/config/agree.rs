//! What the files of `gates/` say of one another: gates and channels, signers and whoever is named.

use super::{
    collect::Collector,
    header,
    load::{GateFiles, SIGNERS},
    protocol, raw,
};
use crate::{
    attest::{
        openpgp::{FOLDER, Keyring},
        ssh::{AllowedSigners, NOBODY},
    },
    domain::{Finding, Place, Severity, Verb},
    gate::{LoadedGate, OnFail, Protocol, When, protocol::KeySource},
    text::{
        near,
        source::Source,
        yaml::{self, place_of},
    },
};
use std::{collections::BTreeSet, ops::Range};

/// Gates name channels that exist, and fill in no base URL that their channel does not have.
pub(super) fn gates(protocol: &Protocol, gates: &[(Source, LoadedGate)], findings: &mut Vec<Finding>) {
    let known: Vec<&str> = protocol.channels.keys().map(|name| name.as_str()).collect();
    for (file, gate) in gates {
        let mut collector = Collector::new(file);
        for channel in header::channels(file) {
            protocol::known_channel(&mut collector, &channel, &known);
        }
        findings.append(&mut collector.findings);
        base_url(file, gate, protocol, findings);
    }
}

/// A channel that moves has a required gate before the move; without one anything would pass.
pub(super) fn every_channel_is_decided(
    source: &Source,
    raw: &raw::Protocol,
    protocol: &Protocol,
    gates: &[(Source, LoadedGate)],
    findings: &mut Vec<Finding>,
) {
    for (name, _) in protocol.channels.iter().filter(|(_, channel)| channel.tag.is_some()) {
        let decides = |gate: &LoadedGate| gate.header.on_fail == OnFail::Halt && gate.applies(Verb::Promote, name, When::Before);
        let Some((at, _)) = raw.channels.get_key_value(name.as_str()) else { continue };
        if !gates.iter().any(|(_, gate)| decides(gate)) {
            let message = format!("no required gate decides promotions to `{name}`, so anything would pass");
            let finding = Finding::error("config/no-gate", message).at(place_of(source, at));
            findings.push(finding.help("add a gate file for it with `on_fail: halt`, or take its `tag` away"));
        }
    }
}

fn base_url(file: &Source, gate: &LoadedGate, protocol: &Protocol, findings: &mut Vec<Finding>) {
    let Some(at) = outside_comments(&file.text, "{base_url}") else { return };
    let decides = |name| gate.header.channels.as_ref().is_none_or(|channels| channels.contains(name));
    let lacking = protocol.channels.iter().find(|(name, channel)| channel.base_url.is_none() && decides(name));
    if let Some((name, _)) = lacking {
        let message = format!("channel `{name}` has no base_url, and this gate decides there");
        let finding = Finding::error("config/no-base-url", message).at(file.place(at));
        findings.push(finding.help("give the channel a `base_url`, or name the gate's `channels` without it"));
    }
}

/// The first place of a word that is not in a comment. A `#` starts a comment at the start of a line or after a space,
/// outside of quotes.
fn outside_comments(text: &str, word: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let (mut quote, mut before) = (None, ' ');
        let comment = line.char_indices().find(|&(_, c)| {
            match quote {
                Some(open) if c == open => quote = None,
                None if c == '#' && before.is_whitespace() => return true,
                // An apostrophe inside a word opens nothing.
                None if matches!(c, '"' | '\'') && !before.is_alphanumeric() => quote = Some(c),
                _ => {}
            }
            before = c;
            false
        });
        let end = comment.map_or(line.len(), |(at, _)| at);
        if let Some(at) = line[..end].find(word) {
            return Some(start + at..start + at + word.len());
        }
        start += line.len();
    }
    None
}

/// `gates/allowed_signers`, if it is there and can be read. It may still name nobody.
pub(super) fn read_signers(files: &GateFiles, findings: &mut Vec<Finding>) -> Option<(Source, AllowedSigners)> {
    let bytes = files.files.get(SIGNERS)?;
    let source = match yaml::source(format!("{}/{SIGNERS}", files.root), bytes) {
        Ok(source) => source,
        Err(finding) => {
            findings.push(finding);
            return None;
        }
    };
    match AllowedSigners::parse_file(&source) {
        Ok(allowed) => Some((source, allowed)),
        Err(wrong) if wrong.iter().all(|finding| finding.code == "signers/empty") => Some((source, AllowedSigners::default())),
        Err(wrong) => {
            findings.extend(wrong);
            None
        }
    }
}

/// No pointer file is one of the files that say what is in force: activations would change the policy.
pub(super) fn pointers(root: &str, source: &Source, raw: &raw::Protocol, protocol: &Protocol, findings: &mut Vec<Finding>) {
    let Some(written) = &raw.pointer else { return };
    let is_below = |file: &str| file.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    if let Some(at) = protocol.catalog.pointers.iter().find(|at| is_below(&at.file)) {
        let message = format!("`{}` is in the folder of gates, which changes by `policy adopt` alone", at.file.escape_debug());
        let finding = Finding::error("config/pointer-file", message).at(place_of(source, &written.file));
        findings.push(finding.help("for example _active/active_releases.json"));
    }
}

fn principals(allowed: &AllowedSigners) -> BTreeSet<&str> {
    allowed.signers().map(|signer| signer.principal.as_str()).collect()
}

/// There are signers where signatures count, enough of them for the threshold, and whoever a role names is one of them.
pub(super) fn signers(
    source: &Source,
    raw: &raw::Protocol,
    protocol: &Protocol,
    (signers, openpgp): (Option<&(Source, AllowedSigners)>, &Keyring),
    findings: &mut Vec<Finding>,
) {
    // A file that is there and wrong has its own findings.
    let names_signers = |place: &Place| place.file.ends_with(SIGNERS) || place.file.contains(&format!("/{FOLDER}"));
    let is_wrong = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .any(|finding| finding.place.as_ref().is_some_and(names_signers));
    // Whoever has keys of both sorts is one person.
    let people: BTreeSet<&str> =
        signers.map(|(_, allowed)| principals(allowed)).unwrap_or_default().into_iter().chain(openpgp.people()).collect();
    let count = people.len();
    let wanted = raw.snapshots.as_ref().and_then(|snapshots| snapshots.signatures.as_ref());
    if let Some(at) = wanted.filter(|wanted| wanted.value as usize > count && !is_wrong) {
        let message = format!("{} people never sign a snapshot: {SIGNERS} and {FOLDER} name {count}", at.value);
        findings.push(Finding::error("config/threshold", message).at(place_of(source, at)).help("lower it, or add signers"));
    }
    if protocol.signing.key == KeySource::None {
        return;
    }
    let Some((file, allowed)) = signers else {
        if !is_wrong {
            let finding =
                Finding::error("config/no-signers", format!("there is no {SIGNERS} beside this file, so no signature could count"));
            let help = "write gates/allowed_signers, one line for each signer: `release@example.com ssh-ed25519 AAAA...`";
            findings.push(finding.at(place_of(source, &raw.signing.key)).help(help));
        }
        return;
    };
    let principals = principals(allowed);
    if principals.is_empty() {
        // Worth a warning only: drafts can be judged without signers, and nobody can adopt this.
        findings.push(Finding::warning("signers/empty", "the file names no signer").at(file.place(0..0)).help(NOBODY));
        return;
    }
    if let Some(at) = raw.signing.threshold.as_ref().filter(|threshold| threshold.value as usize > principals.len()) {
        let message = format!("{} signers are never had: {SIGNERS} names {}", at.value, principals.len());
        findings.push(Finding::error("config/threshold", message).at(place_of(source, at)).help("lower it, or add signers"));
    }
    let named = raw.roles.values().flat_map(|role| &role.who.value).chain(&raw.automation).chain(&raw.movers);
    for who in named {
        let Some(principal) = who.strip_prefix("ssh:").filter(|principal| !principals.contains(principal)) else { continue };
        let names: Vec<&str> = principals.iter().copied().collect();
        let finding = Finding::warning("config/no-such-signer", format!("{SIGNERS} names no `{principal}`, so this permits nothing"));
        findings.push(finding.at(place_of(source, who)).help(near::help(principal, &names)));
    }
    // Under another name their own request would pass for somebody else's.
    let signing = raw.reviewers.values().filter_map(|reviewer| reviewer.ssh.as_ref());
    for signer in signing.filter(|signer| !principals.contains(signer.as_str())) {
        let message =
            format!("{SIGNERS} names no `{}`, so what this reviewer asks for would not be known as theirs", signer.escape_debug());
        let names: Vec<&str> = principals.iter().copied().collect();
        let finding = Finding::error("config/no-such-signer", message).at(place_of(source, signer));
        findings.push(finding.help(near::help(signer, &names)));
    }
}
