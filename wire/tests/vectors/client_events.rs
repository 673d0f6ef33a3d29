//! `client-events.json`.

use acequia_wire::client::{Batch, Encoding, Event, JobEvent, Retry, Welcome};
use acequia_wire::code::{FailCode, RejectCode, ServerFailCode};
use acequia_wire::worker::Progress;
use acequia_wire::{JobId, Payload};
use bytes::Bytes;
use serde_json::Value;

use super::client_ops::encoding_of;
use super::form::{self, name};

#[test]
fn every_event_means_what_its_vector_says() {
    for case in &form::cases("client-events.json", 200) {
        let (encoding, message) = (encoding_of(case), form::bytes(case));
        let decoded = Event::decode(encoding, &message);
        if let Some(says) = case["refused"].as_str() {
            let refused = decoded.expect_err(name(case)).to_string();
            assert!(refused.contains(says), "{}: {refused:?} without {says:?}", name(case));
            continue;
        }
        let (event, seq) = (event(&case["event"]), case["seq"].as_u64());
        if form::is(case, "canonical") {
            assert_eq!(encode(&event, seq, encoding), message, "{}", name(case));
        }
        let seen = match case.get("reads") {
            Some(read) => with_payload(event, form::payload(read)),
            None => event,
        };
        let (decoded, decoded_seq) = decoded.unwrap_or_else(|bad| panic!("{}: {bad}", name(case)));
        assert_eq!((decoded, decoded_seq), (seen, seq), "{}", name(case));
    }
}

#[test]
fn every_event_and_code_has_a_vector_in_both_encodings() {
    let cases = form::cases("client-events.json", 200);
    let events: Vec<_> = "welcome accepted rejected started progress chunk retrying done failed \
                          cancelled batch message gap error bye"
        .split_whitespace()
        .collect();
    let reject_codes: Vec<_> = RejectCode::ALL.iter().map(|code| code.as_str()).collect();
    let fail_codes: Vec<_> = ServerFailCode::ALL.iter().map(|code| code.as_str()).collect();
    for encoding in Encoding::ALL {
        let has = |key: &str, value: &str, ev: Option<&str>| {
            cases.iter().any(|case| {
                encoding_of(case) == encoding
                    && case["event"][key] == value
                    && ev.is_none_or(|ev| case["event"]["ev"] == ev)
            })
        };
        for ev in &events {
            assert!(has("ev", ev, None), "no {ev} in {encoding:?}");
        }
        for code in &reject_codes {
            assert!(has("code", code, Some("rejected")), "no {code} in {encoding:?}");
        }
        for code in &fail_codes {
            assert!(has("code", code, Some("failed")), "no {code} in {encoding:?}");
        }
    }
}

fn encode(event: &Event, seq: Option<u64>, encoding: Encoding) -> Bytes {
    match encoding {
        Encoding::Json => {
            let mut out = String::new();
            event.encode_json(seq, &mut out);
            out.into()
        }
        Encoding::MsgPack => event.encode_msgpack(seq).into(),
    }
}

fn with_payload(event: Event, payload: Payload) -> Event {
    match event {
        Event::Job { id, job, what, traceparent } => {
            let what = match what {
                JobEvent::Done { .. } => JobEvent::Done { result: payload },
                JobEvent::Chunk { n, .. } => JobEvent::Chunk { n, data: payload },
                other => panic!("no payload in {other:?}"),
            };
            Event::Job { id, job, what, traceparent }
        }
        Event::Message { topic, .. } => Event::Message { topic, data: payload },
        other => panic!("no payload in {other:?}"),
    }
}

fn text(form: &Value, key: &str) -> String {
    form[key].as_str().unwrap_or_else(|| panic!("no text {key} in {form}")).to_owned()
}

fn number<T: TryFrom<u64>>(form: &Value, key: &str) -> T {
    let number = form[key].as_u64().and_then(|n| T::try_from(n).ok());
    number.unwrap_or_else(|| panic!("no number {key} in {form}"))
}

fn reject_code(form: &Value) -> RejectCode {
    *RejectCode::ALL.iter().find(|code| form["code"] == code.as_str()).expect("a code")
}

fn event(form: &Value) -> Event {
    match text(form, "ev").as_str() {
        "welcome" => Event::Welcome(Box::new(Welcome {
            session: form["session"].as_str().map(str::to_owned),
            resumed: form["resumed"].as_bool().expect("a flag"),
            limits: serde_json::from_value(form["limits"].clone()).expect("limits"),
        })),
        "rejected" => Event::Rejected {
            id: form::id(&form["id"]),
            code: reject_code(form),
            message: text(form, "message"),
            retry_after_ms: form.get("retry_after_ms").map(|_| number(form, "retry_after_ms")),
        },
        "error" => Event::Error {
            id: form.get("id").map(form::id),
            code: reject_code(form),
            message: text(form, "message"),
        },
        "message" => {
            Event::Message { topic: text(form, "topic").into(), data: form::payload(&form["data"]) }
        }
        "batch" => Event::Batch(Box::new(Batch {
            name: text(form, "batch").into(),
            jobs: number(form, "jobs"),
            done: number(form, "done"),
            failed: number(form, "failed"),
            cancelled: number(form, "cancelled"),
            elapsed_ms: number(form, "elapsed_ms"),
        })),
        "gap" => Event::Gap {
            missed: number(form, "missed"),
            outcome_of: form.get("id").map(|id| (form::id(id), job_id(form))),
        },
        "bye" => Event::Bye {
            reason: text(form, "reason"),
            reconnect_in_ms: number(form, "reconnect_in_ms"),
            close: number(form, "close"),
        },
        ev => {
            let job = job_id(form);
            let traceparent = form["traceparent"].as_str().map(|span| span.parse().expect("one"));
            Event::Job {
                id: form::id(&form["id"]),
                job,
                what: job_event(ev, form),
                traceparent: traceparent.map(Box::new),
            }
        }
    }
}

fn job_id(form: &Value) -> JobId {
    let job: uuid::Uuid = text(form, "job").parse().expect("a UUID");
    JobId::from_bytes(job.into_bytes())
}

fn job_event(ev: &str, form: &Value) -> JobEvent {
    let fail_code = || FailCode::of_worker(text(form, "code"));
    match ev {
        "accepted" => JobEvent::Accepted,
        "started" => JobEvent::Started {
            attempt: number(form, "attempt"),
            worker: text(form, "worker").into(),
        },
        "progress" => JobEvent::Progress(Box::new(Progress {
            done: form["done"].as_f64(),
            total: form["total"].as_f64(),
            note: form["note"].as_str().map(str::to_owned),
        })),
        "chunk" => JobEvent::Chunk { n: number(form, "n"), data: form::payload(&form["data"]) },
        "retrying" => JobEvent::Retrying(Box::new(Retry {
            attempt: number(form, "attempt"),
            code: fail_code(),
            message: text(form, "message").into(),
            in_ms: number(form, "in_ms"),
        })),
        "done" => JobEvent::Done { result: form::payload(&form["result"]) },
        "failed" => JobEvent::Failed {
            code: fail_code(),
            message: text(form, "message").into(),
            attempt: number(form, "attempt"),
        },
        "cancelled" => JobEvent::Cancelled,
        other => panic!("unknown event {other}"),
    }
}
