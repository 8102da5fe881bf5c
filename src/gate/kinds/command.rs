//! Kind `command`: does this program say yes?
//!
//! Programs are files of the adopted policy or words on a fixed PATH; they run one after the other with a cleared
//! environment, and the first that does not say yes ends the row, because later ones mostly look at what earlier ones made.
//!
//! Deliberately absent: retries (a program that must wait can do so within its time limit), and any way to run a file of the
//! candidate.

mod spec;

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey, config,
    config::collect::Collector,
    expect::{self, Verdict},
    probe::{Answer, Ask, CommandAsk, CommandGot, Got, Unavailable},
};
use crate::{
    domain::{Fault, Finding, Reason, Result, Verb},
    text::{
        source::Source,
        template::{Slot, Template},
    },
};
use serde_json::{Map, Value};
use spec::{Command, CommandsSpec, PREFIX, Produces, Program};

pub static KIND: Kind = Kind {
    id: "command",
    about: "does this program say yes?",
    page: include_str!("command.md"),
    codes: CODES,
    verbs: &[Verb::Promote],
    writes: true,
    read,
    schema: |generator| generator.subschema_for::<CommandsSpec>(),
};

const CODES: &[(&str, &str)] = &[
    ("command/exit", "the program ended with an exit code that is not an expected one"),
    ("command/jq", "a jq program over the standard output does not give true"),
    (
        "command/undecided",
        "a jq program compares values of two types or one that is not there, or gives no boolean: nothing can be concluded",
    ),
    ("command/stdout", "the standard output does not have what was expected"),
    ("command/stderr", "the error output does not have what was expected"),
    ("command/no-file", "the file that the program should make is not there"),
    ("command/stale-file", "the file was there before, and the program did not change it"),
    ("command/small-file", "the file is smaller than expected"),
    ("command/produced", "size and digest of the file that the program made (a note)"),
    ("command/not-found", "there is no such program, or it cannot be run (exit 126 or 127)"),
    ("command/signal", "the program was ended by a signal"),
    ("command/timeout", "the program did not end within its time limit"),
    ("command/empty", "the standard output is empty where a jq program must read it"),
    ("command/not-json", "the standard output is no JSON where a jq program must read it"),
    ("command/truncated", "the standard output is longer than what is recorded: nothing can be concluded"),
    ("command/redacted", "the verdict would hang on a value that is redacted before it is judged"),
    ("command/no-value", "a placeholder has no value here"),
    ("command/not-run", "the program was not run, because an earlier one did not say yes (a note)"),
    ("command/unanswered", "there is no recorded answer of the program"),
    ("command/foreign-answer", "the recorded answer belongs to another program"),
    ("command/unset-variable", "a variable that is passed through is not set"),
    ("command/bad-question", "the program cannot be started as it stands"),
    ("command/unreadable", "the result came, but could not be read"),
    ("command/effects-not-allowed", "the program changes something, which this verb does not allow"),
    ("command/nothing-to-check", "there is no program"),
];

struct Commands {
    commands: Vec<Command>,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<CommandsSpec>(source)?;
    let mut collector = Collector::new(source);
    let commands = spec::check(source, spec, &mut collector);
    if collector.findings.is_empty() {
        return Ok((header, Box::new(Commands { commands })));
    }
    Err(Fault::new(Reason::BadConfig, format!("{} is no valid gate", source.file)).findings(collector.findings))
}

impl Gate for Commands {
    fn asks(&self, cx: &Context, seen: &Evidence) -> Vec<Probe> {
        for (item, command) in (0..).zip(&self.commands) {
            let Ok(ask) = command.ask(cx) else { break };
            let key = ProbeKey::first(item);
            match seen.get(key) {
                None => return vec![Probe { key, ask: Ask::Command(ask), not_before: None, effect: command.effect }],
                Some(answer) if command.says_yes(cx, &ask, answer) => {}
                Some(_) => break,
            }
        }
        Vec::new()
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        let mut goes_on = true;
        for (item, command) in (0..).zip(&self.commands) {
            if !goes_on {
                let message = format!("{} was not run, because an earlier one did not say yes", command.name());
                checks.remark(Finding::note("command/not-run", message).at(command.place.clone()));
                continue;
            }
            goes_on = command.judge(cx, seen.get(ProbeKey::first(item)), &mut checks);
        }
        checks.judge("command")
    }
}

