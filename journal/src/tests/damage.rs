//! Files that are not what was written: refused, or what they hold is what was written once.

use std::path::Path;

use proptest::prelude::*;

use super::rng::Rng;
use super::script::{Content, OPTIONS, Script, admitted, hand_over, letter, open, start};
use super::sim_disk::{Loss, SimDisk};
use crate::entry::Entry;
use crate::error::CannotOpen;
use crate::local::medium::Medium;
use crate::store::Store;

/// A store with many pages, and all that it ever held.
fn made() -> (Vec<u8>, Vec<Content>) {
    let mut script = Script::new(7, 8);
    let first = script.contents[8].highest_ticket + 1;
    let jobs: Vec<_> = (first..first + 300).map(|ticket| admitted(ticket, 400)).collect();
    let disk = SimDisk::new(Vec::new(), 7);
    let (mut writer, notices) = start(open(&disk).unwrap());
    script.groups.push(jobs.into_iter().map(Entry::Admitted).collect());
    for group in &script.groups {
        hand_over(&mut writer, group);
        notices.recv().unwrap();
    }
    writer.close().unwrap();
    let image = disk.after(Loss::Nothing, &mut Rng::new(0));
    let whole = Content::of(&open(&SimDisk::new(image.clone(), 0)).unwrap());
    assert!(whole.jobs.len() > 300);
    script.contents.push(whole);
    (image, script.contents)
}

/// Opens a file and reads all of it. It may be refused, with a reason, or hold what was once
/// written; a job cannot be lost from the midst of it.
fn look(image: Vec<u8>, ever: &[Content], what: &str) -> Result<(), CannotOpen> {
    let store = open(&SimDisk::new(image, 0))?;
    let held = Content::of(&store);
    assert!(ever.contains(&held), "{what}: {held:#?}");
    Ok(())
}

fn is_clear(error: &CannotOpen) -> bool {
    matches!(error, CannotOpen::Damaged(_) | CannotOpen::NotAJournal(_))
}

#[test]
fn a_file_cut_short_is_refused() {
    let (image, ever) = made();
    for len in (1..image.len()).step_by(997).chain([1, 8, 9, 64, 319, 320, 321, 4_095, 4_096]) {
        let error = look(image[..len].to_vec(), &ever, "cut short").expect_err("it is cut short");
        assert!(is_clear(&error), "{len}: {error}");
    }
}

#[test]
fn each_byte_of_the_head_may_be_any() {
    let (image, ever) = made();
    for at in 0..320 {
        for with in [0, 0xff, image[at] ^ 1, image[at] ^ 0x80] {
            let mut image = image.clone();
            image[at] = with;
            if let Err(error) = look(image, &ever, &format!("byte {at} is {with}")) {
                assert!(is_clear(&error), "byte {at} is {with}: {error}");
            }
        }
    }
}

#[test]
fn any_byte_may_be_any() {
    let (image, ever) = made();
    let mut rng = Rng::new(3);
    let mut refused = 0;
    for _ in 0..500 {
        let mut image = image.clone();
        let at = rng.below(image.len());
        image[at] ^= 1 << rng.below(8);
        if let Err(error) = look(image, &ever, &format!("a bit of byte {at}")) {
            refused += 1;
            assert!(is_clear(&error), "byte {at}: {error}");
        }
    }
    assert!(refused > 100, "most bytes matter; {refused} did");
}

#[test]
fn whole_pages_may_be_lost() {
    let (image, ever) = made();
    for page in 0..image.len() / 4096 {
        let mut image = image.clone();
        image[page * 4096..(page + 1) * 4096].fill(0);
        if let Err(error) = look(image, &ever, &format!("page {page} is lost")) {
            assert!(is_clear(&error), "page {page}: {error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 1..10_000)) {
        let error = look(bytes, &[], "noise").expect_err("it is noise");
        prop_assert!(is_clear(&error), "{}", error);
    }
}

/// A file of redb that holds something.
fn foreign(path: &Path, fill: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    fill(&transaction);
    transaction.commit().unwrap();
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    drop(Store::open(&path, OPTIONS).unwrap());
    foreign(&path, |transaction| {
        let mut meta = transaction.open_table(crate::local::tables::META).unwrap();
        meta.insert("format", 9).unwrap();
    });
    for _ in 0..2 {
        let error = Store::open(&path, OPTIONS).unwrap_err();
        assert!(matches!(error.why, CannotOpen::Newer { found: 9, known: 2 }));
    }
    let error = Store::open(&path, OPTIONS).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    assert!(text.contains("run the version that wrote it"), "{text}");
}

#[test]
fn a_file_that_lacks_a_table_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    drop(Store::open(&path, OPTIONS).unwrap());
    foreign(&path, |transaction| {
        assert!(transaction.delete_table(crate::local::tables::DEAD_LETTERS).unwrap());
    });
    let error = Store::open(&path, OPTIONS).unwrap_err();
    assert!(matches!(error.why, CannotOpen::NotAJournal(_)), "{error}");
}

#[test]
fn another_program_s_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other");
    foreign(&path, |transaction| {
        let table = redb::TableDefinition::<&str, &str>::new("theirs");
        transaction.open_table(table).unwrap().insert("a", "b").unwrap();
    });
    let error = Store::open(&path, OPTIONS).unwrap_err();
    assert!(matches!(error.why, CannotOpen::NotAJournal(_)), "{error}");

    std::fs::write(&path, "jobs: none\n").unwrap();
    let error = Store::open(&path, OPTIONS).unwrap_err();
    assert!(matches!(error.why, CannotOpen::NotAJournal(_)), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"jobs: none\n", "it is left alone");
}

#[test]
fn a_record_that_is_none_is_told_with_its_ticket_and_the_next_one_follows() {
    let disk = SimDisk::new(Vec::new(), 0);
    let (mut writer, notices) = start(open(&disk).unwrap());
    let jobs = (1..=3).map(|ticket| Entry::Admitted(admitted(ticket, 9)));
    let letters = (4..=5).map(|ticket| Entry::Buried(Box::new(letter(ticket, &admitted(1, 9)))));
    hand_over(&mut writer, &jobs.chain(letters).collect::<Vec<_>>());
    notices.recv().unwrap();
    writer.close().unwrap();
    let medium = Medium::new(disk);
    let database = crate::local::tables::open(&medium, OPTIONS.cache_bytes).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(crate::local::tables::JOBS).unwrap().insert(2, &b"\x01no"[..]).unwrap();
    let bad = &b"\x01no"[..];
    transaction.open_table(crate::local::tables::DEAD_LETTERS).unwrap().insert(4, bad).unwrap();
    transaction.commit().unwrap();
    drop(database);

    let store = Store::open_on(medium, OPTIONS).unwrap();
    let recovery = store.recover().unwrap();
    let jobs: Vec<_> = recovery.jobs().unwrap().collect();
    assert!(jobs[0].is_ok() && jobs[2].is_ok() && jobs.len() == 3);
    let error = jobs[1].as_ref().unwrap_err().to_string();
    assert!(error.contains("ticket 2") && error.contains("ends inside a field"), "{error}");
    let letters: Vec<_> = recovery.dead_letters().unwrap().collect();
    assert!(letters[1].is_ok() && letters.len() == 2);
    let error = letters[0].as_ref().unwrap_err().to_string();
    assert!(error.contains("letter with ticket 4 cannot be read: it ends inside"), "{error}");
}
