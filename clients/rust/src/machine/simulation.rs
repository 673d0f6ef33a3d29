//! The machine against a model of a server, over connections that are lost at any point, with servers that
//! crash, forget sessions, and refuse. `ACEQUIA_SIM_SEED` replays a seed.

mod server;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use acequia_wire::client::{Encoding, Event, OnDisconnect, Op, Ops, Submit};
use acequia_wire::{ContentType, CorrelationId, Limits, Payload};
use bytes::Bytes;

use self::server::{Server, result_of};
use super::{Down, Effect, Heard, Machine, Ms, NewJob, Policy};
use crate::job_error::{JobError, Loss};
use crate::job_event::{JobEvent, Outcome};

const SEEDS: u64 = 2_000;
const JOBS: i64 = 40;
const STEPS: usize = 600;
/// More than it takes to end whatever is left once nothing goes wrong any more.
const CALM_STEPS: usize = 20_000;

#[test]
fn each_job_ends_once_and_none_runs_twice_that_was_accepted() {
    let replay = std::env::var("ACEQUIA_SIM_SEED").ok();
    let seeds = match replay.map(|seed| seed.parse().expect("ACEQUIA_SIM_SEED is a number")) {
        Some(seed) => seed..seed + 1,
        None => 0..SEEDS,
    };
    let mut seen = Seen::default();
    for seed in seeds.clone() {
        World::new(seed).run(&mut seen);
    }
    if seeds.end - seeds.start == SEEDS {
        // It is no use to be right about what never happens.
        let Seen { done, lost, cancelled, rejected, resumed, sent_again } = seen;
        assert!(
            [done, lost, cancelled, rejected, resumed, sent_again].iter().all(|n| *n > 500),
            "{seen:?}"
        );
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    done: u32,
    lost: u32,
    cancelled: u32,
    rejected: u32,
    resumed: u32,
    sent_again: u32,
}

struct World {
    seed: u64,
    random: fastrand::Rng,
    policy: Policy,
    machine: Machine,
    server: Server,
    now: Ms,
    /// The machine wants a connection.
    dials: bool,
    connected: bool,
    to_server: VecDeque<Bytes>,
    to_client: VecDeque<Bytes>,
    submitted: i64,
    keyed: BTreeSet<i64>,
    cancelled: BTreeSet<i64>,
    /// Of which the client was told that the server has them.
    accepted: BTreeSet<i64>,
    ended: BTreeMap<i64, Outcome>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let encoding = if random.bool() { Encoding::Json } else { Encoding::MsgPack };
        let resume = random.u8(..4) > 0;
        let policy = Policy { encoding, resume, resend: random.u8(..4) > 0, renews_token: false };
        Self {
            seed,
            policy,
            machine: Machine::new(policy, seed, 0),
            server: Server::new(encoding, random.u64(..)),
            now: 0,
            dials: false,
            connected: false,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            submitted: 0,
            keyed: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            accepted: BTreeSet::new(),
            ended: BTreeMap::new(),
            random,
        }
    }

    fn run(mut self, seen: &mut Seen) {
        for _ in 0..STEPS {
            self.step(true);
        }
        self.server.refuses = false;
        let mut steps = 0;
        while (self.ended.len() as i64) < self.submitted {
            self.step(false);
            steps += 1;
            assert!(
                steps < CALM_STEPS,
                "seed {}: {} of {} jobs have ended",
                self.seed,
                self.ended.len(),
                self.submitted
            );
        }
        self.check(seen);
    }

    fn step(&mut self, is_wild: bool) {
        match self.random.u8(..100) {
            0..15 if is_wild && self.submitted < JOBS => self.submit(),
            15..18 if is_wild && self.submitted > 0 => {
                let id = self.random.i64(1..=self.submitted);
                self.cancelled.insert(id);
                self.machine.cancel(id);
            }
            18..21 if is_wild => self.cut(),
            21 if is_wild => {
                self.server.crash();
                self.cut();
            }
            22 if is_wild && self.random.u8(..8) == 0 => {
                self.server.forget();
                self.cut();
            }
            23 if is_wild => self.server.refuses = self.random.bool(),
            24..34 => self.advance(),
            34..50 => self.transmit(),
            50..65 => {
                if let Some(message) = self.to_server.pop_front() {
                    self.server.hear(message);
                    self.to_client.extend(self.server.said());
                }
            }
            65..80 => {
                self.server.work();
                self.to_client.extend(self.server.said());
            }
            _ => self.deliver(),
        }
        if self.server.drains && self.to_client.is_empty() && self.random.bool() {
            self.cut();
        }
        self.act();
    }

    fn submit(&mut self) {
        self.submitted += 1;
        let id = self.submitted;
        let key = (self.random.u8(..5) == 0).then(|| format!("key-{id}").into());
        if key.is_some() {
            self.keyed.insert(id);
        }
        let json = format!("\"job {id}\"");
        let submit = Submit {
            id: CorrelationId::Int(id),
            payload: Payload::new(ContentType::Json, json.into()).expect("JSON"),
            queue: "default".parse().expect("a name"),
            priority: 4,
            delay_ms: 0,
            timeout_ms: None,
            ttl_ms: None,
            attempts: 1,
            key,
            on_disconnect: OnDisconnect::Keep,
            batch: None,
            traceparent: None,
        };
        let keyed = submit.key.is_some();
        let part = Op::Submit(submit).encode(self.policy.encoding).into();
        self.machine.submit([NewJob { id, part, keyed, patient: self.random.bool() }]);
    }

    fn transmit(&mut self) {
        if self.connected
            && let Some(message) = self.machine.transmit(self.now)
        {
            for op in Ops::new(self.policy.encoding, message.clone(), Limits::default()) {
                if let Ok(Op::Submit(Submit { id: CorrelationId::Int(id), .. })) = op {
                    let is_known = self.accepted.contains(&id) && !self.keyed.contains(&id);
                    assert!(
                        !is_known,
                        "seed {}: {id} was accepted, and is submitted again",
                        self.seed
                    );
                }
            }
            self.to_server.push_back(message);
        }
    }

    fn deliver(&mut self) {
        if self.dials {
            self.dials = false;
            self.connected = true;
            self.server.connect();
            self.machine.dialled(self.now);
        } else if let Some(message) = self.to_client.pop_front() {
            let (event, seq) = Event::decode(self.policy.encoding, &message).expect("an event");
            self.machine.hear(Heard::Event(event), seq, message.len(), self.now);
        }
    }

    /// The connection ends, and what was on its way in it is lost; or there is none to be had.
    fn cut(&mut self) {
        if self.connected || self.dials {
            self.unlink();
            let down = Down { code: None, retry_after: None, why: "it was cut".to_owned() };
            self.machine.lost(down, self.now);
        }
    }

    fn unlink(&mut self) {
        self.connected = false;
        self.dials = false;
        self.to_client.clear();
        self.to_server.clear();
        self.server.disconnect();
    }

    /// To when the machine wants to know of, or not so far.
    fn advance(&mut self) {
        let due = self.machine.deadline(false).expect("it is not closed");
        if due > self.now && self.random.bool() {
            self.now += self.random.u64(..due - self.now);
        } else {
            self.now = self.now.max(due);
        }
        self.machine.tick(self.now);
    }

    fn act(&mut self) {
        for effect in self.machine.effects() {
            match effect {
                Effect::Dial => self.dials = true,
                Effect::HangUp(_) => self.unlink(),
                Effect::Job(id, _, JobEvent::Ended(outcome)) => {
                    let before = self.ended.insert(id, outcome);
                    assert!(
                        before.is_none(),
                        "seed {}: {id} ended twice: {before:?}, {:?}",
                        self.seed,
                        self.ended[&id]
                    );
                }
                Effect::Job(id, _, event) => {
                    assert!(
                        !self.ended.contains_key(&id),
                        "seed {}: {id} has ended, {event:?}",
                        self.seed
                    );
                    if matches!(event, JobEvent::Accepted { .. }) {
                        self.accepted.insert(id);
                    }
                }
                _ => {}
            }
        }
    }

    fn check(&self, seen: &mut Seen) {
        let seed = self.seed;
        for (id, outcome) in &self.ended {
            let taken = self.server.taken(*id);
            match outcome {
                Ok(data) => {
                    seen.done += 1;
                    assert_eq!(data.read::<String>().expect("text"), result_of(*id), "seed {seed}");
                    assert!(taken > 0, "seed {seed}: {id} was never taken");
                }
                Err(JobError::Cancelled) => {
                    seen.cancelled += 1;
                    assert!(
                        self.cancelled.contains(id),
                        "seed {seed}: {id} was not to be cancelled"
                    );
                }
                Err(JobError::Rejected { .. }) => {
                    seen.rejected += 1;
                    assert_eq!(taken, 0, "seed {seed}: {id} was taken and rejected");
                }
                Err(JobError::Lost { why, .. }) => {
                    seen.lost += 1;
                    // Sent again and refused then, it says nothing of the one before.
                    let may_be = self.server.has_forgotten
                        || !self.policy.resume
                        || !self.policy.resend
                        || self.server.forbidden.contains(id);
                    assert!(may_be, "seed {seed}: {id} is lost for nothing");
                    assert!(*why != Loss::Outcome, "seed {seed}: {id}");
                    assert!(
                        self.accepted.contains(id) || *why == Loss::Connection,
                        "seed {seed}: {id} {why:?}"
                    );
                }
                other => panic!("seed {seed}: {id} ended in {other:?}"),
            }
            // One whose acceptance was never heard is submitted again if its session is gone; or if its server is
            // so slow that it accepts and ends it after it was asked whether it has it.
            let may_be_twice = self.policy.resend
                && (self.server.has_forgotten || !self.policy.resume || !self.server.is_prompt);
            assert!(
                taken <= 1 || self.keyed.contains(id) || may_be_twice,
                "seed {seed}: {id} was taken {taken} times"
            );
        }
        seen.resumed += self.server.resumed;
        seen.sent_again += self.server.sent_again;
    }
}
