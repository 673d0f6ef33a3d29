//! `client-events.json`: what a handle is told of each message of a server.

use acequia_wire::client::{Encoding, Event, Welcome};
use acequia_wire::{CorrelationId, Limits};
use bytes::Bytes;
use serde_json::Value;

use super::{Effect, Heard, Machine, NewJob, Policy};
use crate::job_error::JobError;
use crate::job_event::JobEvent;

#[path = "../../../../wire/tests/vectors/form.rs"]
#[expect(dead_code, reason = "the forms of all vectors")]
mod form;

/// What the job is called here.
const ID: i64 = 7;

/// A client of a session, with a live job.
fn machine(encoding: Encoding) -> Machine {
    let policy = Policy { encoding, resume: true, resend: true, renews_token: false };
    let mut machine = Machine::new(policy, 1, 0);
    machine.dialled(0);
    machine.transmit(0);
    let welcome = Welcome { session: None, resumed: false, limits: Limits::default() };
    machine.hear(Heard::Event(Event::Welcome(Box::new(welcome))), None, 0, 0);
    machine.submit([NewJob { id: ID, part: Bytes::new(), keyed: false, patient: false }]);
    machine.effects();
    machine
}

#[test]
fn what_a_server_says_of_a_job_is_told_to_its_handle() {
    let mut told = 0;
    for case in &form::cases("client-events.json", 200) {
        let encoding = Encoding::ALL[usize::from(case["encoding"] == "msgpack")];
        let message = form::bytes(case);
        let heard = Heard::decode(encoding, &message);
        let name = form::name(case);
        if let Some(says) = case["refused"].as_str() {
            match heard {
                Ok(None) => assert!(["", "unknown event"].contains(&says), "{name}"),
                Ok(Some((Heard::Refusal(_), _))) => assert_eq!(says, "no good `code`", "{name}"),
                Ok(Some(heard)) => panic!("{name}: {heard:?}"),
                Err(bad) => assert!(bad.to_string().contains(says), "{name}: {bad}"),
            }
            continue;
        }
        let (heard, seq) = heard.expect(name).expect(name);
        let event = &case["event"];
        let (heard, has_id) = match heard {
            Heard::Event(event) => called(event),
            Heard::Refusal(refusal) => panic!("{name}: {refusal:?}"),
        };
        let mut machine = machine(encoding);
        machine.hear(heard, seq, message.len(), 0);
        let effects = machine.effects();
        let of_job = effects.iter().filter_map(|effect| match effect {
            Effect::Job(ID, job, event) => Some((job, event)),
            _ => None,
        });
        let of_job: Vec<_> = of_job.collect();
        let expected = event["ev"].as_str().expect(name);
        if !has_id || expected == "error" {
            assert!(of_job.is_empty(), "{name}: {of_job:?}");
            continue;
        }
        let passes = expected == "rejected"
            && ["rate_limited", "draining", "duplicate_id"].contains(&text(event, "code"));
        if passes {
            assert!(of_job.is_empty(), "{name}: {of_job:?}");
            continue;
        }
        let [(job, what)] = of_job[..] else { panic!("{name}: {effects:?}") };
        check(name, case, what);
        if !["rejected", "gap"].contains(&expected) {
            assert_eq!(job.expect(name).to_string(), text(event, "job"), "{name}");
        }
        told += 1;
    }
    assert!(told > 100, "{told}");
}

/// The same about the job here, if it is about one: the vectors have all kinds of ids.
fn called(event: Event) -> (Heard, bool) {
    let id = CorrelationId::Int(ID);
    let (event, has_id) = match event {
        Event::Job { job, what, traceparent, .. } => {
            (Event::Job { id, job, what, traceparent }, true)
        }
        Event::Rejected { code, message, retry_after_ms, .. } => {
            (Event::Rejected { id, code, message, retry_after_ms }, true)
        }
        Event::Gap { missed, outcome_of: Some((_, job)) } => {
            (Event::Gap { missed, outcome_of: Some((id, job)) }, true)
        }
        other => (other, false),
    };
    (Heard::Event(event), has_id)
}

/// That a handle is told what the vector says.
fn check(name: &str, case: &Value, what: &JobEvent) {
    let event = &case["event"];
    let payload = |key: &str| form::payload(case.get("reads").unwrap_or(&event[key])).into();
    match (text(event, "ev"), what) {
        ("accepted", JobEvent::Accepted { traceparent, .. }) => {
            let span = traceparent.map(|span| span.to_string());
            assert_eq!(span.as_deref(), event["traceparent"].as_str(), "{name}");
        }
        ("started", JobEvent::Started { attempt, worker }) => {
            assert_eq!(
                (u64::from(*attempt), &**worker),
                (number(event, "attempt"), text(event, "worker")),
                "{name}"
            );
        }
        ("progress", JobEvent::Progress { done, total, note }) => {
            assert_eq!(
                (*done, *total),
                (event["done"].as_f64(), event["total"].as_f64()),
                "{name}"
            );
            assert_eq!(note.as_deref(), event["note"].as_str(), "{name}");
        }
        ("chunk", JobEvent::Chunk { n, data }) => {
            assert_eq!((u64::from(*n), data), (number(event, "n"), &payload("data")), "{name}");
        }
        ("retrying", JobEvent::Retrying { attempt, code, message, after }) => {
            assert_eq!(u64::from(*attempt), number(event, "attempt"), "{name}");
            assert_eq!(
                (&**code, &**message),
                (text(event, "code"), text(event, "message")),
                "{name}"
            );
            assert_eq!(after.as_millis(), u128::from(number(event, "in_ms")), "{name}");
        }
        ("done", JobEvent::Ended(Ok(data))) => assert_eq!(data, &payload("result"), "{name}"),
        ("failed", JobEvent::Ended(Err(JobError::Failed { code, message, attempt }))) => {
            assert_eq!(
                (&**code, &**message),
                (text(event, "code"), text(event, "message")),
                "{name}"
            );
            assert_eq!(u64::from(*attempt), number(event, "attempt"), "{name}");
        }
        ("cancelled", JobEvent::Ended(Err(JobError::Cancelled)))
        | ("gap", JobEvent::Ended(Err(JobError::Lost { .. }))) => {}
        ("rejected", JobEvent::Ended(Err(JobError::Rejected { code, message, retry_after }))) => {
            assert_eq!(
                (&**code, &**message),
                (text(event, "code"), text(event, "message")),
                "{name}"
            );
            let ms = retry_after.map(|after| after.as_millis());
            assert_eq!(ms, event["retry_after_ms"].as_u64().map(u128::from), "{name}");
        }
        (_, told) => panic!("{name}: {told:?}"),
    }
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event[key].as_str().unwrap_or_else(|| panic!("no text {key} in {event}"))
}

fn number(event: &Value, key: &str) -> u64 {
    event[key].as_u64().unwrap_or_else(|| panic!("no number {key} in {event}"))
}
