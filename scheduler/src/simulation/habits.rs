//! What clients, workers and operators do of themselves.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::{OnDisconnect, Submit, Watched};
use acequia_wire::worker::Progress;
use acequia_wire::{Body, ContentType, CorrelationId, JobId, Payload, QueueName, TraceParent};
use bytes::Bytes;

use super::plan::{Habit, queue};
use super::world::World;
use crate::event::{Event, LaneOffer, Sight};
use crate::ids::{ClientId, LaneKey, SessionId, Ticket};

impl World {
    pub(super) fn pursue(&mut self, habit: Habit) {
        match habit {
            Habit::OpenSession if self.model.sessions.len() < self.plan.sessions_max => {
                let session = SessionId(self.name());
                let client = ClientId(self.random.within(1, self.plan.clients).into());
                self.happen(Event::SessionOpened { session, client });
                if self.random.percent(20) {
                    self.happen(Event::SessionAsksLater { session });
                }
                if self.random.percent(30) {
                    let jobs = self.random.within(0, 5);
                    self.happen(Event::SessionLimited { session, jobs });
                }
            }
            Habit::CloseSession => {
                // Now and then one that is over already.
                let session = self.random.key(&self.model.sessions).unwrap_or(SessionId(0));
                self.happen(Event::SessionClosed { session });
            }
            Habit::LoseSession => {
                let session = self.random.key(&self.model.sessions).unwrap_or(SessionId(0));
                self.happen(Event::SessionAbsent { session });
            }
            Habit::ResumeSession => {
                // Also one that was there all the time, or is over.
                let session = self.random.key(&self.model.sessions).unwrap_or(SessionId(0));
                self.happen(Event::SessionBack { session });
            }
            Habit::Submit => self.submit(),
            Habit::SubmitAgain => self.repeat_submit(),
            Habit::Cancel => self.cancel(),
            Habit::Watch => self.watch(),
            Habit::CancelJob => {
                let none = JobId::from_bytes([255; 16]);
                let job = self.random.key(&self.model.jobs).unwrap_or(none);
                self.happen(Event::CancelJob { job });
            }
            Habit::Pause => {
                let queue = queue(self.random.within(0, self.plan.queues - 1));
                // Now and then what is so already.
                let pauses = self.model.paused.contains(&queue) == self.random.percent(10);
                self.happen(match pauses {
                    true => Event::PauseQueue { queue },
                    false => Event::ResumeQueue { queue },
                });
            }
            Habit::AddLane if self.model.lanes.len() < self.plan.lanes_max => {
                let mut queues: Vec<QueueName> = (0..self.plan.queues).map(queue).collect();
                queues.retain(|_| self.random.percent(60));
                if queues.is_empty() {
                    queues.push(queue(self.random.within(0, self.plan.queues - 1)));
                }
                if self.random.percent(50) {
                    queues.reverse();
                }
                let slots = self.random.within(1, self.plan.slots_max);
                self.add_lane(queues, slots);
            }
            Habit::DrainLane => {
                let lane = self.random.key(&self.model.lanes).unwrap_or(LaneKey(0));
                let asks = self.random.percent(50);
                self.happen(match asks {
                    true => Event::LaneDraining { lane },
                    false => Event::DrainLane { lane },
                });
            }
            Habit::CloseLane => {
                let lane = self.random.key(&self.model.lanes).unwrap_or(LaneKey(0));
                self.happen(Event::LaneClosed { lane });
            }
            Habit::AddPublisher if self.model.lanes.len() < self.plan.lanes_max => {
                self.add_lane(vec![queue(0)], 0);
            }
            Habit::StandStill => {
                // All that would have been due meanwhile is late.
                let gap = self.random.within(1, 3 * self.plan.wait_ms_max);
                let gap = Duration::from_millis(gap.into());
                self.now = self.now + gap;
                self.happen(Event::StoodStill { gap });
            }
            Habit::Beat => {
                let lane = self.random.key(&self.model.lanes).unwrap_or(LaneKey(0));
                let beats = self.random.percent(70);
                self.happen(if beats { Event::Beat { lane } } else { Event::Heard { lane } });
            }
            Habit::Answer => self.answer(),
            Habit::Durable => {
                let (from, to) = (self.model.durable.0, self.model.last_ticket.0);
                let up_to = self.random.within(0, u32::try_from(to - from).unwrap());
                self.happen(Event::Durable { up_to: Ticket(from + u64::from(up_to)) });
            }
            Habit::Storage => {
                let failed = self.model.storage_failed;
                self.happen(if failed { Event::StorageBack } else { Event::StorageFailed });
            }
            Habit::Redrive => self.redrive(),
            Habit::DropLetter => {
                let job = self.some_letter();
                self.happen(Event::DropDeadLetter { job });
            }
            Habit::Wait => self.wait(),
            Habit::OpenSession | Habit::AddLane | Habit::AddPublisher => {}
        }
    }

