//! Kind `env`: are the variables of this channel set rightly?
//!
//! Every variable is asked for alone and answered in classes (present, empty, known prefix, length class, equal, matching),
//! so no value ever reaches a judge. Each named variable is one question; its position is that of its first mention.
//!
//! Deliberately absent: reading variable names out of source code, and any cell that would need the value itself.

mod judge;
mod spec;

use super::super::{
    Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey, Setting, config,
    config::collect::Collector,
    endpoint,
    probe::{Ask, EnvAsk, EnvFrom},
};
use crate::{
    domain::{ChannelName, Fault, Finding, Reason, Result, Verb},
    text::{
        source::Source,
        template::{Slot, Template},
    },
};
use spec::{Cell, EnvSpec, Matrix, Shape};

pub static KIND: Kind = Kind {
    id: "env",
    about: "are the variables of this channel set rightly?",
    page: include_str!("env.md"),
    codes: CODES,
    verbs: &[Verb::Promote],
    writes: false,
    read,
    schema: |generator| generator.subschema_for::<EnvSpec>(),
};

const CODES: &[(&str, &str)] = &[
    ("env/missing", "a required variable is not set"),
    ("env/empty", "a required variable is set, but empty"),
    ("env/not-empty", "a variable that must be empty has a value"),
    ("env/forbidden", "a forbidden variable is set"),
    ("env/literal", "a variable has another value than the one named"),
    ("env/prefix", "a variable's value starts otherwise than it must"),
    ("env/pattern", "a variable's value does not match its pattern"),
    ("env/incomplete-set", "of variables that belong together only some are set"),
    ("env/none-of", "of several variables none is set"),
    ("env/disagree", "a live key stands beside a test key"),
    ("env/unknown-channel", "a cell names a channel that the protocol does not have"),
    ("env/elsewhere", "the URL that tells the environment is not on the channel's own host"),
    ("env/not-measurable", "the source tells too little of the variable to judge it"),
    ("env/no-value", "a placeholder has no value here"),
    ("env/unanswered", "there is no recorded answer for the variable"),
    ("env/foreign-answer", "the recorded answer belongs to another variable or environment"),
    ("env/unreadable", "the environment came, but could not be read"),
    ("env/timeout", "the environment was not told within the time limit"),
    ("env/unreachable", "the endpoint that tells the environment could not be reached"),
    ("env/tls", "the endpoint that tells the environment could not prove who it is"),
    ("env/redirect-elsewhere", "the endpoint that tells the environment redirects to another host"),
    ("env/too-many-redirects", "the endpoint that tells the environment redirects"),
    ("env/unset-variable", "the question needs a variable that is not set"),
    ("env/bad-question", "the question cannot be asked as it stands"),
    ("env/not-found", "the program or file that tells the environment is not there"),
    ("env/nothing-to-check", "nothing is said about any variable on this channel"),
];

