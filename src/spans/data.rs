//! Spans as OpenTelemetry has them, with the attributes of its conventions for messaging where
//! they fit.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use acequia_scheduler::{Outcome, Part, Span, Time};
use acequia_wire::{JobId, TraceParent};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SpanData};

/// What a part of a job's life is to a collector.
pub(super) fn of_part(span: Span) -> SpanData {
    let Span { job, queue, of, began, ended, part } = span;
    let common = [
        KeyValue::new("messaging.system", "acequia"),
        KeyValue::new("messaging.destination.name", queue.as_str().to_owned()),
        KeyValue::new("messaging.message.id", job.to_string()),
    ];
    let (mut data, error) = match part {
        Part::Whole { parent, outcome, error, priority, payload_bytes, runs } => {
            let name = format!("job {queue}");
            let mut data = span_data(name.into(), of, of.span_id(), (began, ended));
            data.parent_span_id =
                parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.span_id()));
            data.parent_span_is_remote = parent.is_some();
            data.span_kind = SpanKind::Server;
            data.attributes = vec![
                KeyValue::new("messaging.message.body.size", number(payload_bytes)),
                KeyValue::new("acequia.job.outcome", outcome.as_str()),
                KeyValue::new("acequia.job.priority", i64::from(priority)),
                KeyValue::new("acequia.job.runs", i64::from(runs)),
            ];
            if outcome == Outcome::Done {
                data.status = Status::Ok;
            }
            (data, error)
        }
        Part::Waiting { attempt } => {
            let mut data = child("waiting", of, (began, ended));
            data.attributes = vec![KeyValue::new("acequia.job.attempt", i64::from(attempt))];
            (data, None)
        }
        Part::Running { attempt, worker, error } => {
            let mut data = child("running", of, (began, ended));
            data.attributes = vec![
                KeyValue::new("acequia.job.attempt", i64::from(attempt)),
                KeyValue::new("acequia.worker.name", worker.to_string()),
            ];
            (data, error)
        }
    };
    if let Some(code) = error {
        data.attributes.push(KeyValue::new("error.type", code.as_str().to_owned()));
        data.status = Status::error("");
    }
    data.attributes.extend(common);
    data
}

/// The way of an outcome to a client: from the job's end, if that is known, until it was written.
pub(super) fn of_delivery(job: JobId, of: TraceParent, since: Option<Time>, at: Time) -> SpanData {
    let mut data = child("delivery", of, (since.unwrap_or(at), at));
    data.attributes = vec![
        KeyValue::new("messaging.system", "acequia"),
        KeyValue::new("messaging.message.id", job.to_string()),
    ];
    data
}

/// A span below a job's own.
fn child(name: &'static str, of: TraceParent, times: (Time, Time)) -> SpanData {
    let id = RandomIdGenerator::default().new_span_id();
    let mut data = span_data(name.into(), of, id.to_bytes(), times);
    data.parent_span_id = SpanId::from_bytes(of.span_id());
    data
}

fn span_data(
    name: Cow<'static, str>,
    of: TraceParent,
    id: [u8; 8],
    (began, ended): (Time, Time),
) -> SpanData {
    let (trace, id) = (TraceId::from_bytes(of.trace_id()), SpanId::from_bytes(id));
    let state = TraceState::default();
    SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, state),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name,
        start_time: system_time(began),
        end_time: system_time(ended),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("acequia")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

/// The scheduler's time counts from 1970.
fn system_time(time: Time) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(time.as_micros())
}

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
