//! Kind `channel`: which runtime channel is this?
//!
//! Two independent witnesses are compared with the declared channel: the protocol's rules over this environment (with an
//! explicit override before them), and what the deployed endpoint reports. The rules of all channels are tried in the order
//! of the protocol and the first that holds decides, except that a rule which is just `true` is a default and comes last.
//! No value of the environment is recorded: rules are answered with booleans, the override with comparisons.
//!
//! Deliberately absent: rules in the gate file, so that all gates of a protocol mean the same by a channel.

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey, config,
    config::{Spec, collect::Collector},
    endpoint,
    expect::{self, Expectation},
    probe::{Answer, Ask, EnvAsk, EnvGot, Got, HttpAsk, HttpGot, RuleAsk, RulesAsk, RulesGot, Unavailable},
    protocol::Rule,
    shapes,
};
use crate::{
    domain::{ChannelName, Fault, Finding, Place, Reason, Result, Span, Verb},
    text::{
        query::RunError,
        source::Source,
        template::{self, Allowed, Slot, Template},
        yaml::{Spanned, place_of},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

pub static KIND: Kind = Kind {
    id: "channel",
    about: "which runtime channel is this?",
    page: include_str!("channel.md"),
    codes: CODES,
    verbs: &[Verb::Promote],
    writes: false,
    read,
    schema: |generator| generator.subschema_for::<ChannelSpec>(),
};

const CODES: &[(&str, &str)] = &[
    ("channel/rule", "the rule that fired (a note)"),
    ("channel/mismatch", "the rules or the override give another channel than the declared one"),
    ("channel/no-rule", "no rule fits this environment"),
    ("channel/overlap", "further rules hold for this environment, so that only their order decides (a warning)"),
    ("channel/rule-error", "a rule that stands before any other that holds could not be evaluated"),
    ("channel/bad-override", "the explicit override names no channel of the protocol"),
    ("channel/not-measurable", "the source tells too little of the override to judge it"),
    ("channel/endpoint-mismatch", "the deployed endpoint reports another channel"),
    ("channel/not-reported", "the deployed endpoint does not report its channel"),
    ("channel/undecided", "the jq program compares values of two types or one that is not there: nothing can be concluded"),
    ("channel/status", "the endpoint answered with another status than 200"),
    ("channel/redirect", "the endpoint redirects"),
    ("channel/elsewhere", "the URL of the endpoint is not on the channel's own host, or does not say plainly on which it is"),
    ("channel/server-error", "the endpoint answered with a 5xx status: nothing can be concluded"),
    ("channel/empty", "the endpoint's body is empty"),
    ("channel/truncated", "the endpoint's body is longer than what is recorded"),
    ("channel/not-json", "the endpoint's body is no JSON"),
    ("channel/redacted", "what the endpoint reports is redacted before it is judged"),
    ("channel/no-value", "a placeholder of the URL has no value here"),
    ("channel/unanswered", "there is no recorded answer"),
    ("channel/foreign-answer", "the recorded answer belongs to another question"),
    ("channel/unreadable", "an answer came, but could not be read"),
    ("channel/timeout", "no whole answer within the time limit"),
    ("channel/unreachable", "no connection to the endpoint, or it broke off"),
    ("channel/tls", "the endpoint could not prove who it is"),
    ("channel/redirect-elsewhere", "the endpoint redirects to another host"),
    ("channel/too-many-redirects", "the endpoint redirects"),
    ("channel/unset-variable", "a variable that the request needs is not set"),
    ("channel/bad-question", "a question cannot be asked as it stands"),
    ("channel/nothing-to-check", "the protocol has no rules, and the gate names neither override nor endpoint"),
];

/// What is compared with the declared channel, beside the protocol's rules.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChannelSpec {
    /// A variable that, where it is set, names the channel before any rule does.
    #[serde(rename = "override")]
    explicit: Option<Spanned<String>>,
    /// Where the deployment reports its channel.
    endpoint: Option<Spanned<EndpointSpec>>,
}

impl Spec for ChannelSpec {
    const KEY: &'static str = "channel";
}

/// An endpoint that reports the channel it runs on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EndpointSpec {
    /// URL of a GET request.
    get: Spanned<String>,
    /// A jq program that gives the channel's name.
    jq: Spanned<String>,
    /// The URL is meant to be on another host than the channel's base URL.
    #[serde(default)]
    elsewhere: bool,
    /// Time limit; 10s where absent.
    within: Option<Span>,
}