    fn wait(&mut self) {
        match self.scheduler.next_deadline() {
            Some(at) if self.random.percent(50) => {
                self.now = self.now.max(at);
                self.happen(Event::Tick);
            }
            _ => {
                let micros = self.random.within(1, 1_000 * self.plan.wait_ms_max);
                self.now = self.now + Duration::from_micros(micros.into());
            }
        }
    }

    fn submit(&mut self) {
        // One session sends many at once, often.
        let session = self.random.key(&self.model.sessions).unwrap_or(SessionId(0));
        let burst = if self.random.percent(20) { self.random.within(2, 8) } else { 1 };
        for _ in 0..burst {
            let spec = Arc::new(self.spec());
            let job = self.new_job();
            self.happen(Event::Submit { session, job, spec });
        }
    }

    /// A session watches a job, live or ended, or a batch; now and then one that is not there.
    fn watch(&mut self) {
        let session = self.random.key(&self.model.sessions).unwrap_or(SessionId(0));
        let none = JobId::from_bytes([255; 16]);
        let what = match self.random.below(8) {
            0 => Watched::Batch(format!("batch {}", self.random.within(1, 3)).into()),
            1 => match self.model.retained.is_empty() {
                true => Watched::Job(none),
                false => {
                    let nth = self.random.below(self.model.retained.len());
                    Watched::Job(self.model.retained[nth].job)
                }
            },
            _ => Watched::Job(self.random.key(&self.model.jobs).unwrap_or(none)),
        };
        let id = CorrelationId::Int(self.random.within(1, 40).into());
        let batches_of = ClientId(self.random.within(1, self.plan.clients).into());
        let sight = match self.random.percent(70) {
            true => Sight::All { batches_of },
            false => Sight::Own,
        };
        self.happen(Event::Watch { session, id, what, sight });
    }

    fn new_job(&mut self) -> JobId {
        let mut job = [0; 16];
        job[8..].copy_from_slice(&self.name().to_le_bytes());
        JobId::from_bytes(job)
    }

    /// The job of a letter, or now and then one that has none.
    fn some_letter(&mut self) -> JobId {
        let letter = self.random.key(&self.model.letters).filter(|_| self.random.percent(90));
        match letter {
            Some(ticket) => self.model.letters[&ticket].job,
            None => self.random.key(&self.model.jobs).unwrap_or(JobId::from_bytes([255; 16])),
        }
    }

    /// An operator redrives one letter, or all there are.
    fn redrive(&mut self) {
        let jobs: Vec<JobId> = match self.random.percent(20) {
            true => self.model.letters.values().map(|letter| letter.job).collect(),
            false => vec![self.some_letter()],
        };
        for job in jobs {
            let as_job = self.new_job();
            self.happen(Event::Redrive { job, as_job });
        }
    }

    fn spec(&mut self) -> Submit {
        let ms = self.plan.wait_ms_max;
        let random = &mut self.random;
        let payload = match random.below(3) {
            0 => (ContentType::Json, "[1,2]"),
            1 => (ContentType::Octets, "\u{1}"),
            _ => (ContentType::Text, "some words to be worked on"),
        };
        let mut sometimes = |chance| random.percent(chance).then(|| random.within(0, ms));
        let (delay_ms, timeout_ms) = (sometimes(20).unwrap_or(0), sometimes(25));
        let ttl_ms = sometimes(20);
        let key = random.percent(40).then(|| format!("key {}", random.within(1, 8)).into());
        let batch = random.percent(40).then(|| format!("batch {}", random.within(1, 3)).into());
        let traceparent = random.percent(30).then(|| JobId::from_bytes([random.pick(&[1, 2]); 16]));
        Submit {
            // Few enough that ids are used again, and some while they are still live.
            id: CorrelationId::Int(random.within(1, 40).into()),
            payload: Payload::new(payload.0, payload.1.into()).unwrap(),
            queue: queue(random.within(0, self.plan.queues - 1)),
            priority: u8::try_from(random.within(0, self.plan.priorities - 1)).unwrap(),
            delay_ms,
            timeout_ms,
            ttl_ms,
            attempts: random.within(1, 4),
            key,
            on_disconnect: random.pick(&[
                OnDisconnect::Keep,
                OnDisconnect::Cancel,
                OnDisconnect::CancelAfter { ms: 20 },
                OnDisconnect::CancelAfter { ms: 300 },
            ]),
            batch,
            traceparent: traceparent.map(TraceParent::begun_by).map(Box::new),
        }
    }

