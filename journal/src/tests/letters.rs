//! Dead letters come, stay and leave, and cost the disk nothing where they come and leave at once.

use super::script::{Content, admitted, failed, hand_over, kept, letter, open, start, unplaced};
use super::sim_disk::SimDisk;
use crate::entry::{Admitted, Counts, Entry, LiveJob};

/// What is held after these groups.
fn held_after(groups: &[Vec<Entry>]) -> Content {
    let disk = SimDisk::new(Vec::new(), 0);
    let (mut writer, notices) = start(open(&disk).unwrap());
    for group in groups {
        hand_over(&mut writer, group);
        notices.recv().unwrap();
    }
    writer.close().unwrap();
    Content::of(&open(&disk).unwrap())
}

fn admit(ticket: u64) -> Entry {
    Entry::Admitted(admitted(ticket, 10))
}

#[test]
fn a_job_that_fails_leaves_its_letter_and_its_outcome_written_before_or_not() {
    let fail = failed(2, &admitted(1, 10)).to_vec();
    let expected = Content {
        letters: vec![letter(2, &admitted(1, 10))],
        outcomes: vec![unplaced(&kept(1, 1_000))],
        highest_ticket: 2,
        ..Content::default()
    };
    let at_once = [vec![admit(1)], fail.clone()].concat();
    assert_eq!(held_after(&[at_once]), expected);
    let counted = Entry::Counted { ticket: 1, counts: Counts { runs: 1, ..Counts::default() } };
    assert_eq!(held_after(&[vec![admit(1), counted], fail]), expected);
}

#[test]
fn letters_come_back_in_the_order_in_which_their_jobs_failed() {
    let jobs: Vec<Entry> = (1..=300).map(admit).collect();
    let failed_in_turn = (301..=600).rev().map(|of| admitted(of - 300, 10));
    let fail: Vec<Entry> = (301..).zip(failed_in_turn).flat_map(|(t, of)| failed(t, &of)).collect();
    let letters = held_after(&[jobs, fail]).letters;
    let tickets: Vec<u64> = letters.iter().map(|letter| letter.job.ticket).collect();
    assert_eq!(tickets, (301..=600).collect::<Vec<_>>());
    assert_eq!(letters[0].job.job, admitted(300, 10).job);
}

#[test]
fn a_redrive_takes_the_letter_and_brings_the_job() {
    let redriven = Admitted { ticket: 3, ..admitted(1, 10) };
    let fail = [vec![admit(1)], failed(2, &admitted(1, 10)).to_vec()].concat();
    let redrive = vec![Entry::Exhumed { ticket: 2 }, Entry::Admitted(redriven.clone())];
    let expected = Content {
        jobs: vec![LiveJob { admitted: redriven, counts: Counts::default() }],
        outcomes: vec![unplaced(&kept(1, 1_000))],
        highest_ticket: 3,
        ..Content::default()
    };
    assert_eq!(held_after(&[[fail.clone(), redrive.clone()].concat()]), expected);
    assert_eq!(held_after(&[fail.clone(), redrive.clone()]), expected);

    let again = vec![Entry::Settled { ticket: 3, outcome: None }];
    let expected = Content { jobs: Vec::new(), ..expected };
    assert_eq!(held_after(&[fail, [redrive, again].concat()]), expected);
}

#[test]
fn a_letter_that_leaves_before_it_is_written_costs_the_disk_nothing() {
    let disk = SimDisk::new(Vec::new(), 0);
    let (mut writer, notices) = start(open(&disk).unwrap());
    let before = disk.state().operations;
    let of = admitted(1, 1_000);
    let bury = Entry::Buried(Box::new(letter(2, &of)));
    let settle = Entry::Settled { ticket: 1, outcome: None };
    for entry in [Entry::Admitted(of), bury, settle, Entry::Exhumed { ticket: 2 }] {
        writer.append(entry);
    }
    assert_eq!(writer.waiting_bytes(), 0);
    assert!(writer.has_waiting(), "the tickets are to be reported");
    writer.commit();
    notices.recv().unwrap();
    assert_eq!(disk.state().operations, before);
    writer.close().unwrap();
}
