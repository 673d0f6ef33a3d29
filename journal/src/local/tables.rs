//! The tables of the file, and the transactions on them.
//!
//! | table | key | value |
//! |---|---|---|
//! | `acequia` | name | `format`; `groups`, how many groups were written; `highest_ticket`; when the last group was written: `time_ms` by the journal's time, `wall_ms` by the system's clock, `boot_ms` since its boot, and which boot, `boot` |
//! | `jobs` | ticket | the job as it was admitted |
//! | `counts` | ticket | runs, failures, losses, not before: of jobs that ran and run again |
//! | `dead_letters` | ticket | a job that failed, and why |
//! | `sessions` | session | whose it is, and the hash of its secret |
//! | `batches` | client and name | when it began, done, failed, cancelled, and the sessions that wait for its end |
//! | `batch_ends` | session, number of the event | name, done, failed, cancelled, how long it took: an end that was told to a session and that its client may not have seen |
//! | `paused` | queue | nothing: it is paused |
//! | `outcomes` | place of its first outcome | a block of outcomes, oldest first |
//!
//! Format 2 has outcomes that were given up, and the ends of batches. In a file of format 1 blocks are
//! numbered, and it may be without the table `batches`; it is brought to format 2 when it is opened.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{
    AccessGuard, Database, Durability, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _, StorageError, Table, TableDefinition, TableError, WriteTransaction,
};

use super::medium::Medium;
use super::outcomes::OUTCOMES;
use crate::backend::Contents;
use crate::clock::{Reading, Stamp};
use crate::codec::{Block, encode_job, encode_letter};
use crate::entry::{Admitted, BatchEnd, DeadLetter, Session, Tally};
use crate::error::{CannotOpen, Fault, ReadError};
use crate::group::Group;
use crate::options::Retention;
use crate::outcomes;
use crate::panics::panic_message;
use crate::shelf::Shelf;

/// The format that this program reads and writes.
pub(crate) const FORMAT: u64 = 2;
/// The one before it, which it can be made of.
const FORMAT_BEFORE: u64 = 1;

pub(crate) const META: TableDefinition<&str, u64> = TableDefinition::new("acequia");
pub(crate) const JOBS: TableDefinition<u64, &[u8]> = TableDefinition::new("jobs");
pub(crate) const COUNTS: TableDefinition<u64, (u32, u32, u32, u64)> =
    TableDefinition::new("counts");
pub(crate) const DEAD_LETTERS: TableDefinition<u64, &[u8]> = TableDefinition::new("dead_letters");
pub(crate) const SESSIONS: TableDefinition<u64, (u64, [u8; 32])> = TableDefinition::new("sessions");
/// When a batch began, how its jobs ended, and the sessions that wait for its end.
type Tallied = (u64, u32, u32, u32, Vec<u64>);
/// What a batch was called, how its jobs ended, and how long it took.
type Ended = (&'static str, u32, u32, u32, u64);
/// The tables of batches and of their ends, to be read.
pub(crate) type Batches = ReadOnlyTable<(u64, &'static str), Tallied>;
pub(crate) type BatchEnds = ReadOnlyTable<(u64, u64), Ended>;

pub(crate) const BATCHES: TableDefinition<(u64, &str), Tallied> = TableDefinition::new("batches");
pub(crate) const BATCH_ENDS: TableDefinition<(u64, u64), Ended> =
    TableDefinition::new("batch_ends");
pub(crate) const PAUSED: TableDefinition<&str, ()> = TableDefinition::new("paused");

/// Keys of the table `acequia`.
pub(crate) mod meta {
    pub(crate) const FORMAT: &str = "format";
    pub(crate) const GROUPS: &str = "groups";
    pub(crate) const HIGHEST_TICKET: &str = "highest_ticket";
    // These are younger than the format: a file may be without them.
    pub(crate) const TIME_MS: &str = "time_ms";
    pub(crate) const WALL_MS: &str = "wall_ms";
    pub(crate) const BOOT_MS: &str = "boot_ms";
    pub(crate) const BOOT: &str = "boot";
}

/// Opens redb on `medium` after a check of every page of it, and makes the tables if it is new.
///
/// The check costs a read of the file. Without it redb trusts what it reads, and may panic where
/// somebody else has changed it.
pub(crate) fn open(medium: &Medium, cache_bytes: usize) -> Result<Database, CannotOpen> {
    catch_unwind(AssertUnwindSafe(|| {
        medium.mend()?;
        medium.clear_if_unfinished()?;
        let database = Database::builder()
            .set_cache_size(cache_bytes)
            .set_check_integrity_on_open(true)
            .create_with_backend(medium.clone())
            .map_err(redb::Error::from)?;
        if is_new(&database)? {
            create_tables(&database)?;
        } else {
            check_tables(&database)?;
        }
        Ok(database)
    }))
    .unwrap_or_else(|panic| Err(CannotOpen::Damaged(panic_message(&*panic))))
}

fn is_new(database: &Database) -> Result<bool, redb::Error> {
    Ok(database.begin_read()?.list_tables()?.next().is_none())
}

fn create_tables(database: &Database) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(meta::FORMAT, FORMAT)?;
        meta.insert(meta::GROUPS, 0)?;
        meta.insert(meta::HIGHEST_TICKET, 0)?;
        transaction.open_table(JOBS)?;
        transaction.open_table(COUNTS)?;
        transaction.open_table(DEAD_LETTERS)?;
        transaction.open_table(SESSIONS)?;
        transaction.open_table(BATCHES)?;
        transaction.open_table(BATCH_ENDS)?;
        transaction.open_table(PAUSED)?;
        transaction.open_table(OUTCOMES)?;
    }
    Ok(transaction.commit()?)
}