    fn cancel(&mut self) {
        let of_live = self.random.key(&self.model.jobs).filter(|_| self.random.percent(80));
        let watched = of_live.map(|job| &self.model.jobs[&job].watchers);
        let (session, id) = match watched.filter(|watchers| !watchers.is_empty()) {
            Some(watchers) => {
                let watcher = &watchers[self.random.below(watchers.len())];
                (watcher.session, watcher.id.clone())
            }
            None => {
                let session = self.random.key(&self.model.sessions).unwrap_or(SessionId(0));
                (session, CorrelationId::Int(self.random.within(1, 50).into()))
            }
        };
        self.happen(Event::Cancel { session, id });
    }

    pub(super) fn add_lane(&mut self, queues: Vec<QueueName>, slots: u32) {
        let lane = LaneKey(self.name());
        self.zeal.insert(lane, self.random.pick(&[0, 5, 50, 100]));
        let name = format!("worker {}", lane.0).into();
        self.happen(Event::LaneReady {
            lane,
            offer: LaneOffer { name, slots, queues, holds: Vec::new() },
        });
    }

    pub(super) fn held(&self, lane: LaneKey) -> Vec<JobId> {
        self.model.lanes[&lane].held.keys().copied().collect()
    }

    /// A worker says something, mostly about what it holds.
    fn answer(&mut self) {
        if self.random.percent(5) {
            return self.answer_nonsense();
        }
        let Some(lane) = self.random.key(&self.model.lanes) else { return };
        let zeal = self.zeal[&lane];
        // A good worker empties all of its slots in one go, from time to time.
        let answers = if self.random.percent(zeal / 10) { self.plan.slots_max } else { 1 };
        for _ in 0..answers {
            let mut held = self.held(lane);
            held.retain(|job| !self.doors.has_said(lane, *job));
            if held.is_empty() || !self.random.percent(zeal) {
                return;
            }
            let job = self.random.pick(&held);
            self.speak(lane, job);
        }
    }

    /// About a job of another lane, one long over, or none.
    fn answer_nonsense(&mut self) {
        let lane = self.random.key(&self.model.lanes).unwrap_or(LaneKey(0));
        let (lane, job) = match self.random.below(3) {
            0 if !self.past.is_empty() => self.random.pick(&self.past),
            1 => match self.random.key(&self.model.jobs) {
                Some(job) => (lane, job),
                None => return,
            },
            _ => (lane, JobId::from_bytes([255; 16])),
        };
        self.speak(lane, job);
    }

    fn speak(&mut self, lane: LaneKey, job: JobId) {
        let event = match self.random.within(1, 21) {
            1..=10 => Event::Done { lane, job, body: self.body() },
            11..=13 => Event::Fail {
                lane,
                job,
                code: self.random.percent(50).then(|| "too_dry".to_owned()),
                message: "no water".to_owned(),
                retry: self.random.percent(80),
            },
            14..=16 => Event::Chunk { lane, job, body: self.body() },
            21 => Event::BadMessage {
                lane,
                job,
                last: self.random.percent(50),
                message: "mud".to_owned(),
            },
            _ => Event::Progress { lane, job, progress: Progress::default() },
        };
        self.happen(event);
    }

    fn body(&mut self) -> Body {
        match self.random.within(1, 20) {
            1 => Body::new(None, "{not JSON".into()),
            2 => Body::new(Some(ContentType::MsgPack), Bytes::from_static(b"\xc1")),
            3 => Body::new(Some(ContentType::Text), "fourteen bytes".into()),
            _ => Body::new(None, "[1]".into()),
        }
    }

    /// A name that nobody had before.
    pub(super) fn name(&mut self) -> u64 {
        self.names_given += 1;
        self.names_given
    }
}
