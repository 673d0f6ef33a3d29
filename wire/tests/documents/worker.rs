//! `worker-protocol.md`.

use std::collections::{BTreeMap, BTreeSet};

use acequia_wire::limits::*;
use acequia_wire::worker::{
    FromWorker, Hello, JobMessage, Packer, Progress, Ready, ToWorker, VERSION,
};
use acequia_wire::{Body, ContentType, JobId, LaneId, QueueName};
use bytes::Bytes;
use serde::de::IgnoredAny;

use super::markdown::{Document, has_number};

fn lane() -> LaneId {
    LaneId::from_bytes([1; 16])
}

fn job() -> JobId {
    JobId::from_bytes([2; 16])
}

fn document() -> Document {
    Document::read("worker-protocol.md")
}

/// One of each kind, with all that its head may hold.
fn to_worker() -> Vec<ToWorker> {
    let all = vec![
        ToWorker::Hello(Hello { lane: lane(), nonce: [0; 32], max_body: 1, server: "s".into() }),
        ToWorker::Job(JobMessage {
            job: job(),
            queue: QueueName::default(),
            attempt: 1,
            content_type: ContentType::Json,
            timeout_ms: Some(1),
            meta: vec![("a".into(), "b".into())],
            body: Bytes::new(),
        }),
        ToWorker::Cancel { job: job() },
        ToWorker::Bye { lane: lane(), reason: "r".into() },
    ];
    for message in &all {
        // A new kind does not compile until it is here, and in the list above.
        match message {
            ToWorker::Hello(_)
            | ToWorker::Job(_)
            | ToWorker::Cancel { .. }
            | ToWorker::Bye { .. } => {}
        }
    }
    all
}

fn from_worker() -> Vec<FromWorker> {
    let body = || Body::new(Some(ContentType::Text), Bytes::new());
    let note = Some("n".to_owned());
    let all = vec![
        FromWorker::Ready(Ready {
            name: Some("n".into()),
            auth: Some([0; 32]),
            ..Ready::new(lane())
        }),
        FromWorker::Progress {
            job: job(),
            progress: Progress { done: Some(1.0), total: Some(2.0), note },
        },
        FromWorker::Chunk { job: job(), body: body() },
        FromWorker::Done { job: job(), body: body() },
        FromWorker::Fail { job: job(), code: Some("c".into()), message: "m".into(), retry: true },
        FromWorker::Beat { lane: lane() },
        FromWorker::Publish { lane: lane(), topic: "t".into(), body: body() },
        FromWorker::Bye { lane: lane() },
    ];
    for message in &all {
        match message {
            FromWorker::Ready(_)
            | FromWorker::Progress { .. }
            | FromWorker::Chunk { .. }
            | FromWorker::Done { .. }
            | FromWorker::Fail { .. }
            | FromWorker::Beat { .. }
            | FromWorker::Publish { .. }
            | FromWorker::Bye { .. } => {}
        }
    }
    all
}

/// The kind, the id and the keys of the head of an encoded message.
fn parts(encode: impl FnOnce(&mut Packer)) -> (String, Bytes, BTreeSet<String>) {
    let mut packer = Packer::default();
    encode(&mut packer);
    let frames = packer.finish();
    let kind = String::from_utf8(frames[0].to_vec()).expect("ASCII");
    let keys = if frames[2].is_empty() {
        BTreeSet::new()
    } else {
        let head: BTreeMap<String, IgnoredAny> =
            rmp_serde::from_slice(&frames[2]).expect("a map with text for keys");
        head.into_keys().collect()
    };
    (kind, frames[1].clone(), keys)
}

fn check_direction(section: &str, messages: Vec<(String, Bytes, BTreeSet<String>)>) {
    let document = document();
    let kinds: Vec<_> = messages.iter().map(|(kind, ..)| kind.clone()).collect();
    let overview = document.table(&[section], "kind");
    assert_eq!(overview.names(), kinds, "the kinds {section}");
    for (kind, id, keys) in messages {
        let of = if id == lane().as_bytes()[..] { "lane" } else { "job" };
        assert_eq!(overview.cell(&kind, "id"), of, "the id of {kind}");
        assert_eq!(overview.cell(&kind, "head") == "yes", !keys.is_empty(), "the head of {kind}");
        let heading = format!("`{kind}`");
        let documented = document.find(&[section, &heading], "key");
        let documented: Vec<String> = documented.map_or(Vec::new(), |table| table.names());
        assert_eq!(documented.len(), keys.len(), "the keys of {kind}: {keys:?}");
        assert_eq!(documented.into_iter().collect::<BTreeSet<_>>(), keys, "the keys of {kind}");
    }
}

