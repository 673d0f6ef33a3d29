//! `worker-frames.json`.

use acequia_wire::worker::{
    About, BadMessage, FromWorker, Hello, JobMessage, Malformed, Packer, ToWorker, VERSION,
};
use acequia_wire::{Body, ContentType};
use bytes::Bytes;
use serde_json::{Value, json};

use super::form::{self, hex, name};

#[test]
fn every_worker_message_means_what_its_vector_says() {
    for case in &form::cases("worker-frames.json", 120) {
        let once: Vec<_> =
            case["frames"].as_array().expect("frames").iter().map(form::bytes).collect();
        let times = case.get("times").map_or(1, |times| times.as_u64().expect("times")) as usize;
        let frames = std::iter::repeat_n(once, times).flatten().collect::<Vec<_>>();
        let decoded = frames.clone().into_iter();
        match case["direction"].as_str() {
            Some("from_worker") => {
                let mut messages = Vec::new();
                let result = FromWorker::decode(decoded, &mut messages);
                check_outcome(case, result);
                check_messages(
                    case,
                    messages.iter().map(|said| match said {
                        Ok(message) => from_worker_form(message),
                        Err(bad) => bad_form(case, bad),
                    }),
                );
                let messages: Vec<_> = messages.into_iter().filter_map(Result::ok).collect();
                check_results(case, &messages);
                check_encoding(case, &frames, messages, FromWorker::encode);
            }
            Some("to_worker") => {
                let mut messages = Vec::new();
                let result = ToWorker::decode(decoded, &mut messages);
                check_outcome(case, result);
                check_messages(case, messages.iter().map(to_worker_form));
                check_encoding(case, &frames, messages, ToWorker::encode);
            }
            other => panic!("{}: direction {other:?}", name(case)),
        }
    }
}

fn check_outcome(case: &Value, result: Result<(), Malformed>) {
    match (result, case["malformed"].as_str()) {
        (Ok(()), None) => {}
        (Ok(()), Some(says)) => panic!("{}: not malformed, but {says:?}", name(case)),
        (Err(malformed), None) => panic!("{}: {malformed}", name(case)),
        (Err(malformed), Some(says)) => {
            let malformed = malformed.to_string();
            assert!(malformed.contains(says), "{}: {malformed:?}, not {says:?}", name(case));
            assert!(malformed.len() <= 1024, "{}: {} bytes", name(case), malformed.len());
        }
    }
}

fn check_messages(case: &Value, messages: impl Iterator<Item = Value>) {
    let mut expected = form::repeated(&case["messages"]);
    for message in &mut expected {
        if let Some(body) = message.get_mut("body") {
            *body = json!(hex(&form::bytes(body)));
        }
    }
    assert_eq!(messages.collect::<Vec<_>>(), expected, "{}", name(case));
}

/// Whether the body of a `done` or `chunk` is what its type says.
fn check_results(case: &Value, messages: &[FromWorker]) {
    let Some(of_type) = case["of_type"].as_str() else { return };
    let of_type = ContentType::parse(of_type).expect("a type");
    for message in messages {
        let (FromWorker::Done { body, .. } | FromWorker::Chunk { body, .. }) = message else {
            panic!("{}: no result: {message:?}", name(case));
        };
        match (body.clone().resolve(&of_type), case["bad_result"].as_str()) {
            (Ok(payload), None) => {
                assert_eq!(payload.bytes(), body.bytes());
                assert_eq!(payload.content_type(), body.declared().unwrap_or(&of_type));
            }
            (Err(bad), Some(says)) => {
                assert!(bad.to_string().contains(says), "{}: {bad}, not {says:?}", name(case));
            }
            (resolved, expected) => {
                panic!("{}: {resolved:?}, expected {expected:?}", name(case))
            }
        }
    }
}

fn check_encoding<T>(case: &Value, frames: &[Bytes], messages: Vec<T>, encode: fn(T, &mut Packer)) {
    if !form::is(case, "canonical") {
        return;
    }
    let mut packer = Packer::default();
    messages.into_iter().for_each(|message| encode(message, &mut packer));
    assert_eq!(packer.messages() * 4, frames.len(), "{}", name(case));
    assert_eq!(packer.finish(), frames, "{}", name(case));
}

