//! Records of the journal. The first byte picks which: a job, a dead letter, a block of outcomes,
//! or one of the small ones.

use acequia_journal::records::{self, Kind};

use crate::heap::peak_of;

/// What a decoded record may hold for each of its bytes, and whatever its size. The smallest
/// outcome of a block has 22 bytes, and a place of its own in memory; a vector doubles as it grows.
const HELD_A_BYTE_MAX: usize = 32;
const HELD_MAX: usize = 4096;

/// Checks what is said of an input in README.md.
pub fn check(data: &[u8]) {
    let Some((first, record)) = data.split_first() else { return };
    let kind = Kind::ALL[usize::from(*first) % Kind::ALL.len()];
    let ((), held) = peak_of(|| _ = records::read(kind, record));
    assert!(held <= HELD_MAX + HELD_A_BYTE_MAX * record.len(), "{held} bytes for {}", record.len());
    records::check(kind, record);
}
