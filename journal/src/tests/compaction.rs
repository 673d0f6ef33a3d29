//! A file that is mostly free pages is made shorter, and what is in it stays.

use std::sync::mpsc::Receiver;

use super::rng::Rng;
use super::script::{Content, OPTIONS, admitted, hand_over, start};
use super::sim_disk::{Loss, SimDisk};
use crate::entry::Entry;
use crate::error::CannotOpen;
use crate::local::medium::Medium;
use crate::notice::Notice;
use crate::options::{Compaction, Options};
use crate::store::Store;
use crate::writer::Writer;

/// What may be left of a file that nothing is in.
const SHORT: usize = 128 << 10;
/// Jobs of a burst, and how large they are.
const JOBS: u64 = 400;
const JOB_BYTES: usize = 10_000;
/// A job that outlives the burst.
const LASTS: u64 = 200;

/// While the store is open it is left as it is.
const AT_START: Compaction = Compaction {
    file_bytes_min: 1 << 20,
    used_bytes_max: 100_000,
    idle_ms: u64::MAX >> 20,
    busy_ms: u64::MAX >> 20,
};

fn open(disk: &SimDisk, compaction: Compaction) -> Result<Store, CannotOpen> {
    Store::open_on(Medium::new(disk.clone()), Options { compaction, ..OPTIONS })
}

/// A burst of jobs comes, and goes but for one.
fn burst(writer: &mut Writer, notices: &Receiver<Notice>) {
    let admit = (1..=JOBS).map(|ticket| Entry::Admitted(admitted(ticket, JOB_BYTES)));
    hand_over(writer, &admit.collect::<Vec<_>>());
    assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: JOBS }));
    let leave = (1..=JOBS).filter(|ticket| *ticket != LASTS);
    let settle = leave.map(|ticket| Entry::Settled { ticket, outcome: None });
    hand_over(writer, &settle.collect::<Vec<_>>());
    assert_eq!(notices.recv(), Ok(Notice::Durable { up_to: JOBS }));
}

/// A disk on which a burst has left a file of mostly free pages.
fn after_burst() -> SimDisk {
    let disk = SimDisk::new(Vec::new(), 0);
    let (mut writer, notices) = start(open(&disk, AT_START).unwrap());
    burst(&mut writer, &notices);
    writer.close().unwrap();
    assert!(disk.bytes() > JOBS as usize * JOB_BYTES, "{}", disk.bytes());
    disk
}

fn look(store: &Store) {
    let held = Content::of(store);
    assert_eq!(held.highest_ticket, JOBS);
    let tickets: Vec<u64> = held.jobs.iter().map(|job| job.admitted.ticket).collect();
    assert_eq!(tickets, [LASTS]);
    assert_eq!(held.jobs[0].admitted, admitted(LASTS, JOB_BYTES));
}

#[test]
fn at_the_next_start() {
    let disk = after_burst();
    let store = open(&disk, AT_START).unwrap();
    assert!(disk.bytes() < SHORT, "{}", disk.bytes());
    look(&store);
}

#[test]
fn not_where_most_of_it_is_in_use_or_it_is_short() {
    let disk = SimDisk::new(Vec::new(), 0);
    let (mut writer, notices) = start(open(&disk, AT_START).unwrap());
    let admit = (1..=JOBS).map(|ticket| Entry::Admitted(admitted(ticket, JOB_BYTES)));
    hand_over(&mut writer, &admit.collect::<Vec<_>>());
    notices.recv().unwrap();
    writer.close().unwrap();
    let syncs = |disk: &SimDisk, compaction| {
        let before = disk.state().syncs;
        drop(open(disk, compaction).unwrap());
        disk.state().syncs - before
    };
    let never = Compaction { file_bytes_min: u64::MAX, ..AT_START };
    assert_eq!(syncs(&disk, AT_START), syncs(&disk, never), "all is in use");

    let disk = after_burst();
    let short = Compaction { file_bytes_min: 1 << 30, ..AT_START };
    assert_eq!(syncs(&disk, short), syncs(&disk, never), "it is short enough");
    assert!(syncs(&disk, AT_START) > syncs(&disk, never), "else it would be made shorter");
}

