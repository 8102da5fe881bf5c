//! What reviewers said of the pull requests that a move brings: the commits from this repository, the rest from GitHub.
//!
//! A commit belongs to the merged pull request whose merge commit it is; the commits below it that the same pull request lists
//! were rebased with it. What merging gives is computed here again, from the pull request's last commit.

use crate::{
    domain::{Fault, Oid},
    gate::{
        Unavailable,
        probe::{
            github::{
                BaseGot, BranchGot, BroughtGot, CommentGot, KEPT_OF_COMMENTS, PullGot, PullsAsk, PullsGot, ReactionGot, ReviewGot,
                RulesKept, SuiteGot, ThreadGot, reviewed_commit,
            },
            reduce::Masks,
            why,
        },
    },
    world::{
        Git, GitHub,
        git::{Merged, Want},
        github::{Account, Comment, CommitPull, Failure, Review, Rule, RuleSuite},
    },
};
use futures_util::{StreamExt, TryStreamExt};
use std::collections::{BTreeMap, BTreeSet};

/// More commits are no move that somebody reviews.
const MOST_COMMITS: usize = 500;

/// How many pull requests are asked about at once.
const AT_ONCE: usize = 8;

pub(super) struct Asked<'a> {
    pub github: &'a GitHub,
    pub git: &'a Git,
    pub remote: &'a str,
    /// What the channel holds now.
    pub since: Option<&'a Oid>,
    pub masks: &'a Masks,
}

type Got<T> = Result<T, Unavailable>;

pub(super) async fn reviews(asked: &Asked<'_>, ask: &PullsAsk) -> Got<PullsGot> {
    let mut line = asked.git.first_parents(&ask.commit, asked.since).await.map_err(unreadable)?;
    if line.as_ref().is_some_and(Vec::is_empty) {
        // The channel's history holds it already; it is judged by itself.
        line = asked.git.first_parents(&ask.commit, None).await.map_err(unreadable)?;
    }
    let Some(line) = line.filter(|line| !line.is_empty()) else {
        return Err(
            Unavailable::new(why::UNREADABLE).detail("the commits since what the channel holds are not all here; fetch the whole history")
        );
    };
    if line.len() > MOST_COMMITS {
        let words = format!("the move brings {} commits; more than {MOST_COMMITS} are not asked about", line.len());
        return Err(Unavailable::new(why::BAD_QUESTION).detail(words));
    }
    let listed = futures_util::stream::iter(&line).map(|(commit, _)| asked.github.pulls_of(commit));
    let listed: Vec<Vec<CommitPull>> = listed.buffered(AT_ONCE).try_collect().await.map_err(Failure::unavailable)?;
    let brought_by = brought_by(&line, &listed);
    let numbers: BTreeSet<u64> = brought_by.iter().flatten().copied().collect();
    let below = below(asked, &line, &brought_by).await?;
    let (people, repository) = tokio::join!(People::of(asked.github, ask), asked.github.number());
    let (people, repository) = (people?, repository.map_err(Failure::unavailable)?);
    let pulls = futures_util::stream::iter(numbers).map(|number| pull(asked, ask, &people, &line, number));
    let pulls: Vec<PullGot> = pulls.buffered(AT_ONCE).try_collect().await?;
    let commits = commits(asked, &line, &below, &brought_by, &pulls).await?;
    let branches = futures_util::stream::iter(&ask.branches).map(|name| branch(asked.github, name, &line, asked.masks));
    let branches = branches.buffered(AT_ONCE).collect().await;
    let (commit, since) = (ask.commit.clone(), asked.since.cloned());
    Ok(PullsGot { commit, repository: Some(repository), since, commits, pulls, teams: people.teams, branches })
}

