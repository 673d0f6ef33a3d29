//! What is written is read as the same, and no bytes make a decoder panic.

use acequia_wire::client::{
    Encoding, Event, HelloOp, JobEvent, OnDisconnect, Op, Resume, Retry, Submit, Welcome,
};
use acequia_wire::code::{FailCode, RejectCode, ServerFailCode};
use acequia_wire::limits::*;
use acequia_wire::worker::{FromWorker, Hello, JobMessage, Packer, Progress, Ready, ToWorker};
use acequia_wire::{Body, ContentType, CorrelationId, JobId, LaneId, Limits, Payload, QueueName};
use bytes::Bytes;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

/// Any text that matches a regular expression.
fn text(pattern: &str) -> BoxedStrategy<String> {
    proptest::string::string_regex(pattern).expect("a pattern").boxed()
}

/// Any text of at most 32 characters, control characters and quotes among them; at most 128 bytes.
fn short_text() -> BoxedStrategy<String> {
    text("(?s).{0,32}")
}

fn named_text() -> BoxedStrategy<String> {
    text("(?s).{1,32}")
}

fn encodings() -> impl Strategy<Value = Encoding> {
    prop::sample::select(&Encoding::ALL)
}

fn ids() -> impl Strategy<Value = CorrelationId> {
    prop_oneof![
        any::<i64>().prop_map(CorrelationId::Int),
        short_text().prop_map(|id| CorrelationId::Text(id.into())),
    ]
}

fn jobs() -> impl Strategy<Value = JobId> {
    any::<[u8; 16]>().prop_map(JobId::from_bytes)
}

fn lanes() -> impl Strategy<Value = LaneId> {
    any::<[u8; 16]>().prop_map(LaneId::from_bytes)
}

fn queues() -> impl Strategy<Value = QueueName> {
    prop_oneof![
        Just(QueueName::default()),
        text("[A-Za-z0-9._-]{1,64}").prop_map(|name| name.parse().expect("a queue name")),
    ]
}

fn octets() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

/// JSON of any shape.
fn json() -> impl Strategy<Value = serde_json::Value> {
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

fn of_json(value: &serde_json::Value) -> Payload {
    Payload::new(ContentType::Json, value.to_string().into()).expect("JSON")
}

/// A payload that its encoding carries as it is, so that it comes back of the same type.
fn payloads(encoding: Encoding, to_client: bool) -> BoxedStrategy<Payload> {
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

fn submits(encoding: Encoding) -> impl Strategy<Value = Submit> {
    let month = u32::try_from(DURATION_MS_MAX).expect("asserted");
    let duration = move || option::of(1..=month);
    let name = || option::of(named_text().prop_map(String::into_boxed_str));
    let on_disconnect = prop::sample::select(&[OnDisconnect::Keep, OnDisconnect::Cancel]);
    let numbers = (0..=PRIORITY_MAX, 0..=month, duration(), duration(), 1..=ATTEMPTS_MAX);
    (ids(), payloads(encoding, false), queues(), numbers, name(), on_disconnect, name()).prop_map(
        |(id, payload, queue, numbers, key, on_disconnect, batch)| {
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
            }
        },
    )
}

fn ops(encoding: Encoding) -> impl Strategy<Value = Op> {
    let resume = prop_oneof![
        Just(Resume::New),
        (short_text(), any::<u64>()).prop_map(|(secret, last)| Resume::Session { secret, last }),
    ];
    prop_oneof![
        4 => submits(encoding).prop_map(Op::Submit),
        1 => ids().prop_map(|id| Op::Cancel { id }),
        1 => any::<u64>().prop_map(|seq| Op::Ack { seq }),
        1 => named_text().prop_map(|topic| Op::Subscribe { topic }),
        1 => named_text().prop_map(|topic| Op::Unsubscribe { topic }),
        1 => (option::of(short_text()), option::of(resume))
            .prop_map(|(token, resume)| Op::Hello(HelloOp { token, resume })),
    ]
}

/// A number that tells how far something is, with the bounds of exactness among them.
fn measures() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u32>().prop_map(f64::from),
        prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL,
        prop::sample::select(&[9_007_199_254_740_992.0, -9_007_199_254_740_994.0, 1e300, -0.0]),
    ]
}