#[test]
fn while_nothing_comes_and_again_after_the_next_burst() {
    let disk = SimDisk::new(Vec::new(), 0);
    let idle = Compaction { idle_ms: 0, ..AT_START };
    let (mut writer, notices) = start(open(&disk, idle).unwrap());
    burst(&mut writer, &notices);
    disk.wait_for_length(SHORT);
    for first in [1_000, 2_000] {
        let tickets = first..first + JOBS;
        let admit = tickets.clone().map(|ticket| Entry::Admitted(admitted(ticket, JOB_BYTES)));
        hand_over(&mut writer, &admit.collect::<Vec<_>>());
        notices.recv().unwrap();
        let settle = tickets.map(|ticket| Entry::Settled { ticket, outcome: None });
        hand_over(&mut writer, &settle.collect::<Vec<_>>());
        notices.recv().unwrap();
        disk.wait_for_length(SHORT);
    }
    writer.close().unwrap();
    let held = Content::of(&open(&disk, AT_START).unwrap());
    assert_eq!(held.jobs[0].admitted, admitted(LASTS, JOB_BYTES));
}

#[test]
fn not_while_it_is_written_if_that_takes_long() {
    let disk = SimDisk::new(Vec::new(), 0);
    let idle = Compaction { idle_ms: 0, used_bytes_max: JOB_BYTES as u64 / 2, ..AT_START };
    let (mut writer, notices) = start(open(&disk, idle).unwrap());
    burst(&mut writer, &notices);
    writer.close().unwrap();
    assert!(disk.bytes() > SHORT, "one job is in use, which is too much");
    look(&open(&disk, idle).unwrap());
    assert!(disk.bytes() < SHORT, "but not for a start");
}

#[test]
fn wherever_the_power_goes_meanwhile() {
    let image = after_burst().after(Loss::Nothing, &mut Rng::new(0));
    let whole = SimDisk::new(image.clone(), 0);
    drop(open(&whole, AT_START).unwrap());
    let operations = whole.state().operations;
    assert!(operations > 10, "{operations}");
    for cut in 1..=operations {
        let mut rng = Rng::new(cut);
        for loss in Loss::ALL {
            let disk = SimDisk::new(image.clone(), cut);
            disk.state().power_until = Some(cut);
            drop(open(&disk, AT_START));
            let disk = SimDisk::new(disk.after(loss, &mut rng), cut);
            let store = open(&disk, AT_START);
            look(&store.unwrap_or_else(|error| panic!("power lost at {cut}, {loss:?}: {error}")));
        }
    }
}

#[test]
fn a_disk_that_fails_meanwhile_harms_nobody() {
    let disk = after_burst();
    let image = disk.after(Loss::Nothing, &mut Rng::new(0));
    let whole = SimDisk::new(image.clone(), 0);
    drop(open(&whole, Compaction { file_bytes_min: u64::MAX, ..AT_START }).unwrap());
    let (opening, all) = (whole.state().operations, {
        let whole = SimDisk::new(image.clone(), 0);
        drop(open(&whole, AT_START).unwrap());
        whole.state().operations
    });
    assert!(all > opening);
    for panics in [false, true] {
        for fails in 1..=all {
            let disk = SimDisk::new(image.clone(), fails);
            disk.state().failing = fails..fails + 1;
            disk.state().panics = panics;
            // It may fail before that, when the file is opened, and be refused.
            let Ok(store) = open(&disk, AT_START) else { continue };
            look(&store);
            let (mut writer, notices) = start(store);
            hand_over(&mut writer, &[Entry::Settled { ticket: LASTS, outcome: None }]);
            let told: Vec<Notice> = std::iter::from_fn(|| notices.recv().ok())
                .take_while(|notice| !matches!(notice, Notice::Durable { .. }))
                .collect();
            assert!(told.is_empty() || told.last() == Some(&Notice::Resumed), "{told:?}");
            writer.close().unwrap();
        }
    }
}
