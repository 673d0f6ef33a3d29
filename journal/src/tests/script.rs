//! A run of groups from a seed, what the store has to hold after each, and a look whether it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::code::ServerFailCode;
use acequia_wire::{ContentType, CorrelationId, JobId, Payload, QueueName};

use super::rng::Rng;
use super::sim_disk::SimDisk;
use crate::clock::{Clocks, Reading};
use crate::entry::{
    Admitted, BatchEnd, Counts, DeadLetter, Entry, Kept, LiveJob, Outcome, Past, Session, Tally,
};
use crate::error::CannotOpen;
use crate::local::medium::Medium;
use crate::notice::Notice;
use crate::options::{Compaction, Options, Retention};
use crate::store::Store;
use crate::writer::Writer;

/// Quick to try again.
pub(super) const OPTIONS: Options = Options {
    retention: Retention { for_ms: 600_000, sessions_ms: 0, outcomes_max: 10, bytes_max: 1 << 20 },
    waiting_bytes_max: 1 << 20,
    cache_bytes: 1 << 20,
    retry_ms_min: 1,
    retry_ms_max: 1,
    compaction: NEVER,
};

/// Operations of the disk can be counted then.
const NEVER: Compaction =
    Compaction { file_bytes_min: u64::MAX, used_bytes_max: 0, idle_ms: 0, busy_ms: 0 };

/// Outcomes that are kept in a run; others are given up.
const OUTCOMES_MAX: usize = 6;

/// Jobs among which the next that ends is chosen: mostly the oldest.
const LIVE_MAX: usize = 8;

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) jobs: Vec<LiveJob>,
    pub(super) letters: Vec<DeadLetter>,
    pub(super) outcomes: Vec<Kept>,
    pub(super) sessions: BTreeMap<u64, Session>,
    pub(super) paused: BTreeSet<QueueName>,
    pub(super) tallies: BTreeMap<(u64, Arc<str>), Tally>,
    pub(super) ends: BTreeMap<(u64, u64), BatchEnd>,
    pub(super) highest_ticket: u64,
}

impl Content {
    pub(super) fn of(store: &Store) -> Self {
        let recovery = store.recover().unwrap();
        let jobs: Vec<LiveJob> = recovery.jobs().unwrap().map(Result::unwrap).collect();
        let outcomes = recovery.outcomes().unwrap().map(|kept| unplaced(&kept.unwrap()));
        let outcomes: Vec<Kept> = outcomes.collect();
        let letters: Vec<_> = recovery.dead_letters().unwrap().map(Result::unwrap).collect();
        assert_eq!(recovery.live(), jobs.len() as u64);
        assert_eq!(recovery.buried(), letters.len() as u64);
        assert_eq!(recovery.kept(), outcomes.len());
        let sessions = recovery.sessions().unwrap().map(Result::unwrap);
        let sessions = sessions.map(|session| (session.session, session)).collect();
        let paused = recovery.paused().unwrap().map(Result::unwrap).collect();
        let tallies = recovery.tallies().unwrap().map(Result::unwrap);
        let tallies = tallies.map(|of| ((of.client, of.name.clone()), of)).collect();
        let ends = recovery.batch_ends().unwrap().map(Result::unwrap);
        let ends = ends.map(|of| ((of.session, of.seq), of)).collect();
        let highest_ticket = recovery.highest_ticket();
        Self { jobs, letters, outcomes, sessions, paused, tallies, ends, highest_ticket }
    }

    /// An outcome comes, and others are given up for it.
    fn keep(&mut self, rng: &mut Rng, outcomes: &mut u64, kept: &Kept) -> (Kept, Vec<Entry>) {
        *outcomes += 1;
        let kept = Kept { ticket: *outcomes, ..kept.clone() };
        self.outcomes.push(kept.clone());
        let mut given_up = Vec::new();
        loop {
            let is_there = |of: &&mut Kept| of.outcome != Outcome::GivenUp;
            let there = self.outcomes.iter_mut().filter(is_there).collect::<Vec<_>>();
            if there.len() <= OUTCOMES_MAX {
                return (kept, given_up);
            }
            let nth = rng.below(there.len());
            let Some(gone) = there.into_iter().nth(nth) else { continue };
            let is_missed = rng.one_in(8);
            given_up.push(Entry::GivenUp { ticket: gone.ticket, job: gone.job, is_missed });
            gone.give_up();
            let ticket = gone.ticket;
            self.outcomes.retain(|of| is_missed || of.ticket != ticket);
        }
    }
}

/// An outcome as it comes back: its place is its block's to know, and no matter here.
pub(super) fn unplaced(kept: &Kept) -> Kept {
    Kept { ticket: 0, ..kept.clone() }
}