/// What one answer shows of one expectation.
enum Shown {
    Held,
    Noted(Finding),
    Wrong(Finding),
    Unknown(Finding),
    Unavailable(Unavailable),
}

impl Command {
    fn ask(&self, cx: &Context) -> std::result::Result<CommandAsk, Slot> {
        let placeholders = cx.placeholders();
        let expand = |template: &Template| {
            template.expand(|slot| match slot {
                Slot::Value(name) => placeholders.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
                Slot::Env(_) | Slot::Capture(_) => None,
            })
        };
        let (run, shell) = match &self.program {
            Program::Run(arguments) => (arguments.iter().map(expand).collect::<std::result::Result<_, _>>()?, None),
            Program::Shell(script) => (Vec::new(), Some(script.clone())),
        };
        let own = self.set.iter().map(|(name, value)| Ok((name.clone(), expand(value)?)));
        let told = placeholders.iter().map(|(name, value)| Ok((format!("{PREFIX}{}", name.to_uppercase()), value.clone())));
        Ok(CommandAsk {
            run,
            shell,
            env: self.env.clone(),
            set: own.chain(told).collect::<std::result::Result<_, _>>()?,
            within: self.within,
            produces: self.produces.as_ref().map(|produces| expand(&produces.file)).transpose()?,
        })
    }

    fn says_yes(&self, cx: &Context, ask: &CommandAsk, answer: &Answer) -> bool {
        self.examine(cx, ask, answer).iter().all(|shown| matches!(shown, Shown::Held | Shown::Noted(_)))
    }

    /// Whether the row goes on.
    fn judge(&self, cx: &Context, answer: Option<&Answer>, checks: &mut Checks) -> bool {
        let ask = match self.ask(cx) {
            Ok(ask) => ask,
            Err(slot) => {
                let finding = Finding::error("command/no-value", format!("`{slot}` has no value here")).at(self.place.clone());
                checks.unknown(finding.help("name a release or a commit, or give the channel a `base_url`"));
                return false;
            }
        };
        let Some(answer) = answer else {
            checks.unknown(Finding::error("command/unanswered", format!("there is no answer of {}", self.name())).at(self.place.clone()));
            return false;
        };
        for shown in self.examine(cx, &ask, answer) {
            match shown {
                Shown::Held => checks.hold(),
                Shown::Noted(finding) => checks.remark(finding),
                Shown::Wrong(finding) => checks.fail(finding),
                Shown::Unknown(finding) => checks.unknown(finding),
                Shown::Unavailable(unavailable) => checks.unavailable("command", &self.name(), &unavailable),
            }
        }
        self.says_yes(cx, &ask, answer)
    }

    /// Every expectation against the answer. Never empty.
    fn examine(&self, cx: &Context, ask: &CommandAsk, answer: &Answer) -> Vec<Shown> {
        let got = match answer.result() {
            Ok(Got::Command(got)) => got,
            Ok(_) => return vec![Shown::Unavailable(Unavailable::new("unreadable"))],
            Err(unavailable) => return vec![Shown::Unavailable(unavailable)],
        };
        let belongs = matches!(&answer.ask, Ask::Command(answered) if answered.run == ask.run && answered.shell == ask.shell);
        if !belongs {
            let message = format!("the recorded answer is not that of {}", self.name());
            return vec![Shown::Unknown(Finding::error("command/foreign-answer", message).at(self.place.clone()))];
        }
        match self.exit(got) {
            Shown::Held => {}
            other => return vec![other],
        }
        let mut shown = vec![Shown::Held];
        shown.extend(self.output(cx, got));
        shown.extend(self.produces.as_ref().map(|produces| self.file(produces, got)).into_iter().flatten());
        shown
    }

    fn exit(&self, got: &CommandGot) -> Shown {
        let name = self.name();
        let finding = |code: &str, message: String| {
            expect::with_last_words(Finding::error(format!("command/{code}"), message).at(self.place.clone()), got)
        };
        match got.exit {
            None => Shown::Unknown(finding("signal", format!("{name} was ended by a signal"))),
            Some(exit) if self.exit.contains(&exit) => Shown::Held,
            Some(exit @ (126 | 127)) => Shown::Unknown(finding("not-found", format!("{name} could not be run (exit code {exit})"))),
            Some(exit) => {
                let wanted = self.exit.iter().map(i32::to_string).collect::<Vec<_>>().join(" or ");
                Shown::Wrong(finding("exit", format!("{name} ended with exit code {exit} instead of {wanted}")))
            }
        }
    }

