//! A disk that does to a file what disks do: it forgets what was not synced, in whole or in part,
//! it fails, and it is full.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use super::rng::Rng;

const BLOCK: u64 = 4096;

/// A disk; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct SimDisk(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug)]
pub(super) struct State {
    /// What a sync has brought to the disk.
    durable: Vec<u8>,
    /// What the system shows: with everything that was written since.
    seen: Vec<u8>,
    since_sync: Vec<Change>,
    /// Syncs so far that worked.
    pub(super) syncs: u64,
    /// Writes, syncs and changes of length so far.
    pub(super) operations: u64,
    /// The operation at which the power goes.
    pub(super) power_until: Option<u64>,
    /// The operations that fail.
    pub(super) failing: std::ops::Range<u64>,
    /// How many syncs fail from now on, whichever operations they are.
    pub(super) failing_syncs: u32,
    /// Whether failing operations panic, as redb does where it finds what it thinks impossible.
    pub(super) panics: bool,
    /// Blocks that it has room for.
    pub(super) room: Option<usize>,
    used: BTreeSet<u64>,
    rng: Rng,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Len(u64),
}

/// What of the changes since the last sync is on the disk after the power came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// None of them.
    All,
    /// All of them.
    Nothing,
    /// The first few.
    Prefix,
    /// Any of them.
    Subset,
    /// Any of them, and writes in part, as far as one place or from one place.
    Torn,
}

impl Loss {
    pub(super) const ALL: [Self; 5] =
        [Self::All, Self::Nothing, Self::Prefix, Self::Subset, Self::Torn];
}

impl SimDisk {
    pub(super) fn new(content: Vec<u8>, seed: u64) -> Self {
        let used = (0..(content.len() as u64).div_ceil(BLOCK)).collect();
        let state = State {
            durable: content.clone(),
            seen: content,
            since_sync: Vec::new(),
            syncs: 0,
            operations: 0,
            power_until: None,
            failing: 0..0,
            failing_syncs: 0,
            panics: false,
            room: None,
            used,
            rng: Rng::new(seed),
        };
        Self(Arc::new((Mutex::new(state), Condvar::new())))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many syncs have worked.
    pub(super) fn wait_for_syncs(&self, syncs: u64) {
        let waited = self.0.1.wait_while(self.state(), |state| state.syncs < syncs);
        drop(waited.unwrap());
    }

    /// How long the file is.
    pub(super) fn bytes(&self) -> usize {
        self.state().seen.len()
    }

    /// Waits until the file is no longer than that.
    pub(super) fn wait_for_length(&self, bytes_max: usize) {
        let waited = self.0.1.wait_while(self.state(), |state| state.seen.len() > bytes_max);
        drop(waited.unwrap());
    }

    /// Somebody writes over all of it.
    pub(super) fn replace(&self, content: Vec<u8>) {
        let mut state = self.state();
        state.since_sync.clear();
        state.durable.clone_from(&content);
        state.seen = content;
    }

    /// What is on the disk after a loss of power.
    pub(super) fn after(&self, loss: Loss, rng: &mut Rng) -> Vec<u8> {
        let state = self.state();
        let mut image = state.durable.clone();
        lose(&mut image, &state.since_sync, loss, rng);
        image
    }
}

fn lose(image: &mut Vec<u8>, changes: &[Change], loss: Loss, rng: &mut Rng) {
    let prefix = rng.below(changes.len() + 1);
    for (nth, change) in changes.iter().enumerate() {
        let kept = match loss {
            Loss::All => false,
            Loss::Nothing => true,
            Loss::Prefix => nth < prefix,
            Loss::Subset | Loss::Torn => rng.one_in(2),
        };
        let torn = loss == Loss::Torn && rng.one_in(2);
        match change {
            Change::Write { at, bytes } if kept && torn => {
                let cut = rng.below(bytes.len());
                if rng.one_in(2) {
                    put(image, *at, &bytes[..cut]);
                } else {
                    put(image, *at + cut as u64, &bytes[cut..]);
                }
            }
            Change::Write { at, bytes } if kept => put(image, *at, bytes),
            Change::Len(len) if kept => image.resize(usize::try_from(*len).unwrap(), 0),
            Change::Write { .. } | Change::Len(_) => {}
        }
    }
}

fn put(image: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let at = usize::try_from(at).unwrap();
    if image.len() < at + bytes.len() {
        image.resize(at + bytes.len(), 0);
    }
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

impl State {
    fn powered(&self) -> io::Result<()> {
        match self.power_until {
            Some(until) if self.operations >= until => Err(io::Error::other("there is no power")),
            _ => Ok(()),
        }
    }

    /// Counts one more operation, and whether it works.
    fn operate(&mut self) -> io::Result<bool> {
        self.powered()?;
        self.operations += 1;
        let fails = self.failing.contains(&self.operations);
        assert!(!(fails && self.panics), "something impossible happens");
        Ok(!fails)
    }

    fn change(&mut self, change: Change) {
        match &change {
            Change::Write { at, bytes } => put(&mut self.seen, *at, bytes),
            Change::Len(len) => self.seen.resize(usize::try_from(*len).unwrap(), 0),
        }
        self.since_sync.push(change);
    }
}

impl StorageBackend for SimDisk {
    fn len(&self) -> io::Result<u64> {
        let state = self.state();
        state.powered()?;
        Ok(state.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        state.powered()?;
        let offset = usize::try_from(offset).unwrap();
        let from = state.seen.get(offset..offset + out.len());
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        if !state.operate()? {
            return Err(io::Error::other("the disk fails"));
        }
        state.used.split_off(&len.div_ceil(BLOCK));
        state.change(Change::Len(len));
        self.0.1.notify_all();
        state.powered()
    }

    /// A sync that fails tells it once. What it could not bring to the disk never comes there, and
    /// is seen all the same: so does Linux.
    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        let works = state.operate()? && state.failing_syncs == 0;
        state.failing_syncs = state.failing_syncs.saturating_sub(1);
        // A power that goes during a sync leaves some of it done.
        state.powered()?;
        let changes = std::mem::take(&mut state.since_sync);
        let State { durable, rng, .. } = &mut *state;
        lose(durable, &changes, if works { Loss::Nothing } else { Loss::Subset }, rng);
        if !works {
            return Err(io::Error::other("the disk fails to sync"));
        }
        state.syncs += 1;
        self.0.1.notify_all();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if !state.operate()? {
            // Some of it may be written.
            let written = state.rng.below(data.len() + 1);
            state.change(Change::Write { at: offset, bytes: data[..written].to_vec() });
            return Err(io::Error::other("the disk fails to write"));
        }
        let blocks = offset / BLOCK..(offset + data.len() as u64).div_ceil(BLOCK);
        let new: Vec<u64> = blocks.filter(|block| !state.used.contains(block)).collect();
        if state.room.is_some_and(|room| state.used.len() + new.len() > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.used.extend(new);
        state.change(Change::Write { at: offset, bytes: data.to_vec() });
        state.powered()
    }
}
