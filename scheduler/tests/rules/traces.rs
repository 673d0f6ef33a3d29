//! Jobs that are part of a trace.

use std::sync::Arc;

use acequia_scheduler::{Action, Config, Event, LaneKey, LaneOffer, Scheduler, SessionId, Time};
use acequia_wire::client::{self, Submit};
use acequia_wire::{Body, CorrelationId, TraceParent, TraceRatio};

use crate::scene::{job, job_id};

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// What is told of spans, as `accepted 1 …`, or `run 1 …` to a worker.
struct Told(Scheduler);

impl Told {
    fn new(ratio: f64) -> Self {
        let traces = TraceRatio::new(ratio).unwrap();
        let mut told = Self(Scheduler::new(Config { traces, ..Config::default() }));
        let client = acequia_scheduler::ClientId(1);
        told.of(Event::SessionOpened { session: SessionId(1), client });
        let queues = vec![Default::default()];
        let offer = LaneOffer { name: "w".into(), slots: 1, queues };
        told.of(Event::LaneReady { lane: LaneKey(1), offer });
        told
    }

    fn of(&mut self, event: Event) -> Vec<String> {
        let mut actions = Vec::new();
        self.0.handle(Time::from_millis(1), event, &mut actions);
        let number = |id: acequia_wire::JobId| id.as_bytes()[15];
        let said = actions.into_iter().filter_map(|action| match action {
            Action::Tell { event: client::Event::Job { job, what, traceparent, .. }, .. } => {
                let span = traceparent.map_or("none".to_owned(), |span| span.to_string());
                Some(format!("{} {} {span}", what.name(), number(job)))
            }
            Action::Run { job, .. } => {
                let meta: Vec<_> = job.meta.iter().map(|(k, v)| format!("{k}={v}")).collect();
                Some(format!("run {} {}", number(job.job), meta.join(" ")))
            }
            _ => None,
        });
        said.collect()
    }

    fn submit(&mut self, spec: Submit) -> Vec<String> {
        let CorrelationId::Int(id) = spec.id else { panic!("jobs have numbers here") };
        let job = job_id(u32::try_from(id).unwrap());
        self.of(Event::Submit { session: SessionId(1), job, spec: Arc::new(spec) })
    }

    fn durable(&mut self) -> Vec<String> {
        self.of(Event::Durable { up_to: acequia_scheduler::Ticket(99) })
    }

    fn done(&mut self, job: u32) -> Vec<String> {
        let (lane, job, body) = (LaneKey(1), job_id(job), Body::new(None, "2".into()));
        self.of(Event::Done { lane, job, body })
    }

    fn fail(&mut self, job: u32) -> Vec<String> {
        let (lane, job, message) = (LaneKey(1), job_id(job), String::new());
        self.of(Event::Fail { lane, job, code: None, message, retry: false })
    }
}

fn traced(id: u32) -> Submit {
    let given: TraceParent = GIVEN.parse().unwrap();
    Submit { traceparent: Some(Box::new(given)), ..job(id) }
}

#[test]
fn a_trace_goes_to_the_worker_and_back_to_the_client_with_the_job_s_own_span() {
    let mut told = Told::new(0.0);
    let span = "00-4bf92f3577b34da6a3ce929d0e0e4736-8000000000000001-00";
    assert_eq!(told.submit(traced(1)), [format!("run 1 traceparent={span}")]);
    assert_eq!(told.durable(), [format!("accepted 1 {span}"), "started 1 none".into()]);
    assert_eq!(told.done(1), [format!("done 1 {span}")]);
}

#[test]
fn without_a_trace_nothing_is_told_of_one() {
    let mut told = Told::new(0.0);
    assert_eq!(told.submit(job(1)), ["run 1 "]);
    assert_eq!(told.durable(), ["accepted 1 none", "started 1 none"]);
    assert_eq!(told.done(1), ["done 1 none"]);
}

#[test]
fn a_job_that_comes_without_a_trace_may_begin_one() {
    let mut told = Told::new(1.0);
    let span = "00-00000000000000008000000000000001-8000000000000001-01";
    assert_eq!(told.submit(job(1)), [format!("run 1 traceparent={span}")]);
    assert_eq!(told.durable()[0], format!("accepted 1 {span}"));
    assert_eq!(told.done(1), [format!("done 1 {span}")]);
}

#[test]
fn a_job_that_is_redriven_goes_on_with_the_trace_below_the_one_that_failed() {
    for ratio in [0.0, 1.0] {
        let mut told = Told::new(ratio);
        let first = if ratio > 0.0 { job(1) } else { traced(1) };
        told.submit(first);
        let failed = told.fail(1).pop().unwrap();
        let letter = told.0.dead_letter(job_id(1)).unwrap();
        let above = letter.spec.traceparent.clone().unwrap();
        assert!(failed.ends_with(&above.to_string()), "below {failed}");
        let again = told.of(Event::Redrive { job: job_id(1), as_job: job_id(2) });
        assert_eq!(again, [format!("run 2 traceparent={}", above.at_job(job_id(2)))]);
    }
}

#[test]
fn whoever_asks_by_key_is_told_of_the_span_of_the_job_that_there_is() {
    let keyed = |spec| Submit { key: Some("k".into()), ..spec };
    let mut told = Told::new(0.0);
    told.submit(keyed(traced(1)));
    let accepted = told.durable().remove(0);
    let as_second = told.submit(keyed(job(2)));
    assert_eq!(as_second, [accepted.clone(), "started 1 none".into()]);
    let done = told.done(1);
    assert_eq!(done, [accepted.replace("accepted", "done"), accepted.replace("accepted", "done")]);
    assert_eq!(told.submit(keyed(job(3))), done[..1]);
}
