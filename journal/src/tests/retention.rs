//! Outcomes leave: by age, or since somebody gave them up, and then their names may stay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use acequia_wire::{ContentType, Payload};

use super::script::{Content, OPTIONS, admitted, clocks, hand_over, kept, open};
use super::sim_disk::SimDisk;
use crate::entry::{Entry, Kept, Outcome};
use crate::local::medium::Medium;
use crate::options::{Options, Retention};
use crate::store::Store;

/// A store on a simulated disk, at a time of its own.
struct Scene {
    disk: SimDisk,
    now: Arc<AtomicU64>,
    retention: Retention,
    /// The place of the last outcome.
    ticket: u64,
}

impl Scene {
    fn new(retention: Retention) -> Self {
        let (disk, now) = (SimDisk::new(Vec::new(), 0), Arc::default());
        Self { disk, now, retention, ticket: 0 }
    }

    /// Writes a group at its time, by a server of its own. Returns what is held then.
    fn write(&mut self, at: u64, group: Vec<Entry>) -> Vec<Kept> {
        self.now.store(at, Ordering::Relaxed);
        let options = Options { retention: self.retention, ..OPTIONS };
        let store = Store::open_on(Medium::new(self.disk.clone()), options).unwrap();
        let (tell, notices) = channel();
        let clock = self.now.clone();
        let clocks = clocks(move || clock.load(Ordering::Relaxed));
        let mut writer =
            store.with_clocks(clocks).into_writer(move |notice| _ = tell.send(notice)).unwrap();
        hand_over(&mut writer, &group);
        notices.recv().unwrap();
        writer.close().unwrap();
        let store = open(&self.disk).unwrap();
        let recovery = store.recover().unwrap();
        let all: Vec<Kept> = recovery.outcomes().unwrap().map(Result::unwrap).collect();
        assert_eq!(all.len(), recovery.kept());
        all
    }

    fn come(&mut self, kept: Kept) -> Entry {
        self.ticket += 1;
        let outcome = Some(Box::new(Kept { ticket: self.ticket, ..kept }));
        Entry::Settled { ticket: self.ticket, outcome }
    }
}

/// Writes each group of outcomes at its time and returns whose are held then.
fn held_after(retention: Retention, groups: Vec<(u64, Vec<Kept>)>) -> Vec<Vec<u64>> {
    let mut scene = Scene::new(retention);
    let groups = groups.into_iter().map(|(at, group)| {
        let group = group.into_iter().map(|kept| scene.come(kept)).collect();
        scene.write(at, group).iter().map(|kept| kept.client).collect()
    });
    groups.collect()
}

/// An outcome that is told apart by its client.
fn of(client: u64, ended_ms: u64, result_bytes: usize) -> Kept {
    let result = Payload::new(ContentType::Octets, vec![0; result_bytes].into()).unwrap();
    Kept { client, session: 0, outcome: Outcome::Done { result }, ..kept(1, ended_ms) }
}

/// The outcome of a job of this number.
fn nth(nth: u64, client: u64, session: u64, ended_ms: u64) -> Kept {
    Kept { job: admitted(nth, 0).job, session, ..of(client, ended_ms, 6_000) }
}

/// The numbers of jobs, and of which of them only the names are held.
fn numbers(held: &[Kept]) -> Vec<(u64, bool)> {
    let number = |kept: &Kept| u64::from_be_bytes(kept.job.as_bytes()[8..].try_into().unwrap());
    held.iter().map(|kept| (number(kept), kept.outcome == Outcome::GivenUp)).collect()
}

fn gone(ticket: u64, nth: u64, is_missed: bool) -> Entry {
    Entry::GivenUp { ticket, job: admitted(nth, 0).job, is_missed }
}

const RETENTION: Retention =
    Retention { for_ms: 1_600, sessions_ms: 0, outcomes_max: 100, bytes_max: 100_000 };

#[test]
fn by_age_in_batches() {
    let group = |at, client| (at, vec![of(client, at, 1)]);
    let held = held_after(
        RETENTION,
        vec![group(0, 1), group(50, 2), group(1_650, 3), group(1_700, 4), group(1_710, 5)],
    );
    // The first is overdue by less than a sixteenth, then it leaves and takes the second along.
    assert_eq!(held, [vec![1], vec![1, 2], vec![1, 2, 3], vec![3, 4], vec![3, 4, 5]]);
}

#[test]
fn those_of_sessions_stay_for_longer() {
    let retention = Retention { sessions_ms: 1_000, ..RETENTION };
    let group = |at, session| (at, vec![Kept { session, ..of(session, at, 1) }]);
    let held = held_after(retention, vec![group(0, 0), group(1_700, 1), group(3_400, 0)]);
    assert_eq!(held, [vec![0], vec![1], vec![1, 0]]);
    let held = held_after(retention, vec![group(0, 1), group(2_600, 0), group(2_700, 0)]);
    assert_eq!(held, [vec![1], vec![1, 0], vec![0, 0]]);
}