struct Channel {
    explicit: Option<(String, Place)>,
    endpoint: Option<Endpoint>,
}

struct Endpoint {
    url: Template,
    reported: Expectation,
    elsewhere: bool,
    within: Option<Span>,
    place: Place,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<ChannelSpec>(source)?;
    let mut collector = Collector::new(source);
    let explicit = spec.explicit.map(|name| {
        if !template::is_name(&name) {
            let message = format!("`{}` is no name of a variable: letters, digits and `_`, no digit first", name.escape_debug());
            collector.refuse(&name, "wrong-value", message);
        }
        let place = place_of(source, &name);
        (name.value, place)
    });
    let endpoint = spec.endpoint.and_then(|endpoint| {
        let allowed = Allowed { values: template::VALUES, env: true, captures: &[] };
        let url = shapes::url(&mut collector, &endpoint.get, &allowed);
        let reported = shapes::expectation(&mut collector, &endpoint.jq);
        let place = place_of(source, &endpoint.get);
        Some(Endpoint { url: url?, reported: reported?, elsewhere: endpoint.elsewhere, within: endpoint.within, place })
    });
    if collector.findings.is_empty() {
        return Ok((header, Box::new(Channel { explicit, endpoint })));
    }
    Err(Fault::new(Reason::BadConfig, format!("{} is no valid gate", source.file)).findings(collector.findings))
}

const RULES: ProbeKey = ProbeKey::first(0);
const OVERRIDE: ProbeKey = ProbeKey::first(1);
const ENDPOINT: ProbeKey = ProbeKey::first(2);

impl Gate for Channel {
    fn asks(&self, cx: &Context, seen: &Evidence) -> Vec<Probe> {
        let asks = [
            (RULES, rules_ask(cx).map(Ask::Rules)),
            (OVERRIDE, self.override_ask(cx).map(Ask::Env)),
            (ENDPOINT, self.endpoint.as_ref().and_then(|endpoint| endpoint.ask(cx).ok()).map(Ask::Http)),
        ];
        let wanted = asks.into_iter().filter(|(key, _)| seen.get(*key).is_none());
        wanted.filter_map(|(key, ask)| Some(Probe::reads(key, ask?))).collect()
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        self.judge_environment(cx, seen, &mut checks);
        if let Some(endpoint) = &self.endpoint {
            endpoint.judge(cx, seen, &mut checks);
        }
        checks.judge("channel")
    }
}

/// The rules of all channels, in the order in which they are tried; `None`: there is none.
fn ordered_rules(cx: &Context) -> Vec<(&ChannelName, &Rule)> {
    let rules = || cx.protocol.channels.iter().flat_map(|(channel, settings)| settings.rules.iter().map(move |rule| (channel, rule)));
    let own = rules().filter(|(_, rule)| !is_default(rule));
    own.chain(rules().filter(|(_, rule)| is_default(rule))).collect()
}

fn is_default(rule: &Rule) -> bool {
    rule.when.trim() == "true"
}

fn rules_ask(cx: &Context) -> Option<RulesAsk> {
    let name = |channel: &ChannelName, rule: &str| format!("{channel}/{rule}");
    let rules: Vec<RuleAsk> =
        ordered_rules(cx).into_iter().map(|(channel, rule)| RuleAsk { name: name(channel, &rule.name), when: rule.when.clone() }).collect();
    (!rules.is_empty()).then_some(RulesAsk { rules })
}

