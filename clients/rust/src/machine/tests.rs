//! Conversations with the machine.

use acequia_wire::client::{
    Batch, Encoding, Event, JobEvent as Wire, Op, Ops, Refusal, Resume, Retry, Submit, Watched,
    Welcome,
};
use acequia_wire::code::{FailCode, RejectCode, close};
use acequia_wire::{ContentType, CorrelationId, JobId, Limits, Payload};
use bytes::Bytes;

use super::{Down, Effect, Heard, Machine, Ms, NewJob, Policy};
use crate::job_error::JobError;
use crate::job_event::JobEvent;
use crate::state::State;

const POLICY: Policy =
    Policy { encoding: Encoding::Json, resume: true, resend: true, renews_token: false };

/// A machine, and what it was told and said.
struct Talk {
    machine: Machine,
    now: Ms,
    seq: u64,
}

impl Talk {
    fn new(policy: Policy) -> Self {
        let mut talk = Self { machine: Machine::new(policy, 1, 0), now: 0, seq: 0 };
        assert_eq!(talk.effects(), ["connecting", "dial"]);
        talk
    }

    /// One that is open, in a session that is new.
    fn open() -> Self {
        let mut talk = Self::new(POLICY);
        assert_eq!(talk.dialled(), "hello new");
        talk.welcome(false);
        talk
    }

    /// There is a connection; returns the greeting.
    fn dialled(&mut self) -> String {
        self.machine.dialled(self.now);
        let said = self.said();
        assert_eq!(said.len(), 1, "{said:?}");
        said.into_iter().next().expect("a greeting")
    }

    fn welcome(&mut self, resumed: bool) {
        if !resumed {
            self.seq = 0;
        }
        let session = Some(format!("secret of {}", self.now));
        let limits = Limits::default();
        self.hear(Event::Welcome(Box::new(Welcome { session, resumed, limits })));
        assert!(self.effects().contains(&"open".to_owned()));
    }

    /// Comes back after a loss.
    fn come_back(&mut self, resumed: bool) {
        self.now = self.machine.deadline(false).expect("it waits");
        self.machine.tick(self.now);
        assert_eq!(self.effects(), ["connecting", "dial"]);
        assert!(self.dialled().starts_with("hello resume"));
        self.welcome(resumed);
    }

    fn cut(&mut self) {
        self.close(None);
    }

    fn close(&mut self, code: Option<u16>) {
        self.machine.lost(Down { code, retry_after: None, why: "it ended".to_owned() }, self.now);
    }

    fn hear(&mut self, event: Event) {
        let is_numbered = !matches!(event, Event::Welcome(_) | Event::Bye { .. });
        self.seq += u64::from(is_numbered);
        let seq = is_numbered.then_some(self.seq);
        self.machine.hear(Heard::Event(event), seq, 100, self.now);
    }

    fn job(&mut self, id: i64, what: Wire) {
        let (id, job) = (CorrelationId::Int(id), JobId::from_bytes([7; 16]));
        self.hear(Event::Job { id, job, what, traceparent: None });
    }

    fn refuse(&mut self, id: Option<&str>, code: RejectCode) {
        let id = id.map(|id| {
            id.parse().map_or_else(|_| CorrelationId::Text(id.into()), CorrelationId::Int)
        });
        self.hear(Refusal { id, ..Refusal::new(code, "about the topic \"news\"") }.into());
    }

    fn reject(&mut self, id: i64, code: RejectCode, retry_after_ms: Option<u32>) {
        let refusal = Refusal::new(code, "no").of_submit(CorrelationId::Int(id));
        self.hear(Refusal { retry_after_ms, ..refusal }.into());
    }

    fn submit(&mut self, id: i64) {
        self.submit_as(id, None, false);
    }

    fn submit_as(&mut self, id: i64, key: Option<&str>, patient: bool) {
        let submit = Submit {
            id: CorrelationId::Int(id),
            payload: Payload::new(ContentType::Json, Bytes::from_static(b"1")).expect("JSON"),
            queue: "default".parse().expect("a name"),
            priority: 4,
            delay_ms: 0,
            timeout_ms: None,
            ttl_ms: None,
            attempts: 1,
            key: key.map(Into::into),
            on_disconnect: acequia_wire::client::OnDisconnect::Keep,
            batch: None,
            traceparent: None,
        };
        let part = Op::Submit(submit).encode(Encoding::Json).into();
        self.machine.submit([NewJob { id, part, keyed: key.is_some(), patient }]);
    }

