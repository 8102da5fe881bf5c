//! `comment`: carries out the slash command of a comment on GitHub.
//!
//! The event only says which comment it is about: the comment itself, its writer's rights and the head of its pull request are read
//! again, and what was decided does not depend on whether the thread could be told. The command is run by the verb that the
//! command line has for it, signed by a mover for whoever wrote the comment, and carried out once however often the event comes.
//!
//! Deliberately absent: the grammar ([`crate::text::slash`]), and how an answer looks ([`crate::report::thread`]).

mod asker;
mod refusal;
mod request;
mod thread;

pub use asker::Asker;

use super::{
    Cli, Session, activation, dispatch,
    gather::{self, Place, Situation},
    moving, releases, statement,
};
use crate::{
    domain::{Decision, Fault, Oid, Reason, Result},
    gate::probe::reduce::Masks,
    release::{chain::Linked, policy as rights},
    report::{Body, Report, TextShape, reply, thread as words},
    text::slash::{self, COMMANDS, Command, Dialect, Invocation, Problem, Right, Spec, Wrong},
    world::{
        World,
        git::Want,
        github::{Emoji, Failure, GitHub, Intent},
    },
};
use clap::Parser;
use request::{Request, Stand};
use std::sync::Arc;
use thread::Thread;

pub async fn run(session: &Session) -> Result<Report> {
    let place = gather::place(session).await?;
    let dialect = drafted(&place);
    let request = match Request::received(&place.world.env)? {
        Ok(request) => request,
        Err(why) => return Ok(nothing(why)),
    };
    // Whether the commit may be left out is for the policy in force to say.
    let read = match slash::read(&request.body, &Dialect { require_sha: false, ..dialect.clone() }) {
        Ok(None) => return Ok(nothing("the comment holds no command")),
        Ok(Some(invocation)) => Ok(invocation),
        // What is said of a wrong command is said by the rules as they are.
        Err(problem) => Err(slash::read(&request.body, &dialect).err().unwrap_or(problem)),
    };
    let github = request::forge(&place).await?;
    request.is_of(&github)?;
    let typed = match &read {
        Ok(invocation) => Typed::of(&invocation.command, &dialect),
        Err(problem) => Typed { line: line_at(&request.body, problem.range.start).to_owned(), reason: None },
    };
    let told = Told::start(&place, &github, &request, typed, &dialect).await;
    if told.is_own(&request) {
        return Ok(nothing("the comment is one of our own"));
    }
    let answer = carry_out(session, &place, github.clone(), &request, read).await;
    Ok(told.end(answer.unwrap_or_else(|fault| Answer::of(Report::from(fault)))).await)
}

/// What is asked of GitHub and git for a command, beside what its gates ask.
pub fn intents(spec: &Spec) -> Vec<Intent> {
    use Intent::{Account, Comment, Edit, Fetch, IsMember, IssueComments, Myself, Permission, Pull, Push, React, Say};
    let mut intents = vec![Myself, IssueComments, React, Say, Edit];
    // What can be typed is known without looking at anything.
    if spec.name != "help" {
        intents.extend([Fetch, Comment, Pull]);
    }
    if spec.right != Right::Read {
        intents.extend([Account, Permission, IsMember]);
    }
    if spec.writes() {
        intents.push(Push);
    }
    intents
}

/// How commands are written by the protocol that is checked out, which is all that is known before the ledger is.
fn drafted(place: &Place) -> Dialect {
    place.drafted.as_ref().map(|protocol| protocol.comments.dialect.clone()).unwrap_or_default()
}

/// A command as the thread shows it.
struct Typed {
    line: String,
    reason: Option<String>,
}

impl Typed {
    fn of(command: &Command, dialect: &Dialect) -> Typed {
        Typed { line: command.line(&dialect.prefix), reason: command.reason().map(str::to_owned) }
    }
}

/// The line that holds this byte.
fn line_at(text: &str, at: usize) -> &str {
    let mut start = 0;
    for line in text.split_inclusive(['\n', '\r']) {
        if at < start + line.len() {
            return line.trim();
        }
        start += line.len();
    }
    text.lines().next_back().unwrap_or_default().trim()
}

/// The answer where nobody asked for anything.
fn nothing(why: &str) -> Report {
    Report::new(Reason::NothingToDo, Body::Text(TextShape::plain(format!("{why}\n"))))
}