/// The rules of a branch. Few tokens may read how they judged, so what cannot be read is an answer of its own.
async fn branch(github: &GitHub, name: &str, line: &[(Oid, Vec<Oid>)], masks: &Masks) -> BranchGot {
    let (rules, suites) = tokio::join!(github.rules_of(name), github.rule_suites(name));
    let kept = |rules: Vec<Rule>| {
        let of_pulls = rules.iter().filter(|rule| rule.kind == "pull_request");
        let approvals = of_pulls.map(|rule| rule.parameters.as_ref().and_then(|asked| asked.required_approving_review_count).unwrap_or(0));
        RulesKept { count: rules.len() as u64, approvals: approvals.max() }
    };
    let (suites, why) = match suites {
        Ok(suites) => {
            let ends_here = |suite: &RuleSuite| line.iter().any(|(commit, _)| commit.as_str() == suite.after_sha);
            let ours = suites.into_iter().filter(ends_here);
            let kept = ours.map(|suite| SuiteGot { before: suite.before_sha, after: suite.after_sha, result: suite.result });
            (Some(kept.collect()), None)
        }
        Err(failure) => (None, Some(masks.unavailable(failure.unavailable()))),
    };
    BranchGot { branch: name.to_owned(), rules: rules.ok().map(kept), suites, why }
}

/// How many accounts beside the author approve by their newest review that decides.
fn approvals(reviews: &[Review], author: Option<u64>) -> u64 {
    let mut newest: BTreeMap<u64, &Review> = BTreeMap::new();
    for review in reviews.iter().filter(|review| matches!(review.state.as_str(), "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED")) {
        if let Some(by) = review.user.as_ref().map(|user| user.id).filter(|id| Some(*id) != author) {
            let known = newest.entry(by).or_insert(review);
            if (known.submitted_at, known.id) < (review.submitted_at, review.id) {
                *known = review;
            }
        }
    }
    newest.values().filter(|review| review.state == "APPROVED").count() as u64
}

/// The merged pull request of each commit, in their order.
fn brought_by(line: &[(Oid, Vec<Oid>)], listed: &[Vec<CommitPull>]) -> Vec<Option<u64>> {
    let mut above: Option<u64> = None;
    let of = |((commit, parents), pulls): (&(Oid, Vec<Oid>), &Vec<CommitPull>)| {
        let merged = || pulls.iter().filter(|pull| pull.merged_at.is_some());
        // Where two say that they are this commit, neither is known to be.
        let own: BTreeSet<u64> =
            merged().filter(|pull| pull.merge_commit_sha.as_deref() == Some(commit.as_str())).map(|pull| pull.number).collect();
        if own.len() > 1 {
            above = None;
            return None;
        }
        let own = own.into_iter().next();
        // A merge commit ends what was rebased above it.
        let rebased = above.filter(|number| parents.len() == 1 && merged().any(|pull| pull.number == *number));
        let brought = own.or(rebased);
        // What a merge commit brought stands beside it, not below.
        above = brought.filter(|_| parents.len() == 1);
        brought
    };
    line.iter().zip(listed).map(of).collect()
}

/// GitHub rebases no more commits of one pull request.
const MOST_REBASED: usize = 100;

/// The commits below the line that were rebased together with its last ones, newest first: they are not judged here, and end where
/// the pull request was merged onto.
async fn below(asked: &Asked<'_>, line: &[(Oid, Vec<Oid>)], brought_by: &[Option<u64>]) -> Got<Vec<(Oid, Vec<Oid>)>> {
    let mut below: Vec<(Oid, Vec<Oid>)> = Vec::new();
    let Some(number) = brought_by.last().copied().flatten() else { return Ok(below) };
    while below.len() < MOST_REBASED {
        let Some((_, parents)) = below.last().or_else(|| line.last()) else { break };
        let [parent] = parents.as_slice() else { break };
        let listed = asked.github.pulls_of(parent).await.map_err(Failure::unavailable)?;
        let is_it = |pull: &CommitPull| pull.number == number && pull.merged_at.is_some();
        if !listed.iter().any(is_it) {
            break;
        }
        // Where it is not here, merging onto it says so.
        let found = asked.git.first_parents(parent, None).await.map_err(unreadable)?.unwrap_or_default();
        match found.into_iter().next().filter(|(_, parents)| parents.len() == 1) {
            Some(commit) => below.push(commit),
            None => break,
        }
    }
    Ok(below)
}

/// Whose words are recorded.
struct People {
    ids: BTreeSet<u64>,
    teams: BTreeMap<u64, Vec<u64>>,
}

impl People {
    async fn of(github: &GitHub, ask: &PullsAsk) -> Got<People> {
        let mut people = People { ids: BTreeSet::new(), teams: BTreeMap::new() };
        for reviewer in &ask.reviewers {
            let Some(team) = &reviewer.team else {
                people.ids.insert(reviewer.id);
                continue;
            };
            let (organisation, slug) = team.split_once('/').unwrap_or((team, ""));
            let mut members: Vec<u64> =
                github.team(organisation, slug, reviewer.id).await.map_err(Failure::unavailable)?.iter().map(|one| one.id).collect();
            members.sort_unstable();
            people.ids.extend(&members);
            people.teams.insert(reviewer.id, members);
        }
        Ok(people)
    }