    fn output(&self, cx: &Context, got: &CommandGot) -> Vec<Shown> {
        let name = self.name();
        let unusable = |code: &str, what: &str| {
            let message = format!("the standard output of {name} {what}");
            Shown::Unknown(Finding::error(format!("command/{code}"), message).at(self.place.clone()))
        };
        let mut shown = Vec::new();
        if (self.stdout.is_some() || !self.jq.is_empty()) && got.truncated {
            shown.push(unusable("truncated", "is longer than what is recorded, so nothing can be concluded from it"));
        } else {
            let stdout = || match &got.stdout {
                Value::String(text) if !got.is_json => text.clone(),
                Value::Null if !got.is_json => String::new(),
                json => json.to_string(),
            };
            shown.extend(self.stdout.as_ref().map(|wanted| found("stdout", wanted, &stdout(), &name)));
            match (self.jq.is_empty(), got.is_json, got.stdout.is_null()) {
                (true, ..) => {}
                (false, true, _) => shown.extend(self.jq(cx, got)),
                (false, false, true) => shown.push(unusable("empty", "is empty")),
                (false, false, false) => shown.push(unusable("not-json", "is no JSON")),
            }
        }
        shown.extend(self.stderr.as_ref().map(|wanted| found("stderr", wanted, &got.stderr, &name)));
        shown
    }

    fn jq(&self, cx: &Context, got: &CommandGot) -> Vec<Shown> {
        let variables = expect::variables(cx, &Map::new());
        let name = self.name();
        let each = self.jq.iter().map(|program| match program.check(&got.stdout, &variables) {
            Verdict::Holds => Shown::Held,
            Verdict::Broken { said, pointer } => {
                let message = format!("{name}: `{}` does not hold: {said}", program.text());
                Shown::Wrong(Finding { pointer, ..Finding::error("command/jq", message).at(program.place.clone()) })
            }
            Verdict::Undecided { said, pointer } => {
                let message = format!("{name}: `{}` cannot be decided: {said}", program.text());
                let finding = Finding::error("command/undecided", message).at(program.place.clone()).help(expect::DECIDE);
                Shown::Unknown(Finding { pointer, ..finding })
            }
            Verdict::Hidden => {
                let message = format!("{name}: `{}` hangs on a value that is redacted before it is judged", program.text());
                Shown::Unknown(Finding::error("command/redacted", message).at(program.place.clone()))
            }
        });
        each.collect()
    }

    fn file(&self, wanted: &Produces, got: &CommandGot) -> Vec<Shown> {
        let name = self.name();
        let wrong =
            |code: &str, message: String| vec![Shown::Wrong(Finding::error(format!("command/{code}"), message).at(wanted.place.clone()))];
        let Some(produced) = &got.produced else {
            return wrong("no-file", format!("{name} made no file"));
        };
        if !produced.fresh {
            return wrong("stale-file", format!("{name} did not make the file anew: it is older than the start of the program"));
        }
        if produced.bytes < wanted.min_bytes {
            return wrong(
                "small-file",
                format!("{name} made a file of {} bytes; at least {} are wanted", produced.bytes, wanted.min_bytes),
            );
        }
        let message = format!("{name} made a file of {} bytes, sha256:{}", produced.bytes, produced.sha256.trim_start_matches("sha256:"));
        vec![Shown::Held, Shown::Noted(Finding::note("command/produced", message))]
    }

    /// The program's name for messages.
    fn name(&self) -> String {
        match &self.program {
            Program::Run(arguments) => {
                let program = arguments.first().and_then(|program| program.expand(|_| None).ok());
                format!("`{}`", program.unwrap_or_default())
            }
            Program::Shell(_) => "the script".to_owned(),
        }
    }
}