/// That the tables are ours. The format comes first: the others may differ in a newer one.
fn check_tables(database: &Database) -> Result<(), CannotOpen> {
    let ours = |error: TableError| CannotOpen::from(redb::Error::from(error));
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let meta = transaction.open_table(META).map_err(ours)?;
    let format = meta.get(meta::FORMAT).map_err(redb::Error::from)?.map(|found| found.value());
    match format {
        Some(FORMAT | FORMAT_BEFORE) => {}
        Some(found) => return Err(CannotOpen::Newer { found, known: FORMAT }),
        None => return Err(CannotOpen::NotAJournal("it has no format number".to_owned())),
    }
    transaction.open_table(JOBS).map_err(ours)?;
    transaction.open_table(COUNTS).map_err(ours)?;
    transaction.open_table(DEAD_LETTERS).map_err(ours)?;
    transaction.open_table(SESSIONS).map_err(ours)?;
    transaction.open_table(PAUSED).map_err(ours)?;
    transaction.open_table(OUTCOMES).map_err(ours)?;
    if format == Some(FORMAT_BEFORE) {
        return Ok(bring_up(database)?);
    }
    transaction.open_table(BATCHES).map_err(ours)?;
    transaction.open_table(BATCH_ENDS).map_err(ours)?;
    Ok(())
}

/// Makes a file of the format before this one of this format.
fn bring_up(database: &Database) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.open_table(BATCHES)?;
    transaction.open_table(BATCH_ENDS)?;
    transaction.open_table(META)?.insert(meta::FORMAT, FORMAT)?;
    Ok(transaction.commit()?)
}

/// The number under `name` in the table `acequia`.
pub(crate) fn read_meta(database: &Database, name: &str) -> Result<u64, redb::Error> {
    let meta = database.begin_read()?.open_table(META)?;
    Ok(meta.get(name)?.map_or(0, |number| number.value()))
}

/// When the last group was written, if the file tells.
pub(crate) fn read_stamp(database: &Database) -> Result<Option<Stamp>, redb::Error> {
    let time_ms = read_meta(database, meta::TIME_MS)?;
    let reading = Reading {
        wall_ms: read_meta(database, meta::WALL_MS)?,
        boot_ms: read_meta(database, meta::BOOT_MS)?,
        boot: read_meta(database, meta::BOOT)?,
    };
    Ok((time_ms > 0).then_some(Stamp { time_ms, reading }))
}

/// The shelf as the file has it.
pub(crate) fn read_shelf(database: &Database) -> Result<Shelf, CannotOpen> {
    let mut shelf = Shelf::default();
    let table = database
        .begin_read()
        .map_err(redb::Error::from)?
        .open_table(OUTCOMES)
        .map_err(redb::Error::from)?;
    for block in table.iter().map_err(redb::Error::from)? {
        let (key, record) = block.map_err(redb::Error::from)?;
        let contents = Block::contents(record.value())
            .map_err(|bad| CannotOpen::Damaged(format!("a record of outcomes: {bad}")))?;
        shelf.set(key.value(), Some(contents));
    }
    Ok(shelf)
}