    /// What sort of account each of these is, of those that are one of them.
    fn accounts<'a>(&self, all: impl Iterator<Item = &'a Account>) -> Result<BTreeMap<u64, String>, Failure> {
        let mut known: BTreeMap<u64, String> = BTreeMap::new();
        for account in all.filter(|account| self.ids.contains(&account.id)) {
            let kind = known.entry(account.id).or_insert_with(|| account.kind.clone());
            if *kind != account.kind {
                return Err(Failure::unreadable(format!("GitHub calls account {} two different things", account.id)));
            }
        }
        Ok(known)
    }

    /// The number of an account, where it is one of them.
    fn id(&self, account: Option<&Account>) -> Option<u64> {
        account.map(|account| account.id).filter(|id| self.ids.contains(id))
    }
}

async fn pull(asked: &Asked<'_>, ask: &PullsAsk, people: &People, line: &[(Oid, Vec<Oid>)], number: u64) -> Got<PullGot> {
    let github = asked.github;
    let whole = async {
        let pull = github.pull(number).await?;
        let is_of_the_line = |merged: &String| line.iter().any(|(commit, _)| commit.as_str() == merged.as_str());
        if !pull.merged || !pull.merge_commit_sha.as_ref().is_some_and(is_of_the_line) {
            return Err(Failure::unreadable(format!(
                "GitHub lists #{number} as what brought a commit, and does not show it as merged there"
            )));
        }
        let head: Oid = pull.head.sha.parse().map_err(|_| Failure::unreadable(format!("#{number} has a head that is not a commit")))?;
        let (reviews, threads, comments, reactions, runs) = tokio::join!(
            github.reviews(number),
            github.threads(number),
            github.comments(number),
            github.reactions(number),
            github.check_runs(&head)
        );
        let apps: BTreeSet<u64> = ask.reviewers.iter().filter_map(|reviewer| reviewer.app).collect();
        let going: Vec<_> = runs?.into_iter().filter(|run| run.status != "completed").collect();
        if !apps.is_empty() && going.iter().any(|run| run.app.is_none()) {
            return Err(Failure::unreadable(format!("a check of #{number} is not over, and GitHub does not say whose it is")));
        }
        let running: BTreeSet<u64> =
            going.into_iter().filter_map(|run| run.app.map(|app| app.id)).filter(|app| apps.contains(app)).collect();
        let reviews = placed(number, reviews?)?;
        let (threads, comments, reactions) = (threads?, comments?, reactions?);
        let through = if apps.is_empty() { BTreeMap::new() } else { through(github, number, &comments).await? };
        let authors = [
            reviews.iter().map(|review| review.user.as_ref()).collect::<Vec<_>>(),
            threads.iter().map(|thread| thread.author.as_ref()).collect(),
            comments.iter().map(|comment| comment.author.as_ref()).collect(),
            reactions.iter().map(|reaction| reaction.user.as_ref()).collect(),
        ];
        let accounts = people.accounts(authors.into_iter().flatten().flatten())?;
        let author = pull.user.map(|user| user.id);
        let base = BaseGot { repository: pull.base.repo.map(|repo| repo.id), branch: pull.base.name };
        let approvals = (!ask.branches.is_empty()).then(|| approvals(&reviews, author));
        let review = |review: Review| {
            let by = people.id(review.user.as_ref())?;
            Some(ReviewGot { by, id: review.id, at: review.submitted_at, state: review.state, commit: review.commit_id })
        };
        let nobodys = threads.iter().filter(|thread| thread.author.is_none() && !thread.resolved).count() as u64;
        let thread =
            |thread: crate::world::github::Thread| Some(ThreadGot { by: people.id(thread.author.as_ref())?, resolved: thread.resolved });
        let reaction = |reaction: crate::world::github::Reaction| {
            Some(ReactionGot { by: people.id(reaction.user.as_ref())?, content: reaction.content })
        };
        let comment = |comment: crate::world::github::Comment| {
            let by = people.id(comment.author.as_ref())?;
            Some(CommentGot {
                by,
                id: comment.id,
                begins: asked.masks.mask(&comment.body).chars().take(KEPT_OF_COMMENTS).collect(),
                reviewed: reviewed_commit(&comment.body),
                app: through.get(&comment.id).copied().flatten(),
                edited: comment.edited.is_some(),
            })
        };
        Ok(PullGot {
            number,
            head: head.to_string(),
            author,
            base: Some(base),
            accounts,
            approvals,
            reviews: reviews.into_iter().filter_map(review).collect(),
            threads: threads.into_iter().filter_map(thread).collect(),
            nobodys,
            comments: comments.into_iter().filter_map(comment).collect(),
            reactions: reactions.into_iter().filter_map(reaction).collect(),
            running: running.into_iter().collect(),
        })
    };
    whole.await.map_err(Failure::unavailable)
}