/// What came of a command.
struct Answer {
    report: Report,
    /// What the thread is told, where that is more than what this run did.
    told: Option<Report>,
}

impl Answer {
    fn of(report: Report) -> Answer {
        Answer { report, told: None }
    }
}

/// From a comment that holds a command to what came of it.
async fn carry_out(
    session: &Session,
    place: &Place,
    github: GitHub,
    request: &Request,
    read: std::result::Result<Invocation, Problem>,
) -> Result<Answer> {
    let invocation = read.map_err(|problem| problem.fault(&request.body))?;
    if let Command::Help(command) = invocation.command {
        return Ok(Answer::of(help(command, &drafted(place))));
    }
    let mut asker = Asker::new(github, place.world.clock, request);
    let situation = gather::situation(session).await?;
    // What was done is told as such, whatever became of the comment since.
    if let Some(linked) = done_before(&situation, &asker)? {
        return already(&situation, linked);
    }
    asker.read_comment().await?;
    let rules = &situation.protocol().comments;
    asker.is_young(rules.max_age)?;
    let stand = asker.stand(request.is_pull, rules.release_issue).await?;
    // What is written under the policy in force is read by its rules.
    let command = match slash::read(&request.body, &rules.dialect) {
        Ok(Some(invocation)) => invocation.command,
        Ok(None) => return Err(refusal::not_here("under the policy in force this is no command: its prefix is another")),
        Err(problem) if problem.wrong == Wrong::NoSha => return Err(without_commit(&situation, &invocation.command, &problem).await),
        Err(problem) => return Err(problem.fault(&request.body)),
    };
    let spec = slash::spec(command.name()).ok_or_else(|| Fault::new(Reason::Internal, "a command that is not in the table"))?;
    // Nothing is fetched and no gate is run for somebody whom the policy does not know.
    if spec.right != Right::Read {
        asker.has_a_role(situation.protocol()).await?;
    }
    let command = about_a_commit(&situation, command, &stand).await?;
    let asker = Arc::new(asker);
    // What is asked in a comment is judged by the policy in force, not by the gates of the commit.
    let adopted = matches!(command, Command::Verify(_)).then(|| "--adopted".to_owned());
    let argv = ["tagwarden".to_owned()].into_iter().chain(command.arguments()).chain(adopted);
    let cli =
        Cli::try_parse_from(argv).map_err(|error| Fault::new(Reason::Internal, format!("a command of a comment is none: {error}")))?;
    let dialect = rules.dialect.clone();
    drop(situation);
    session.acts_for(asker.clone());
    let report = match Box::pin(dispatch(session, &cli.command)).await {
        Ok(report) => report,
        // Another run of the same event may have been the one that came first.
        Err(fault) if matches!(fault.reason, Reason::ClaimUsed | Reason::StalePointer | Reason::RefChanged) => {
            let situation = gather::situation(session).await?;
            return match done_before(&situation, &asker)? {
                Some(linked) => already(&situation, linked),
                None => Err(fault),
            };
        }
        Err(fault) => return Err(fault),
    };
    Ok(Answer::of(match (&command, &report.body) {
        (Command::Plan(plan), Body::Move(shape)) if report.reason == Reason::Passed => {
            let promote = Command::Promote(slash::Promote { sha: shape.outputs.commit.clone(), ..plan.clone() });
            let line = promote.line(&dialect.prefix);
            report.next(format!("to move it: `{line}`"))
        }
        _ => report,
    }))
}

/// The entry by which this comment was carried out.
fn done_before<'a>(situation: &'a Situation, asker: &Asker) -> Result<Option<&'a Linked>> {
    let claim = rights::claim(Some(&asker.source()), &serde_json::Value::Null)?;
    let serial = situation.head.ledger().claims.get(&claim);
    let linked = serial.and_then(|serial| situation.head.entry(*serial));
    let is_ours = |linked: &&Linked| linked.outline.source == asker.source() && linked.outline.actor.id == asker.identity();
    Ok(linked.filter(is_ours))
}

/// The answer for a request that was carried out before.
fn already(situation: &Situation, linked: &Linked) -> Result<Answer> {
    let report = match linked.outline.action.moves() {
        true => moving::already(situation, linked.outline.action, linked)?,
        false => statement::already(situation, linked),
    };
    Ok(Answer { report, told: Some(recorded(situation, linked)?) })
}