impl Channel {
    fn override_ask(&self, cx: &Context) -> Option<EnvAsk> {
        let (name, _) = self.explicit.as_ref()?;
        let literals = cx.protocol.channels.keys().map(ChannelName::to_string).collect();
        Some(EnvAsk { name: name.clone(), literals, ..EnvAsk::default() })
    }

    /// The channel that this environment is, by the override or by the rules, against the declared one.
    fn judge_environment(&self, cx: &Context, seen: &Evidence, checks: &mut Checks) {
        if let (Some(ask), Some((name, place))) = (self.override_ask(cx), &self.explicit) {
            let got = match answer(seen, OVERRIDE, &Ask::Env(ask), &format!("`{name}`"), checks) {
                Some(Got::Env(got)) => got,
                Some(_) => return unreadable(&format!("`{name}`"), checks),
                None => return,
            };
            match overridden(name, got, cx) {
                Ok(None) => {}
                Ok(Some(channel)) => return compare(cx, channel, &format!("the override `{name}`"), checks),
                Err((finding, true)) => return checks.fail(finding.at(place.clone())),
                Err((finding, false)) => return checks.unknown(finding.at(place.clone())),
            }
        }
        if let Some(ask) = rules_ask(cx) {
            match answer(seen, RULES, &Ask::Rules(ask), "the rules", checks) {
                Some(Got::Rules(got)) => judge_rules(cx, got, checks),
                Some(_) => unreadable("the rules", checks),
                None => {}
            }
        }
    }
}

/// The channel that the override names; `None`: it is not set. `Err`: the finding, and whether it is a failure.
fn overridden<'a>(name: &str, got: &EnvGot, cx: &'a Context) -> std::result::Result<Option<&'a ChannelName>, (Finding, bool)> {
    if !got.present || got.empty {
        return Ok(None);
    }
    if got.presence_only || got.equals.len() != cx.protocol.channels.len() {
        return Err((Finding::error("channel/not-measurable", format!("which channel `{name}` names was not told")), false));
    }
    let named = cx.protocol.channels.keys().zip(&got.equals).find(|(_, equal)| **equal).map(|(channel, _)| channel);
    named.map(Some).ok_or_else(|| {
        let names: Vec<&str> = cx.protocol.channels.keys().map(ChannelName::as_str).collect();
        let finding = Finding::error("channel/bad-override", format!("`{name}` is set, but names no channel of the protocol"));
        (finding.help(format!("one of: {}", names.join(", "))), true)
    })
}

fn judge_rules(cx: &Context, got: &RulesGot, checks: &mut Checks) {
    let rules = ordered_rules(cx);
    // The answers were asked in this order, and the question was compared.
    for ((channel, rule), answer) in rules.iter().zip(&got.rules) {
        match answer.holds {
            Some(true) => {
                overlap(&rules, got, (channel, rule), checks);
                return compare(cx, channel, &format!("the rule `{}` of `{channel}`", rule.name), checks);
            }
            Some(false) => {}
            None => {
                let why = answer.error.as_deref().unwrap_or("the program gave no answer");
                let message = format!("whether the rule `{}` of `{channel}` holds could not be found out: {why}", rule.name);
                return checks.unknown(Finding::error("channel/rule-error", message));
            }
        }
    }
    if got.rules.len() < rules.len() {
        return unreadable("the rules", checks);
    }
    let finding = Finding::error("channel/no-rule", format!("none of the {} rules fits this environment", rules.len()));
    checks.fail(finding.help(format!("the channel `{}` needs a rule in gates/protocol.yaml that holds here", cx.channel)));
}

