//! What comes at once goes to the pipeline at once, and not too much of it.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::pipeline::Input;

/// Batches of one connection that may wait for the pipeline.
const TURNS: usize = 4;
/// Ops and words of a batch, about: as many of one door come between two of another.
const BATCH: usize = 256;

/// The turns of one connection.
#[derive(Debug)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TURNS)))
    }
}

impl Turns {
    /// Hands these to the pipeline, and waits for it if it is behind. One that is gone does not need to know.
    pub(super) async fn hand_on(
        &self,
        inputs: impl Iterator<Item = Input>,
        inbox: &mpsc::Sender<Input>,
    ) {
        let (mut batch, mut weight) = (Vec::new(), 0);
        for input in inputs {
            weight += input.weight();
            batch.push(input);
            if weight >= BATCH {
                weight = 0;
                self.send(std::mem::take(&mut batch), inbox).await;
            }
        }
        if !batch.is_empty() {
            self.send(batch, inbox).await;
        }
    }

    async fn send(&self, inputs: Vec<Input>, inbox: &mpsc::Sender<Input>) {
        // It is never closed.
        let Ok(turn) = self.0.clone().acquire_owned().await else { return };
        _ = inbox.send(Input::Batch { inputs, turn }).await;
    }
}