/// Whether a pattern is found in an output.
fn found(which: &str, (pattern, place): &(regex::Regex, crate::domain::Place), text: &str, name: &str) -> Shown {
    if pattern.is_match(text) {
        return Shown::Held;
    }
    let said = expect::brief(&Value::from(text)).unwrap_or_default();
    let message = format!("the {which} of {name} has nothing that matches `{pattern}`: it is {said}");
    Shown::Wrong(Finding::error(format!("command/{which}"), message).at(place.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::shapes::assert_refused;

    #[test]
    fn what_is_wrong_is_refused_at_its_place() {
        let cases = [
            ("exit: 0", "config/missing-key <{> the command has neither `run` nor `shell`"),
            ("run: [a], shell: b", "config/several-commands "),
            ("run: []", "config/wrong-value <[> a program and its arguments"),
            ("run: ['']", "config/bad-program "),
            ("run: [/bin/sh]", "config/bad-program </bin/sh> a program with a slash is a file below `gates/`"),
            ("run: [./../x]", "config/bad-program "),
            ("run: [a//b]", "config/bad-program "),
            ("run: [a/../../b]", "config/bad-program "),
            ("run: ['{channel}']", "config/bad-program <'{channel}'> the name of a program must stand here, without placeholders"),
            ("run: [-x]", "config/bad-program "),
            ("run: [a, 'x ${HOME} y']", "config/unexpanded <${HOME}> `${HOME}` would not be filled in"),
            ("run: [a, '${HOME']", "config/unexpanded <${HOME> `${HOME` would not be filled in"),
            ("run: [a, '{chanel}']", "config/bad-template <{chanel}> unknown placeholder `{chanel}`"),
            ("run: [a, '{env.KEY}']", "config/bad-template <{env.KEY}> `{env.KEY}` is not filled in here"),
            ("run: [a, '{capture.X}']", "config/bad-template <{capture.X}> no earlier request captures `X`"),
            ("shell: 'echo {channel}'", "config/unexpanded <{channel}> `{channel}` would not be filled in inside a script"),
            ("shell: ' '", "config/wrong-value <' '> a script must stand here"),
            ("run: [a], set: { A: '${B}' }", "config/unexpanded "),
            ("run: [a], set: { PATH: x }", "config/wrong-value <PATH> `PATH` is set by Tagwarden itself"),
            ("run: [a], env: [LD_PRELOAD]", "config/wrong-value "),
            ("run: [a], env: [TAGWARDEN_SCRATCH]", "config/wrong-value "),
            ("run: [a], env: ['A=B']", "config/wrong-value <'A=B'> `A=B` is no name of a variable"),
            ("run: [a], env: [A], set: { A: x }", "config/duplicate <A> `A` is passed through by `env` already"),
            ("run: [a], exit: []", "config/wrong-value <[> an exit code"),
            ("run: [a], exit: 256", "config/"),
            ("run: [a], jq: ['.a ==']", "config/query "),
            ("run: [a], stdout: { matches: '(' }", "config/wrong-value <'('> the regular expression does not compile"),
            ("run: [a], produces: { file: ../x }", "config/wrong-value <../x> the path of a file below the scratch folder"),
            ("run: [a], produces: { file: /x }", "config/wrong-value "),
            ("run: [a], produces: { file: x, min: 3 }", "config/unknown-key "),
        ];
        assert_refused(&KIND, cases.map(|(command, wanted)| (format!("title: T\ncommand:\n  - {{ {command} }}\n"), wanted)));
    }

    #[test]
    fn braces_that_are_no_placeholders_are_left_alone() {
        for spec in [
            "run: [git, rev-parse, '$dep^{commit}', 'v{version}^{commit}', 'HEAD@{1}']",
            "run: [awk, '{print $1}', '{if (x) {y}}']",
            "shell: 'git rev-parse \"$dep^{commit}\" \"${HOME:-/}\" \"${version}\"'",
            "shell: 'awk \"{print}\"'",
        ] {
            let text = format!("title: T\ncommand: [{{ {spec} }}]\n");
            assert_eq!(crate::gate::shapes::refusals(&KIND, &text), Vec::<String>::new(), "{spec}");
        }
    }

    #[test]
    fn braces_of_a_script_are_its_own() {
        let text = "title: T\ncommand:\n  - shell: |\n      { awk '{print $1}' x; } | sed 's/{a}/{{b}}/'\n";
        assert!(read(&Source::new("g", text)).is_ok());
    }
}