/// What an entry did, as it was told when it was written.
fn recorded(situation: &Situation, linked: &Linked) -> Result<Report> {
    match linked.outline.action.moves() {
        true => moving::recorded(situation, linked),
        false => Ok(Report { reason: Reason::Moved, notices: Vec::new(), ..statement::already(situation, linked) }),
    }
}

/// The refusal of a promotion that names no commit: with the one that the releases are at, for who means that one.
async fn without_commit(situation: &Situation, command: &Command, problem: &Problem) -> Fault {
    let Command::Promote(promote) = command else { return refusal::no_commit(None, &problem.correct) };
    let words: Vec<String> = promote.releases.iter().map(ToString::to_string).collect();
    let known = async {
        let names = releases::names(situation, &words)?;
        activation::judged(situation, &promote.channel, &releases::resolve(situation, names, None).await?).await
    };
    match known.await {
        Ok(commit) => {
            let corrected = Command::Promote(slash::Promote { sha: Some(commit.clone()), ..promote.clone() });
            let line = corrected.line(&situation.protocol().comments.dialect.prefix);
            refusal::no_commit(Some((&words.join(", "), &commit)), &line)
        }
        Err(_) => refusal::no_commit(None, &problem.correct),
    }
}

/// The same command about the commit that is meant where none is named; that commit is made local.
async fn about_a_commit(situation: &Situation, command: Command, stand: &Stand) -> Result<Command> {
    let command = match command {
        Command::Verify(verify) if verify.at.is_none() => {
            let at = stand.commit().cloned().ok_or_else(refusal::no_subject)?;
            Command::Verify(slash::Verify { at: Some(at), ..verify })
        }
        other => other,
    };
    // A release's commit is brought by the verb that acts on it, after the two were compared.
    if let (Command::Verify(_) | Command::Verdict(_), Some(commit)) = (&command, command.commit()) {
        bring(situation.world(), &situation.place, commit).await?;
    }
    Ok(command)
}

async fn bring(world: &World, place: &Place, commit: &Oid) -> Result<()> {
    if !world.git.has(commit)? {
        world.git.fetch_objects(&place.at.remote, &[Want::Oid(commit.clone())]).await?;
    }
    Ok(())
}

/// What can be typed, in Markdown.
fn help(command: Option<&'static str>, dialect: &Dialect) -> Report {
    let text = match command.and_then(slash::spec) {
        Some(spec) => reply::help_of(spec, dialect),
        None => reply::help(dialect),
    };
    Report::new(Reason::Passed, Body::Text(TextShape { media_type: TextShape::MARKDOWN, text, value: None }))
}

/// The thread while a command runs. What cannot be told is told to whoever reads the answer of this run.
struct Told<'a> {
    github: &'a GitHub,
    request: &'a Request,
    thread: Option<Thread<'a>>,
    typed: Typed,
    prefix: String,
    masks: Masks,
    notices: Vec<String>,
}