/// A run: entries in groups.
pub(super) struct Script {
    pub(super) groups: Vec<Vec<Entry>>,
    /// What is to be held before the first group and after each.
    pub(super) contents: Vec<Content>,
}

pub(super) fn admitted(ticket: u64, payload_bytes: usize) -> Admitted {
    let spec = Submit {
        id: CorrelationId::Int(ticket.cast_signed()),
        payload: Payload::new(ContentType::Octets, vec![b'p'; payload_bytes].into()).unwrap(),
        queue: "default".parse().unwrap(),
        priority: 4,
        delay_ms: 0,
        timeout_ms: None,
        ttl_ms: None,
        attempts: 3,
        key: ticket.is_multiple_of(3).then(|| format!("key {ticket}").into()),
        on_disconnect: OnDisconnect::Keep,
        batch: None,
        traceparent: None,
    };
    let mut job = [0; 16];
    job[8..].copy_from_slice(&ticket.to_be_bytes());
    let job = JobId::from_bytes(job);
    Admitted {
        ticket,
        job,
        client: ticket % 5,
        session: ticket % 3,
        submitted_ms: 1_000,
        spec: Arc::new(spec),
    }
}

pub(super) fn kept(ticket: u64, ended_ms: u64) -> Kept {
    let Admitted { job, client, spec, .. } = admitted(ticket, 0);
    let outcome = match ticket % 3 {
        0 => Outcome::Done { result: spec.payload.clone() },
        1 => Outcome::Cancelled,
        _ => Outcome::Failed {
            code: ServerFailCode::WorkerLost.into(),
            message: "gone".into(),
            attempt: 3,
        },
    };
    let (session, seq) = (ticket % 3, ticket % 7);
    Kept {
        ticket,
        job,
        client,
        session,
        seq,
        id: spec.id.clone(),
        key: spec.key.clone(),
        ended_ms,
        outcome,
        traceparent: None,
        past: ticket.is_multiple_of(2).then(|| Past {
            queue: spec.queue.clone(),
            submitted_ms: 1_000,
            runs: 2,
        }),
    }
}

/// The letter of the job that was admitted with `of`.
pub(super) fn letter(ticket: u64, of: &Admitted) -> DeadLetter {
    DeadLetter {
        job: Admitted { ticket, ..of.clone() },
        failed_ms: 1_000,
        code: ServerFailCode::WorkerLost.into(),
        message: "gone".into(),
        runs: 4,
        failures: 0,
        losses: 4,
    }
}

/// What fails, and is kept as a letter.
pub(super) fn failed(ticket: u64, of: &Admitted) -> [Entry; 2] {
    let outcome = Some(Box::new(kept(of.ticket, 1_000)));
    let buried = Entry::Buried(Box::new(letter(ticket, of)));
    [buried, Entry::Settled { ticket: of.ticket, outcome }]
}

/// Now and then a session begins or ends, a queue is paused or resumed, a batch goes on or is over.
fn come_or_go(rng: &mut Rng, content: &mut Content) -> Vec<Entry> {
    let mut group = Vec::new();
    if rng.one_in(2) {
        let session = rng.next() % 4;
        let new = Session { session, client: rng.next(), secret_hash: [7; 32] };
        if content.sessions.remove(&session).is_some() {
            content.ends.retain(|(of, _), _| *of != session);
            group.push(Entry::SessionEnded { session });
        } else {
            content.sessions.insert(session, new);
            group.push(Entry::SessionBegan(new));
        }
    }
    if rng.one_in(2) {
        let queue: QueueName = format!("queue-{}", rng.below(4)).parse().unwrap();
        let is_paused = content.paused.insert(queue.clone());
        if !is_paused {
            content.paused.remove(&queue);
        }
        group.push(Entry::Paused { queue, is_paused });
    }
    if rng.one_in(2) {
        let (client, name): (_, Arc<str>) =
            (rng.next() % 2, format!("batch {}", rng.below(3)).into());
        let key = (client, name.clone());
        if rng.one_in(3) {
            content.tallies.remove(&key);
            group.push(Entry::BatchOver { client, name });
        } else {
            let (began_ms, sessions) = (rng.next(), vec![1; rng.below(3)]);
            let [done, failed, cancelled] = [(); 3].map(|()| u32::try_from(rng.below(9)).unwrap());
            let tally = Tally { client, name, began_ms, done, failed, cancelled, sessions };
            content.tallies.insert(key, tally.clone());
            group.push(Entry::Tallied(Box::new(tally)));
        }
    }
    if rng.one_in(2)
        && let Some(session) = content.sessions.keys().next().copied()
    {
        let seq = rng.next() >> 1;
        if rng.one_in(2) {
            content.ends.retain(|(of, nth), _| *of != session || *nth > seq);
            group.push(Entry::EndsSeen { session, up_to: seq });
        } else {
            let (name, elapsed_ms) = ("batch".into(), rng.next());
            let [done, failed, cancelled] = [(); 3].map(|()| u32::try_from(rng.below(9)).unwrap());
            let end = BatchEnd { session, seq, name, done, failed, cancelled, elapsed_ms };
            content.ends.insert((session, seq), end.clone());
            group.push(Entry::EndTold(Box::new(end)));
        }
    }
    group
}