#[test]
fn every_kind_and_key_of_the_server_is_documented() {
    let parts = |message: ToWorker| parts(|packer| message.encode(packer));
    check_direction("From the server", to_worker().into_iter().map(parts).collect());
}

#[test]
fn every_kind_and_key_of_a_worker_is_documented() {
    let parts = |message: FromWorker| parts(|packer| message.encode(packer));
    check_direction("From a worker", from_worker().into_iter().map(parts).collect());
}

#[test]
fn defaults_and_limits_of_keys_are_those_of_the_types() {
    let document = document();
    let table = |section: &str, kind: &str| document.table(&[section, &format!("`{kind}`")], "key");
    let ready = table("From a worker", "ready");
    let least = Ready::new(lane());
    assert_eq!(ready.cell("slots", "default"), least.slots.to_string());
    assert_eq!(ready.cell("pack", "default"), least.pack.to_string());
    assert_eq!(least.queues, [QueueName::default()]);
    assert_eq!(ready.cell("queues", "default"), format!("`[\"{}\"]`", QueueName::default()));
    assert!(has_number(table("From the server", "hello").cell("v", "limit"), VERSION));
    for (section, kind, key, limit) in [
        ("From a worker", "ready", "slots", u64::from(SLOTS_MAX)),
        ("From a worker", "ready", "pack", PACK_MAX.into()),
        ("From a worker", "ready", "queues", QUEUES_PER_WORKER_MAX as u64),
        ("From a worker", "ready", "queues", QUEUE_NAME_BYTES_MAX as u64),
        ("From a worker", "ready", "name", WORKER_NAME_BYTES_MAX as u64),
        ("From a worker", "progress", "note", TEXT_BYTES_MAX as u64),
        ("From a worker", "chunk", "type", CONTENT_TYPE_BYTES_MAX as u64),
        ("From a worker", "done", "type", CONTENT_TYPE_BYTES_MAX as u64),
        ("From a worker", "fail", "code", FAIL_CODE_BYTES_MAX as u64),
        ("From a worker", "fail", "message", TEXT_BYTES_MAX as u64),
        ("From a worker", "publish", "topic", TOPIC_BYTES_MAX as u64),
        ("From a worker", "publish", "type", CONTENT_TYPE_BYTES_MAX as u64),
        ("From the server", "job", "queue", QUEUE_NAME_BYTES_MAX as u64),
        ("From the server", "job", "type", CONTENT_TYPE_BYTES_MAX as u64),
        ("From the server", "job", "timeout_ms", DURATION_MS_MAX),
    ] {
        let cell = table(section, kind).cell(key, "limit");
        assert!(has_number(cell, limit), "{kind}, {key}: {limit} is not in {cell:?}");
    }
}

#[test]
fn the_conversations_are_understood() {
    for block in document().blocks("frames") {
        for line in block.iter().filter(|line| !line.starts_with('#')) {
            let (who, frames) = line.split_at(2);
            let frames: Vec<_> = frames.split(" | ").map(frame).collect();
            let understood = match who {
                "S " => ToWorker::decode(frames.into_iter(), &mut Vec::new()),
                "W " => {
                    let mut said = Vec::new();
                    let decoded = FromWorker::decode(frames.into_iter(), &mut said);
                    assert!(said.iter().all(Result::is_ok), "{line}");
                    decoded
                }
                _ => panic!("neither the server's nor a worker's: {line}"),
            };
            assert_eq!(understood, Ok(()), "{line}");
        }
    }
}

fn frame(hex: &str) -> Bytes {
    if hex == "-" {
        return Bytes::new();
    }
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect(hex);
    (0..hex.len()).step_by(2).map(digit).collect()
}
