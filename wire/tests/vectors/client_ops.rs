//! `client-ops.json`.

use acequia_wire::Limits;
use acequia_wire::client::{Encoding, Event, OnDisconnect, Op, Refusal, Resume, Submit, Watched};
use bytes::Bytes;
use serde_json::{Value, json};

use super::form::{self, name};

#[test]
fn every_message_of_a_client_means_what_its_vector_says() {
    let cases = form::cases("client-ops.json", 200);
    for encoding in Encoding::ALL {
        assert!(cases.iter().filter(|case| encoding_of(case) == encoding).count() >= 80);
    }
    for case in &cases {
        let (encoding, message) = (encoding_of(case), form::bytes(case));
        let mut decoded = Vec::new();
        Op::decode(encoding, &message, &limits_of(case), &mut decoded);
        let expected = form::repeated(&case["ops"]);
        assert_eq!(decoded.len(), expected.len(), "{}: {decoded:?}", name(case));
        for (decoded, expected) in decoded.iter().zip(&expected) {
            match decoded {
                Ok(op) => check_op(case, op, expected, encoding, &message),
                Err(refusal) => check_refusal(case, refusal, expected),
            }
        }
    }
}

pub(crate) fn encoding_of(case: &Value) -> Encoding {
    match case["encoding"].as_str() {
        Some("json") => Encoding::Json,
        Some("msgpack") => Encoding::MsgPack,
        other => panic!("{}: encoding {other:?}", name(case)),
    }
}

fn limits_of(case: &Value) -> Limits {
    match case.get("limits") {
        Some(limits) => serde_json::from_value(limits.clone()).expect("limits"),
        None => Limits::default(),
    }
}

fn check_op(case: &Value, op: &Op, expected: &Value, encoding: Encoding, message: &Bytes) {
    let mut expected = expected["ok"].clone();
    assert!(expected.is_object(), "{}: understood as {op:?}", name(case));
    if let Op::Submit(submit) = op {
        let payload = expected["payload"].take();
        assert_eq!(submit.payload, form::payload(&payload), "{}", name(case));
    }
    assert_eq!(op_form(op), expected, "{}", name(case));

    let encoded = Bytes::from(op.encode(encoding));
    if form::is(case, "canonical") {
        assert_eq!(encoded, message, "{}: encoded {encoded:?}", name(case));
    }
    let mut again = Vec::new();
    Op::decode(encoding, &encoded, &limits_of(case), &mut again);
    assert_eq!(again, [Ok(op.clone())], "{}", name(case));
}

fn check_refusal(case: &Value, refusal: &Refusal, expected: &Value) {
    let expected = &expected["refused"];
    assert!(expected.is_object(), "{}: refused: {refusal}", name(case));
    let (sent_as, id, code, message) = match Event::from(refusal.clone()) {
        Event::Rejected { id, code, message, .. } => ("rejected", Some(id), code, message),
        Event::Error { id, code, message } => ("error", id, code, message),
        other => panic!("{}: a refusal became {other:?}", name(case)),
    };
    assert_eq!(sent_as, expected["as"], "{}: {message}", name(case));
    assert_eq!(id.as_ref().map_or(Value::Null, form::id_form), expected["id"], "{}", name(case));
    assert_eq!(code.as_str(), expected["code"], "{}: {message}", name(case));
    let says = expected["says"].as_str().expect("what the message says");
    assert!(message.contains(says), "{}: {message:?} says nothing of {says:?}", name(case));
    let most = expected["bytes_max"].as_u64().unwrap_or(4096) as usize;
    assert!(message.len() <= most, "{}: a message of {} bytes", name(case), message.len());
}

fn op_form(op: &Op) -> Value {
    match op {
        Op::Submit(submit) => submit_form(submit),
        Op::Cancel { id } => json!({"op": "cancel", "id": form::id_form(id)}),
        Op::Watch { id, what } => {
            let (key, what) = match what {
                Watched::Job(job) => ("job", job.to_string()),
                Watched::Batch(name) => ("batch", name.to_string()),
            };
            json!({"op": "watch", "id": form::id_form(id), key: what})
        }
        Op::Ack { seq } => json!({"op": "ack", "seq": seq}),
        Op::Subscribe { topic } => json!({"op": "subscribe", "topic": topic}),
        Op::Unsubscribe { topic } => json!({"op": "unsubscribe", "topic": topic}),
        Op::Hello(hello) => {
            let resume = match &hello.resume {
                None => Value::Null,
                Some(Resume::New) => json!({"new": true}),
                Some(Resume::Session { secret, last }) => json!({"secret": secret, "last": last}),
            };
            json!({"op": "hello", "token": hello.token, "resume": resume})
        }
    }
}

/// All but the payload, which is compared as a payload.
fn submit_form(submit: &Submit) -> Value {
    json!({
        "op": "submit",
        "id": form::id_form(&submit.id),
        "queue": submit.queue.as_str(),
        "priority": submit.priority,
        "delay_ms": submit.delay_ms,
        "timeout_ms": submit.timeout_ms,
        "ttl_ms": submit.ttl_ms,
        "attempts": submit.attempts,
        "key": submit.key,
        "on_disconnect": match submit.on_disconnect {
            OnDisconnect::Keep => json!("keep"),
            OnDisconnect::Cancel => json!("cancel"),
            OnDisconnect::CancelAfter { ms } => json!({"cancel_after_ms": ms}),
        },
        "batch": submit.batch,
        "traceparent": submit.traceparent.as_ref().map(ToString::to_string),
        "payload": null,
    })
}
