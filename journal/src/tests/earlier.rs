//! A file of the format before this one goes on.

use super::script::{Content, OPTIONS, admitted, hand_over, kept, start, unplaced};
use crate::entry::{Entry, Kept};
use crate::local::outcomes::OUTCOMES;
use crate::local::tables::{BATCH_ENDS, BATCHES, META};
use crate::store::Store;

/// What an earlier program left: its blocks were numbered, and the oldest of them knew no batches.
fn as_it_was(path: &std::path::Path, knows_batches: bool) {
    let database = redb::Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("format", 1).unwrap();
    assert!(transaction.delete_table(BATCH_ENDS).unwrap());
    assert!(knows_batches || transaction.delete_table(BATCHES).unwrap());
    {
        let mut outcomes = transaction.open_table(OUTCOMES).unwrap();
        for (number, place) in [(0, 10), (1, 20)] {
            let block = outcomes.remove(place).unwrap().unwrap().value().to_vec();
            outcomes.insert(number, &*block).unwrap();
        }
    }
    transaction.commit().unwrap();
}

#[test]
fn it_keeps_what_it_had_and_gives_up_what_it_is_told() {
    for knows_batches in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut writer, notices) = start(Store::open(&path, OPTIONS).unwrap());
        for first in [10, 20] {
            let of = |n| Box::new(Kept { ticket: n, ..kept(n, 1_000) });
            let settled = [first, first + 1].map(of);
            let settled = settled.map(|kept| Entry::Settled { ticket: 1, outcome: Some(kept) });
            hand_over(&mut writer, &settled);
            notices.recv().unwrap();
        }
        hand_over(&mut writer, &[Entry::Admitted(admitted(30, 10))]);
        notices.recv().unwrap();
        writer.close().unwrap();
        as_it_was(&path, knows_batches);

        let store = Store::open(&path, OPTIONS).unwrap();
        let all: Vec<Kept> = store.recover().unwrap().outcomes().unwrap().flatten().collect();
        assert_eq!(all.iter().map(|kept| kept.ticket).collect::<Vec<_>>(), [0, 0, 1, 1]);
        let (mut writer, notices) = start(store);
        let gone = |kept: &Kept| {
            let Kept { ticket, job, .. } = *kept;
            Entry::GivenUp { ticket, job, is_missed: false }
        };
        let new = Some(Box::new(kept(31, 1_000)));
        let new = Entry::Settled { ticket: 31, outcome: new };
        hand_over(&mut writer, &[new, gone(&all[0]), gone(&all[2]), gone(&all[3])]);
        notices.recv().unwrap();
        writer.close().unwrap();
        let held = Content::of(&Store::open(&path, OPTIONS).unwrap());
        assert_eq!(held.outcomes, [11, 31].map(|n| unplaced(&kept(n, 1_000))));
        assert_eq!((held.jobs.len(), held.highest_ticket), (1, 31));
    }
}
