//! Limits of the store, all in one place.

/// How long and how many outcomes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long an outcome is kept, in milliseconds from its job's end. They leave in batches, so
    /// one may stay up to a sixteenth longer.
    pub for_ms: u64,
    /// How much longer one stays that a session was or will be told of which can be resumed: by then
    /// it is not told any more, but whoever comes back for it is to hear what it is that was missed.
    pub sessions_ms: u64,
    /// How many outcomes there may be if some of them are there only for sessions: those become
    /// names where there are more, the oldest first. What is younger than `for_ms` stays until
    /// [`Entry::GivenUp`](crate::Entry::GivenUp) says that it was given up. As many names may be
    /// there; where there are more, the client that has most of them loses its oldest.
    pub outcomes_max: usize,
    /// Likewise, how many bytes.
    pub bytes_max: usize,
}

impl Default for Retention {
    /// Ten minutes, twenty more for sessions, 100,000 outcomes, 256 MiB.
    fn default() -> Self {
        Self {
            for_ms: 10 * 60 * 1000,
            sessions_ms: 20 * 60 * 1000,
            outcomes_max: 100_000,
            bytes_max: 256 << 20,
        }
    }
}

/// How a store is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is kept of jobs that have ended.
    pub retention: Retention,
    /// Bytes of entries that may wait for the disk before
    /// [`Writer::is_behind`](crate::Writer::is_behind) says so.
    pub waiting_bytes_max: usize,
    /// Memory for pages of the file, in bytes.
    pub cache_bytes: usize,
    /// How long to wait before the first new try after a failed write, in milliseconds. It
    /// doubles with each try.
    pub retry_ms_min: u64,
    /// How long to wait at most before another try, in milliseconds.
    pub retry_ms_max: u64,
    /// When a file that is mostly free pages is made shorter.
    pub compaction: Compaction,
}

/// When a file that is mostly free pages is made shorter: less than a quarter of it is in use.
///
/// It takes as long as it takes to write what is in use; a group that comes meanwhile waits. So
/// while the store is written it is done only if little is in use, and where nothing else is to be
/// done. The rest is left to the next start, which reads all that is in use anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// A file of up to so many bytes stays as it is.
    pub file_bytes_min: u64,
    /// Bytes that may be in use for it to be done while the store is written.
    pub used_bytes_max: u64,
    /// How long no group may have come, in milliseconds.
    pub idle_ms: u64,
    /// Where there is no such pause, it is looked after so many milliseconds all the same.
    pub busy_ms: u64,
}

impl Default for Compaction {
    /// From 64 MiB on; with up to 16 MiB in use, which takes some 200 ms, after a second of rest or
    /// ten minutes without one.
    fn default() -> Self {
        Self {
            file_bytes_min: 64 << 20,
            used_bytes_max: 16 << 20,
            idle_ms: 1_000,
            busy_ms: 10 * 60 * 1_000,
        }
    }
}

impl Default for Options {
    /// 64 MiB may wait, 64 MiB of cache, tries after 100 ms to 5 s.
    fn default() -> Self {
        Self {
            retention: Retention::default(),
            waiting_bytes_max: 64 << 20,
            cache_bytes: 64 << 20,
            retry_ms_min: 100,
            retry_ms_max: 5_000,
            compaction: Compaction::default(),
        }
    }
}
