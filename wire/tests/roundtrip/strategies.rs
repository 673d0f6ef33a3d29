//! Messages of both protocols, at random, within what the protocol allows.

use acequia_wire::client::{
    Batch, Encoding, Event, HelloOp, JobEvent, OnDisconnect, Op, Resume, Retry, Submit, Watched,
    Welcome,
};
use acequia_wire::code::{FailCode, RejectCode, ServerFailCode};
use acequia_wire::limits::*;
use acequia_wire::worker::{FromWorker, Hello, JobMessage, Progress, Ready, ToWorker};
use acequia_wire::{
    Body, ContentType, CorrelationId, JobId, LaneId, Limits, Payload, QueueName, TraceParent,
};
use bytes::Bytes;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

/// Any text that matches a regular expression.
pub(crate) fn text(pattern: &str) -> BoxedStrategy<String> {
    proptest::string::string_regex(pattern).expect("a pattern").boxed()
}

/// Any text of at most 32 characters, control characters and quotes among them; at most 128 bytes.
pub(crate) fn short_text() -> BoxedStrategy<String> {
    text("(?s).{0,32}")
}

pub(crate) fn named_text() -> BoxedStrategy<String> {
    text("(?s).{1,32}")
}

pub(crate) fn encodings() -> impl Strategy<Value = Encoding> {
    prop::sample::select(&Encoding::ALL)
}

pub(crate) fn ids() -> impl Strategy<Value = CorrelationId> {
    prop_oneof![
        any::<i64>().prop_map(CorrelationId::Int),
        short_text().prop_map(|id| CorrelationId::Text(id.into())),
    ]
}

pub(crate) fn jobs() -> impl Strategy<Value = JobId> {
    any::<[u8; 16]>().prop_map(JobId::from_bytes)
}

pub(crate) fn spans() -> impl Strategy<Value = Box<TraceParent>> {
    (jobs(), jobs()).prop_map(|(trace, span)| Box::new(TraceParent::begun_by(trace).at_job(span)))
}

pub(crate) fn lanes() -> impl Strategy<Value = LaneId> {
    any::<[u8; 16]>().prop_map(LaneId::from_bytes)
}

pub(crate) fn queues() -> impl Strategy<Value = QueueName> {
    prop_oneof![
        Just(QueueName::default()),
        text("[A-Za-z0-9._-]{1,64}").prop_map(|name| name.parse().expect("a queue name")),
    ]
}

pub(crate) fn octets() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

/// JSON of any shape.
pub(crate) fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Number, Value};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(|n| Number::from_f64(n).map_or(Value::Null, Value::Number)),
        short_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            vec((short_text(), inner), 0..6).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

pub(crate) fn of_json(value: &serde_json::Value) -> Payload {
    Payload::new(ContentType::Json, value.to_string().into()).expect("JSON")
}

/// A payload that its encoding carries as it is, so that it comes back of the same type.
pub(crate) fn payloads(encoding: Encoding, to_client: bool) -> BoxedStrategy<Payload> {
    let octets = octets()
        .prop_map(|bytes| Payload::new(ContentType::Octets, bytes).expect("any bytes are octets"));
    match (encoding, to_client) {
        (Encoding::Json, false) => json().prop_map(|value| of_json(&value)).boxed(),
        (Encoding::Json, true) => {
            prop_oneof![json().prop_map(|value| of_json(&value)), octets].boxed()
        }
        (Encoding::MsgPack, _) => {
            let msgpack = json().prop_filter_map("text comes back as text", move |value| {
                if to_client && value.is_string() {
                    return None;
                }
                let bytes = rmp_serde::to_vec(&value).expect("MessagePack");
                Payload::new(ContentType::MsgPack, bytes.into()).ok()
            });
            prop_oneof![msgpack, octets].boxed()
        }
    }
}

pub(crate) fn submits(encoding: Encoding) -> impl Strategy<Value = Submit> {
    let month = u32::try_from(DURATION_MS_MAX).expect("asserted");
    let duration = move || option::of(1..=month);
    let name = || option::of(named_text().prop_map(String::into_boxed_str));
    let on_disconnect = prop_oneof![
        Just(OnDisconnect::Keep),
        Just(OnDisconnect::Cancel),
        (1..=month).prop_map(|ms| OnDisconnect::CancelAfter { ms }),
    ];
    let numbers = (0..=PRIORITY_MAX, 0..=month, duration(), duration(), 1..=ATTEMPTS_MAX);
    let names = (name(), name(), option::of(spans()));
    (ids(), payloads(encoding, false), queues(), numbers, on_disconnect, names).prop_map(
        |(id, payload, queue, numbers, on_disconnect, (key, batch, traceparent))| {
            let (priority, delay_ms, timeout_ms, ttl_ms, attempts) = numbers;
            Submit {
                id,
                payload,
                queue,
                priority,
                delay_ms,
                timeout_ms,
                ttl_ms,
                attempts,
                key,
                on_disconnect,
                batch,
                traceparent,
            }
        },
    )
}

