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
        let offer = LaneOffer { name: "w".into(), slots: 1, queues, holds: Vec::new() };
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

#[cfg(feature = "spans")]
mod spans {
    use acequia_scheduler::{ClientId, LaneKey, Part, Span};

    use super::*;

    /// A scheduler that tells of spans, if anybody is to be told.
    struct Spans(Scheduler);

    impl Spans {
        fn new(spans: bool) -> Self {
            let mut all = Self(Scheduler::new(Config { spans, ..Config::default() }));
            let (session, client) = (SessionId(1), ClientId(1));
            all.at(0, Event::SessionOpened { session, client });
            all
        }

        fn at(&mut self, ms: u64, event: Event) -> Vec<Span> {
            let mut actions = Vec::new();
            self.0.handle(Time::from_millis(ms), event, &mut actions);
            let spans = actions.into_iter().filter_map(|action| match action {
                Action::Span(span) => Some(*span),
                _ => None,
            });
            spans.collect()
        }

        fn lane(&mut self, ms: u64, lane: u64) -> Vec<Span> {
            let name = format!("w{lane}").into();
            let offer =
                LaneOffer { name, slots: 1, queues: vec![Default::default()], holds: Vec::new() };
            self.at(ms, Event::LaneReady { lane: LaneKey(lane), offer })
        }
    }

    fn sampled() -> Submit {
        let given = GIVEN.replace("-00f067", "-10f067").replace("b7-00", "b7-01");
        Submit { traceparent: Some(Box::new(given.parse().unwrap())), ..job(1) }
    }

    fn submit(spec: Submit) -> Event {
        Event::Submit { session: SessionId(1), job: job_id(1), spec: Arc::new(spec) }
    }

    fn done(lane: u64) -> Event {
        Event::Done { lane: LaneKey(lane), job: job_id(1), body: Body::new(None, "2".into()) }
    }

    /// What spans are of, and from when to when.
    fn times(spans: &[Span]) -> Vec<(&'static str, u64, u64)> {
        let name = |part: &Part| match part {
            Part::Whole { .. } => "whole",
            Part::Waiting { .. } => "waiting",
            Part::Running { .. } => "running",
        };
        let of = |span: &Span| (name(&span.part), span.began.as_millis(), span.ended.as_millis());
        spans.iter().map(of).collect()
    }

    #[test]
    fn each_part_of_a_life_is_told_when_it_is_over() {
        let mut spans = Spans::new(true);
        assert_eq!(spans.at(10, submit(sampled())), []);
        assert_eq!(times(&spans.lane(30, 1)), [("waiting", 10, 30)]);
        let lost = spans.at(60, Event::LaneClosed { lane: LaneKey(1) });
        assert_eq!(times(&lost), [("running", 30, 60)]);
        let Part::Running { attempt: 1, worker, error: Some(code) } = &lost[0].part else {
            panic!("{lost:?}")
        };
        assert_eq!((&**worker, code.as_str()), ("w1", "worker_lost"));
        assert_eq!(times(&spans.lane(80, 2)), [("waiting", 60, 80)]);
        let ended = spans.at(100, done(2));
        assert_eq!(times(&ended), [("running", 80, 100), ("whole", 10, 100)]);
        let Part::Whole { parent: Some(parent), error: None, runs: 2, .. } = ended[1].part else {
            panic!("{ended:?}")
        };
        assert_eq!(Some(Box::new(parent)), sampled().traceparent);
        assert_eq!(ended[1].of, parent.at_job(job_id(1)));
    }

    #[test]
    fn nothing_is_told_that_nobody_records() {
        for (records, spec) in [(false, sampled()), (true, traced(1)), (true, job(1))] {
            let mut spans = Spans::new(records);
            let mut told = spans.lane(5, 1);
            told.extend(spans.at(10, submit(spec)));
            told.extend(spans.at(20, done(1)));
            assert_eq!(told, []);
        }
    }
}