/// Warns where further rules hold for the same environment: then only their order decides. Seen where they are judged, because what
/// two programs have in common cannot be told from their texts. A default always holds and overlaps with nothing.
fn overlap(rules: &[(&ChannelName, &Rule)], got: &RulesGot, first: (&ChannelName, &Rule), checks: &mut Checks) {
    let others = rules.iter().zip(&got.rules).filter(|((_, rule), answer)| answer.holds == Some(true) && !is_default(rule));
    let others = others.filter(|((channel, rule), _)| (*channel, &rule.name) != (first.0, &first.1.name));
    let others: Vec<String> = others.map(|((channel, rule), _)| format!("`{}` of `{channel}`", rule.name)).collect();
    if !others.is_empty() && !is_default(first.1) {
        let others = others.join(", ");
        let message = format!("beside the rule `{}` of `{}`, which decides as the first, also hold here: {others}", first.1.name, first.0);
        checks.remark(Finding::warning("channel/overlap", message).help("write rules of which one holds for each environment"));
    }
}

fn compare(cx: &Context, channel: &ChannelName, because: &str, checks: &mut Checks) {
    checks.remark(Finding::note("channel/rule", format!("{because} gives the channel `{channel}`")));
    if *channel == cx.channel {
        return checks.hold();
    }
    let message = format!("this environment is `{channel}` by {because}, not the declared `{}`", cx.channel);
    checks.fail(Finding::error("channel/mismatch", message));
}

impl Endpoint {
    fn ask(&self, cx: &Context) -> std::result::Result<HttpAsk, (Finding, bool)> {
        let placeholders = cx.placeholders();
        let value = |slot: &Slot| match slot {
            Slot::Value(name) => placeholders.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
            Slot::Env(_) | Slot::Capture(_) => None,
        };
        let url = shapes::stage_url(&self.url, value).map_err(|slot| {
            let finding = Finding::error("channel/no-value", format!("`{slot}` has no value here, so the endpoint cannot be asked"));
            (finding.help("name a release or a commit, or give the channel a `base_url`"), false)
        })?;
        let lawful = match &cx.base_url {
            Some(base_url) if !self.elsewhere => endpoint::on_host_of(&url, base_url),
            _ => endpoint::check_url(&url),
        };
        lawful.map_err(|not_asked| (Finding::error("channel/elsewhere", not_asked.why()).help(not_asked.help()), true))?;
        Ok(HttpAsk {
            method: "GET".to_owned(),
            url,
            headers: [("cache-control".to_owned(), "no-cache".to_owned())].into(),
            within: self.within,
            record: vec!["location".to_owned()],
            ..HttpAsk::default()
        })
    }

    fn judge(&self, cx: &Context, seen: &Evidence, checks: &mut Checks) {
        let ask = match self.ask(cx) {
            Ok(ask) => ask,
            Err((finding, true)) => return checks.fail(finding.at(self.place.clone())),
            Err((finding, false)) => return checks.unknown(finding.at(self.place.clone())),
        };
        let name = format!("GET {}", ask.url);
        let got = match answer(seen, ENDPOINT, &Ask::Http(ask), &name, checks) {
            Some(Got::Http(got)) => got,
            Some(_) => return unreadable(&name, checks),
            None => return,
        };
        match self.reported(cx, got, &name) {
            Ok(reported) if reported == cx.channel.as_str() => checks.hold(),
            Ok(reported) => {
                let message = format!("{name} reports the channel {}, not the declared `{}`", brief(&reported), cx.channel);
                checks.fail(Finding::error("channel/endpoint-mismatch", message).at(self.reported.place.clone()));
            }
            Err((finding, true)) => checks.fail(finding.at(self.reported.place.clone())),
            Err((finding, false)) => checks.unknown(finding.at(self.reported.place.clone())),
        }
    }

