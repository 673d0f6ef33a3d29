//! Events into WebSocket messages.

use std::fmt::Write as _;

use super::event::{Batch, Event, JobEvent, Welcome};
use super::value;
use crate::content::Payload;
use crate::id::{CorrelationId, JobId};
use crate::limits::Limits;
use crate::msgpack::write::{self, Buffer};
use crate::trace::TraceParent;

/// The value of a key of an event.
enum Value<'a> {
    Id(&'a CorrelationId),
    Job(&'a JobId),
    Trace(&'a TraceParent),
    Payload(&'a Payload),
    Text(&'a str),
    /// In which nothing is to be escaped.
    Word(&'static str),
    Int(u64),
    Number(f64),
    Flag(bool),
    Limits(&'a Limits),
}

impl Event {
    /// Appends this event as JSON. `seq` is its number in a resumable session.
    pub fn encode_json(&self, seq: Option<u64>, out: &mut String) {
        let mut separator = '{';
        self.pairs(seq, &mut |key, value| {
            out.push(separator);
            separator = ',';
            out.push('"');
            out.push_str(key);
            out.push_str("\":");
            json_value(out, &value);
        });
        out.push('}');
    }

    /// This event as MessagePack. `seq` is its number in a resumable session.
    pub fn encode_msgpack(&self, seq: Option<u64>) -> Vec<u8> {
        let mut out = Buffer::new();
        let mut count = 0;
        self.pairs(seq, &mut |_, _| count += 1);
        write::map(&mut out, count);
        self.pairs(seq, &mut |key, value| {
            write::str(&mut out, key);
            msgpack_value(&mut out, &value);
        });
        out.into_vec()
    }

    /// Calls `put` for each key of this event, in the order of the protocol document.
    fn pairs<'a>(&'a self, seq: Option<u64>, put: &mut impl FnMut(&'static str, Value<'a>)) {
        match self {
            Self::Job { id, job, what, traceparent } => {
                put("ev", Value::Word(what.name()));
                put("id", Value::Id(id));
                put("job", Value::Job(job));
                put_seq(seq, put);
                what.pairs(put);
                if let Some(span) = traceparent {
                    put("traceparent", Value::Trace(span));
                }
            }
            Self::Rejected { id, code, message, retry_after_ms } => {
                put("ev", Value::Word("rejected"));
                put("id", Value::Id(id));
                put_seq(seq, put);
                put("code", Value::Word(code.as_str()));
                put("message", Value::Text(message));
                put_some("retry_after_ms", *retry_after_ms, put);
            }
            Self::Error { id, code, message } => {
                put("ev", Value::Word("error"));
                if let Some(id) = id {
                    put("id", Value::Id(id));
                }
                put_seq(seq, put);
                put("code", Value::Text(code.as_str()));
                put("message", Value::Text(message));
            }
            Self::Welcome(welcome) => welcome.pairs(put),
            Self::Message { topic, data } => {
                put("ev", Value::Word("message"));
                put_seq(seq, put);
                put("topic", Value::Text(topic));
                put("data", Value::Payload(data));
            }
            Self::Batch(batch) => {
                put("ev", Value::Word("batch"));
                put_seq(seq, put);
                batch.pairs(put);
            }
            Self::Gap { missed, outcome_of } => {
                put("ev", Value::Word("gap"));
                if let Some((id, job)) = outcome_of {
                    put("id", Value::Id(id));
                    put("job", Value::Job(job));
                }
                put_seq(seq, put);
                put("missed", Value::Int(*missed));
            }
            Self::Bye { reason, reconnect_in_ms, close } => {
                put("ev", Value::Word("bye"));
                put("reason", Value::Text(reason));
                put("reconnect_in_ms", Value::Int((*reconnect_in_ms).into()));
                put("close", Value::Int((*close).into()));
            }
        }
    }
}

fn put_seq<'a>(seq: Option<u64>, put: &mut impl FnMut(&'static str, Value<'a>)) {
    if let Some(seq) = seq {
        put("seq", Value::Int(seq));
    }
}

fn put_some<'a>(
    key: &'static str,
    value: Option<u32>,
    put: &mut impl FnMut(&'static str, Value<'a>),
) {
    if let Some(n) = value {
        put(key, Value::Int(n.into()));
    }
}

impl JobEvent {
    /// The name of this event on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Started { .. } => "started",
            Self::Progress(_) => "progress",
            Self::Chunk { .. } => "chunk",
            Self::Retrying(_) => "retrying",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn pairs<'a>(&'a self, put: &mut impl FnMut(&'static str, Value<'a>)) {
        match self {
            Self::Accepted | Self::Cancelled => {}
            Self::Started { attempt, worker } => {
                put("attempt", Value::Int((*attempt).into()));
                put("worker", Value::Text(worker));
            }
            Self::Progress(progress) => {
                for (key, value) in [("done", progress.done), ("total", progress.total)] {
                    // JSON has no other numbers.
                    if let Some(value) = value.filter(|n| n.is_finite()) {
                        put(key, Value::Number(value));
                    }
                }
                if let Some(note) = &progress.note {
                    put("note", Value::Text(note));
                }
            }
            Self::Chunk { n, data } => {
                put("n", Value::Int((*n).into()));
                put("data", Value::Payload(data));
            }
            Self::Retrying(retry) => {
                put("attempt", Value::Int(retry.attempt.into()));
                put("code", Value::Text(retry.code.as_str()));
                put("message", Value::Text(&retry.message));
                put("in_ms", Value::Int(retry.in_ms.into()));
            }
            Self::Done { result } => put("result", Value::Payload(result)),
            Self::Failed { code, message, attempt } => {
                put("code", Value::Text(code.as_str()));
                put("message", Value::Text(message));
                put("attempt", Value::Int((*attempt).into()));
            }
        }
    }
}

impl Batch {
    fn pairs<'a>(&'a self, put: &mut impl FnMut(&'static str, Value<'a>)) {
        put("batch", Value::Text(&self.name));
        put("jobs", Value::Int(self.jobs.into()));
        put("done", Value::Int(self.done.into()));
        put("failed", Value::Int(self.failed.into()));
        put("cancelled", Value::Int(self.cancelled.into()));
        put("elapsed_ms", Value::Int(self.elapsed_ms));
    }
}

impl Welcome {
    fn pairs<'a>(&'a self, put: &mut impl FnMut(&'static str, Value<'a>)) {
        put("ev", Value::Word("welcome"));
        if let Some(session) = &self.session {
            put("session", Value::Text(session));
        }
        put("resumed", Value::Flag(self.resumed));
        put("limits", Value::Limits(&self.limits));
    }
}