    /// Lets the time pass until something is due that is said, at most so long.
    fn pass(&mut self, ms: Ms) -> Vec<String> {
        let until = self.now + ms;
        loop {
            self.machine.tick(self.now);
            let said = self.said();
            let due = self.machine.deadline(false).filter(|due| *due <= until);
            match due {
                None => {
                    self.now = until;
                    return said;
                }
                Some(_) if !said.is_empty() => return said,
                Some(due) => self.now = due,
            }
        }
    }

    /// What it says to the server.
    fn said(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(message) = self.machine.transmit(self.now) {
            let ops = Ops::new(Encoding::Json, message, Limits::default());
            said.extend(ops.map(|op| shown(&op.expect("an op"))));
        }
        said
    }

    /// What it wants to be done.
    fn effects(&mut self) -> Vec<String> {
        self.machine.effects().into_iter().map(|effect| done(&effect)).collect()
    }
}

fn shown(op: &Op) -> String {
    match op {
        Op::Hello(hello) => match &hello.resume {
            None => "hello".to_owned(),
            Some(Resume::New) => "hello new".to_owned(),
            Some(Resume::Session { last, .. }) => format!("hello resume after {last}"),
        },
        Op::Submit(submit) => format!("submit {}", submit.id),
        Op::Cancel { id } => format!("cancel {id}"),
        Op::Watch { id, what: Watched::Job(_) } => format!("watch {id}"),
        Op::Watch { what: Watched::Batch(name), .. } => format!("watch batch {name}"),
        Op::Ack { seq } => format!("ack {seq}"),
        Op::Subscribe { topic } => format!("subscribe {topic}"),
        Op::Unsubscribe { topic } => format!("unsubscribe {topic}"),
    }
}

fn done(effect: &Effect) -> String {
    match effect {
        Effect::Dial => "dial".to_owned(),
        Effect::HangUp(code) => format!("hang up {code}"),
        Effect::Job(id, _, event) => format!("{id} {}", event_name(event)),
        Effect::Topic(topic, _) => format!("message on {topic}"),
        Effect::TopicRefused { topic, code, .. } => format!("{topic}: {code}"),
        Effect::Batch(name, Ok(batch)) => format!("batch {name} of {}", batch.jobs),
        Effect::Batch(name, Err(error)) => {
            format!("batch {name}: {}", error.code().unwrap_or("lost"))
        }
        Effect::Missed(events) => format!("missed {events}"),
        Effect::State(State::Connecting) => "connecting".to_owned(),
        Effect::State(State::Open) => "open".to_owned(),
        Effect::State(State::Waiting { .. }) => "waiting".to_owned(),
        Effect::State(State::Closed { .. }) => "closed".to_owned(),
        Effect::Warn(_) => "warn".to_owned(),
    }
}

fn event_name(event: &JobEvent) -> String {
    match event {
        JobEvent::Accepted { .. } => "accepted".to_owned(),
        JobEvent::Started { attempt, .. } => format!("started {attempt}"),
        JobEvent::Retrying { .. } => "retrying".to_owned(),
        JobEvent::Ended(Ok(_)) => "done".to_owned(),
        JobEvent::Ended(Err(JobError::Rejected { code, .. })) => format!("rejected {code}"),
        JobEvent::Ended(Err(JobError::Lost { why, .. })) => format!("lost {why:?}"),
        JobEvent::Ended(Err(error)) => format!("{error:?}").to_lowercase(),
        other => panic!("{other:?}"),
    }
}

fn started(attempt: u32) -> Wire {
    Wire::Started { attempt, worker: "w".into() }
}

fn result() -> Wire {
    Wire::Done { result: Payload::new(ContentType::Json, Bytes::from_static(b"1")).expect("JSON") }
}

const NONE: [&str; 0] = [];

#[test]
fn a_job_goes_out_at_once_and_an_ack_goes_out_in_time() {
    let mut talk = Talk::open();
    talk.submit(1);
    talk.submit(2);
    assert_eq!(talk.said(), ["submit 1", "submit 2"]);
    talk.job(1, Wire::Accepted);
    talk.job(1, started(1));
    talk.job(1, result());
    assert_eq!(talk.effects(), ["1 accepted", "1 started 1", "1 done"]);
    assert_eq!(talk.said(), NONE);
    // While something is being written, nothing is asked for, and the clock of acks does not matter.
    assert_eq!(talk.machine.deadline(false), Some(1_000));
    assert_eq!(talk.machine.deadline(true), Some(20_000));
    assert_eq!(talk.pass(1_500), ["ack 3"]);
    // Nothing comes after an outcome, and nothing is told twice.
    talk.job(1, started(2));
    talk.job(2, started(1));
    talk.seq -= 1;
    talk.job(2, started(1));
    assert_eq!(talk.effects(), ["2 started 1"]);
}

