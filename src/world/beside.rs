//! Work on a thread of its own, which hands over what it makes, a few parts ahead of whoever takes them.
//!
//! Deliberately absent: ending it from outside. It ends when nobody takes its parts any more ([`Give::part`] and
//! [`Give::is_wanted`] say so).

use crate::domain::{Fault, Reason, Result};
use std::time::Duration;
use tokio::{sync::mpsc, task::JoinHandle};

/// What the work hands its parts to.
pub struct Give<P>(mpsc::Sender<P>);

impl<P> Give<P> {
    /// Waits for room. `false`: nobody takes it any more.
    pub fn part(&self, part: P) -> bool {
        self.0.blocking_send(part).is_ok()
    }

    /// Waits, on the thread of the work, for what is async elsewhere.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        tokio::runtime::Handle::current().block_on(answer)
    }

    /// Whether somebody still waits for what it comes to.
    pub fn is_wanted(&self) -> bool {
        !self.0.is_closed()
    }
}

/// Work under way.
pub struct Beside<P, T> {
    parts: mpsc::Receiver<P>,
    work: JoinHandle<T>,
}

pub enum Next<P> {
    Part(P),
    /// Nothing came for so long.
    Quiet,
    /// There is nothing more.
    End,
}

/// Begins. `ahead`: how many parts are made before one is taken. The work must not be async.
pub fn beside<P: Send + 'static, T: Send + 'static>(ahead: usize, work: impl FnOnce(&Give<P>) -> T + Send + 'static) -> Beside<P, T> {
    let (give, parts) = mpsc::channel(ahead);
    Beside { parts, work: tokio::task::spawn_blocking(move || work(&Give(give))) }
}

impl<P, T> Beside<P, T> {
    pub async fn next(&mut self, quiet: Duration) -> Next<P> {
        match tokio::time::timeout(quiet, self.parts.recv()).await {
            Ok(Some(part)) => Next::Part(part),
            Ok(None) => Next::End,
            Err(_) => Next::Quiet,
        }
    }

    /// What the work came to. Parts that were not taken are gone. Faults: `internal` where it panicked.
    pub async fn end(mut self) -> Result<T> {
        self.parts.close();
        // Whoever waits for room goes on.
        while self.parts.recv().await.is_some() {}
        self.work.await.map_err(|error| Fault::new(Reason::Internal, format!("a part of this run failed: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn parts_come_in_order_and_the_work_ends_when_nobody_takes_them() {
        let count = |give: &Give<u32>| (0..100).take_while(|number| give.part(*number)).count();
        let mut work = beside(2, count);
        let mut taken = Vec::new();
        while let Next::Part(part) = work.next(LONG).await {
            taken.push(part);
        }
        assert_eq!(taken, (0..100).collect::<Vec<_>>());
        assert_eq!(work.end().await.unwrap(), 100);

        let mut work = beside(2, count);
        assert!(matches!(work.next(LONG).await, Next::Part(0)));
        assert!(work.end().await.unwrap() < 100);

        let (left, is_left) = std::sync::mpsc::channel();
        drop(beside::<u32, ()>(1, move |give| {
            while give.is_wanted() {
                std::thread::yield_now();
            }
            left.send(()).unwrap();
        }));
        is_left.recv().unwrap();

        let panics = beside::<u32, ()>(1, |_| panic!("planted"));
        assert_eq!(panics.end().await.unwrap_err().reason, Reason::Internal);
    }
}
