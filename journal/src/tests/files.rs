//! The file itself: who may read it, who holds it, where it may lie.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::path::Path;

use super::script::{Content, OPTIONS, admitted, hand_over, start};
use crate::caution::Caution;
use crate::entry::Entry;
use crate::error::CannotOpen;
use crate::store::Store;

#[test]
fn a_new_file_is_its_owner_s_alone_and_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let (mut writer, notices) = start(Store::open(&path, OPTIONS).unwrap());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    hand_over(&mut writer, &[Entry::Admitted(admitted(1, 10))]);
    notices.recv().unwrap();
    writer.close().unwrap();
    let held = Content::of(&Store::open(&path, OPTIONS).unwrap());
    assert_eq!(held.jobs.len(), 1);
}

fn mode_of(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    for mode in [0o644, 0o666, 0o777, 0o640, 0o604, 0o700] {
        let path = folder.path().join(format!("journal-{mode:o}"));
        let (mut writer, notices) = start(Store::open(&path, OPTIONS).unwrap());
        hand_over(&mut writer, &[Entry::Admitted(admitted(1, 10))]);
        notices.recv().unwrap();
        writer.close().unwrap();
        set_mode(&path, mode);
        let store = Store::open(&path, OPTIONS).unwrap();
        assert_eq!(mode_of(&path), 0o600, "it was {mode:o}");
        assert_eq!(Content::of(&store).jobs.len(), 1);
        let told = (mode & 0o077 != 0).then_some(Caution::Exposed { mode });
        assert_eq!(store.cautions(), told.as_slice());
    }
}

#[test]
fn an_empty_file_that_others_could_read_is_closed_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    std::fs::write(&path, "").unwrap();
    set_mode(&path, 0o644);
    let store = Store::open(&path, OPTIONS).unwrap();
    assert_eq!(mode_of(&path), 0o600);
    assert!(store.cautions()[0].to_string().contains("mode was 0644"), "{:?}", store.cautions());
}

#[test]
fn behind_a_link_it_is_the_file_that_is_closed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("elsewhere")).unwrap();
    for name in ["there", "new"] {
        let (link, between) = (folder.path().join(name), folder.path().join(format!("{name}-2")));
        let file = folder.path().join("elsewhere").join(name);
        symlink(&between, &link).unwrap();
        // A link is read from where it lies.
        symlink(format!("elsewhere/{name}"), &between).unwrap();
        if name == "there" {
            std::fs::write(&file, "").unwrap();
            set_mode(&file, 0o644);
        }
        drop(Store::open(&link, OPTIONS).unwrap());
        assert!(link.is_symlink());
        assert_eq!(mode_of(&file), 0o600, "{name}");
    }
    let circle = folder.path().join("circle");
    symlink(&circle, &circle).unwrap();
    let error = Store::open(&circle, OPTIONS).unwrap_err().to_string();
    assert!(error.contains("too many symbolic links"), "{error}");
}

/// Only root can give files away, so elsewhere the error itself is all there is to look at.
#[test]
fn what_is_another_user_s_is_not_used() {
    const NOBODY: Option<u32> = Some(65_534);
    let error = CannotOpen::Foreign { owner: 65_534 }.to_string();
    assert!(error.contains("another user (number 65534)") && error.contains("chown"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    drop(Store::open(&path, OPTIONS).unwrap());
    if chown(&path, NOBODY, None).is_err() {
        return;
    }
    let error = Store::open(&path, OPTIONS).unwrap_err();
    assert!(matches!(error.why, CannotOpen::Foreign { owner: 65_534 }), "{error}");

    // Nothing is in it, but whoever made it may have it open.
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    set_mode(&empty, 0o666);
    chown(&empty, NOBODY, None).unwrap();
    let theirs = std::fs::File::open(&empty).unwrap();
    let store = Store::open(&empty, OPTIONS).unwrap();
    assert_eq!((mode_of(&empty), empty.metadata().unwrap().uid()), (0o600, 0));
    assert_eq!(theirs.metadata().unwrap().len(), 0);
    assert_ne!(theirs.metadata().unwrap().ino(), empty.metadata().unwrap().ino());
    drop(store);

    let link = folder.path().join("link");
    symlink(&empty, &link).unwrap();
    lchown(&link, NOBODY, None).unwrap();
    let error = Store::open(&link, OPTIONS).unwrap_err();
    assert!(matches!(error.why, CannotOpen::ForeignLink { .. }), "{error}");
    assert!(error.to_string().contains("name the file itself"), "{error}");
}

#[test]
fn a_folder_that_others_can_empty_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (mode, is_told) in [(0o700, false), (0o755, false), (0o1777, false), (0o777, true)] {
        set_mode(folder.path(), mode);
        let store = Store::open(folder.path().join(format!("journal-{mode:o}")), OPTIONS).unwrap();
        let told: Vec<String> = store.cautions().iter().map(Caution::to_string).collect();
        assert_eq!(told.iter().any(|told| told.contains("its folder")), is_told, "{told:?}");
    }
}

#[test]
fn a_file_that_is_open_is_refused_until_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let store = Store::open(&path, OPTIONS).unwrap();
    let refused = |what| {
        let error = Store::open(&path, OPTIONS).expect_err(what);
        assert!(matches!(error.why, CannotOpen::Locked), "{what}: {error}");
        assert!(error.to_string().contains("another server has it open"), "{error}");
    };
    refused("a store has it");
    let (writer, _notices) = start(store);
    refused("a writer has it");
    writer.close().unwrap();
    Store::open(&path, OPTIONS).unwrap();
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), "/dev/null".as_ref()] {
        let error = Store::open(path, OPTIONS).unwrap_err();
        assert!(matches!(error.why, CannotOpen::NotAFile), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    let error = Store::open(folder.path().join("no/journal"), OPTIONS).unwrap_err();
    assert!(matches!(error.why, CannotOpen::NoDirectory), "{error}");
}

#[test]
fn a_folder_that_may_not_be_written_is_refused_with_a_remedy() {
    // A user who may do everything cannot be refused, so the error itself is looked at too.
    let error = CannotOpen::from(io::Error::from(io::ErrorKind::PermissionDenied));
    assert!(matches!(error, CannotOpen::NotPermitted));
    assert!(error.to_string().contains("change its owner or its mode"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let closed = std::fs::Permissions::from_mode(0o500);
    std::fs::set_permissions(folder.path(), closed).unwrap();
    if let Err(error) = Store::open(folder.path().join("journal"), OPTIONS) {
        assert!(matches!(error.why, CannotOpen::NotPermitted), "{error}");
    }
}

#[test]
fn an_empty_file_is_a_new_store() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let store = Store::open(file.path(), OPTIONS).unwrap();
    assert_eq!(Content::of(&store), Content::default());
}