fn progress() -> impl Strategy<Value = Progress> {
    (option::of(measures()), option::of(measures()), option::of(short_text()))
        .prop_map(|(done, total, note)| Progress { done, total, note })
}

fn reject_codes() -> impl Strategy<Value = RejectCode> {
    prop::sample::select(RejectCode::ALL)
}

fn fail_codes() -> impl Strategy<Value = FailCode> {
    prop_oneof![
        prop::sample::select(ServerFailCode::ALL).prop_map(FailCode::from),
        short_text().prop_map(FailCode::of_worker),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    any::<[usize; 7]>().prop_map(|[a, b, c, d, e, f, g]| Limits {
        payload_bytes: a,
        result_bytes: b,
        message_bytes: c,
        client_jobs: d,
        waiting_jobs: e,
        payloads_bytes: f,
        sessions: g,
    })
}

fn job_events(encoding: Encoding) -> impl Strategy<Value = JobEvent> {
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

/// An event, and its `seq` if it is of those that have one.
fn events(encoding: Encoding) -> impl Strategy<Value = (Event, Option<u64>)> {
    let welcome = (option::of(short_text()), any::<bool>(), limits()).prop_map(
        |(session, resumed, limits)| Event::Welcome(Box::new(Welcome { session, resumed, limits })),
    );
    let bye = (short_text(), any::<u32>())
        .prop_map(|(reason, reconnect_in_ms)| Event::Bye { reason, reconnect_in_ms });
    let numbered = prop_oneof![
        6 => (ids(), jobs(), job_events(encoding))
            .prop_map(|(id, job, what)| Event::Job { id, job, what }),
        1 => (ids(), reject_codes(), short_text(), option::of(any::<u32>())).prop_map(
            |(id, code, message, retry_after_ms)| {
                Event::Rejected { id, code, message, retry_after_ms }
            }
        ),
        1 => (option::of(ids()), reject_codes(), short_text())
            .prop_map(|(id, code, message)| Event::Error { id, code, message }),
        1 => (short_text(), payloads(encoding, true))
            .prop_map(|(topic, data)| Event::Message { topic: topic.into(), data }),
        1 => any::<u64>().prop_map(|missed| Event::Gap { missed }),
    ];
    prop_oneof![
        (numbered, option::of(any::<u64>())),
        prop_oneof![welcome, bye].prop_map(|event| (event, None)),
    ]
}

/// A media type that a head may declare, or none.
fn declared() -> impl Strategy<Value = Option<ContentType>> {
    const KNOWN: &[&str] = &["application/json", "application/msgpack", "application/octet-stream"];
    let name = prop_oneof![prop::sample::select(KNOWN).prop_map(str::to_owned), short_text()];
    option::of(name.prop_map(|name| ContentType::parse(&name).expect("at most 128 bytes")))
}

fn bodies() -> impl Strategy<Value = Body> {
    let bytes = prop_oneof![octets(), json().prop_map(|value| value.to_string().into())];
    (declared(), bytes).prop_map(|(declared, bytes)| Body::new(declared, bytes))
}

fn readies() -> impl Strategy<Value = Ready> {
    let names = option::of(text(".{1,16}"));
    // In order and each once, as a decoder yields them.
    let queues = btree_set(queues(), 1..8).prop_map(|queues| queues.into_iter().collect());
    (lanes(), 1..=SLOTS_MAX, 1..=PACK_MAX, queues, names, option::of(any::<[u8; 32]>())).prop_map(
        |(lane, slots, pack, queues, name, auth)| Ready { lane, slots, pack, queues, name, auth },
    )
}

fn from_worker() -> impl Strategy<Value = FromWorker> {
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

fn to_worker() -> impl Strategy<Value = ToWorker> {
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

/// Packs `messages` in groups of at most `sizes` and calls `decode` with each group's frames.
fn packed<T: Clone>(
    messages: &[T],
    sizes: &[usize],
    encode: fn(T, &mut Packer),
    mut decode: impl FnMut(std::vec::IntoIter<Bytes>),
) {
    let (mut rest, mut sizes, mut packer) = (messages, sizes.iter().cycle(), Packer::default());
    while !rest.is_empty() {
        let (group, after) = rest.split_at(rest.len().min(*sizes.next().expect("endless")));
        group.iter().cloned().for_each(|message| encode(message, &mut packer));
        assert_eq!(packer.messages(), group.len());
        decode(packer.finish().into_iter());
        rest = after;
    }
}

fn decode_ops(encoding: Encoding, message: impl Into<Bytes>) -> Vec<Result<Op, String>> {
    let mut out = Vec::new();
    Op::decode(encoding, &message.into(), &Limits::default(), &mut out);
    out.into_iter().map(|op| op.map_err(|refusal| refusal.to_string())).collect()
}

fn encode_event(event: &Event, seq: Option<u64>, encoding: Encoding) -> Bytes {
    match encoding {
        Encoding::Json => {
            let mut out = String::new();
            event.encode_json(seq, &mut out);
            out.into()
        }
        Encoding::MsgPack => event.encode_msgpack(seq).into(),
    }
}

/// An array of the messages, each encoded.
fn array_of(encoding: Encoding, messages: &[Vec<u8>]) -> Vec<u8> {
    match encoding {
        Encoding::Json => [&b"["[..], &messages.join(&b','), b"]"].concat(),
        Encoding::MsgPack => {
            let len = u16::try_from(messages.len()).expect("few");
            [&[0xdc], &len.to_be_bytes()[..], &messages.concat()].concat()
        }
    }
}

/// Bytes that come near the protocol: a good message with a part of it put elsewhere.
fn mangled(good: Vec<u8>, at: prop::sample::Index, cut: usize, put: &[u8]) -> Vec<u8> {
    let at = at.index(good.len() + 1);
    let end = good.len().min(at + cut);
    [&good[..at], put, &good[end..]].concat()
}

/// What fails once is kept as a golden vector, in place of a file of seeds.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn ops_come_back((encoding, ops) in encodings().prop_flat_map(|encoding| {
        (Just(encoding), vec(ops(encoding), 0..8))
    })) {
        let encoded: Vec<_> = ops.iter().map(|op| op.encode(encoding)).collect();
        for (op, encoded) in ops.iter().zip(&encoded) {
            prop_assert_eq!(decode_ops(encoding, encoded.clone()), vec![Ok(op.clone())]);
        }
        let expected: Vec<_> = ops.into_iter().map(Ok).collect();
        prop_assert_eq!(decode_ops(encoding, array_of(encoding, &encoded)), expected);
    }

    #[test]
    fn a_bad_op_disturbs_no_other(
        (encoding, ops) in encodings().prop_flat_map(|encoding| {
            (Just(encoding), vec(ops(encoding), 0..4))
        }),
        bad in json().prop_filter("an op by chance", |value| value.get("op").is_none()),
        at in any::<prop::sample::Index>(),
    ) {
        let at = at.index(ops.len() + 1);
        let mut encoded: Vec<_> = ops.iter().map(|op| op.encode(encoding)).collect();
        encoded.insert(at, match encoding {
            Encoding::Json => bad.to_string().into_bytes(),
            Encoding::MsgPack => rmp_serde::to_vec(&bad).expect("MessagePack"),
        });
        let mut decoded = decode_ops(encoding, array_of(encoding, &encoded));
        prop_assert!(decoded.remove(at).is_err());
        let expected: Vec<_> = ops.into_iter().map(Ok).collect();
        prop_assert_eq!(decoded, expected);
    }

    #[test]
    fn events_come_back((encoding, (event, seq)) in encodings().prop_flat_map(|encoding| {
        (Just(encoding), events(encoding))
    })) {
        let encoded = encode_event(&event, seq, encoding);
        let decoded = Event::decode(encoding, &encoded);
        // A JSON result that spells `$base64` itself is read as bytes; the document says so.
        prop_assume!(!encoded.windows(9).any(|part| part == b"\"$base64\"")
            || event.payload_len() == 0
            || matches!(decoded, Ok((ref decoded, _)) if *decoded == event));
        prop_assert_eq!(decoded.expect("an event"), (event, seq));
    }

    #[test]
    fn events_are_good_json(
        (event, seq) in prop_oneof![events(Encoding::Json), events(Encoding::MsgPack)],
    ) {
        let mut out = String::new();
        event.encode_json(seq, &mut out);
        let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        prop_assert!(value["ev"].is_string());
        prop_assert_eq!(value["seq"].as_u64(), seq);
    }

    #[test]
    fn a_payload_of_json_is_the_same_value_in_msgpack(value in json()) {
        let event = Event::Message { topic: "t".into(), data: of_json(&value) };
        let encoded = event.encode_msgpack(None);
        let decoded: serde_json::Value = rmp_serde::from_slice(&encoded).expect("MessagePack");
        prop_assert_eq!(&decoded["data"], &value);
    }

    #[test]
    fn messages_of_workers_come_back(
        messages in vec(from_worker(), 1..24),
        sizes in vec(1..8_usize, 1..8),
    ) {
        let mut decoded = Vec::new();
        packed(&messages, &sizes, FromWorker::encode, |frames| {
            FromWorker::decode(frames, &mut decoded).expect("what was written is understood");
        });
        prop_assert_eq!(decoded, messages);
    }

    #[test]
    fn messages_to_workers_come_back(
        messages in vec(to_worker(), 1..24),
        sizes in vec(1..8_usize, 1..8),
    ) {
        let mut decoded = Vec::new();
        packed(&messages, &sizes, ToWorker::encode, |frames| {
            ToWorker::decode(frames, &mut decoded).expect("what was written is understood");
        });
        prop_assert_eq!(decoded, messages);
    }

    #[test]
    fn no_bytes_of_a_client_panic(
        encoding in encodings(),
        message in vec(any::<u8>(), 0..400),
    ) {
        decode_ops(encoding, message.clone());
        let _ = Event::decode(encoding, &message.into());
    }

    #[test]
    fn no_mangled_message_of_a_client_panics(
        (encoding, op, (event, seq)) in encodings().prop_flat_map(|encoding| {
            (Just(encoding), ops(encoding), events(encoding))
        }),
        at in any::<prop::sample::Index>(),
        cut in 0..8_usize,
        put in vec(any::<u8>(), 0..8),
    ) {
        decode_ops(encoding, mangled(op.encode(encoding), at, cut, &put));
        let event = mangled(encode_event(&event, seq, encoding).into(), at, cut, &put);
        let _ = Event::decode(encoding, &event.into());
    }

    #[test]
    fn no_frames_panic(
        kind in prop::sample::select(&[
            "ready", "progress", "chunk", "done", "fail", "beat", "publish", "bye", "hello", "job",
            "cancel",
        ]),
        head in vec(any::<u8>(), 0..100),
        mut frames in vec(octets(), 0..10),
    ) {
        let _ = FromWorker::decode(frames.clone().into_iter(), &mut Vec::new());
        let _ = ToWorker::decode(frames.clone().into_iter(), &mut Vec::new());
        frames.truncate(1);
        let known = [Bytes::from_static(kind.as_bytes()), Bytes::from_static(&[7; 16]), head.into()];
        let frames: Vec<_> = known.into_iter().chain(frames).collect();
        let _ = FromWorker::decode(frames.clone().into_iter(), &mut Vec::new());
        let _ = ToWorker::decode(frames.into_iter(), &mut Vec::new());
    }

    #[test]
    fn no_mangled_head_panics(
        message in from_worker(),
        to_worker in to_worker(),
        at in any::<prop::sample::Index>(),
        cut in 0..8_usize,
        put in vec(any::<u8>(), 0..8),
    ) {
        let mut packer = Packer::default();
        message.encode(&mut packer);
        let mut frames = packer.finish();
        frames[2] = mangled(frames[2].to_vec(), at, cut, &put).into();
        let _ = FromWorker::decode(frames.into_iter(), &mut Vec::new());
        to_worker.encode(&mut packer);
        let mut frames = packer.finish();
        frames[2] = mangled(frames[2].to_vec(), at, cut, &put).into();
        let _ = ToWorker::decode(frames.into_iter(), &mut Vec::new());
    }
}
