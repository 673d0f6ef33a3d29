//! What the store lies on: a file, seen through the few operations that redb has for it.
//!
//! redb never closes it. The store opens it once and keeps its lock while redb is opened anew on
//! it after an error.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redb::StorageBackend;

/// Bytes that are written again at a time.
const MEND_BYTES: usize = 1 << 20;
/// redb fills a new file in two steps: first a head of this many bytes with everything but its
/// magic number, and when these are durable the magic number.
const HEAD_BYTES: usize = 4096;
/// What a file of redb begins with.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
/// No file that is still being created is longer.
const UNFINISHED_BYTES_MAX: u64 = 4 << 20;

/// A file that stays open, and locked, as long as any clone of this lives.
#[derive(Clone, Debug)]
pub(crate) struct Medium(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backend: Box<dyn StorageBackend>,
    /// Whether a sync has failed, so that pages may be in memory that are not on the disk and that
    /// nothing will ever write there.
    suspect: AtomicBool,
    /// Syncs that succeeded.
    syncs: Arc<AtomicU64>,
}

impl Medium {
    pub(crate) fn new(backend: impl StorageBackend) -> Self {
        Self(Arc::new(Inner {
            backend: Box::new(backend),
            suspect: AtomicBool::new(false),
            syncs: Arc::default(),
        }))
    }

    /// Counts how often the file was synced since it was opened.
    pub(crate) fn syncs(&self) -> Arc<AtomicU64> {
        self.0.syncs.clone()
    }

    /// Makes sure that what is read is also on the disk.
    ///
    /// An operating system that could not write pages tells one `fsync`, and then takes these
    /// pages for clean: the next `fsync` succeeds without them. So after an error all is written
    /// again as it is read. Where nothing was lost this changes nothing, also if it is cut short.
    pub(crate) fn mend(&self) -> io::Result<()> {
        if !self.0.suspect.load(Ordering::Relaxed) {
            return Ok(());
        }
        let backend = &self.0.backend;
        let len = backend.len()?;
        let mut bytes = vec![0; MEND_BYTES];
        let mut offset = 0;
        while offset < len {
            let left = usize::try_from(len - offset).unwrap_or(MEND_BYTES).min(MEND_BYTES);
            backend.read(offset, &mut bytes[..left])?;
            backend.write(offset, &bytes[..left])?;
            offset += left as u64;
        }
        backend.sync_data()?;
        self.0.suspect.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Empties a file whose creation was cut short, since redb takes it for no file of its own.
    /// It is one only if nothing but its head was ever written, and that without its magic number.
    pub(crate) fn clear_if_unfinished(&self) -> io::Result<()> {
        let backend = &self.0.backend;
        let len = backend.len()?;
        if len == 0 || len > UNFINISHED_BYTES_MAX {
            return Ok(());
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        backend.read(0, &mut bytes)?;
        let (head, rest) = bytes.split_at(bytes.len().min(HEAD_BYTES));
        // The magic number may have been written in part.
        let pairs = || head.iter().zip(MAGIC);
        let is_begun = pairs().all(|(found, magic)| *found == 0 || found == magic)
            && pairs().any(|(found, magic)| found != magic);
        if !is_begun || rest.iter().any(|byte| *byte != 0) {
            return Ok(());
        }
        backend.set_len(0)
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        self.0.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.backend.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.backend.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        let result = self.0.backend.sync_data();
        match result {
            Ok(()) => _ = self.0.syncs.fetch_add(1, Ordering::Relaxed),
            Err(_) => self.0.suspect.store(true, Ordering::Relaxed),
        }
        result
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.backend.write(offset, data)
    }
}

/// A file of the operating system. Its lock is taken by whoever opened it.
#[derive(Debug)]
pub(crate) struct Disk(pub(crate) File);

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}
