//! `client-protocol.md`.

use std::collections::BTreeSet;

use acequia_wire::client::{
    Batch, Encoding, Event, HelloOp, JobEvent, OnDisconnect, Op, Resume, Retry, Submit, Watched,
    Welcome,
};
use acequia_wire::code::{RejectCode, ServerFailCode};
use acequia_wire::limits::*;
use acequia_wire::worker::Progress;
use acequia_wire::{ContentType, CorrelationId, JobId, Limits, Payload, QueueName, TraceParent};
use serde_json::Value;

use super::common::constants_in;
use super::markdown::{Document, has_number};

fn document() -> Document {
    Document::read("client-protocol.md")
}

fn payload() -> Payload {
    Payload::new(ContentType::Json, "1".into()).expect("JSON")
}

fn id() -> CorrelationId {
    CorrelationId::Int(1)
}

fn span() -> TraceParent {
    TraceParent::begun_by(JobId::from_bytes([7; 16]))
}

/// One of each op, with all of its keys.
fn ops() -> Vec<Op> {
    let all = vec![
        Op::Submit(Submit {
            id: id(),
            payload: payload(),
            queue: "q".parse().expect("a queue name"),
            priority: 1,
            delay_ms: 1,
            timeout_ms: Some(1),
            ttl_ms: Some(1),
            attempts: 2,
            key: Some("k".into()),
            on_disconnect: OnDisconnect::Cancel,
            batch: Some("b".into()),
            traceparent: Some(Box::new(span())),
        }),
        Op::Cancel { id: id() },
        Op::Watch { id: id(), what: Watched::Job(JobId::from_bytes([7; 16])) },
        Op::Watch { id: id(), what: Watched::Batch("b".into()) },
        Op::Hello(HelloOp {
            token: Some("t".into()),
            resume: Some(Resume::Session { secret: "s".into(), last: 1 }),
        }),
        Op::Ack { seq: 1 },
        Op::Subscribe { topic: "t".into() },
        Op::Unsubscribe { topic: "t".into() },
    ];
    for op in &all {
        // A new op does not compile until it is here, and in the list above.
        match op {
            Op::Submit(_)
            | Op::Cancel { .. }
            | Op::Hello(_)
            | Op::Watch { .. }
            | Op::Ack { .. }
            | Op::Subscribe { .. }
            | Op::Unsubscribe { .. } => {}
        }
    }
    all
}

/// One of each event, with all of its keys, in the document's order; then, of those with optional
/// keys, one without.
fn events() -> (Vec<Event>, Vec<Event>) {
    let code = RejectCode::QueueFull;
    let message = || "m".to_owned();
    let limits = Limits::default();
    let job = |what: JobEvent| {
        let traceparent = what.tells_trace().then(|| Box::new(span()));
        Event::Job { id: id(), job: JobId::from_bytes([7; 16]), what, traceparent }
    };
    let untraced =
        |what| Event::Job { id: id(), job: JobId::from_bytes([7; 16]), what, traceparent: None };
    let welcome = |session| Event::Welcome(Box::new(Welcome { session, resumed: false, limits }));
    let rejected =
        |retry_after_ms| Event::Rejected { id: id(), code, message: message(), retry_after_ms };
    let note = Some("n".to_owned());
    let progress = Progress { done: Some(1.0), total: Some(2.0), note };
    let fail_code = || ServerFailCode::Timeout.into();
    let retry = Retry { attempt: 2, code: fail_code(), message: "m".into(), in_ms: 1 };
    let (jobs, done, failed, cancelled, elapsed_ms) = (6, 3, 2, 1, 7);
    let batch = Batch { name: "b".into(), jobs, done, failed, cancelled, elapsed_ms };
    let all = vec![
        welcome(Some("s".into())),
        job(JobEvent::Accepted),
        rejected(Some(1)),
        job(JobEvent::Started { attempt: 1, worker: "w".into() }),
        job(JobEvent::Progress(Box::new(progress))),
        job(JobEvent::Chunk { n: 1, data: payload() }),
        job(JobEvent::Retrying(Box::new(retry))),
        job(JobEvent::Done { result: payload() }),
        job(JobEvent::Failed { code: fail_code(), message: "m".into(), attempt: 1 }),
        job(JobEvent::Cancelled),
        Event::Batch(Box::new(batch)),
        Event::Message { topic: "t".into(), data: payload() },
        Event::Gap { missed: 1, outcome_of: Some((id(), JobId::from_bytes([7; 16]))) },
        Event::Error { id: Some(id()), code, message: message() },
        Event::Bye { reason: "r".into(), reconnect_in_ms: 1, close: 1001 },
    ];
    let least = vec![
        welcome(None),
        untraced(JobEvent::Accepted),
        rejected(None),
        job(JobEvent::Progress(Box::default())),
        untraced(JobEvent::Done { result: payload() }),
        untraced(JobEvent::Failed { code: fail_code(), message: "m".into(), attempt: 1 }),
        untraced(JobEvent::Cancelled),
        Event::Error { id: None, code, message: message() },
        Event::Gap { missed: 1, outcome_of: None },
    ];
    for event in &all {
        match event {
            Event::Job { what, .. } => match what {
                JobEvent::Accepted
                | JobEvent::Started { .. }
                | JobEvent::Progress(_)
                | JobEvent::Chunk { .. }
                | JobEvent::Retrying(_)
                | JobEvent::Done { .. }
                | JobEvent::Failed { .. }
                | JobEvent::Cancelled => {}
            },
            Event::Welcome(_)
            | Event::Rejected { .. }
            | Event::Error { .. }
            | Event::Batch(_)
            | Event::Message { .. }
            | Event::Gap { .. }
            | Event::Bye { .. } => {}
        }
    }
    (all, least)
}

