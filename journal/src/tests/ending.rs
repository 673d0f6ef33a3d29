//! Only closing ends the thread that writes; and if it ends by a fault, that is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};

use super::script::{Content, OPTIONS, admitted, clocks, hand_over, kept, open};
use super::sim_disk::SimDisk;
use crate::entry::Entry;
use crate::local::medium::Medium;
use crate::notice::Notice;
use crate::options::Options;
use crate::store::Store;
use crate::writer::Writer;

/// When the outcome of these tests is too old.
const TOO_OLD: u64 = 10_000_000;

/// A store that holds one outcome, which is as old as `now` says.
fn with_outcome(
    disk: &SimDisk,
    now: &Arc<AtomicU64>,
    options: Options,
) -> (Writer, Receiver<Notice>) {
    let store = Store::open_on(Medium::new(disk.clone()), options).unwrap();
    let (tell, notices) = channel();
    let clock = now.clone();
    let clocks = clocks(move || clock.load(Ordering::Relaxed));
    let mut writer =
        store.with_clocks(clocks).into_writer(move |notice| _ = tell.send(notice)).unwrap();
    let outcome = Some(Box::new(kept(1, 1_000)));
    writer.append(Entry::Admitted(admitted(1, 10)));
    writer.append(Entry::Settled { ticket: 1, outcome });
    writer.commit();
    assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: 1 }));
    (writer, notices)
}

/// It gets too old on a disk that is full, which the thread finds out by itself.
fn until_expiry_fails(
    disk: &SimDisk,
    now: &AtomicU64,
    writer: &mut Writer,
    notices: &Receiver<Notice>,
) {
    disk.state().room = Some(0);
    now.store(TOO_OLD, Ordering::Relaxed);
    // Nothing is to be written of it, but the thread looks at its clock.
    writer.append(Entry::Admitted(admitted(2, 10)));
    writer.append(Entry::Settled { ticket: 2, outcome: None });
    writer.commit();
    assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: 2 }));
    let Ok(Notice::Failed { message }) = notices.recv() else { panic!("the disk is full") };
    assert!(message.contains("full"), "{message}");
}

#[test]
fn a_group_that_comes_while_outcomes_cannot_leave_is_written_when_the_disk_is_back() {
    let disk = SimDisk::new(Vec::new(), 0);
    let now = Arc::new(AtomicU64::new(0));
    // It is tried again so seldom that only the group can be what makes it.
    let patient = Options { retry_ms_min: u64::MAX >> 20, retry_ms_max: u64::MAX >> 20, ..OPTIONS };
    for (options, heals_first) in [(OPTIONS, false), (patient, true)] {
        now.store(0, Ordering::Relaxed);
        let disk = if heals_first { SimDisk::new(Vec::new(), 1) } else { disk.clone() };
        let (mut writer, notices) = with_outcome(&disk, &now, options);
        until_expiry_fails(&disk, &now, &mut writer, &notices);
        if heals_first {
            disk.state().room = None;
        }
        hand_over(&mut writer, &[Entry::Admitted(admitted(3, 10))]);
        disk.state().room = None;
        assert_eq!(notices.recv(), Ok(Notice::Resumed));
        assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: 3 }));
        // And so on.
        hand_over(&mut writer, &[Entry::Admitted(admitted(4, 10))]);
        assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: 4 }));
        assert!(!writer.is_behind());
        writer.close().unwrap();
        let held = Content::of(&open(&disk).unwrap());
        assert_eq!((held.jobs.len(), held.outcomes.len()), (2, 0));
    }
}

#[test]
fn without_a_group_it_comes_back_by_itself_also_if_the_clock_was_set_back() {
    for back in [TOO_OLD, 2_000] {
        let disk = SimDisk::new(Vec::new(), 0);
        let now = Arc::new(AtomicU64::new(0));
        let (mut writer, notices) = with_outcome(&disk, &now, OPTIONS);
        until_expiry_fails(&disk, &now, &mut writer, &notices);
        now.store(back, Ordering::Relaxed);
        disk.state().room = None;
        assert_eq!(notices.recv(), Ok(Notice::Resumed));
        writer.close().unwrap();
    }
}

#[test]
fn a_writer_is_closed_while_outcomes_cannot_leave() {
    for (heals, jobs) in [(false, 0), (false, 1), (true, 1)] {
        let disk = SimDisk::new(Vec::new(), 0);
        let now = Arc::new(AtomicU64::new(0));
        let (mut writer, notices) = with_outcome(&disk, &now, OPTIONS);
        until_expiry_fails(&disk, &now, &mut writer, &notices);
        for ticket in 3..3 + jobs {
            hand_over(&mut writer, &[Entry::Admitted(admitted(ticket, 10))]);
        }
        if heals {
            disk.state().room = None;
        }
        let closed = writer.close();
        // An outcome that is too old is no loss, wherever it lies.
        assert_eq!(closed.is_ok(), heals || jobs == 0, "{closed:?}");
        disk.state().room = None;
        let held = Content::of(&open(&disk).unwrap());
        assert_eq!(held.jobs.len() as u64, if heals { jobs } else { 0 });
    }
}

#[test]
fn a_panic_of_the_thread_is_told_and_nothing_is_taken_any_more() {
    let disk = SimDisk::new(Vec::new(), 0);
    let (tell, notices) = channel();
    let fails = Arc::new(AtomicBool::new(false));
    let clocks = {
        let fails = fails.clone();
        clocks(move || {
            assert!(!fails.load(Ordering::Relaxed), "the clock is broken");
            0
        })
    };
    let store = open(&disk).unwrap();
    let mut writer =
        store.with_clocks(clocks).into_writer(move |notice| _ = tell.send(notice)).unwrap();
    hand_over(&mut writer, &[Entry::Admitted(admitted(1, 10))]);
    assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: 1 }));
    fails.store(true, Ordering::Relaxed);
    hand_over(&mut writer, &[Entry::Admitted(admitted(2, 10))]);
    let Ok(Notice::Ended { message }) = notices.recv() else { panic!("it ends") };
    assert_eq!(message, "its thread has ended: the clock is broken");
    assert!(notices.recv().is_err(), "and is gone");
    let error = writer.close().unwrap_err();
    assert_eq!(error.why, message);
    assert_eq!(Content::of(&open(&disk).unwrap()).jobs.len(), 1, "what was durable is");
}