impl Limits {
    /// The keys of `limits` in `welcome`.
    pub(super) fn pairs(&self) -> [(&'static str, u64); 12] {
        let n = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        [
            ("payload_bytes", n(self.payload_bytes)),
            ("result_bytes", n(self.result_bytes)),
            ("message_bytes", n(self.message_bytes)),
            ("client_jobs", n(self.client_jobs)),
            ("queue_jobs", n(self.queue_jobs)),
            ("waiting_jobs", n(self.waiting_jobs)),
            ("payloads_bytes", n(self.payloads_bytes)),
            ("sessions", n(self.sessions)),
            ("address_connections", n(self.address_connections)),
            ("ops_per_s", n(self.ops_per_s)),
            ("handshake_s", n(self.handshake_s)),
            ("idle_s", n(self.idle_s)),
        ]
    }
}

fn json_value(out: &mut String, value: &Value<'_>) {
    // Writing into a string cannot fail.
    match value {
        Value::Id(id) => value::json_id(out, id),
        Value::Job(job) => {
            out.push('"');
            out.push_str(job.encode(&mut [0; 36]));
            out.push('"');
        }
        Value::Trace(span) => _ = write!(out, "\"{span}\""),
        Value::Payload(payload) => value::json_payload(out, payload),
        Value::Text(text) => value::json_str(out, text),
        Value::Word(word) => {
            out.push('"');
            out.push_str(word);
            out.push('"');
        }
        Value::Int(n) => out.push_str(itoa::Buffer::new().format(*n)),
        Value::Number(n) => match crate::number::whole(*n) {
            Some(whole) => out.push_str(itoa::Buffer::new().format(whole)),
            None => _ = write!(out, "{n:?}"),
        },
        Value::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Limits(limits) => {
            let mut separator = '{';
            for (key, n) in limits.pairs() {
                _ = write!(out, "{separator}\"{key}\":{n}");
                separator = ',';
            }
            out.push('}');
        }
    }
}

fn msgpack_value(out: &mut Buffer, value: &Value<'_>) {
    match value {
        Value::Id(id) => value::msgpack_id(out, id),
        Value::Job(job) => write::str(out, job.encode(&mut [0; 36])),
        Value::Trace(span) => write::str(out, &span.to_string()),
        Value::Payload(payload) => value::msgpack_payload(out, payload),
        Value::Text(text) => write::str(out, text),
        Value::Word(word) => write::str(out, word),
        Value::Int(n) => write::uint(out, *n),
        Value::Number(n) => write::number(out, *n),
        Value::Flag(flag) => write::bool(out, *flag),
        Value::Limits(limits) => {
            let pairs = limits.pairs();
            write::map(out, u32::try_from(pairs.len()).unwrap_or(0));
            for (key, n) in pairs {
                write::str(out, key);
                write::uint(out, n);
            }
        }
    }
}
