//! Disks that fail for a while or are full: nothing is lost, and nothing is said to be durable
//! that is not.

use std::ops::Range;
use std::sync::mpsc::Receiver;

use super::rng::{Rng, seeds};
use super::script::{Content, Script, admitted, hand_over, kept, open, start, unplaced};
use super::sim_disk::{Loss, SimDisk};
use crate::entry::Entry;
use crate::notice::Notice;

const GROUPS: usize = 6;

/// Waits until the group in flight is written. Returns what failed meanwhile.
fn until_durable(notices: &Receiver<Notice>) -> Vec<String> {
    let mut failures = Vec::new();
    let mut resumed = false;
    loop {
        match notices.recv().unwrap() {
            Notice::Failed { message } => {
                assert!(!resumed);
                assert_ne!(failures.last(), Some(&message), "the same is said once");
                failures.push(message);
            }
            Notice::Resumed => {
                assert!(!resumed && !failures.is_empty());
                resumed = true;
            }
            Notice::Ended { message } | Notice::Over { message, .. } => panic!("{message}"),
            Notice::Durable { .. } => {
                assert_eq!(resumed, !failures.is_empty());
                return failures;
            }
        }
    }
}

/// That what was said to be durable would survive a loss of power right now.
fn look(disk: &SimDisk, content: &Content, what: &str) {
    let image = disk.after(Loss::All, &mut Rng::new(0));
    let store = open(&SimDisk::new(image, 0)).unwrap_or_else(|error| panic!("{what}: {error}"));
    let held = Content::of(&store);
    assert_eq!(*content, held, "{what}");
}

/// Runs a script on a new disk of which the operations from `fails` fail, counted from where the
/// writer starts. Returns how many operations it took.
fn run(script: &Script, seed: u64, fails: Range<u64>, panics: bool, what: &str) -> u64 {
    let disk = &SimDisk::new(Vec::new(), seed);
    let (mut writer, notices) = start(open(disk).unwrap());
    let begun = disk.state().operations;
    disk.state().failing = begun + fails.start..begun + fails.end;
    disk.state().panics = panics;
    for (group, content) in script.groups.iter().zip(&script.contents[1..]) {
        hand_over(&mut writer, group);
        if !until_durable(&notices).is_empty() {
            look(disk, content, what);
        }
    }
    writer.close().unwrap();
    look(disk, &script.contents[GROUPS], what);
    let operations = disk.state().operations - begun;
    assert!(fails.end == 0 || begun + fails.start <= disk.state().operations, "{what}");
    operations
}

/// A disk with an empty store.
fn made() -> SimDisk {
    let disk = SimDisk::new(Vec::new(), 1);
    drop(open(&disk).unwrap());
    disk
}

fn every_operation_fails_in_turn(in_a_row: u64, panics: bool) {
    for seed in seeds() {
        let script = Script::new(seed, GROUPS);
        let operations = run(&script, seed, 0..0, false, "nothing fails");
        assert!(operations > 40);
        for first in 1..=operations {
            let what = format!("seed {seed}, operations {first} and on fail, {in_a_row} of them");
            run(&script, seed, first..first + in_a_row, panics, &what);
        }
    }
}

#[test]
fn one_operation_fails() {
    every_operation_fails_in_turn(1, false);
}

#[test]
fn several_operations_fail() {
    every_operation_fails_in_turn(5, false);
}

#[test]
fn one_operation_panics() {
    every_operation_fails_in_turn(1, true);
}

#[test]
fn a_full_disk_is_said_and_writing_goes_on_when_there_is_room() {
    let script = Script::new(1, GROUPS);
    let disk = made();
    let (mut writer, notices) = start(open(&disk).unwrap());
    disk.state().room = Some(0);
    for entry in &script.groups[0] {
        writer.append(entry.clone());
    }
    writer.commit();
    let Notice::Failed { message } = notices.recv().unwrap() else { panic!("it is full") };
    assert!(message.contains("file system is full; free some space"), "{message}");

    // All the others gather meanwhile.
    for entry in script.groups[1..].iter().flatten() {
        writer.append(entry.clone());
    }
    writer.commit();
    assert!(writer.has_waiting());
    look(&disk, &script.contents[0], "the disk is full");

    disk.state().room = None;
    assert_eq!(notices.recv(), Ok(Notice::Resumed));
    let up_to = script.contents[1].highest_ticket;
    assert_eq!(notices.recv(), Ok(Notice::Durable { up_to }));
    look(&disk, &script.contents[1], "there is room again");
    writer.commit();
    assert_eq!(until_durable(&notices), Vec::<String>::new());
    look(&disk, &script.contents[GROUPS], "there is room again");
    writer.close().unwrap();
}

#[test]
fn a_disk_that_stays_full_is_told_at_the_end_and_nothing_was_durable() {
    let disk = made();
    let (mut writer, notices) = start(open(&disk).unwrap());
    disk.state().room = Some(0);
    hand_over(&mut writer, &[Entry::Admitted(admitted(1, 10))]);
    assert!(matches!(notices.recv(), Ok(Notice::Failed { .. })));
    writer.append(Entry::Admitted(admitted(2, 10)));
    let error = writer.close().unwrap_err().to_string();
    assert!(error.contains("were not written") && error.contains("full"), "{error}");
    assert!(notices.iter().all(|notice| matches!(notice, Notice::Failed { .. })));
    disk.state().room = None;
    look(&disk, &Content::default(), "it stayed full");
}