/// The value of `name` and the other keys of a JSON map.
fn name_and_keys(json: &[u8], name: &str) -> (String, BTreeSet<String>) {
    let map: serde_json::Map<String, Value> = serde_json::from_slice(json).expect("a JSON map");
    let value = map[name].as_str().expect("a name").to_owned();
    (value, map.into_iter().map(|(key, _)| key).filter(|key| key != name).collect())
}

fn event_name_and_keys(event: &Event) -> (String, BTreeSet<String>) {
    let mut json = String::new();
    event.encode_json(None, &mut json);
    name_and_keys(json.as_bytes(), "ev")
}

#[test]
fn every_op_and_key_is_documented() {
    let document = document();
    let mut ops: Vec<_> =
        ops().iter().map(|op| name_and_keys(&op.encode(Encoding::Json), "op")).collect();
    // Of keys that exclude each other an op is there with each.
    ops.dedup_by(|(name, keys), (before, all)| {
        let is_same = name == before;
        all.extend(keys.iter().filter(|_| is_same).cloned());
        is_same
    });
    let names: Vec<_> = ops.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(document.headings("Op "), names);
    for (name, keys) in ops {
        let documented = document.table(&["Ops", &format!("Op `{name}`")], "key").names();
        assert_eq!(documented.len(), keys.len(), "the keys of {name}");
        assert_eq!(documented.into_iter().collect::<BTreeSet<_>>(), keys, "the keys of {name}");
    }
}

#[test]
fn every_event_and_key_is_documented() {
    let document = document();
    let (all, least) = events();
    let all: Vec<_> = all.iter().map(event_name_and_keys).collect();
    let least: Vec<_> = least.iter().map(event_name_and_keys).collect();
    let names: Vec<_> = all.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(document.headings("Event "), names);
    for (name, keys) in all {
        let table = document.table(&["Events", &format!("Event `{name}`")], "key");
        let documented: BTreeSet<_> = table.names().into_iter().collect();
        assert_eq!(documented, keys, "the keys of {name}");
        let always = least.iter().find(|(other, _)| *other == name);
        let always = always.map_or(&keys, |(_, keys)| keys);
        for key in &keys {
            let optional = table.cell(key, "type").ends_with("optional");
            assert_eq!(optional, !always.contains(key), "whether `{key}` of {name} is optional");
        }
    }
}

