//! The tasks that a server cannot be without.

use std::any::Any;
use std::task::Poll;

use futures_util::FutureExt as _;
use tokio::task::{JoinError, JoinHandle};

/// A part of the server has ended by itself, and it cannot go on without.
#[derive(Debug, thiserror::Error)]
#[error("{part} has ended by itself: {why}; the server cannot go on without it")]
pub struct Broken {
    part: &'static str,
    why: String,
}

impl Broken {
    pub(crate) fn new(part: &'static str, why: String) -> Self {
        Self { part, why }
    }
}

/// All of them. They end when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Parts(Vec<(&'static str, JoinHandle<()>)>);

impl Parts {
    /// Starts one.
    pub(crate) fn start(
        &mut self,
        part: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.0.push((part, tokio::spawn(task)));
    }

    /// Waits until one ends, which none should.
    pub(crate) async fn broken(&mut self) -> Broken {
        std::future::poll_fn(|cx| {
            for (part, task) in &mut self.0 {
                if let Poll::Ready(ended) = task.poll_unpin(cx) {
                    let why = ended.err().map_or_else(|| "it returned".to_owned(), said);
                    return Poll::Ready(Broken { part, why });
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Ends all of them, and waits until they have: what they held is free then.
    pub(crate) async fn end(mut self) {
        for (_, task) in &mut self.0 {
            // Of one that has ended somebody may have heard.
            if !task.is_finished() {
                task.abort();
                _ = task.await;
            }
        }
    }

    /// Waits for the end of the first, which was told to end.
    pub(crate) async fn first(&mut self) -> Result<(), Broken> {
        let Some((part, task)) = self.0.first_mut() else { return Ok(()) };
        let ended = task.await;
        ended.map_err(|error| Broken { part, why: said(error) })
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.0.iter().for_each(|(_, task)| task.abort());
    }
}

/// What a panic said.
fn said(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was cancelled".to_owned() };
    let text = |panic: &(dyn Any + Send)| {
        let owned = panic.downcast_ref::<String>().cloned();
        owned.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
    };
    text(&*panic).map_or_else(|| "it panicked".to_owned(), |text| format!("it panicked: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whatever_ends_is_named_with_its_last_words() {
        let mut parts = Parts::default();
        parts.start("the one", std::future::pending());
        parts.start("the other", async { panic!("no more {}", "room") });
        let said = parts.broken().await.to_string();
        assert!(said.contains("the other") && said.contains("no more room"), "{said}");
    }

    #[tokio::test]
    async fn a_part_that_returns_is_missed_too() {
        let mut parts = Parts::default();
        parts.start("the one", async {});
        assert!(parts.broken().await.to_string().contains("the one"));
    }

    #[tokio::test]
    async fn the_first_may_end_when_it_is_told_to() {
        let mut parts = Parts::default();
        parts.start("the one", async {});
        assert!(parts.first().await.is_ok());
    }
}