/// What the vectors say of a bad message is part of what is said of it here.
fn bad_form(case: &Value, bad: &BadMessage) -> Value {
    let expected = form::repeated(&case["messages"]);
    let mut says = expected.iter().filter_map(|message| message["bad"]["says"].as_str());
    let says = says.rfind(|says| bad.why.contains(says));
    assert!(bad.why.len() <= 512, "{}: {} bytes", name(case), bad.why.len());
    let says = says.unwrap_or_else(|| panic!("{}: {:?} is not expected", name(case), bad.why));
    match bad.about {
        About::Job { job, last } => {
            json!({"bad": {"job": hex(job.as_bytes()), "last": last, "says": says}})
        }
        About::Topic(lane) => json!({"bad": {"lane": hex(lane.as_bytes()), "says": says}}),
    }
}

fn from_worker_form(message: &FromWorker) -> Value {
    let result = |kind: &str, job: &[u8], body: &Body| {
        let declared = body.declared().map(ContentType::as_str);
        json!({"kind": kind, "job": hex(job), "type": declared, "body": hex(body.bytes())})
    };
    match message {
        FromWorker::Ready(ready) => json!({
            "kind": "ready",
            "lane": hex(ready.lane.as_bytes()),
            "slots": ready.slots,
            "pack": ready.pack,
            "queues": ready.queues.iter().map(|queue| queue.as_str()).collect::<Vec<_>>(),
            "name": ready.name,
            "auth": ready.auth.map(|auth| hex(&auth)),
        }),
        FromWorker::Progress { job, progress } => json!({
            "kind": "progress",
            "job": hex(job.as_bytes()),
            "done": progress.done.map(number),
            "total": progress.total.map(number),
            "note": progress.note,
        }),
        FromWorker::Chunk { job, body } => result("chunk", job.as_bytes(), body),
        FromWorker::Done { job, body } => result("done", job.as_bytes(), body),
        FromWorker::Fail { job, code, message, retry } => json!({
            "kind": "fail",
            "job": hex(job.as_bytes()),
            "code": code,
            "message": message,
            "retry": retry,
        }),
        FromWorker::Beat { lane } => json!({"kind": "beat", "lane": hex(lane.as_bytes())}),
        FromWorker::Publish { lane, topic, body } => json!({
            "kind": "publish",
            "lane": hex(lane.as_bytes()),
            "topic": topic,
            "type": body.declared().map(ContentType::as_str),
            "body": hex(body.bytes()),
        }),
        FromWorker::Bye { lane } => json!({"kind": "bye", "lane": hex(lane.as_bytes())}),
    }
}

/// A number as the vectors write it: without a fraction where it has none and a double is exact.
fn number(n: f64) -> Value {
    if n.fract() == 0.0 && n.abs() <= 2_f64.powi(53) { json!(n as i64) } else { json!(n) }
}

fn to_worker_form(message: &ToWorker) -> Value {
    match message {
        ToWorker::Hello(Hello { lane, nonce, max_body, server }) => json!({
            "kind": "hello",
            "lane": hex(lane.as_bytes()),
            "v": VERSION,
            "nonce": hex(nonce),
            "max_body": max_body,
            "server": server,
        }),
        ToWorker::Job(JobMessage { job, queue, attempt, content_type, timeout_ms, meta, body }) => {
            json!({
                "kind": "job",
                "job": hex(job.as_bytes()),
                "queue": queue.as_str(),
                "attempt": attempt,
                "type": content_type.as_str(),
                "timeout_ms": timeout_ms,
                "meta": meta,
                "body": hex(body),
            })
        }
        ToWorker::Cancel { job } => json!({"kind": "cancel", "job": hex(job.as_bytes())}),
        ToWorker::Bye { lane, reason } => {
            json!({"kind": "bye", "lane": hex(lane.as_bytes()), "reason": reason})
        }
    }
}
