//! What a job costs the scheduler, from its submit over its run and its durability to its result.

#![allow(missing_docs, reason = "criterion's macros write none")]
#![expect(clippy::unwrap_used, reason = "a bench that fails is to stop")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

use acequia_scheduler::{
    Action, ClientId, Config, Event, LaneKey, LaneOffer, Scheduler, SessionId, Ticket, Time,
};
use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::{Body, ContentType, CorrelationId, JobId, Limits, Payload, QueueName};
use criterion::{Criterion, criterion_group, criterion_main};

/// Jobs that share a group commit.
const COMMIT_JOBS: u64 = 64;

/// A scheduler with always the same number of live jobs: one that ends is submitted again.
struct Load {
    scheduler: Scheduler,
    micros: u64,
    out: Vec<Action>,
    running: VecDeque<(LaneKey, JobId)>,
    specs: Vec<(SessionId, Arc<Submit>)>,
    submitted: u64,
    result: Body,
}

fn spec(id: usize) -> Arc<Submit> {
    Arc::new(Submit {
        id: CorrelationId::Int(i64::try_from(id).unwrap()),
        payload: Payload::new(ContentType::Json, "[1]".into()).unwrap(),
        queue: QueueName::default(),
        priority: 4,
        delay_ms: 0,
        timeout_ms: Some(30_000),
        ttl_ms: None,
        attempts: 3,
        key: None,
        on_disconnect: OnDisconnect::Keep,
        batch: None,
        traceparent: None,
    })
}

impl Load {
    fn new(lanes: u64, slots: u32, clients: u64, jobs: usize) -> Self {
        let limits =
            Limits { waiting_jobs: usize::MAX, queue_jobs: usize::MAX, ..Limits::default() };
        let sessions = (1..=clients).map(SessionId).cycle();
        let mut load = Self {
            scheduler: Scheduler::new(Config { limits, seed: 1, ..Config::default() }),
            micros: 0,
            out: Vec::new(),
            running: VecDeque::new(),
            specs: sessions.zip((0..jobs).map(spec)).collect(),
            submitted: 0,
            result: Body::new(None, "2".into()),
        };
        for client in 1..=clients {
            let (session, client) = (SessionId(client), ClientId(client));
            load.handle(Event::SessionOpened { session, client });
        }
        for lane in 1..=lanes {
            let (lane, queues) = (LaneKey(lane), vec![QueueName::default()]);
            let offer = LaneOffer { name: "worker".into(), slots, queues, holds: Vec::new() };
            load.handle(Event::LaneReady { lane, offer });
            load.handle(Event::Beat { lane });
        }
        for at in 0..jobs {
            load.submit(at);
        }
        load
    }

    fn handle(&mut self, event: Event) {
        self.micros += 1;
        self.scheduler.handle(Time::from_micros(self.micros), event, &mut self.out);
        for action in black_box(&mut self.out).drain(..) {
            if let Action::Run { lane, job } = action {
                self.running.push_back((lane, job.job));
            }
        }
    }

    fn submit(&mut self, at: usize) {
        self.submitted += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.submitted.to_be_bytes());
        id[8..].copy_from_slice(&(at as u64).to_be_bytes());
        let (session, spec) = self.specs[at].clone();
        self.handle(Event::Submit { session, job: JobId::from_bytes(id), spec });
        if self.submitted.is_multiple_of(COMMIT_JOBS) {
            self.handle(Event::Durable { up_to: Ticket(self.submitted) });
        }
    }

    /// The oldest run ends, and its job comes again.
    fn one_job(&mut self) {
        let (lane, job) = self.running.pop_front().unwrap();
        self.handle(Event::Done { lane, job, body: self.result.clone() });
        let at = u64::from_be_bytes(job.as_bytes()[8..].try_into().unwrap());
        self.submit(usize::try_from(at).unwrap());
    }
}

fn jobs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("submit_run_done");
    let cases = [
        ("one_lane_of_512", 1, 512, 32, 512),
        ("one_lane_of_512_a_million_waiting", 1, 512, 200, 1_000_512),
        ("a_thousand_lanes_of_1", 1_000, 1, 32, 1_000),
        ("a_thousand_lanes_of_16_half_full", 1_000, 16, 32, 8_000),
    ];
    for (name, lanes, slots, clients, jobs) in cases {
        let mut load = Load::new(lanes, slots, clients, jobs);
        group.bench_function(name, |bencher| bencher.iter(|| load.one_job()));
    }
    group.finish();
}

criterion_group!(benches, jobs);
criterion_main!(benches);
