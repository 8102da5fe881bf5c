//! What the remote says, and what is brought from it. Nothing here creates or moves a local ref.

use super::{
    Git,
    push::{self, PushAnswer, PushEnd, PushSpec, Update},
    run::Output,
    talk::{Ended, Talk, Talked},
    words,
};
use crate::{
    domain::{Fault, Oid, Reason, RefName, Result},
    gate::probe::{
        PROBE_REFS,
        reduce::{Masks, secrets::of_address},
    },
    world::{askpass::Offer, github::Purpose},
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

/// A ref as the remote has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteRef {
    /// What the ref itself holds; for an annotated tag, the tag object.
    pub oid: Oid,
    /// What a tag object peels to, where the ref holds one.
    pub peeled: Option<Oid>,
}

impl RemoteRef {
    /// The object at the end of all tag objects.
    pub fn target(&self) -> &Oid {
        self.peeled.as_ref().unwrap_or(&self.oid)
    }
}

/// What to bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Whatever the ref holds now.
    Ref(RefName),
    /// This object; some servers give only those that a ref holds.
    Oid(Oid),
}

impl Git {
    /// The URL that the remote is pushed to, user info included: mask it before it is shown. Faults: `no_remote`;
    /// `bad_config` where a push would go to several places, which cannot be one transaction.
    pub async fn remote_url(&self, remote: &str) -> Result<String> {
        let urls = self.config_all(&format!("remote.{remote}.url")).await?;
        let push = self.config_all(&format!("remote.{remote}.pushurl")).await?;
        match (push.is_empty(), push.as_slice(), urls.as_slice()) {
            (_, _, []) => Err(no_remote(remote, &self.remotes().await?)),
            (false, [one], _) | (true, _, [one]) => Ok(one.clone()),
            _ => Err(Fault::new(
                Reason::BadConfig,
                format!("remote `{remote}` is pushed to several URLs, and two servers cannot be one transaction"),
            )
            .help(format!("Keep one URL: `git remote set-url {remote} URL`."))),
        }
    }

    /// The names of the remotes that have a URL.
    async fn remotes(&self) -> Result<Vec<String>> {
        let names = self.config_keys().await?.into_iter();
        Ok(names.filter_map(|key| Some(key.strip_prefix("remote.")?.strip_suffix(".url")?.to_owned())).collect())
    }

    /// Where a push goes: the same, as `url.*.insteadOf` and `url.*.pushInsteadOf` rewrite it.
    pub async fn push_url(&self, remote: &str) -> Result<String> {
        let url = self.remote_url(remote).await?;
        if !self.rewrites_urls().await? {
            return Ok(url);
        }
        let output = self.runner().run(["remote", "get-url", "--push", "--", remote], None).await?.ok("git remote get-url")?;
        Ok(output.text().trim_end_matches('\n').to_owned())
    }

    /// Where a read goes: the first address, as `url.*.insteadOf` rewrites it.
    async fn fetch_url(&self, remote: &str) -> Result<String> {
        if self.rewrites_urls().await? {
            let output = self.runner().run(["remote", "get-url", "--", remote], None).await?.ok("git remote get-url")?;
            return Ok(output.text().trim_end_matches('\n').to_owned());
        }
        let urls = self.config_all(&format!("remote.{remote}.url")).await?;
        Ok(urls.into_iter().next().unwrap_or_default())
    }

    /// What git is given to prove who it is; `None`: it was set up without us, or we have nothing for where it goes.
    async fn offer(&self, remote: &str, pushes: bool) -> Result<Option<Offer>> {
        let Some(askpass) = &self.askpass else { return Ok(None) };
        let (url, purpose) = match pushes {
            true => (self.push_url(remote).await?, Purpose::Push),
            false => (self.fetch_url(remote).await?, Purpose::Fetch),
        };
        if self.has_own_credentials(&url).await? { Ok(None) } else { askpass.offer(&url, purpose) }
    }

    /// The refs that match, by full name. A pattern is a full ref name, or one that ends with `*`. Faults: `no_remote`,
    /// `unreachable`.
    pub async fn ls_remote(&self, remote: &str, patterns: &[&str]) -> Result<BTreeMap<RefName, RemoteRef>> {
        let url = self.remote_url(remote).await?;
        let mut args = vec!["ls-remote", "--quiet", "--", remote];
        let peeled: Vec<String> = patterns.iter().filter(|pattern| !pattern.ends_with('*')).map(|name| format!("{name}^{{}}")).collect();
        args.extend(patterns);
        args.extend(peeled.iter().map(String::as_str));
        let output = self.ask_remote(remote, &url, args).await?;
        Ok(parse_refs(&output.text(), patterns))
    }

