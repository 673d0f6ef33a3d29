//! All that is in `corpus`, given to its targets.

use std::fs;
use std::panic::{RefUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use acequia_fuzz::{
    client_event, client_op, gate_frames, journal_records, link_frames, worker_frames,
};
use acequia_journal::records::{self, Kind};
use acequia_link::{Decoder, FromDoor, FromOwner};

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

fn replay(target: &str, check: impl Fn(&[u8]) + RefUnwindSafe) {
    let folder = corpus(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).expect("a folder of the corpus") {
        let path = entry.expect("an input").path();
        let input = fs::read(&path).expect("an input");
        assert!(catch_unwind(|| check(&input)).is_ok(), "{}", path.display());
        inputs += 1;
    }
    assert!(inputs > 10, "{inputs} inputs in {}", folder.display());
}

#[test]
fn messages_of_clients() {
    replay("client_op", client_op::check);
}

#[test]
fn events() {
    replay("client_event", client_event::check);
}

#[test]
fn messages_of_workers() {
    replay("worker_frames", worker_frames::check);
}

#[test]
fn connections_of_workers() {
    replay("gate_frames", gate_frames::check);
}

#[test]
fn records_of_the_journal() {
    replay("journal_records", journal_records::check);
}

#[test]
fn frames_of_links() {
    replay("link_frames", link_frames::check);
}

/// A corpus of which nothing is understood would test little.
#[test]
fn records_that_are_well_formed_are_read() {
    for (kind, name) in [
        (Kind::Job, "job_whole"),
        (Kind::Job, "job_image"),
        (Kind::Letter, "letter"),
        (Kind::Outcomes, "block_all"),
        (Kind::Counts, "counts"),
        (Kind::Session, "session"),
        (Kind::Tally, "tally"),
        (Kind::End, "end"),
    ] {
        let input = fs::read(corpus("journal_records").join(name)).expect("an input");
        let read = records::read(kind, &input[1..]);
        assert!(read.is_ok(), "{name}: {read:?}");
    }
}

#[test]
fn frames_that_are_well_formed_are_read() {
    for (name, is_owner) in [("all_of_door", false), ("all_of_owner", true)] {
        let input = fs::read(corpus("link_frames").join(name)).expect("an input");
        let mut decoder = Decoder::default();
        decoder.feed(&input[3..]);
        let mut count = 0;
        while match is_owner {
            true => decoder.next_frame::<FromOwner>().expect("frames").is_some(),
            false => decoder.next_frame::<FromDoor>().expect("frames").is_some(),
        } {
            count += 1;
        }
        assert!(count > 30 && decoder.is_between_frames(), "{count} frames in {name}");
    }
}