impl<'a> Told<'a> {
    /// Acknowledges at once: with a reaction, and with the comment that will have the answer.
    async fn start(place: &Place, github: &'a GitHub, request: &'a Request, typed: Typed, dialect: &Dialect) -> Told<'a> {
        let (prefix, masks) = (dialect.prefix.to_string(), place.world.env.masks().clone());
        let mut told = Told { github, request, thread: None, typed, prefix, masks, notices: Vec::new() };
        match told.find().await {
            Err(failure) => told.notices.push(format!("the thread could not be read: {failure}")),
            Ok(mut thread) if matches!(thread.told(), None | Some(words::Told::Running)) && thread.us() != request.account => {
                let text = words::started(&told.asked());
                if let Err(failure) = thread.react(Emoji::Eyes).await {
                    told.notices.push(format!("no reaction was made: {failure}"));
                }
                match thread.say(&text).await {
                    Ok(()) => told.thread = Some(thread),
                    // It may have been written all the same, so it is looked for again.
                    Err(failure) => told.notices.push(format!("the thread was not told that this runs: {failure}")),
                }
            }
            Ok(thread) => told.thread = Some(thread),
        }
        told
    }

    async fn find(&self) -> crate::world::github::Answer<Thread<'a>> {
        Thread::find(self.github, self.request.number, self.request.comment, self.masks.clone()).await
    }

    fn is_own(&self, request: &Request) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.us() == request.account)
    }

    fn asked(&self) -> words::Asked<'_> {
        let Request { comment, account, login, .. } = self.request;
        let (command, reason) = (self.typed.line.as_str(), self.typed.reason.as_deref());
        words::Asked { comment: *comment, login, account: *account, reason, command, prefix: &self.prefix, verbs: &VERBS }
    }

    /// The last word. Where the thread tells already what an entry did for this request, it stays as it is.
    async fn end(mut self, answer: Answer) -> Report {
        let notices = std::mem::take(&mut self.notices);
        let Answer { report, told } = answer;
        let report = notices.into_iter().fold(report, Report::notice);
        if self.thread.is_none() {
            self.thread = self.find().await.ok();
        }
        // No refusal stands above what an entry did; another entry is news.
        let now = words::told(told.as_ref().unwrap_or(&report));
        let before = self.thread.as_ref().and_then(Thread::told);
        if matches!(before, Some(words::Told::Entry(_))) && (before == Some(now) || now == words::Told::Ended) {
            return report;
        }
        let whole = told.as_ref().unwrap_or(&report);
        let (text, emoji) = (words::render(whole, &self.asked()), last(whole));
        let Some(thread) = &mut self.thread else { return untold(report, "the thread could not be read") };
        if let Err(failure) = thread.say(&text).await {
            return untold(report, &failure.to_string());
        }
        match thread.react(emoji).await {
            Ok(()) => report,
            Err(failure) => report.notice(format!("no reaction was made: {failure}")),
        }
    }
}

/// The names of the commands.
static VERBS: [&str; COMMANDS.len()] = {
    let mut names = [""; COMMANDS.len()];
    let mut at = 0;
    while at < COMMANDS.len() {
        names[at] = COMMANDS[at].name;
        at += 1;
    }
    names
};

fn last(report: &Report) -> Emoji {
    match (report.decision(), report.exit_code()) {
        (_, 3 | 4) => Emoji::Confused,
        (Decision::Stop, _) => Emoji::MinusOne,
        _ if report.reason == Reason::Moved => Emoji::Rocket,
        _ => Emoji::PlusOne,
    }
}

/// What was decided stands; that the thread does not know it is said.
fn untold(report: Report, why: &str) -> Report {
    let again = match words::told(&report) {
        words::Told::Entry(serial) => format!("; `tagwarden follow --serial {serial}` tells it"),
        words::Told::Ended | words::Told::Running => String::new(),
    };
    let reason = if report.reason == Reason::Moved { Reason::FollowersFailed } else { report.reason };
    Report { reason, ..report }.notice(format!("the thread was not told what came of it: {why}{again}"))
}

/// Says in the thread of a request what its entry did. `false`: the thread was told before.
pub async fn tell_again(situation: &Situation, linked: &Linked, comment: u64) -> Result<bool> {
    let github = request::forge(&situation.place).await?;
    let failed = |failure: Failure| refusal::unreadable("the thread", &failure);
    let whole = github.comment(comment).await.map_err(failed)?;
    let masks = situation.world().env.masks().clone();
    let mut thread = Thread::find(&github, whole.comment.number, comment, masks).await.map_err(failed)?;
    if thread.told() == Some(words::Told::Entry(linked.outline.serial)) {
        return Ok(false);
    }
    let dialect = &situation.protocol().comments.dialect;
    let typed = match slash::read(&whole.comment.body, dialect) {
        // What was written since is not what was carried out.
        Ok(Some(invocation)) if whole.edited.is_none() => Typed::of(&invocation.command, dialect),
        _ => Typed { line: linked.outline.action.to_string(), reason: linked.outline.reason.clone() },
    };
    let entry = &linked.outline;
    let account = entry.actor.id.strip_prefix("github:").and_then(|id| id.parse().ok()).unwrap_or_default();
    let prefix = dialect.prefix.to_string();
    let (command, reason) = (typed.line.as_str(), typed.reason.as_deref());
    let asked = words::Asked { comment, login: &entry.actor.name, account, reason, command, prefix: &prefix, verbs: &VERBS };
    let report = recorded(situation, linked)?;
    thread.say(&words::render(&report, &asked)).await.map_err(failed)?;
    // The answer is there; a reaction is no more than a sign beside it.
    let _ = thread.react(last(&report)).await;
    Ok(true)
}