#[test]
fn what_is_younger_is_not_the_store_s_to_give_up() {
    let retention = Retention { outcomes_max: 2, bytes_max: 10, ..RETENTION };
    let group = |at, clients: &[u64]| (at, clients.iter().map(|of_| of(*of_, at, 1)).collect());
    let held = held_after(retention, vec![group(0, &[1, 2, 3]), group(10, &[4, 5])]);
    assert_eq!(held, [vec![1, 2, 3], vec![1, 2, 3, 4, 5]]);
}

#[test]
fn what_was_given_up_leaves_or_is_a_name_whenever_that_is_said() {
    let mut scene = Scene::new(RETENTION);
    // They are two blocks.
    let mut group: Vec<Entry> = (1..=10).map(|n| scene.come(nth(n, 1, n % 2, 0))).collect();
    group.push(gone(1, 1, true));
    group.push(gone(2, 2, false));
    let held = scene.write(0, group);
    let rest = |from: u64| (from..=10).map(|n| (n, false));
    assert_eq!(numbers(&held), [(1, true)].into_iter().chain(rest(3)).collect::<Vec<_>>());
    assert_eq!((held[0].seq, &held[0].id, &held[0].key), (held[1].seq, &held[1].id, &None));
    let places: Vec<u64> = held.iter().map(|kept| kept.ticket).collect();
    assert!(places[0] == 1 && places.is_sorted() && places.last() > Some(&1), "{places:?}");

    // By the place that each comes back with.
    let place = |n: u64| held.iter().find(|kept| kept.job == admitted(n, 0).job).unwrap().ticket;
    let group = vec![gone(place(3), 3, true), gone(place(4), 4, false), gone(place(10), 10, false)];
    let held = scene.write(1, group);
    let expected = [(1, true), (3, true)].into_iter().chain((5..10).map(|n| (n, false)));
    assert_eq!(numbers(&held), expected.collect::<Vec<_>>());
    // Once more, as after a group of which nobody knew whether it was written.
    let again = scene.write(2, vec![gone(1, 3, true), gone(1, 4, false)]);
    assert_eq!(numbers(&again), numbers(&held));
    // Names leave for their age as outcomes do.
    assert_eq!(scene.write(1_700, vec![gone(1, 1, true)]), []);
}

#[test]
fn what_stays_for_sessions_alone_makes_room_and_leaves_its_names() {
    let retention = Retention { sessions_ms: 100_000, outcomes_max: 3, ..RETENTION };
    let mut scene = Scene::new(retention);
    let group = (1..=3).map(|n| scene.come(nth(n, 1, 1, 0))).collect();
    assert_eq!(numbers(&scene.write(0, group)), [1, 2, 3].map(|n| (n, false)));
    let old = vec![scene.come(nth(4, 2, 2, 10))];
    assert_eq!(numbers(&scene.write(10, old)), [1, 2, 3, 4].map(|n| (n, false)), "all are young");
    let new = vec![scene.come(nth(5, 3, 0, 5_000)), scene.come(nth(6, 3, 0, 5_000))];
    let held = scene.write(5_000, new);
    let expected = [(1, true), (2, true), (3, true), (4, false), (5, false), (6, false)];
    assert_eq!(numbers(&held), expected);
}

#[test]
fn of_too_many_names_the_client_that_has_most_loses_its_oldest() {
    let retention = Retention { outcomes_max: 4, ..RETENTION };
    let mut scene = Scene::new(retention);
    let group = vec![scene.come(nth(1, 1, 1, 0)), gone(1, 1, true)];
    scene.write(0, group);
    for n in 2..=20 {
        let group = vec![scene.come(nth(n, 2, 2, 0)), gone(n, n, true)];
        scene.write(0, group);
    }
    let group = vec![scene.come(nth(21, 3, 3, 0)), gone(21, 21, true)];
    let expected = [1, 19, 20, 21].map(|n| (n, true));
    assert_eq!(numbers(&scene.write(0, group)), expected);
    // Many of them in one block.
    let group: Vec<Entry> =
        (22..=25).flat_map(|n| [scene.come(nth(n, 2, 2, 0)), gone(n, n, true)]).collect();
    let expected = [1, 21, 24, 25].map(|n| (n, true));
    assert_eq!(numbers(&scene.write(0, group)), expected);
}

#[test]
fn also_when_nothing_else_happens() {
    let disk = SimDisk::new(Vec::new(), 0);
    let options = Options { retention: RETENTION, ..OPTIONS };
    let store = Store::open_on(Medium::new(disk.clone()), options).unwrap();
    let (tell, notices) = channel();
    // Each look at the clock finds it later, so that its time comes without a wait.
    let clock = AtomicU64::new(0);
    let clocks = clocks(move || clock.fetch_add(400, Ordering::Relaxed));
    let mut writer =
        store.with_clocks(clocks).into_writer(move |notice| _ = tell.send(notice)).unwrap();
    let before = disk.state().syncs;
    writer.append(Entry::Settled { ticket: 1, outcome: Some(Box::new(of(1, 0, 1))) });
    writer.commit();
    notices.recv().unwrap();
    // The outcome comes, and leaves.
    disk.wait_for_syncs(before + 2);
    writer.close().unwrap();
    assert_eq!(Content::of(&open(&disk).unwrap()).outcomes, []);
}
