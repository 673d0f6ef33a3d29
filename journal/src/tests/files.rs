//! The file itself: who may read it, who holds it, where it may lie.

use std::io;
use std::os::unix::fs::PermissionsExt as _;

use super::script::{Content, OPTIONS, admitted, hand_over, start};
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
