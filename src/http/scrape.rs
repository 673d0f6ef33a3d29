//! The text for Prometheus, made once for all who ask at the same time.

use std::time::Duration;

use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::pipeline::{Input, ask};

/// From one text to the next. It is hundreds of kilobytes where there are hundreds of queues, and
/// anybody may ask for it.
const SPACING: Duration = Duration::from_millis(100);

/// The last text, and when it was begun.
#[derive(Debug, Default)]
pub(crate) struct Scrape(Mutex<Option<(Instant, Bytes)>>);

impl Scrape {
    /// The metrics as they are at some moment after the call. `None` if the pipeline is gone or stuck.
    pub(super) async fn text(
        &self,
        inbox: &mpsc::Sender<Input>,
        recorder: &PrometheusHandle,
    ) -> Option<Bytes> {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        if let Some((begun, text)) = &*last {
            if *begun >= asked {
                return Some(text.clone());
            }
            sleep_until(*begun + SPACING).await;
        }
        let begun = Instant::now();
        // The pipeline brings what is a state up to date; the writing is done elsewhere.
        let times = ask(inbox, Input::Scrape).await?;
        let recorder = recorder.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut text = recorder.render();
            times.write(&mut text);
            Bytes::from(text)
        });
        let text = written.await.ok()?;
        *last = Some((begun, text.clone()));
        Some(text)
    }
}