#[test]
fn what_was_not_accepted_is_submitted_again_once_the_replay_has_no_word_of_it() {
    let mut talk = Talk::open();
    (1..=4).for_each(|id| talk.submit(id));
    talk.submit_as(5, Some("key"), false);
    talk.said();
    talk.job(1, Wire::Accepted);
    talk.job(2, started(1));
    talk.job(5, Wire::Accepted);
    talk.cut();
    talk.effects();
    talk.submit(6);
    talk.come_back(true);
    assert_eq!(talk.said(), ["submit 6", "cancel \"replay-end-2\""]);
    // The replay tells of one.
    talk.job(3, result());
    talk.refuse(Some("replay-end-1"), RejectCode::BadRequest);
    assert_eq!(talk.said(), NONE, "of a connection that is gone");
    // One was there when it was submitted again before; a crash may have lost it since.
    talk.reject(2, RejectCode::DuplicateId, None);
    talk.refuse(Some("replay-end-2"), RejectCode::BadRequest);
    assert_eq!(talk.said(), ["submit 2", "submit 4", "submit 5", "ack 7"]);
    // One was there after all.
    talk.reject(2, RejectCode::DuplicateId, None);
    talk.job(2, result());
    assert_eq!(talk.effects(), ["3 done", "2 done"]);
}

#[test]
fn a_session_that_is_gone_takes_what_was_accepted_with_it() {
    let mut talk = Talk::open();
    (1..=3).for_each(|id| talk.submit(id));
    talk.submit_as(4, Some("key"), false);
    talk.said();
    talk.job(1, Wire::Accepted);
    talk.job(2, started(1));
    talk.job(4, Wire::Accepted);
    talk.effects();
    talk.cut();
    talk.now = talk.machine.deadline(false).expect("it waits");
    talk.machine.tick(talk.now);
    talk.dialled();
    talk.seq = 0;
    let welcome =
        Welcome { session: Some("new".to_owned()), resumed: false, limits: Limits::default() };
    talk.hear(Event::Welcome(Box::new(welcome)));
    let effects = talk.effects();
    assert_eq!(effects[3..], ["1 lost Session", "2 lost Connection", "open"]);
    assert_eq!(talk.said(), ["submit 3", "submit 4"]);
    // Numbers begin anew.
    talk.job(3, result());
    assert_eq!(talk.effects(), ["3 done"]);
}

#[test]
fn what_must_not_be_sent_twice_is_lost() {
    let mut talk = Talk::new(Policy { resend: false, resume: false, ..POLICY });
    assert_eq!(talk.dialled(), "hello");
    talk.hear(Event::Welcome(Box::new(Welcome {
        session: None,
        resumed: false,
        limits: Limits::default(),
    })));
    talk.effects();
    talk.submit(1);
    talk.said();
    talk.submit(2);
    talk.cut();
    assert_eq!(talk.effects(), ["1 lost Connection", "waiting"]);
    assert_eq!(talk.now, 0);
}

#[test]
fn a_cancel_is_said_again_until_it_is_answered() {
    let mut talk = Talk::open();
    talk.submit(1);
    talk.machine.cancel(1);
    assert_eq!(talk.effects(), ["1 cancelled"], "the server need never know");
    assert_eq!(talk.said(), NONE);
    talk.submit(2);
    talk.said();
    talk.machine.cancel(2);
    talk.machine.cancel(2);
    assert_eq!(talk.said(), ["cancel 2"]);
    talk.refuse(Some("2"), RejectCode::RateLimited);
    assert_eq!(talk.pass(1_000), ["cancel 2", "ack 1"]);
    talk.cut();
    talk.effects();
    talk.come_back(true);
    assert_eq!(talk.said(), ["cancel 2"]);
    talk.refuse(Some("2"), RejectCode::BadRequest);
    assert_eq!(talk.effects(), ["2 cancelled"]);
}