/// The App that each comment came through, which only REST tells.
async fn through(github: &GitHub, number: u64, comments: &[Comment]) -> Result<BTreeMap<u64, Option<u64>>, Failure> {
    let told = github.issue_comments(number).await?;
    let through: BTreeMap<u64, Option<u64>> = told.into_iter().map(|comment| (comment.id, comment.app.map(|app| app.id))).collect();
    match comments.iter().find(|comment| !through.contains_key(&comment.id)) {
        Some(lacking) => Err(Failure::unreadable(format!("GitHub lists comment {} of #{number} at one place only", lacking.id))),
        None => Ok(through),
    }
}

/// Reviews of which it is known whose they are, where they decide, and which is the newer.
fn placed(number: u64, reviews: Vec<Review>) -> Result<Vec<Review>, Failure> {
    let mut ids = BTreeSet::new();
    if !reviews.iter().all(|review| ids.insert(review.id)) {
        return Err(Failure::unreadable(format!("GitHub lists a review of #{number} twice")));
    }
    let decides = |review: &&Review| !matches!(review.state.as_str(), "COMMENTED" | "PENDING");
    if reviews.iter().filter(decides).any(|review| review.submitted_at.is_none()) {
        return Err(Failure::unreadable(format!("GitHub does not say when a review of #{number} was sent")));
    }
    let says_nothing = |review: &Review| matches!(review.state.as_str(), "APPROVED" | "COMMENTED" | "PENDING");
    match reviews.iter().any(|review| review.user.is_none() && !says_nothing(review)) {
        true => Err(Failure::unreadable(format!("GitHub does not say whose a review of #{number} is that may object"))),
        false => Ok(reviews),
    }
}

async fn commits(
    asked: &Asked<'_>,
    judged: &[(Oid, Vec<Oid>)],
    below: &[(Oid, Vec<Oid>)],
    brought_by: &[Option<u64>],
    pulls: &[PullGot],
) -> Got<Vec<BroughtGot>> {
    let mut commits: Vec<BroughtGot> = Vec::new();
    let line = [judged, below].concat();
    let mut brought_by = [brought_by, &vec![brought_by.last().copied().flatten(); below.len()]].concat();
    for (at, (commit, _)) in judged.iter().enumerate() {
        let pull = &brought_by[at].clone();
        let mut brought = BroughtGot { commit: commit.clone(), pull: *pull, as_merged: None, why: None };
        let head = pulls.iter().find(|known| Some(known.number) == *pull).and_then(|known| known.head.parse::<Oid>().ok());
        match commits.last() {
            // Rebased with the one above: one merge brought both.
            Some(above) if pull.is_some() && above.pull == *pull => {
                (brought.as_merged, brought.why) = (above.as_merged, above.why.clone());
            }
            _ => {
                if let (Some(number), Some(head)) = (pull, head) {
                    let run = brought_by[at..].iter().take_while(|other| **other == *pull).count();
                    match has_head(asked, *number, &head).await? {
                        Err(why) => brought.why = Some(why),
                        Ok(()) => {
                            let own = rebased(asked, &line[at..at + run], &head).await?;
                            brought_by[at + own..at + run].iter_mut().for_each(|other| *other = None);
                            match as_merged(asked, &line[at..at + own], &head).await? {
                                Ok(answer) => brought.as_merged = Some(answer),
                                Err(why) => brought.why = Some(why),
                            }
                        }
                    }
                }
            }
        }
        commits.push(brought);
    }
    Ok(commits)
}

