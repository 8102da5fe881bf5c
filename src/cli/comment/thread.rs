//! The one comment of ours that answers a request: written when the command starts, changed in place when it is done.
//!
//! A comment is ours where our own account wrote it; a marker in anybody else's proves nothing. What fails here never changes what
//! was decided.

use crate::{
    gate::probe::reduce::Masks,
    report::thread::{self, Told},
    world::github::{Answer, Emoji, GitHub},
};

/// Where a request is answered.
pub struct Thread<'a> {
    github: &'a GitHub,
    /// The issue or pull request.
    number: u64,
    /// The comment that holds the request.
    request: u64,
    /// Our own account.
    us: u64,
    /// Our answer to it, where there is one, and how far it has come.
    answer: Option<(u64, Told)>,
    /// What is never shown, wherever the text comes from.
    masks: Masks,
}

impl<'a> Thread<'a> {
    /// Looks for an answer that an earlier run left.
    pub async fn find(github: &'a GitHub, number: u64, request: u64, masks: Masks) -> Answer<Thread<'a>> {
        let (us, comments) = futures_util::future::join(github.myself(), github.issue_comments(number)).await;
        let (us, comments) = (us?, comments?);
        let ours = comments.iter().filter(|comment| comment.user.as_ref().is_some_and(|user| user.id == us.id));
        let answer = ours.filter_map(|comment| Some((comment.id, thread::answered(&comment.body)?)));
        let answer = answer.filter(|(_, (about, _))| *about == request).map(|(id, (_, told))| (id, told)).next_back();
        Ok(Thread { github, number, request, us: us.id, answer, masks })
    }

    pub fn us(&self) -> u64 {
        self.us
    }

    /// How far the answer has come; `None`: there is none.
    pub fn told(&self) -> Option<Told> {
        self.answer.map(|(_, told)| told)
    }

    /// Says this in the comment that answers, which is made where there is none.
    pub async fn say(&mut self, text: &str) -> Answer<()> {
        let told = thread::answered(text).map_or(Told::Running, |(_, told)| told);
        let text = &self.github.masks().mask(&self.masks.mask(text));
        let id = match self.answer {
            Some((id, _)) => {
                self.github.edit(id, text).await?;
                id
            }
            None => self.github.say(self.number, text).await?,
        };
        self.answer = Some((id, told));
        Ok(())
    }

    /// Puts a reaction under the request.
    pub async fn react(&self, emoji: Emoji) -> Answer<()> {
        self.github.react(self.request, emoji).await
    }
}
