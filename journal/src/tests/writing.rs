//! What the disk is asked for, and what it is spared.

use super::script::{Content, admitted, hand_over, kept, open, start, unplaced};
use super::sim_disk::SimDisk;
use crate::entry::{Counts, Entry, Kept};
use crate::notice::Notice;

#[test]
fn jobs_that_end_before_they_are_written_cost_the_disk_nothing() {
    let disk = SimDisk::new(Vec::new(), 0);
    let (mut writer, notices) = start(open(&disk).unwrap());
    let before = disk.state().operations;
    for ticket in 1..=1_000 {
        writer.append(Entry::Admitted(admitted(ticket, 1_000)));
        let counts = Counts { runs: 1, ..Counts::default() };
        writer.append(Entry::Counted { ticket, counts });
        writer.append(Entry::Settled { ticket, outcome: None });
    }
    assert_eq!(writer.waiting_bytes(), 0);
    assert!(writer.has_waiting(), "the tickets are to be reported");
    writer.commit();
    assert!(!writer.has_waiting());
    assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: 1_000 }));
    assert_eq!(disk.state().operations, before);
    writer.close().unwrap();
}

#[test]
fn of_such_a_job_the_outcome_is_kept_if_it_is_asked_for() {
    let disk = SimDisk::new(Vec::new(), 0);
    let (mut writer, notices) = start(open(&disk).unwrap());
    writer.append(Entry::Admitted(admitted(1, 10)));
    let outcome = Some(Box::new(kept(1, 1_000)));
    writer.append(Entry::Settled { ticket: 1, outcome });
    writer.commit();
    assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: 1 }));
    writer.close().unwrap();
    let held = Content::of(&open(&disk).unwrap());
    let outcomes = vec![unplaced(&kept(1, 1_000))];
    assert_eq!(held, Content { outcomes, highest_ticket: 1, ..Content::default() });
}

#[test]
fn all_that_waits_is_one_transaction() {
    let syncs = |jobs: u64| {
        let disk = SimDisk::new(Vec::new(), 0);
        let (mut writer, notices) = start(open(&disk).unwrap());
        let mut taken = Vec::new();
        // The file has to grow first, which takes a sync of its own.
        for first in (0..5).map(|round| round * jobs + 1) {
            let tickets = first..first + jobs;
            let admit = tickets.clone().map(|ticket| Entry::Admitted(admitted(ticket, 10)));
            let settle = tickets.map(|ticket| Entry::Settled { ticket, outcome: None });
            for group in [admit.collect::<Vec<_>>(), settle.collect()] {
                let before = disk.state().syncs;
                hand_over(&mut writer, &group);
                notices.recv().unwrap();
                taken.push(disk.state().syncs - before);
            }
        }
        taken.split_off(6)
    };
    assert_eq!((syncs(1), syncs(1_000)), (vec![1; 4], vec![1; 4]));
}

#[test]
fn a_group_without_a_ticket_is_told_too() {
    let disk = SimDisk::new(Vec::new(), 0);
    let (mut writer, notices) = start(open(&disk).unwrap());
    hand_over(&mut writer, &[Entry::Admitted(admitted(5, 10))]);
    assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: 5 }));
    hand_over(&mut writer, &[Entry::Settled { ticket: 5, outcome: None }]);
    assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: 5 }));
    // It is again the writer's turn, and has nothing to do.
    writer.commit();
    assert!(!writer.has_waiting());
    writer.close().unwrap();
    assert!(notices.recv().is_err());
}

#[test]
fn a_writer_that_is_dropped_ends_its_thread() {
    let disk = SimDisk::new(Vec::new(), 0);
    let (mut writer, notices) = start(open(&disk).unwrap());
    hand_over(&mut writer, &[Entry::Admitted(admitted(1, 10))]);
    drop(writer);
    // The thread writes what it has, then drops the sender of the notices.
    assert_eq!(notices.iter().last(), Some(Notice::Durable { up_to: 1 }));
}

#[test]
fn a_thread_that_ended_is_told_when_the_writer_is_closed() {
    let disk = SimDisk::new(Vec::new(), 0);
    let store = open(&disk).unwrap();
    let mut writer = store.into_writer(|notice| panic!("{notice:?} is not liked")).unwrap();
    hand_over(&mut writer, &[Entry::Admitted(admitted(1, 10))]);
    let error = writer.close().unwrap_err();
    assert_eq!(error.why, "its thread has ended: Durable { up_to: 1 } is not liked");
    assert_eq!(Content::of(&open(&disk).unwrap()).jobs.len(), 1);
}

#[test]
fn tickets_go_on_after_a_restart() {
    let disk = SimDisk::new(Vec::new(), 0);
    for round in 1..=3 {
        let store = open(&disk).unwrap();
        let ticket = store.recover().unwrap().highest_ticket() + 1;
        assert_eq!(ticket, round);
        let (mut writer, notices) = start(store);
        hand_over(&mut writer, &[Entry::Admitted(admitted(ticket, 10))]);
        notices.recv().unwrap();
        hand_over(&mut writer, &[Entry::Settled { ticket, outcome: None }]);
        notices.recv().unwrap();
        writer.close().unwrap();
    }
}

#[test]
fn also_after_an_outcome_of_which_nothing_but_its_name_is_left() {
    let disk = SimDisk::new(Vec::new(), 0);
    let (mut writer, notices) = start(open(&disk).unwrap());
    let outcome = Kept { ticket: 5, ..kept(1, 1_000) };
    let job = outcome.job;
    hand_over(&mut writer, &[Entry::Admitted(admitted(1, 10))]);
    notices.recv().unwrap();
    let settled = Entry::Settled { ticket: 1, outcome: Some(Box::new(outcome)) };
    hand_over(&mut writer, &[settled, Entry::GivenUp { ticket: 5, job, is_missed: true }]);
    notices.recv().unwrap();
    writer.close().unwrap();
    assert_eq!(open(&disk).unwrap().recover().unwrap().highest_ticket(), 5);
}