#[test]
fn defaults_and_limits_of_keys_are_those_of_the_types() {
    let document = document();
    let table = document.table(&["Ops", "Op `submit`"], "key");
    let mut decoded = Vec::new();
    let least = br#"{"op":"submit","id":1,"payload":1}"#;
    Op::decode(Encoding::Json, &least.to_vec().into(), &Limits::default(), &mut decoded);
    let Some(Ok(Op::Submit(least))) = decoded.pop() else {
        panic!("the least submit: {decoded:?}")
    };
    assert_eq!(least.queue, QueueName::default());
    assert_eq!(least.on_disconnect, OnDisconnect::Keep);
    assert_eq!((least.timeout_ms, least.ttl_ms), (None, None));
    assert_eq!((least.key, least.batch, least.traceparent), (None, None, None));
    for (key, default) in [
        ("id", "required".to_owned()),
        ("payload", "required".to_owned()),
        ("queue", format!("`{}`", least.queue)),
        ("priority", least.priority.to_string()),
        ("delay_ms", least.delay_ms.to_string()),
        ("timeout_ms", "none".to_owned()),
        ("ttl_ms", "none".to_owned()),
        ("attempts", least.attempts.to_string()),
        ("key", "none".to_owned()),
        ("on_disconnect", "`keep`".to_owned()),
        ("batch", "none".to_owned()),
    ] {
        assert_eq!(table.cell(key, "default"), default, "the default of {key}");
    }
    for (key, limit) in [
        ("id", CORRELATION_ID_BYTES_MAX as u64),
        ("payload", PAYLOAD_BYTES_MAX as u64),
        ("payload", NESTING_MAX as u64),
        ("queue", QUEUE_NAME_BYTES_MAX as u64),
        ("priority", PRIORITY_MAX.into()),
        ("delay_ms", DURATION_MS_MAX),
        ("timeout_ms", DURATION_MS_MAX),
        ("ttl_ms", DURATION_MS_MAX),
        ("attempts", ATTEMPTS_MAX.into()),
        ("key", KEY_BYTES_MAX as u64),
        ("batch", KEY_BYTES_MAX as u64),
    ] {
        let cell = table.cell(key, "limit");
        assert!(has_number(cell, limit), "the limit of {key}: {limit} is not in {cell:?}");
    }
}

#[test]
fn the_limits_of_welcome_are_documented_with_their_defaults() {
    let (all, _) = events();
    let mut json = String::new();
    all[0].encode_json(None, &mut json);
    let welcome: Value = serde_json::from_str(&json).expect("JSON");
    let limits = welcome["limits"].as_object().expect("a map");
    let document = document();
    let table = document.table(&["Limits"], "key of `limits`");
    assert_eq!(
        table.names().iter().collect::<BTreeSet<_>>(),
        limits.keys().collect::<BTreeSet<_>>()
    );
    for (key, value) in limits {
        let (cell, value) = (table.cell(key, "default"), value.as_u64().expect("a number"));
        assert!(has_number(cell, value), "{key} is {value}, the document says {cell}");
    }
}

#[test]
fn every_reason_to_refuse_is_documented() {
    let codes: Vec<_> = RejectCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(document().table(&["Codes of `rejected` and `error`"], "code").names(), codes);
}

#[test]
fn every_close_code_is_documented() {
    let document = document();
    let table = document.table(&["Closing"], "close code");
    let source = include_str!("../../src/code.rs");
    let (_, source) = source.split_once("pub mod close {").expect("the close codes");
    let codes = constants_in(source, "    ");
    assert_eq!(table.names().len(), codes.len());
    for (name, code) in codes {
        assert_eq!(table.cell(code, "name"), format!("`{}`", name.to_lowercase()));
    }
}

#[test]
fn the_subprotocols_are_documented() {
    let document = document();
    let subprotocols = Encoding::ALL.map(Encoding::subprotocol);
    assert_eq!(document.table(&["Connection"], "subprotocol").names(), subprotocols);
    assert!(document.says("`GET /v1/ws`"));
}

#[test]
fn the_conversations_are_understood() {
    let document = document();
    for line in document.blocks("events").into_iter().flatten() {
        let (who, message) = line.split_at(2);
        let message = message.as_bytes().to_vec().into();
        match who {
            "C " => {
                let mut ops = Vec::new();
                Op::decode(Encoding::Json, &message, &Limits::default(), &mut ops);
                // The one that is wrong on purpose misspells `priority`.
                let bad = ops.iter().filter(|op| op.is_err()).count();
                assert_eq!(bad, usize::from(line.contains("\"prio\"")), "{line}: {ops:?}");
            }
            "S " => {
                let event = Event::decode(Encoding::Json, &message);
                assert!(event.is_ok(), "{line}: {event:?}");
            }
            _ => panic!("neither the server's nor a client's: {line}"),
        }
    }
    for line in document.blocks("hex").into_iter().flatten() {
        let byte = |hex| u8::from_str_radix(hex, 16).expect("a byte");
        let message: Vec<u8> = line.split(' ').map(byte).collect();
        let mut ops = Vec::new();
        Op::decode(Encoding::MsgPack, &message.into(), &Limits::default(), &mut ops);
        assert_eq!(ops, [Ok(Op::Cancel { id: id() })]);
    }
}