impl Script {
    pub(super) fn new(seed: u64, groups: usize) -> Self {
        let mut rng = Rng::new(seed);
        let mut live: BTreeMap<u64, LiveJob> = BTreeMap::new();
        let (mut content, mut outcomes) = (Content::default(), 0);
        let mut script = Self { groups: Vec::new(), contents: vec![content.clone()] };
        for _ in 0..groups {
            let mut group = Vec::new();
            // Some of the payloads span several pages.
            for _ in 0..=rng.below(6) {
                content.highest_ticket += 1;
                let bytes = if rng.one_in(4) { rng.below(20_000) } else { rng.below(200) };
                let admitted = admitted(content.highest_ticket, bytes);
                group.push(Entry::Admitted(admitted.clone()));
                let ticket = admitted.ticket;
                live.insert(ticket, LiveJob { admitted, counts: Counts::default() });
                // Any of the live ones, old or new, may be counted or end.
                for _ in 0..rng.below(3) {
                    let Some((&ticket, job)) = live.iter_mut().nth(rng.below(LIVE_MAX)) else {
                        continue;
                    };
                    if rng.one_in(3) {
                        job.counts.runs += 1;
                        job.counts.losses += 1;
                        job.counts.not_before_ms = rng.next();
                        group.push(Entry::Counted { ticket, counts: job.counts });
                        continue;
                    }
                    let ended = live.remove(&ticket).unwrap();
                    if rng.one_in(3) {
                        content.highest_ticket += 1;
                        content.letters.push(letter(content.highest_ticket, &ended.admitted));
                        let [buried, _] = failed(content.highest_ticket, &ended.admitted);
                        group.push(buried);
                    } else if rng.one_in(2) {
                        group.push(Entry::Settled { ticket, outcome: None });
                        continue;
                    }
                    let (kept, given_up) =
                        content.keep(&mut rng, &mut outcomes, &kept(ticket, 1_000));
                    group.push(Entry::Settled { ticket, outcome: Some(Box::new(kept)) });
                    group.extend(given_up);
                }
            }
            // A letter, old or new, is dropped or redriven.
            if rng.one_in(2) && !content.letters.is_empty() {
                let letter = content.letters.remove(rng.below(content.letters.len()));
                group.push(Entry::Exhumed { ticket: letter.job.ticket });
                if rng.one_in(2) {
                    content.highest_ticket += 1;
                    let admitted = Admitted { ticket: content.highest_ticket, ..letter.job };
                    group.push(Entry::Admitted(admitted.clone()));
                    let job = LiveJob { admitted, counts: Counts::default() };
                    live.insert(content.highest_ticket, job);
                }
            }
            group.extend(come_or_go(&mut rng, &mut content));
            content.jobs = live.values().cloned().collect();
            script.groups.push(group);
            let outcomes = content.outcomes.iter().map(unplaced).collect();
            script.contents.push(Content { outcomes, ..content.clone() });
        }
        script
    }
}

/// A store on a simulated disk, at a time that stands still.
pub(super) fn open(disk: &SimDisk) -> Result<Store, CannotOpen> {
    Store::open_on(Medium::new(disk.clone()), OPTIONS)
}

pub(super) fn start(store: Store) -> (Writer, Receiver<Notice>) {
    let (tell, notices) = channel();
    let notify = move |notice| _ = tell.send(notice);
    (store.with_clocks(clocks(|| 2_000)).into_writer(notify).unwrap(), notices)
}

/// Clocks of a system that is never booted and whose clock is never set.
pub(super) fn clocks(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Clocks {
    Arc::new(move || {
        let now_ms = now_ms();
        Reading { wall_ms: now_ms, boot_ms: now_ms, boot: 1 }
    })
}

/// Hands one group over.
pub(super) fn hand_over(writer: &mut Writer, group: &[Entry]) {
    group.iter().for_each(|entry| writer.append(entry.clone()));
    writer.commit();
}