/// How many of these commits came with the newest of them. Rebasing writes each anew, so one that the pull request itself holds was
/// there before.
async fn rebased(asked: &Asked<'_>, run: &[(Oid, Vec<Oid>)], head: &Oid) -> Got<usize> {
    for (at, (commit, _)) in run.iter().enumerate().skip(1) {
        if asked.git.is_ancestor(commit, head).await.map_err(unreadable)? != Some(false) {
            return Ok(at);
        }
    }
    Ok(run.len())
}

/// Brings the last commit of a pull request. The inner `Err`: why it is not here.
async fn has_head(asked: &Asked<'_>, number: u64, head: &Oid) -> Got<Result<(), String>> {
    if asked.git.has(head).map_err(unreadable)? {
        return Ok(Ok(()));
    }
    let Ok(name) = format!("refs/pull/{number}/head").parse() else { return Ok(Err("the pull request has no ref".to_owned())) };
    if let Err(fault) = asked.git.fetch_objects(asked.remote, &[Want::Ref(name)]).await {
        return Ok(Err(format!("its last commit could not be fetched: {}", fault.message)));
    }
    Ok(match asked.git.has(head).map_err(unreadable)? {
        true => Ok(()),
        false => Err(format!("refs/pull/{number}/head does not hold its last commit")),
    })
}

/// Whether the newest of these commits is what merging `head` onto what lies below them gives. The inner `Err`: why that is not
/// known.
async fn as_merged(asked: &Asked<'_>, run: &[(Oid, Vec<Oid>)], head: &Oid) -> Got<Result<bool, String>> {
    let Some((newest, parents)) = run.first() else { return Ok(Err("there is no commit".to_owned())) };
    let base = match parents.as_slice() {
        // What was merged must be what was reviewed.
        [base, merged] if merged == head => base,
        [_] => match run.last().and_then(|(_, parents)| parents.first()) {
            Some(base) => base,
            None => return Ok(Err("the commit has no parent".to_owned())),
        },
        _ => return Ok(Ok(false)),
    };
    let Some((tree, _)) = asked.git.object_at(newest, "").map_err(unreadable)? else {
        return Ok(Err("the commit has no tree here".to_owned()));
    };
    Ok(match asked.git.merged(base, head).await.map_err(unreadable)? {
        Merged::Tree(merged) => Ok(tree == merged),
        Merged::Conflicts => Ok(false),
        Merged::Unknown(words) => Err(format!("git cannot merge them again: {words}")),
    })
}

fn unreadable(fault: Fault) -> Unavailable {
    Unavailable::new(why::UNREADABLE).detail(fault.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_belongs_to_the_pull_request_that_it_merged() {
        let oid = |digit: char| -> Oid { digit.to_string().repeat(40).parse().unwrap() };
        let pull = |number, merge: char, merged: bool| CommitPull {
            number,
            merged_at: merged.then(|| "2026-11-21T10:00:00Z".parse().unwrap()),
            merge_commit_sha: Some(merge.to_string().repeat(40)),
        };
        // Newest first: a squash, three rebased, a merge, one that was pushed, one of a closed request, one that only lists a request.
        let line = [
            (oid('9'), vec![oid('8')]),
            (oid('8'), vec![oid('7')]),
            (oid('7'), vec![oid('6')]),
            (oid('6'), vec![oid('5')]),
            (oid('5'), vec![oid('4'), oid('a')]),
            (oid('4'), vec![oid('3')]),
            (oid('3'), vec![oid('2')]),
            (oid('2'), vec![oid('1')]),
        ];
        let listed = [
            vec![pull(30, '9', true)],
            vec![pull(20, '8', true)],
            vec![pull(20, '8', true)],
            vec![pull(99, 'f', false), pull(20, '8', true)],
            vec![pull(10, '5', true), pull(20, '8', true)],
            vec![pull(10, '5', true)],
            vec![pull(5, '3', false)],
            vec![pull(4, 'c', true)],
        ];
        assert_eq!(brought_by(&line, &listed), [Some(30), Some(20), Some(20), Some(20), Some(10), None, None, None]);
        // Two that say they are one commit.
        assert_eq!(brought_by(&line[..1], &[vec![pull(30, '9', true), pull(31, '9', true)]]), [None]);
    }
}