pub(crate) fn ops(encoding: Encoding) -> impl Strategy<Value = Op> {
    let resume = prop_oneof![
        Just(Resume::New),
        (short_text(), any::<u64>()).prop_map(|(secret, last)| Resume::Session { secret, last }),
    ];
    prop_oneof![
        4 => submits(encoding).prop_map(Op::Submit),
        1 => ids().prop_map(|id| Op::Cancel { id }),
        1 => (ids(), watched()).prop_map(|(id, what)| Op::Watch { id, what }),
        1 => any::<u64>().prop_map(|seq| Op::Ack { seq }),
        1 => named_text().prop_map(|topic| Op::Subscribe { topic }),
        1 => named_text().prop_map(|topic| Op::Unsubscribe { topic }),
        1 => (option::of(short_text()), option::of(resume))
            .prop_map(|(token, resume)| Op::Hello(HelloOp { token, resume })),
    ]
}

fn watched() -> impl Strategy<Value = Watched> {
    prop_oneof![
        any::<[u8; 16]>().prop_map(|bytes| Watched::Job(JobId::from_bytes(bytes))),
        named_text().prop_map(|name| Watched::Batch(name.into_boxed_str())),
    ]
}

/// A number that tells how far something is, with the bounds of exactness among them.
pub(crate) fn measures() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u32>().prop_map(f64::from),
        prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL,
        prop::sample::select(&[9_007_199_254_740_992.0, -9_007_199_254_740_994.0, 1e300, -0.0]),
    ]
}

pub(crate) fn progress() -> impl Strategy<Value = Progress> {
    (option::of(measures()), option::of(measures()), option::of(short_text()))
        .prop_map(|(done, total, note)| Progress { done, total, note })
}

pub(crate) fn reject_codes() -> impl Strategy<Value = RejectCode> {
    prop::sample::select(RejectCode::ALL)
}

pub(crate) fn fail_codes() -> impl Strategy<Value = FailCode> {
    prop_oneof![
        prop::sample::select(ServerFailCode::ALL).prop_map(FailCode::from),
        short_text().prop_map(FailCode::of_worker),
    ]
}

pub(crate) fn limits() -> impl Strategy<Value = Limits> {
    any::<[usize; 12]>().prop_map(|[a, b, c, d, e, f, g, h, i, j, k, l]| Limits {
        payload_bytes: a,
        result_bytes: b,
        message_bytes: c,
        client_jobs: d,
        queue_jobs: e,
        waiting_jobs: f,
        payloads_bytes: g,
        sessions: h,
        address_connections: i,
        ops_per_s: j,
        handshake_s: k,
        idle_s: l,
    })
}

pub(crate) fn job_events(encoding: Encoding) -> impl Strategy<Value = JobEvent> {
    let payloads = || payloads(encoding, true);
    prop_oneof![
        Just(JobEvent::Accepted),
        Just(JobEvent::Cancelled),
        (any::<u32>(), short_text())
            .prop_map(|(attempt, worker)| JobEvent::Started { attempt, worker: worker.into() }),
        progress().prop_map(|progress| JobEvent::Progress(Box::new(progress))),
        (any::<u32>(), payloads()).prop_map(|(n, data)| JobEvent::Chunk { n, data }),
        (any::<u32>(), fail_codes(), short_text(), any::<u32>()).prop_map(
            |(attempt, code, message, in_ms)| {
                let message = message.into();
                JobEvent::Retrying(Box::new(Retry { attempt, code, message, in_ms }))
            }
        ),
        payloads().prop_map(|result| JobEvent::Done { result }),
        (fail_codes(), short_text(), any::<u32>()).prop_map(|(code, message, attempt)| {
            JobEvent::Failed { code, message: message.into(), attempt }
        }),
    ]
}

/// An event of a job, with its span if it is of those that tell it.
fn traced(encoding: Encoding) -> impl Strategy<Value = (JobEvent, Option<Box<TraceParent>>)> {
    (job_events(encoding), option::of(spans())).prop_map(|(what, span)| {
        let span = span.filter(|_| what.tells_trace());
        (what, span)
    })
}