#[test]
fn refusals_that_pass_are_no_end_for_the_patient_and_when_said_of_the_pace() {
    let mut talk = Talk::open();
    talk.submit(1);
    talk.submit_as(2, None, true);
    talk.submit(3);
    talk.said();
    talk.reject(1, RejectCode::QueueFull, Some(700));
    assert_eq!(talk.effects(), ["1 rejected queue_full"]);
    talk.reject(2, RejectCode::QueueFull, Some(700));
    talk.reject(3, RejectCode::RateLimited, None);
    assert_eq!(talk.effects(), NONE);
    assert_eq!(talk.pass(699), NONE);
    assert_eq!(talk.pass(1), ["submit 2", "ack 3"]);
    assert_eq!(talk.pass(300), ["submit 3"]);
    // A server that stops takes none; the next one does.
    talk.reject(2, RejectCode::Draining, None);
    talk.cut();
    talk.effects();
    talk.come_back(true);
    assert_eq!(talk.said(), ["submit 2", "cancel \"replay-end-2\""]);
}

#[test]
fn a_server_that_says_goodbye_says_when_to_come_back() {
    let mut talk = Talk::open();
    let reason = "the server stops".to_owned();
    talk.hear(Event::Bye { reason, reconnect_in_ms: 1_743, close: close::GOING_AWAY });
    talk.cut();
    assert_eq!(talk.machine.deadline(false), Some(1_743));
    assert_eq!(talk.effects(), ["waiting"]);
    // And one that is not let in is told by the refusal.
    let mut talk = Talk::new(POLICY);
    let down = Down { code: None, retry_after: Some(5_000), why: "full".to_owned() };
    talk.machine.lost(down, 0);
    assert_eq!(talk.machine.deadline(false), Some(5_000));
}

#[test]
fn who_is_taken_over_stays_away() {
    for by_bye in [true, false] {
        let mut talk = Talk::open();
        talk.submit(1);
        talk.said();
        if by_bye {
            let reason = String::new();
            talk.hear(Event::Bye { reason, reconnect_in_ms: 1, close: close::TAKEN_OVER });
            talk.cut();
        } else {
            talk.close(Some(close::TAKEN_OVER));
        }
        assert_eq!(talk.effects(), ["1 lost TakenOver", "closed"]);
        assert!(talk.machine.is_closed() && talk.machine.deadline(false).is_none());
    }
}

#[test]
fn a_token_that_is_not_taken_is_the_end_unless_there_is_another() {
    let mut talk = Talk::open();
    talk.submit(1);
    talk.said();
    talk.submit(2);
    talk.close(Some(close::UNAUTHORIZED));
    assert_eq!(talk.effects(), ["1 lost Unauthorized", "2 rejected unauthorized", "closed"]);

    let mut talk = Talk::new(Policy { renews_token: true, ..POLICY });
    for _ in 1..super::TOKENS_MAX {
        talk.close(Some(close::UNAUTHORIZED));
        assert_eq!(talk.effects(), ["waiting"]);
        talk.now = talk.machine.deadline(false).expect("it waits");
        talk.machine.tick(talk.now);
        assert_eq!(talk.effects(), ["connecting", "dial"]);
    }
    talk.close(Some(close::UNAUTHORIZED));
    assert_eq!(talk.effects(), ["closed"]);
}

#[test]
fn a_server_that_says_nothing_is_asked_and_then_left() {
    let mut talk = Talk::open();
    assert_eq!(talk.pass(20_000), ["hello"]);
    // It answers, which changes nothing.
    let welcome = Welcome { session: None, resumed: false, limits: Limits::default() };
    talk.hear(Event::Welcome(Box::new(welcome)));
    assert_eq!(talk.pass(20_000), ["hello"]);
    assert_eq!(talk.pass(10_000), NONE);
    assert_eq!(talk.effects(), [format!("hang up {}", close::SILENT), "waiting".to_owned()]);
    // As is one that does not answer a dial, or does not greet.
    talk.now = talk.machine.deadline(false).expect("it waits");
    talk.machine.tick(talk.now);
    talk.effects();
    talk.now = talk.machine.deadline(false).expect("it dials");
    talk.machine.tick(talk.now);
    assert_eq!(talk.effects()[1], "waiting");
}

