//! Questions to the pipeline, from tasks that can wait for its answer.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::input::Input;

/// A pipeline that does not answer for so long is stuck.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// Sends what `question` makes of the place for the answer, and waits for it. `None` if the pipeline
/// is gone or stuck.
pub(crate) async fn ask<T>(
    inbox: &mpsc::Sender<Input>,
    question: impl FnOnce(oneshot::Sender<T>) -> Input,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    let asked = async {
        inbox.send(question(answer)).await.ok()?;
        answered.await.ok()
    };
    timeout(ANSWER_TIME_MAX, asked).await.ok()?
}