/// An event, and its `seq` if it is of those that have one.
pub(crate) fn events(encoding: Encoding) -> impl Strategy<Value = (Event, Option<u64>)> {
    let welcome = (option::of(short_text()), any::<bool>(), limits()).prop_map(
        |(session, resumed, limits)| Event::Welcome(Box::new(Welcome { session, resumed, limits })),
    );
    let bye = (short_text(), any::<u32>(), any::<u16>())
        .prop_map(|(reason, reconnect_in_ms, close)| Event::Bye { reason, reconnect_in_ms, close });
    let numbered = prop_oneof![
        6 => (ids(), jobs(), traced(encoding))
            .prop_map(|(id, job, (what, traceparent))| Event::Job { id, job, what, traceparent }),
        1 => (ids(), reject_codes(), short_text(), option::of(any::<u32>())).prop_map(
            |(id, code, message, retry_after_ms)| {
                Event::Rejected { id, code, message, retry_after_ms }
            }
        ),
        1 => (option::of(ids()), reject_codes(), short_text())
            .prop_map(|(id, code, message)| Event::Error { id, code, message }),
        1 => (short_text(), payloads(encoding, true))
            .prop_map(|(topic, data)| Event::Message { topic: topic.into(), data }),
        1 => (named_text(), any::<[u32; 4]>(), any::<u64>()).prop_map(
            |(name, [jobs, done, failed, cancelled], elapsed_ms)| {
                let name = name.into();
                Event::Batch(Box::new(Batch { name, jobs, done, failed, cancelled, elapsed_ms }))
            }
        ),
        1 => (any::<u64>(), option::of((ids(), jobs())))
            .prop_map(|(missed, outcome_of)| Event::Gap { missed, outcome_of }),
    ];
    prop_oneof![
        (numbered, option::of(any::<u64>())),
        prop_oneof![welcome, bye].prop_map(|event| (event, None)),
    ]
}

/// A media type that a head may declare, or none.
pub(crate) fn declared() -> impl Strategy<Value = Option<ContentType>> {
    const KNOWN: &[&str] = &["application/json", "application/msgpack", "application/octet-stream"];
    let name = prop_oneof![prop::sample::select(KNOWN).prop_map(str::to_owned), short_text()];
    option::of(name.prop_map(|name| ContentType::parse(&name).expect("at most 128 bytes")))
}

pub(crate) fn bodies() -> impl Strategy<Value = Body> {
    let bytes = prop_oneof![octets(), json().prop_map(|value| value.to_string().into())];
    (declared(), bytes).prop_map(|(declared, bytes)| Body::new(declared, bytes))
}

pub(crate) fn readies() -> impl Strategy<Value = Ready> {
    let names = option::of(text(".{1,16}"));
    // In order and each once, as a decoder yields them.
    let queues = btree_set(queues(), 1..8).prop_map(|queues| queues.into_iter().collect());
    (lanes(), 1..=SLOTS_MAX, 1..=PACK_MAX, queues, names, option::of(any::<[u8; 32]>())).prop_map(
        |(lane, slots, pack, queues, name, auth)| Ready { lane, slots, pack, queues, name, auth },
    )
}

pub(crate) fn from_worker() -> impl Strategy<Value = FromWorker> {
    let code = option::of(text(".{1,16}"));
    prop_oneof![
        readies().prop_map(FromWorker::Ready),
        (jobs(), progress()).prop_map(|(job, progress)| FromWorker::Progress { job, progress }),
        (jobs(), bodies()).prop_map(|(job, body)| FromWorker::Chunk { job, body }),
        (jobs(), bodies()).prop_map(|(job, body)| FromWorker::Done { job, body }),
        (jobs(), code, short_text(), any::<bool>()).prop_map(|(job, code, message, retry)| {
            FromWorker::Fail { job, code, message, retry }
        }),
        lanes().prop_map(|lane| FromWorker::Beat { lane }),
        (lanes(), named_text(), bodies()).prop_map(|(lane, topic, body)| FromWorker::Publish {
            lane,
            topic,
            body
        }),
        lanes().prop_map(|lane| FromWorker::Bye { lane }),
    ]
}

pub(crate) fn to_worker() -> impl Strategy<Value = ToWorker> {
    let hello = (lanes(), any::<[u8; 32]>(), 0..=i64::MAX.unsigned_abs(), short_text()).prop_map(
        |(lane, nonce, max_body, server)| ToWorker::Hello(Hello { lane, nonce, max_body, server }),
    );
    let content_types = declared().prop_map(|declared| declared.unwrap_or(ContentType::Octets));
    let meta = vec((short_text(), short_text()), 0..4);
    let timeouts = option::of(0..=DURATION_MS_MAX);
    let job = (jobs(), queues(), 1..=u32::MAX, content_types, timeouts, meta, octets()).prop_map(
        |(job, queue, attempt, content_type, timeout_ms, meta, body)| {
            ToWorker::Job(JobMessage { job, queue, attempt, content_type, timeout_ms, meta, body })
        },
    );
    prop_oneof![
        hello,
        job,
        jobs().prop_map(|job| ToWorker::Cancel { job }),
        (lanes(), short_text()).prop_map(|(lane, reason)| ToWorker::Bye { lane, reason }),
    ]
}
