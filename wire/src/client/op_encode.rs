//! Ops into a WebSocket message, for clients written in Rust.

use super::encoding::Encoding;
use super::op::{OnDisconnect, Op, Resume, Submit, Watched};
use super::value;
use crate::content::Payload;
use crate::id::{CorrelationId, JobId};
use crate::limits::PRIORITY_DEFAULT;
use crate::msgpack::write::{self, Buffer};
use crate::name::QueueName;
use crate::trace::TraceParent;

/// The value of a key of an op.
enum Value<'a> {
    Id(&'a CorrelationId),
    Job(JobId),
    Payload(&'a Payload),
    Text(&'a str),
    Trace(&'a TraceParent),
    Int(u64),
    Flag(bool),
    /// A map of one key.
    Map(&'static str, u64),
}

impl Op {
    /// This op as the bytes of a message.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let pairs = self.pairs();
        match encoding {
            Encoding::Json => {
                let mut out = String::new();
                for (nth, (key, value)) in pairs.iter().enumerate() {
                    out.push(if nth == 0 { '{' } else { ',' });
                    value::json_str(&mut out, key);
                    out.push(':');
                    match value {
                        Value::Id(id) => value::json_id(&mut out, id),
                        Value::Job(job) => value::json_str(&mut out, &job.to_string()),
                        Value::Payload(payload) => value::json_payload(&mut out, payload),
                        Value::Text(text) => value::json_str(&mut out, text),
                        Value::Trace(span) => value::json_str(&mut out, &span.to_string()),
                        Value::Int(n) => out.push_str(&n.to_string()),
                        Value::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
                        Value::Map(key, n) => out.push_str(&format!("{{\"{key}\":{n}}}")),
                    }
                }
                out.push('}');
                out.into_bytes()
            }
            Encoding::MsgPack => {
                let mut out = Buffer::new();
                write::map(&mut out, u32::try_from(pairs.len()).unwrap_or(0));
                for (key, value) in &pairs {
                    write::str(&mut out, key);
                    match value {
                        Value::Id(id) => value::msgpack_id(&mut out, id),
                        Value::Job(job) => write::str(&mut out, &job.to_string()),
                        Value::Payload(payload) => value::msgpack_payload(&mut out, payload),
                        Value::Text(text) => write::str(&mut out, text),
                        Value::Trace(span) => write::str(&mut out, &span.to_string()),
                        Value::Int(n) => write::uint(&mut out, *n),
                        Value::Flag(flag) => write::bool(&mut out, *flag),
                        Value::Map(key, n) => {
                            write::map(&mut out, 1);
                            write::str(&mut out, key);
                            write::uint(&mut out, *n);
                        }
                    }
                }
                out.into_vec()
            }
        }
    }

    fn pairs(&self) -> Vec<(&'static str, Value<'_>)> {
        match self {
            Self::Submit(submit) => submit_pairs(submit),
            Self::Cancel { id } => vec![("op", Value::Text("cancel")), ("id", Value::Id(id))],
            Self::Watch { id, what } => {
                let what = match what {
                    Watched::Job(job) => ("job", Value::Job(*job)),
                    Watched::Batch(name) => ("batch", Value::Text(name)),
                };
                vec![("op", Value::Text("watch")), ("id", Value::Id(id)), what]
            }
            Self::Ack { seq } => vec![("op", Value::Text("ack")), ("seq", Value::Int(*seq))],
            Self::Subscribe { topic } => {
                vec![("op", Value::Text("subscribe")), ("topic", Value::Text(topic))]
            }
            Self::Unsubscribe { topic } => {
                vec![("op", Value::Text("unsubscribe")), ("topic", Value::Text(topic))]
            }
            Self::Hello(hello) => {
                let mut pairs = vec![("op", Value::Text("hello"))];
                pairs.extend(hello.token.as_deref().map(|token| ("token", Value::Text(token))));
                match &hello.resume {
                    None => {}
                    Some(Resume::New) => pairs.push(("resume", Value::Flag(true))),
                    Some(Resume::Session { secret, last }) => {
                        pairs.push(("resume", Value::Text(secret)));
                        pairs.push(("last", Value::Int(*last)));
                    }
                }
                pairs
            }
        }
    }
}

/// The keys of a submit; those that have their default are left out.
fn submit_pairs(submit: &Submit) -> Vec<(&'static str, Value<'_>)> {
    let optional = |key, value: Option<u32>| value.map(|n| (key, Value::Int(n.into())));
    let mut pairs = vec![("op", Value::Text("submit")), ("id", Value::Id(&submit.id))];
    if submit.queue != QueueName::default() {
        pairs.push(("queue", Value::Text(submit.queue.as_str())));
    }
    if submit.priority != PRIORITY_DEFAULT {
        pairs.push(("priority", Value::Int(submit.priority.into())));
    }
    if submit.delay_ms != 0 {
        pairs.push(("delay_ms", Value::Int(submit.delay_ms.into())));
    }
    pairs.extend(optional("timeout_ms", submit.timeout_ms));
    pairs.extend(optional("ttl_ms", submit.ttl_ms));
    if submit.attempts != 1 {
        pairs.push(("attempts", Value::Int(submit.attempts.into())));
    }
    for (key, value) in [("key", &submit.key), ("batch", &submit.batch)] {
        if let Some(value) = value {
            pairs.push((key, Value::Text(value)));
        }
    }
    match submit.on_disconnect {
        OnDisconnect::Keep => {}
        OnDisconnect::Cancel => pairs.push(("on_disconnect", Value::Text("cancel"))),
        OnDisconnect::CancelAfter { ms } => {
            pairs.push(("on_disconnect", Value::Map("cancel_after_ms", ms.into())));
        }
    }
    pairs.extend(submit.traceparent.as_deref().map(|span| ("traceparent", Value::Trace(span))));
    pairs.push(("payload", Value::Payload(&submit.payload)));
    pairs
}