/// Bytes of live jobs and dead letters in the file.
pub(crate) fn read_jobs_bytes(database: &Database) -> Result<u64, redb::Error> {
    let transaction = database.begin_read()?;
    let jobs = transaction.open_table(JOBS)?.stats()?.stored_bytes();
    let letters = transaction.open_table(DEAD_LETTERS)?.stats()?.stored_bytes();
    Ok(jobs.saturating_add(letters))
}

/// Writes a group in one transaction and waits until it is on the disk.
///
/// Each part of it puts or removes what lies under a key, so a group that was written before can
/// be written again: after an error nobody knows whether it was. Then the shelf has to be read anew,
/// too. Returns by how many bytes there are more of live jobs and dead letters, or less.
pub(crate) fn write(
    database: &Database,
    group: &Group,
    nth: u64,
    shelf: &mut Shelf,
    retention: &Retention,
    now: &Stamp,
) -> Result<i64, Fault> {
    let mut transaction = database.begin_write()?;
    // One sync a group: redb's checksums tell after a crash whether all of it arrived.
    transaction.set_durability(Durability::Immediate)?;
    let mut bytes = Vec::new();
    let mut jobs_bytes = 0;

    if !group.admitted.is_empty() || !group.settled.is_empty() {
        let mut jobs = transaction.open_table(JOBS)?;
        let mut admitted: Vec<&Admitted> = group.admitted.values().collect();
        admitted.sort_unstable_by_key(|admitted| admitted.ticket);
        for admitted in admitted {
            bytes.clear();
            encode_job(admitted, &mut bytes);
            jobs_bytes += signed(bytes.len()) - length(jobs.insert(admitted.ticket, &*bytes)?);
        }
        for ticket in sorted(&group.settled) {
            jobs_bytes -= length(jobs.remove(ticket)?);
        }
    }

    if !group.counted.is_empty() || !group.settled.is_empty() {
        let mut counts = transaction.open_table(COUNTS)?;
        if !counts.is_empty()? {
            for ticket in sorted(&group.settled) {
                counts.remove(ticket)?;
            }
        }
        for (ticket, now) in &group.counted {
            counts.insert(ticket, (now.runs, now.failures, now.losses, now.not_before_ms))?;
        }
    }

    if !group.buried.is_empty() || !group.exhumed.is_empty() {
        let mut letters = transaction.open_table(DEAD_LETTERS)?;
        let mut buried: Vec<&DeadLetter> = group.buried.values().map(|letter| &**letter).collect();
        buried.sort_unstable_by_key(|letter| letter.job.ticket);
        for letter in buried {
            bytes.clear();
            encode_letter(letter, &mut bytes);
            let before = length(letters.insert(letter.job.ticket, &*bytes)?);
            jobs_bytes += signed(bytes.len()) - before;
        }
        for ticket in sorted(&group.exhumed) {
            jobs_bytes -= length(letters.remove(ticket)?);
        }
    }

    if !group.sessions.is_empty() {
        let mut sessions = transaction.open_table(SESSIONS)?;
        for (name, session) in &group.sessions {
            match session {
                Some(session) => sessions.insert(name, (session.client, session.secret_hash))?,
                None => sessions.remove(name)?,
            };
        }
    }

    if !group.batches.is_empty() {
        let mut batches = transaction.open_table(BATCHES)?;
        for ((client, name), tally) in &group.batches {
            let key = (*client, &**name);
            match tally {
                Some(of) => put_tally(&mut batches, of)?,
                None => _ = batches.remove(key)?,
            }
        }
    }

    if !group.paused.is_empty() {
        let mut paused = transaction.open_table(PAUSED)?;
        for (queue, is_paused) in &group.paused {
            if *is_paused {
                paused.insert(queue.as_str(), ())?;
            } else {
                paused.remove(queue.as_str())?;
            }
        }
    }

    if !group.ends.is_empty() || !group.ends_seen.is_empty() || !group.sessions.is_empty() {
        let mut ends = transaction.open_table(BATCH_ENDS)?;
        let over = |of: (&u64, &Option<Session>)| of.1.is_none().then_some((*of.0, u64::MAX));
        let seen = group.ends_seen.iter().map(|(session, up_to)| (*session, *up_to));
        for (session, up_to) in seen.chain(group.sessions.iter().filter_map(over)) {
            ends.retain_in((session, 0)..=(session, up_to), |_, _| false)?;
        }
        for of in group.ends.values() {
            put_end(&mut ends, of)?;
        }
    }

    if outcomes::has_changes(group, shelf, retention, now.time_ms) {
        let table = transaction.open_table(OUTCOMES)?;
        outcomes::write(table, group, shelf, retention, now.time_ms)?;
    }

    write_meta(&transaction, nth, now, group.up_to)?;
    transaction.commit()?;
    Ok(jobs_bytes)
}