#[test]
fn what_waits_is_bounded_while_nothing_can_be_written() {
    let disk = made();
    let (mut writer, notices) = start(open(&disk).unwrap());
    disk.state().room = Some(0);
    hand_over(&mut writer, &[Entry::Admitted(admitted(1, 10))]);
    assert!(matches!(notices.recv(), Ok(Notice::Failed { .. })));

    let mut ticket = 1;
    while !writer.is_behind() {
        ticket += 1;
        writer.append(Entry::Admitted(admitted(ticket, 100_000)));
    }
    assert!(ticket <= 12, "1 MiB may wait");
    // Jobs that end meanwhile make room, and outcomes that are given up leave at once.
    for ticket in 2..=ticket {
        let outcome = Some(Box::new(kept(ticket, 1_000)));
        writer.append(Entry::Settled { ticket, outcome });
    }
    assert!(!writer.is_behind());
    let waiting = writer.waiting_bytes();
    for ticket in 100..1_000 {
        let outcome = kept(ticket, 1_000);
        let job = outcome.job;
        writer.append(Entry::Admitted(admitted(ticket, 100_000)));
        writer.append(Entry::Settled { ticket, outcome: Some(Box::new(outcome)) });
        writer.append(Entry::GivenUp { ticket, job, is_missed: false });
    }
    assert!(writer.waiting_bytes() < waiting + 1_000, "{}", writer.waiting_bytes());

    disk.state().room = None;
    assert_eq!(notices.recv(), Ok(Notice::Resumed));
    assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: 1 }));
    writer.commit();
    until_durable(&notices);
    writer.close().unwrap();
    let held = Content::of(&open(&disk).unwrap());
    assert_eq!(held.jobs.len(), 1, "the one in flight");
    assert_eq!(held.highest_ticket, 999);
    let outcomes: Vec<_> = (2..=ticket).map(|ticket| unplaced(&kept(ticket, 1_000))).collect();
    assert_eq!(held.outcomes, outcomes);
}

#[test]
fn a_file_that_somebody_else_changed_is_not_written() {
    let disk = made();
    let old = disk.after(Loss::Nothing, &mut Rng::new(0));
    let (mut writer, notices) = start(open(&disk).unwrap());
    for ticket in 1..=3 {
        hand_over(&mut writer, &[Entry::Admitted(admitted(ticket, 10))]);
        until_durable(&notices);
    }
    let next = disk.state().operations + 1;
    disk.state().failing = next..next + 1;
    // An old copy of the file lies in its place.
    disk.replace(old);
    hand_over(&mut writer, &[Entry::Admitted(admitted(4, 10))]);
    assert!(matches!(notices.recv(), Ok(Notice::Failed { .. })));
    let Ok(Notice::Failed { message }) = notices.recv() else { panic!("another reason") };
    assert!(message.contains("holds 0 groups where 3 were written"), "{message}");
    writer.close().unwrap_err();
}

/// After a sync that failed the system shows what is not on the disk. Here the retry alone would
/// not write it again: to remove what is already gone changes no page.
#[test]
fn what_a_failed_sync_lost_is_written_again() {
    for seed in 0..20 {
        let disk = SimDisk::new(Vec::new(), seed);
        let (mut writer, notices) = start(open(&disk).unwrap());
        let jobs: Vec<Entry> = (1..=60).map(|n| Entry::Admitted(admitted(n, 1_000))).collect();
        hand_over(&mut writer, &jobs);
        until_durable(&notices);

        disk.state().failing_syncs = 1;
        let settled: Vec<Entry> =
            [7, 25, 44].map(|ticket| Entry::Settled { ticket, outcome: None }).into();
        hand_over(&mut writer, &settled);
        assert_eq!(until_durable(&notices).len(), 1);
        let image = disk.after(Loss::All, &mut Rng::new(seed));
        let held = Content::of(&open(&SimDisk::new(image, seed)).unwrap());
        assert_eq!(held.jobs.len(), 57, "seed {seed}");
        writer.close().unwrap();
    }
}

/// Nobody knows then whether they were given up, so they are once more.
#[test]
fn what_is_given_up_once_more_takes_nothing_else_along() {
    for fails in 1.. {
        let disk = made();
        let (mut writer, notices) = start(open(&disk).unwrap());
        let all: Vec<_> = (1..=4).map(|ticket| kept(ticket, 1_000)).collect();
        let settled = all.iter().map(|kept| Entry::Settled {
            ticket: kept.ticket,
            outcome: Some(Box::new(kept.clone())),
        });
        hand_over(&mut writer, &settled.collect::<Vec<_>>());
        until_durable(&notices);

        let next = disk.state().operations + fails;
        disk.state().failing = next..next + 1;
        let given_up = all[..2].iter().map(|kept| Entry::GivenUp {
            ticket: kept.ticket,
            job: kept.job,
            is_missed: false,
        });
        hand_over(&mut writer, &given_up.collect::<Vec<_>>());
        until_durable(&notices);
        writer.close().unwrap();
        let is_through = disk.state().operations < next;
        disk.state().failing = 0..0;
        let held = Content::of(&open(&disk).unwrap()).outcomes;
        assert_eq!(held, [3, 4].map(|n| unplaced(&kept(n, 1_000))), "operation {fails} failed");
        if is_through {
            assert!(fails > 5, "some failed");
            return;
        }
    }
}
