//! Outcomes leave: by age, by number, by size.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use acequia_wire::{ContentType, Payload};

use super::script::{Content, OPTIONS, admitted, clocks, kept, open};
use super::sim_disk::SimDisk;
use crate::entry::{Entry, Kept, Outcome};
use crate::medium::Medium;
use crate::options::{Options, Retention};
use crate::store::Store;

/// Writes each group of outcomes at its time and returns what is held then.
fn held_after(retention: Retention, groups: Vec<(u64, Vec<Kept>)>) -> Vec<Vec<u64>> {
    let disk = SimDisk::new(Vec::new(), 0);
    let now = Arc::new(AtomicU64::new(0));
    let mut held = Vec::new();
    let mut ticket = 0;
    for (at, group) in groups {
        now.store(at, Ordering::Relaxed);
        let options = Options { retention, ..OPTIONS };
        let store = Store::open_on(Medium::new(disk.clone()), options).unwrap();
        let (tell, notices) = channel();
        let clock = now.clone();
        let clocks = clocks(move || clock.load(Ordering::Relaxed));
        let mut writer =
            store.with_clocks(clocks).into_writer(move |notice| _ = tell.send(notice)).unwrap();
        for kept in group {
            ticket += 1;
            writer.append(Entry::Admitted(admitted(ticket, 0)));
            writer.append(Entry::Settled { ticket, outcome: Some(Box::new(kept)) });
        }
        writer.commit();
        notices.recv().unwrap();
        writer.close().unwrap();
        let outcomes = Content::of(&open(&disk).unwrap()).outcomes;
        held.push(outcomes.iter().map(|kept| kept.client).collect());
    }
    held
}

/// An outcome that is told apart by its client.
fn of(client: u64, ended_ms: u64, result_bytes: usize) -> Kept {
    let result = Payload::new(ContentType::Octets, vec![0; result_bytes].into()).unwrap();
    Kept { client, outcome: Outcome::Done { result }, ..kept(1, ended_ms) }
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
fn by_number() {
    let retention = Retention { outcomes_max: 3, ..RETENTION };
    let group = |clients: &[u64]| (0, clients.iter().map(|client| of(*client, 0, 1)).collect());
    let held =
        held_after(retention, vec![group(&[1, 2]), group(&[3]), group(&[4]), group(&[5, 6])]);
    assert_eq!(held, [vec![1, 2], vec![1, 2, 3], vec![3, 4], vec![4, 5, 6]]);
}

#[test]
fn by_size() {
    let group = |client, bytes| (0, vec![of(client, 0, bytes)]);
    let held = held_after(
        RETENTION,
        vec![
            group(1, 40_000),
            group(2, 40_000),
            group(3, 40_000),
            group(4, 99_000),
            group(5, 200_000),
            group(6, 10),
        ],
    );
    // The fifth is too large to be kept at all.
    assert_eq!(held, [vec![1], vec![1, 2], vec![2, 3], vec![4], vec![4], vec![4, 6]]);
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