    /// What the endpoint reports. `Err`: the finding, and whether it is a failure.
    fn reported(&self, cx: &Context, got: &HttpGot, name: &str) -> std::result::Result<String, (Finding, bool)> {
        let finding = |code: &str, message: String| Finding::error(format!("channel/{code}"), message);
        let failed = |code: &str, what: &str| Err((finding(code, format!("{name} {what}")), true));
        let unknown = |code: &str, what: &str| Err((finding(code, format!("{name} {what}")), false));
        match (got.status, got.headers.get("location")) {
            (200, _) => {}
            (500..=599, _) => return unknown("server-error", &format!("answered {}", got.status)),
            (300..=399, Some(to)) => return failed("redirect", &format!("answered {} and redirects to {to}", got.status)),
            _ => return failed("status", &format!("answered {} instead of 200", got.status)),
        }
        if got.truncated {
            return unknown("truncated", "answered with more than what is recorded");
        }
        if !got.is_json {
            return if got.body.is_null() {
                unknown("empty", "answered with an empty body")
            } else {
                unknown("not-json", "answered with no JSON")
            };
        }
        let text = self.reported.text();
        match self.reported.value(&got.body, &expect::variables(cx, &Map::new())) {
            Ok(value) if expect::has_marks(&value) => {
                unknown("redacted", &format!("reports in `{text}` what is redacted before it is judged"))
            }
            Ok(Value::String(channel)) => Ok(channel),
            Ok(Value::Null) => failed("not-reported", &format!("does not report its channel: `{text}` is missing")),
            Ok(other) => {
                let said = expect::brief(&other).unwrap_or_else(|| "no text".to_owned());
                failed("not-reported", &format!("does not report its channel: `{text}` is {said}"))
            }
            Err(RunError::Undecided(why)) => unknown("undecided", &format!("does not say its channel: `{text}`: {why}")),
            Err(why) => failed("not-reported", &format!("does not report its channel: `{text}`: {why}")),
        }
    }
}

/// The answer to a question; where there is none, that is said.
fn answer<'a>(seen: &'a Evidence, key: ProbeKey, ask: &Ask, what: &str, checks: &mut Checks) -> Option<&'a Got> {
    let Some(answer) = seen.get(key) else {
        checks.unknown(Finding::error("channel/unanswered", format!("there is no answer for {what}")));
        return None;
    };
    if !belongs(answer, ask) {
        checks.unknown(Finding::error("channel/foreign-answer", format!("the recorded answer is not to {what} as it is asked here")));
        return None;
    }
    match answer.result() {
        Ok(got) => Some(got),
        Err(unavailable) => {
            checks.unavailable("channel", what, &unavailable);
            None
        }
    }
}

/// Whether an answer was given to this question: of a request, another tool version may send other headers.
fn belongs(answer: &Answer, ask: &Ask) -> bool {
    match (&answer.ask, ask) {
        (Ask::Http(answered), Ask::Http(asked)) => answered.method == asked.method && answered.url == asked.url,
        (answered, asked) => answered == asked,
    }
}

fn unreadable(what: &str, checks: &mut Checks) {
    checks.unavailable("channel", what, &Unavailable::new("unreadable"));
}

fn brief(text: &str) -> String {
    expect::brief(&Value::from(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::shapes::assert_refused;

    #[test]
    fn what_is_wrong_is_refused_at_its_place() {
        let cases = [
            ("override: 'A B'", "config/wrong-value <'A B'> `A B` is no name of a variable"),
            ("overide: A", "config/unknown-key <overide> unknown key `overide`"),
            ("endpoint: { get: '{base_url}/h' }", "config/missing-key <get> the key `jq` is missing"),
            ("endpoint: { get: '{base_url}/h', jq: '.a |' }", "config/query "),
            ("endpoint: { get: '{base_url}@h', jq: .a }", "config/bad-template <{base_url}@h> `{base_url}` is followed by a path"),
            ("endpoint: { get: '{base_url}/{capture.X}', jq: .a }", "config/bad-template <{capture.X}> no earlier request captures `X`"),
            ("endpoint: { post: '{base_url}/h', jq: .a }", "config/unknown-key <post> unknown key `post`"),
            ("endpoint: { get: '{base_url}/h', jq: .a, within: soon }", "config/wrong-value <soon> `soon` is no duration"),
        ];
        assert_refused(&KIND, cases.map(|(spec, wanted)| (format!("title: T\nchannel: {{ {spec} }}\n"), wanted)));
    }
}