fn write_meta(
    transaction: &WriteTransaction,
    nth: u64,
    now: &Stamp,
    highest_ticket: Option<u64>,
) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(meta::GROUPS, nth)?;
    let Stamp { time_ms, reading: Reading { wall_ms, boot_ms, boot } } = *now;
    meta.insert(meta::TIME_MS, time_ms)?;
    meta.insert(meta::WALL_MS, wall_ms)?;
    meta.insert(meta::BOOT_MS, boot_ms)?;
    meta.insert(meta::BOOT, boot)?;
    if let Some(highest) = highest_ticket {
        meta.insert(meta::HIGHEST_TICKET, highest)?;
    }
    Ok(())
}

/// Puts all that another journal holds into tables that are empty, in one transaction.
pub(crate) fn fill(
    database: &Database,
    from: &dyn Contents,
    nth: u64,
    now: &Stamp,
) -> Result<(), Fault> {
    let unread = |error: ReadError| Fault::Source(error.to_string());
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    for (table, rows) in
        [(JOBS, from.jobs()), (DEAD_LETTERS, from.dead_letters()), (OUTCOMES, from.blocks())]
    {
        let mut table = transaction.open_table(table)?;
        for row in rows.map_err(unread)? {
            let (key, record) = row.map_err(unread)?;
            table.insert(key, &*record)?;
        }
    }
    {
        let mut table = transaction.open_table(COUNTS)?;
        for row in from.counts().map_err(unread)? {
            let (ticket, of) = row.map_err(unread)?;
            table.insert(ticket, (of.runs, of.failures, of.losses, of.not_before_ms))?;
        }
        let mut table = transaction.open_table(SESSIONS)?;
        for row in from.sessions().map_err(unread)? {
            let Session { session, client, secret_hash } = row.map_err(unread)?;
            table.insert(session, (client, secret_hash))?;
        }
        let mut table = transaction.open_table(BATCHES)?;
        for row in from.tallies().map_err(unread)? {
            put_tally(&mut table, &row.map_err(unread)?)?;
        }
        let mut table = transaction.open_table(BATCH_ENDS)?;
        for row in from.batch_ends().map_err(unread)? {
            put_end(&mut table, &row.map_err(unread)?)?;
        }
        let mut table = transaction.open_table(PAUSED)?;
        for row in from.paused().map_err(unread)? {
            table.insert(row.map_err(unread)?.as_str(), ())?;
        }
    }
    write_meta(&transaction, nth, now, Some(from.sizes().highest_ticket))?;
    Ok(transaction.commit()?)
}

fn put_tally(
    table: &mut Table<'_, (u64, &'static str), Tallied>,
    of: &Tally,
) -> Result<(), StorageError> {
    let value = (of.began_ms, of.done, of.failed, of.cancelled, of.sessions.clone());
    table.insert((of.client, &*of.name), value)?;
    Ok(())
}

fn put_end(table: &mut Table<'_, (u64, u64), Ended>, of: &BatchEnd) -> Result<(), StorageError> {
    let value = (&*of.name, of.done, of.failed, of.cancelled, of.elapsed_ms);
    table.insert((of.session, of.seq), value)?;
    Ok(())
}

/// The length of what was under a key, if anything was.
fn length(record: Option<AccessGuard<'_, &[u8]>>) -> i64 {
    record.map_or(0, |record| signed(record.value().len()))
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// Neighbours in the tree one after the other: fewer pages are looked for.
fn sorted(tickets: &[u64]) -> Vec<u64> {
    let mut tickets = tickets.to_vec();
    tickets.sort_unstable();
    tickets
}