    /// Makes objects and everything they reach local, without touching any local ref, FETCH_HEAD or the shallow border.
    /// Whole history comes even where this clone is shallow. Faults: `no_remote`, `unreachable`; also where a wanted ref or
    /// object is not there.
    pub async fn fetch_objects(&self, remote: &str, wants: &[Want]) -> Result<()> {
        let url = self.remote_url(remote).await?;
        if wants.is_empty() {
            return Ok(());
        }
        // With no shallow border to tell of, the server sends everything; `--refetch` keeps the client from claiming, or
        // believing, that it has what lies beyond the border.
        let mut args = if self.is_cut() { vec!["--shallow-file", "", "fetch", "--refetch"] } else { vec!["fetch"] };
        args.extend(FETCH);
        args.extend(["--", remote]);
        args.extend(wants.iter().map(|want| match want {
            Want::Ref(name) => name.as_str(),
            Want::Oid(oid) => oid.as_str(),
        }));
        self.ask_remote(remote, &url, args).await.map(|_| ())
    }

    /// Sends the updates in one atomic push, each under its lease. `Err` only where nothing was sent (`no_remote`,
    /// `bad_config`); every word of the server is in the answer.
    pub async fn push(&self, remote: &str, spec: &PushSpec) -> Result<PushAnswer> {
        let url = self.remote_url(remote).await?;
        let mut args = Vec::new();
        // A mirror remote pushes with force; that must not reach us.
        if !self.config_all(&format!("remote.{remote}.mirror")).await?.is_empty() {
            args.extend(["-c".into(), format!("remote.{remote}.mirror=false").into()]);
        }
        args.extend(push::push_argv(remote, spec)?);
        let talked = self.talk(remote, &url, args, true).await?;
        match (talked.ended, talked.has_sent) {
            (Ended::ByItself, has_sent) => {
                let output = &talked.output;
                Ok(push::read_answer(spec, output.code, &self.porcelain(output), &output.stderr, has_sent))
            }
            (_, has_sent) => Ok(push::no_answer(self.why_ended(&talked), has_sent)),
        }
    }

    /// Whether the remote can push atomically, asked by a push that sends nothing. `commit`: any commit that is here.
    pub async fn advertises_atomic(&self, remote: &str, commit: &Oid) -> Result<bool> {
        let url = self.remote_url(remote).await?;
        let probe: RefName = format!("{PROBE_REFS}atomic").parse().map_err(|error: String| Fault::new(Reason::Internal, error))?;
        match self.dry_push(remote, &url, probe, commit).await? {
            (PushEnd::NoAtomic, _) => Ok(false),
            (PushEnd::NotSent(_) | PushEnd::Unknown(_), output) => Err(unreachable(remote, &output)),
            _ => Ok(true),
        }
    }

    /// Whether a push finds this ref on the remote, asked by a push that sends nothing: a server may hide from those who fetch
    /// what it shows to those who push. `commit`: any commit that is here. Faults: `unreachable`, also where the answer does not
    /// tell.
    pub async fn push_finds(&self, remote: &str, name: &RefName, commit: &Oid) -> Result<bool> {
        let url = self.remote_url(remote).await?;
        match self.dry_push(remote, &url, name.clone(), commit).await? {
            (PushEnd::Stale(_) | PushEnd::UpToDate, _) => Ok(true),
            (PushEnd::Moved, _) => Ok(false),
            (_, output) => Err(unreachable(remote, &output)),
        }
    }

    /// How a push that makes this ref would end as far as this side can tell; nothing is sent.
    async fn dry_push(&self, remote: &str, url: &str, name: RefName, commit: &Oid) -> Result<(PushEnd, Output)> {
        let spec = PushSpec { updates: vec![Update { name, expect: None, new: Some(commit.clone()) }] };
        let mut args = push::push_argv(remote, &spec)?;
        args.insert(1, "--dry-run".into());
        let output = self.in_time(remote, self.talk(remote, url, args, false).await?)?;
        Ok((push::read_answer(&spec, output.code, &self.porcelain(&output), &output.stderr, false).end, output))
    }