#[test]
fn what_is_watched_is_asked_for_again_and_what_was_told_is_not_told_twice() {
    let mut talk = Talk::open();
    talk.machine.watch(1, JobId::from_bytes([7; 16]));
    talk.machine.watch(2, JobId::from_bytes([8; 16]));
    assert_eq!(talk.said(), ["watch 1", "watch 2"]);
    talk.job(1, Wire::Accepted);
    talk.job(1, started(1));
    talk.machine.forget(2);
    talk.effects();
    talk.cut();
    talk.effects();
    talk.come_back(false);
    assert_eq!(talk.said(), ["watch 1"]);
    talk.job(1, Wire::Accepted);
    talk.job(1, started(1));
    let code = FailCode::of_worker("c".to_owned());
    let retry = Retry { attempt: 2, code, message: "m".into(), in_ms: 0 };
    talk.job(1, Wire::Retrying(Box::new(retry)));
    talk.job(1, started(2));
    assert_eq!(talk.effects(), ["1 retrying", "1 started 2"]);
    talk.refuse(Some("1"), RejectCode::RateLimited);
    assert_eq!(talk.pass(1_000), ["watch 1", "ack 5"]);
    talk.refuse(Some("1"), RejectCode::NotFound);
    assert_eq!(talk.effects(), ["1 rejected not_found"]);
}

#[test]
fn a_batch_is_asked_for_once_its_jobs_are_submitted_again() {
    let mut talk = Talk::open();
    talk.submit(1);
    talk.machine.await_batch(2, "night".into());
    assert_eq!(talk.said(), ["submit 1", "watch batch night"]);
    talk.cut();
    talk.effects();
    talk.come_back(true);
    assert_eq!(talk.said(), ["cancel \"replay-end-2\""]);
    talk.refuse(Some("replay-end-2"), RejectCode::BadRequest);
    assert_eq!(talk.said(), ["submit 1", "watch batch night", "ack 1"]);
    let counts =
        Batch { name: "night".into(), jobs: 1, done: 1, failed: 0, cancelled: 0, elapsed_ms: 1 };
    talk.hear(Event::Batch(Box::new(counts)));
    assert_eq!(talk.effects(), ["batch night of 1"]);
    talk.machine.await_batch(3, "day".into());
    talk.refuse(Some("3"), RejectCode::NotFound);
    assert_eq!(talk.effects(), ["batch day: not_found"]);
}

#[test]
fn topics_are_said_on_each_connection_and_one_that_is_forbidden_no_more() {
    let mut talk = Talk::open();
    talk.machine.subscribe("news".into());
    talk.machine.subscribe("weather".into());
    assert_eq!(talk.said(), ["subscribe news", "subscribe weather"]);
    talk.refuse(None, RejectCode::Forbidden);
    assert_eq!(talk.effects(), ["news: forbidden"]);
    // One was one too many in its second, and which it was is not said.
    talk.refuse(None, RejectCode::RateLimited);
    talk.refuse(None, RejectCode::RateLimited);
    assert_eq!(talk.pass(1_000), ["subscribe weather", "ack 3", "ack 3"]);
    talk.cut();
    talk.effects();
    talk.come_back(true);
    assert_eq!(talk.said(), ["subscribe weather"]);
    let data = Payload::new(ContentType::Json, Bytes::from_static(b"1")).expect("JSON");
    talk.hear(Event::Message { topic: "weather".into(), data: data.clone() });
    talk.hear(Event::Message { topic: "news".into(), data });
    assert_eq!(talk.effects(), ["message on weather"]);
    assert_eq!(talk.said(), ["unsubscribe news", "ack 5"]);
    talk.machine.unsubscribe("weather");
    assert_eq!(talk.said(), ["unsubscribe weather"]);
}

#[test]
fn a_gap_is_the_end_of_the_job_that_it_names() {
    let mut talk = Talk::open();
    talk.submit(1);
    talk.said();
    talk.hear(Event::Gap { missed: 7, outcome_of: None });
    let outcome_of = Some((CorrelationId::Int(1), JobId::from_bytes([7; 16])));
    talk.hear(Event::Gap { missed: 1, outcome_of });
    assert_eq!(talk.effects(), ["missed 7", "1 lost Outcome"]);
}

#[test]
fn a_client_is_closed_once_all_is_accepted_or_after_a_while() {
    let mut talk = Talk::open();
    talk.submit(1);
    talk.machine.close(talk.now);
    assert_eq!(talk.said(), ["submit 1"]);
    assert_eq!(talk.effects(), NONE);
    talk.job(1, Wire::Accepted);
    let finished = format!("hang up {}", close::FINISHED);
    assert_eq!(
        talk.effects(),
        ["1 accepted".to_owned(), finished, "1 closed".into(), "closed".into()]
    );
    // Nobody is there.
    let mut talk = Talk::new(POLICY);
    talk.submit(1);
    talk.cut();
    talk.effects();
    talk.machine.close(talk.now);
    assert!(!talk.machine.is_closed());
    talk.now += super::CLOSE_MS;
    talk.machine.tick(talk.now);
    assert_eq!(talk.effects().last().expect("the end"), "closed");
}
