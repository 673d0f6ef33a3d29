//! The task that sends spans.

use std::collections::VecDeque;
use std::time::Duration;

use acequia_scheduler::{Part, Time};
use acequia_tls::Roots;
use acequia_wire::JobId;
use opentelemetry::KeyValue;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

use super::data;
use super::endpoint::OtlpEndpoint;
use super::told::{Over, Spans};
use crate::clock::Clock;
use crate::config::StartError;
use crate::metrics::{DroppedSpan, DroppedSpans};

/// Spans of one request.
const BATCH_MAX: usize = 512;
/// How long a span may wait for others.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long the collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last spans may take, when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Jobs whose end is remembered for the delivery of their outcomes.
const ENDS_MAX: usize = 65_536;

/// Makes spans of what it is told, and sends them.
pub(crate) struct Exporter {
    exporter: SpanExporter,
    endpoint: OtlpEndpoint,
    inbox: mpsc::Receiver<Over>,
    dropped: DroppedSpans,
    ends: Ends,
    batch: Vec<SpanData>,
    /// Whether the last request failed.
    is_failing: bool,
}

impl Exporter {
    /// An exporter, and the way to tell it.
    pub(crate) fn new(
        endpoint: OtlpEndpoint,
        clock: Clock,
        dropped: DroppedSpans,
    ) -> Result<(Self, Spans), StartError> {
        let mut exporter = build(&endpoint)?;
        exporter.set_resource(&resource());
        let (spans, inbox) = Spans::new(clock, dropped.clone());
        let (ends, batch) = (Ends::default(), Vec::new());
        Ok((Self { exporter, endpoint, inbox, dropped, ends, batch, is_failing: false }, spans))
    }

    /// Sends until it is told to stop, and then what is left.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut all = Vec::with_capacity(BATCH_MAX);
        let mut interval = interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut stop => break,
                taken = self.inbox.recv_many(&mut all, BATCH_MAX) => {
                    if taken == 0 {
                        break;
                    }
                    all.drain(..).for_each(|over| self.take(over));
                    if self.batch.len() < BATCH_MAX {
                        continue;
                    }
                }
                _ = interval.tick() => {}
            }
            self.send().await;
        }
        self.inbox.close();
        while let Ok(over) = self.inbox.try_recv() {
            self.take(over);
        }
        let left = self.batch.len();
        if tokio::time::timeout(LAST_WORDS, self.send()).await.is_err() {
            tracing::warn!(spans = left, "the last spans are lost: the collector took too long");
        }
    }

    fn take(&mut self, over: Over) {
        self.batch.push(match over {
            Over::Part(span) => {
                if let Part::Whole { .. } = span.part {
                    self.ends.add(span.job, span.ended);
                }
                data::of_part(*span)
            }
            Over::Delivery { job, of, at } => data::of_delivery(job, of, self.ends.of(job), at),
        });
    }

    async fn send(&mut self) {
        while !self.batch.is_empty() {
            let rest = self.batch.split_off(self.batch.len().min(BATCH_MAX));
            let batch = std::mem::replace(&mut self.batch, rest);
            let spans = batch.len();
            let sent = self.exporter.export(batch).await;
            match (&sent, self.is_failing) {
                (Err(error), false) => {
                    let endpoint = &self.endpoint;
                    tracing::warn!(%endpoint, %error, "spans are not taken by the collector");
                }
                (Ok(()), true) => tracing::info!("the collector takes spans again"),
                _ => {}
            }
            self.is_failing = sent.is_err();
            if self.is_failing {
                (0..spans).for_each(|_| self.dropped.count(DroppedSpan::Failed));
            }
        }
    }
}

fn build(endpoint: &OtlpEndpoint) -> Result<SpanExporter, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Otlp(error.to_string());
    let builder = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(TIMEOUT)
        .with_endpoint(endpoint.traces());
    let builder = if endpoint.is_tls() {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(Roots::of_system().map_err(|error| failed(&error))?.into_config())
            .https_only()
            .enable_http1()
            .build();
        builder.with_http_client(HyperClient::new(connector, TIMEOUT, None))
    } else {
        builder.with_http_client(HyperClient::with_default_connector(TIMEOUT, None))
    };
    builder.build().map_err(|error| failed(&error))
}

/// Who sends the spans; the operator's variables have the last word.
fn resource() -> Resource {
    let builder = Resource::builder_empty()
        .with_service_name("acequia")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match std::env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => builder.with_service_name(name).build(),
        _ => builder.build(),
    }
}

/// When the last jobs ended, of which the outcomes may be on their way.
#[derive(Debug, Default)]
struct Ends {
    by_job: FxHashMap<JobId, Time>,
    in_order: VecDeque<JobId>,
}

impl Ends {
    fn add(&mut self, job: JobId, at: Time) {
        self.by_job.insert(job, at);
        self.in_order.push_back(job);
        if self.in_order.len() > ENDS_MAX
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.by_job.remove(&oldest);
        }
    }

    fn of(&self, job: JobId) -> Option<Time> {
        self.by_job.get(&job).copied()
    }
}