    /// A talk that only reads. Faults: `unreachable`.
    async fn ask_remote<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, remote: &str, url: &str, args: I) -> Result<Output> {
        let output = self.in_time(remote, self.talk(remote, url, args, false).await?)?;
        if output.code == Some(0) { Ok(output) } else { Err(unreachable(remote, &output)) }
    }

    /// Runs git against this URL. Nothing that is said quotes its user info, alone or as part of it.
    async fn talk<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, remote: &str, url: &str, args: I, pushes: bool) -> Result<Talked> {
        self.configured_as_before().await?;
        let talk = Talk { remote, url, patience: &self.patience, pushes };
        // A dry push goes where a push goes.
        let args: Vec<OsString> = args.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let goes_there = args.iter().any(|word| word == "push");
        let Some(offer) = self.offer(remote, goes_there).await? else {
            let talked = self.runner().talk(args, &talk, None).await?;
            return Ok(talked.masked(&Masks::new(of_address(url)), None));
        };
        let talked = offer.during(self.runner().talk(args, &talk, Some(&offer))).await?;
        Ok(talked.masked(&Masks::new(of_address(url)).and(&offer.masks()), offer.words()))
    }

    fn in_time(&self, remote: &str, talked: Talked) -> Result<Output> {
        if talked.ended == Ended::ByItself {
            return Ok(talked.output);
        }
        let why = self.why_ended(&talked);
        let fault = Fault::new(Reason::Unreachable, format!("remote `{remote}` could not be read: {why}"));
        Err(words::advice(&why).map(|advice| advice.help).into_iter().fold(fault, Fault::help))
    }

    fn why_ended(&self, talked: &Talked) -> String {
        let limits = self.patience.limits;
        match (talked.ended, talked.has_sent) {
            (Ended::Told, _) => "this run was told to end".to_owned(),
            (_, true) => format!("no answer within {} s after the push was sent", limits.answer.as_secs()),
            (Ended::Silent, false) => format!("{} {} s", words::SILENT, limits.silent.as_secs()),
            (_, false) => format!("{} {} s", words::ENDLESS, limits.answer.as_secs()),
        }
    }

    /// The porcelain answer of a push, without secrets.
    fn porcelain(&self, output: &Output) -> String {
        push::clean_summaries(&output.text(), |summary| self.runner().clean(summary.as_bytes()))
    }
}

/// An empty `--refmap` keeps remote-tracking refs where they are.
const FETCH: &[&str] = &[
    "--quiet",
    "--no-write-fetch-head",
    "--no-tags",
    "--no-prune",
    "--no-auto-maintenance",
    "--no-write-commit-graph",
    "--no-show-forced-updates",
    "--no-recurse-submodules",
    "--no-filter",
    "--refmap=",
];

fn no_remote(remote: &str, others: &[String]) -> Fault {
    let fault = Fault::new(Reason::NoRemote, format!("the repository has no remote `{}`", remote.escape_debug()));
    match others {
        [one] => {
            let one = one.escape_debug();
            fault.help(format!("its only remote is `{one}`: give `--remote {one}`, or write `remote: {one}` in gates/protocol.yaml"))
        }
        _ => fault.help(format!("`git remote add {remote} URL`, or name another with `--remote`.")),
    }
}

fn unreachable(remote: &str, output: &Output) -> Fault {
    let reason = output.reason(Reason::Unreachable);
    match words::advice(&output.stderr).filter(|_| reason == Reason::Unreachable) {
        Some(advice) => {
            let said = words::without_boilerplate(&output.stderr);
            Fault::new(reason, format!("remote `{remote}` could not be read: {}: {said}", advice.what)).help(advice.help)
        }
        None => Fault::new(reason, format!("remote `{remote}` could not be read: {}", output.last_words())),
    }
}

fn parse_refs(listing: &str, patterns: &[&str]) -> BTreeMap<RefName, RemoteRef> {
    // git matches patterns against the tails of names, so its answer may hold more.
    let wanted = |name: &str| {
        patterns.is_empty()
            || patterns.iter().any(|pattern| pattern.strip_suffix('*').map_or(name == *pattern, |prefix| name.starts_with(prefix)))
    };
    let mut refs: BTreeMap<RefName, RemoteRef> = BTreeMap::new();
    for line in listing.lines() {
        let Some((oid, name)) = line.split_once('\t') else { continue };
        let Ok(oid) = oid.parse::<Oid>() else { continue };
        match name.strip_suffix("^{}") {
            Some(tag) => {
                if let Some(found) = tag.parse().ok().and_then(|tag: RefName| refs.get_mut(&tag)) {
                    found.peeled = Some(oid);
                }
            }
            None if wanted(name) => {
                if let Ok(name) = name.parse() {
                    refs.insert(name, RemoteRef { oid, peeled: None });
                }
            }
            None => {}
        }
    }
    refs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_keep_both_ids_of_a_tag_and_nothing_that_was_not_asked() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let listing = format!(
            "{a}\tHEAD\n{a}\trefs/heads/x\n{b}\trefs/old/refs/heads/x\n{b}\trefs/tags/v1\n{a}\trefs/tags/v1^{{}}\n{a}\trefs/tags/v2\n"
        );
        let refs = parse_refs(&listing, &["refs/heads/x", "refs/tags/*"]);
        assert_eq!(refs.keys().map(RefName::as_str).collect::<Vec<_>>(), ["refs/heads/x", "refs/tags/v1", "refs/tags/v2"]);
        let tag = &refs[&"refs/tags/v1".parse().unwrap()];
        assert_eq!((tag.oid.as_str(), tag.target().as_str()), (b.as_str(), a.as_str()));
        assert_eq!(refs[&"refs/tags/v2".parse().unwrap()].peeled, None);
    }
}