struct Env {
    matrix: Matrix,
    /// Every variable that is named, in order of its first mention: its position is its question's number.
    names: Vec<String>,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<EnvSpec>(source)?;
    let mut collector = Collector::new(source);
    let matrix = spec::check(source, spec, &mut collector);
    if !collector.findings.is_empty() {
        return Err(Fault::new(Reason::BadConfig, format!("{} is no valid gate", source.file)).findings(collector.findings));
    }
    let mut names: Vec<String> = matrix.rows.keys().cloned().collect();
    for set in matrix.all_of.iter().chain(&matrix.one_of).chain(&matrix.agree) {
        for name in &set.names {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    Ok((header, Box::new(Env { matrix, names })))
}

impl Gate for Env {
    fn asks(&self, cx: &Context, seen: &Evidence) -> Vec<Probe> {
        let wanted = (0..).zip(&self.names).filter(|(item, _)| seen.last(*item).is_none());
        wanted.filter_map(|(item, name)| Some(Probe::reads(ProbeKey::first(item), Ask::Env(self.ask(cx, name).ok()?)))).collect()
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        judge::all(self, cx, seen)
    }

    fn settings(&self, channel: &ChannelName) -> Vec<(&str, Setting)> {
        let setting = |cell: &Cell| match cell {
            Cell::Required(_) => Setting::Required,
            Cell::Optional(_) => Setting::Optional,
            Cell::Empty => Setting::Empty,
            Cell::Forbidden => Setting::Forbidden,
        };
        let rows = self.matrix.rows.iter();
        rows.filter_map(|(name, vars)| Some((name.as_str(), setting(vars.cell(channel)?)))).collect()
    }
}

/// Why a variable cannot be asked for.
enum NotAsked {
    NoValue(Slot),
    Elsewhere(String),
    /// Nothing is said about it on this channel.
    Unneeded,
}

impl Env {
    fn ask(&self, cx: &Context, name: &str) -> std::result::Result<EnvAsk, NotAsked> {
        let shape = match self.cell(cx, name) {
            Some(Cell::Required(shape) | Cell::Optional(shape)) => shape.clone(),
            Some(Cell::Empty | Cell::Forbidden) => Shape::default(),
            None if self.is_in_a_set(name) => Shape::default(),
            None => return Err(NotAsked::Unneeded),
        };
        let placeholders = cx.placeholders();
        let value = |slot: &Slot| match slot {
            Slot::Value(name) => placeholders.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
            Slot::Env(_) | Slot::Capture(_) => None,
        };
        let expand = |template: &Template| template.expand(value).map_err(NotAsked::NoValue);
        let from = self.matrix.from.expand(value).map_err(NotAsked::NoValue)?;
        if let (EnvFrom::Http(url), Some(base_url)) = (&from, &cx.base_url) {
            endpoint::on_host_of(url, base_url).map_err(|not_asked| NotAsked::Elsewhere(not_asked.why().to_owned()))?;
        }
        Ok(EnvAsk {
            name: name.to_owned(),
            from,
            prefixes: shape.prefixes.iter().map(expand).collect::<std::result::Result<_, _>>()?,
            literals: shape.literal.iter().map(expand).collect::<std::result::Result<_, _>>()?,
            patterns: shape.pattern.into_iter().collect(),
        })
    }

    fn cell(&self, cx: &Context, name: &str) -> Option<&Cell> {
        self.matrix.rows.get(name)?.cell(&cx.channel)
    }

    fn is_in_a_set(&self, name: &str) -> bool {
        let sets = self.matrix.all_of.iter().chain(&self.matrix.one_of).chain(&self.matrix.agree);
        sets.flat_map(|set| &set.names).any(|known| known == name)
    }

    /// The finding for a question that cannot be asked, and whether it is a failure rather than an unknown.
    fn not_asked(&self, name: &str, why: NotAsked) -> Option<(Finding, bool)> {
        let place = self.matrix.rows.get(name).map(|row| row.place.clone());
        let (finding, failed) = match why {
            NotAsked::Unneeded => return None,
            NotAsked::NoValue(slot) => {
                let finding = Finding::error("env/no-value", format!("`{slot}` has no value here, so `{name}` cannot be judged"));
                (finding.help("name a release or a commit, or give the channel a `base_url`"), false)
            }
            NotAsked::Elsewhere(why) => (Finding::error("env/elsewhere", why), true),
        };
        Some((Finding { place, ..finding }, failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::shapes::assert_refused;

    #[test]
    fn what_is_wrong_is_refused_at_its_place() {
        let cases = [
            ("vars: { A: requird }", "config/unknown-word <requird> `requird` is not known here"),
            ("vars: { A: { production: requird } }", "config/unknown-word <requird> `requird` is not known here"),
            ("vars: { A: { literal: x, prefx: y } }", "config/unknown-key "),
            ("vars: { A: { production: { prefx: y } } }", "config/unknown-key "),
            ("vars: { A: { optional: true } }", "config/missing-key <{> the cell says nothing about the value"),
            ("vars: { A: {} }", "config/missing-key <{> nothing is said about `A`"),
            ("vars: { A: { production: {} } }", "config/missing-key <{> the cell says nothing about the value"),
            ("vars: { A-B: required }", "config/wrong-value <A-B> `A-B` is no name of a variable"),
            ("vars: { A: { Production: required } }", "config/wrong-value <Production> `Production` is no channel name"),
            ("vars: { A: { pattern: '(' } }", "config/wrong-value <'('> the regular expression does not compile"),
            ("vars: { A: { prefix: [] } }", "config/wrong-value <[> the beginning of a value"),
            ("vars: { A: { prefix: '' } }", "config/wrong-value <''> the beginning of a value"),
            ("vars: { A: { literal: '{x}' } }", "config/bad-template <{x}> unknown placeholder `{x}`"),
            ("vars: { A: { literal: '{env.B}' } }", "config/bad-template <{env.B}> `{env.B}` is not filled in here"),
            ("vars: { A: 3 }", "config/wrong-type "),
            ("vars: { A: required, A: optional }", "config/duplicate-key "),
            ("all_of: [[A]]", "config/wrong-value <[> at least two variables"),
            ("agree: [[A, B, A]]", "config/duplicate <A> `A` stands here a second time"),
            ("one_of: [[A, 'b c']]", "config/wrong-value <'b c'> `b c` is no name"),
            ("from: { file: '' }", "config/wrong-value <''> the path of a file"),
            ("from: { command: [] }", "config/wrong-value "),
            ("from: { command: [../x] }", "config/bad-program <../x> a program with a slash"),
            ("from: { command: ['{channel}'] }", "config/bad-program <'{channel}'> the name of a program"),
            ("from: { http: 'x' }", "config/bad-template <x> `x` is no URL"),
            ("from: proces", "config/unknown-word <proces> `proces` is not known here"),
            ("sets: []", "config/unknown-key <sets> unknown key `sets`"),
        ];
        assert_refused(&KIND, cases.map(|(spec, wanted)| (format!("title: T\nenv: {{ {spec} }}\n"), wanted)));
    }
}
