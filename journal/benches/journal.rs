//! What durability costs: this store, against fjall, a general store of another kind, and a bare
//! file that is only appended to, the least that a disk can be asked for.
//!
//! Run by hand: `cargo bench -p acequia-journal`, or `… -- FOLDER` for another disk than the one
//! of the temporary folder. Each job is written in one group and removed in the next, as jobs are
//! that outlive a group. CPU is that of the whole process, the system's part included. The others
//! are given records that are encoded already.
//!
//! On two busy cores with ext4 on a virtual disk, where syncs make the rates of small groups:
//!
//! | | group of 64 | | group of 1,024 | | 1,000,000 jobs recovered |
//! |---|---|---|---|---|---|
//! | this store | 17,000/s | 6.6 µs | 129,000/s | 2.2 µs | 1.4 s, all pages checked |
//! | …, outcomes kept | 14,000/s | 8.3 µs | 116,000/s | 2.7 µs | |
//! | …, jobs that end sooner | 2,400,000/s | 0.3 µs | 2,500,000/s | 0.2 µs | |
//! | fjall | 17,000/s | 3.4 µs | 110,000/s | 2.7 µs | 1.8 s |
//! | a bare append | 11,000/s | 2.1 µs | 270,000/s | 0.5 µs | 1.5 s, nothing checked |
//!
//! A file that is only appended to costs least, and would still need checksums, checkpoints and
//! a bound on its length, which redb has.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, or stops")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use acequia_journal::{Admitted, Entry, Kept, Notice, Options, Outcome, Past, Store};
use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::{ContentType, CorrelationId, JobId, Payload, QueueName};

const PAYLOAD_BYTES: usize = 128;
/// What this store makes of such a job.
const RECORD_BYTES: usize = 170;
const RECOVERED_JOBS: u64 = 1_000_000;
/// How many outcomes are kept.
const OUTCOMES_MAX: u64 = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Without it, as `cargo test` runs it, there is nothing to do.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let folder = arguments.iter().find(|argument| !argument.starts_with('-'));
    let folder = match folder {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    println!(
        "{:<34} {:>7} {:>10} {:>12}",
        "each job admitted, then settled", "group", "jobs/s", "CPU a job"
    );
    for (group, jobs) in [(64, 100_000), (1_024, 400_000)] {
        store(&folder.path().join("store"), group, jobs, Life::Outlives);
        store(&folder.path().join("kept"), group, jobs, Life::Kept);
        store(&folder.path().join("short"), group, jobs, Life::Short);
        fjall(&folder.path().join("fjall"), group, jobs);
        log(&folder.path().join("log"), group, jobs);
    }
    println!("\nrecovery of {RECOVERED_JOBS} jobs");
    recover_store(&folder.path().join("store, full"));
    recover_fjall(&folder.path().join("fjall, full"));
    recover_log(&folder.path().join("log, full"));
}

// --- What is measured ---

/// How the jobs of a run live.
#[derive(Clone, Copy, PartialEq)]
enum Life {
    /// Each ends after its group was written.
    Outlives,
    /// The same, and its outcome is kept, until there are too many.
    Kept,
    /// Each ends before its group is written.
    Short,
}

fn store(path: &Path, group: u64, jobs: u64, life: Life) {
    let (tell, notices) = channel();
    let store = Store::open(path, Options::default()).unwrap();
    let mut writer = store.into_writer(move |notice| _ = tell.send(notice)).unwrap();
    let what = match life {
        Life::Outlives => "this store",
        Life::Kept => "this store, outcomes kept",
        Life::Short => "this store, jobs that end sooner",
    };
    measure(what, group, jobs, |admit, settle| {
        if life == Life::Short {
            for ticket in admit.clone() {
                writer.append(Entry::Admitted(admitted(ticket)));
            }
            for ticket in admit {
                writer.append(Entry::Settled { ticket, outcome: None });
            }
        } else {
            for ticket in admit {
                writer.append(Entry::Admitted(admitted(ticket)));
            }
            for ticket in settle {
                let outcome = (life == Life::Kept).then(|| Box::new(kept(ticket)));
                writer.append(Entry::Settled { ticket, outcome });
                if life == Life::Kept && ticket > OUTCOMES_MAX {
                    let ticket = ticket - OUTCOMES_MAX;
                    writer.append(Entry::GivenUp { ticket, job: job(ticket), is_missed: false });
                }
            }
        }
        writer.commit();
        let notice = notices.recv().unwrap();
        assert!(matches!(notice, Notice::Durable { .. }), "{notice:?}");
    });
    writer.close().unwrap();
}

fn fjall(path: &Path, group: u64, jobs: u64) {
    let database = fjall::Database::builder(path).open().unwrap();
    let table = database.keyspace("jobs", fjall::KeyspaceCreateOptions::default).unwrap();
    measure("fjall", group, jobs, |admit, settle| {
        let mut batch = database.batch().durability(Some(fjall::PersistMode::SyncData));
        for ticket in admit {
            batch.insert(&table, ticket.to_be_bytes(), record(ticket));
        }
        for ticket in settle {
            batch.remove(&table, ticket.to_be_bytes());
        }
        batch.commit().unwrap();
    });
}

fn log(path: &Path, group: u64, jobs: u64) {
    let mut file = File::create(path).unwrap();
    let mut bytes = Vec::new();
    measure("a bare append", group, jobs, |admit, settle| {
        bytes.clear();
        admit.for_each(|ticket| append_admitted(&mut bytes, ticket));
        for ticket in settle {
            bytes.push(1);
            bytes.extend(ticket.to_le_bytes());
        }
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
    });
}

/// Calls `write` with the tickets to admit and those to settle, group by group.
fn measure(
    what: &str,
    group: u64,
    jobs: u64,
    mut write: impl FnMut(std::ops::Range<u64>, std::ops::Range<u64>),
) {
    let (begun, cpu) = (Instant::now(), cpu());
    let mut settle = 1..1;
    for first in (1..=jobs).step_by(usize::try_from(group).unwrap()) {
        let admit = first..first + group;
        write(admit.clone(), settle);
        settle = admit;
    }
    let (took, cpu) = (begun.elapsed(), self::cpu() - cpu);
    let per_second = jobs as f64 / took.as_secs_f64();
    let micros = cpu.as_secs_f64() * 1e6 / jobs as f64;
    println!("{what:<34} {group:>7} {per_second:>10.0} {micros:>9.2} µs");
}

/// CPU of all threads of this process that live.
fn cpu() -> Duration {
    let nanos = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    Duration::from_nanos(tasks.filter_map(|task| nanos(task.unwrap())).sum())
}

// --- Recovery ---

fn recover_store(original: &Path) {
    let (tell, notices) = channel();
    let store = Store::open(original, Options::default()).unwrap();
    let mut writer = store.into_writer(move |notice| _ = tell.send(notice)).unwrap();
    for ticket in 1..=RECOVERED_JOBS {
        writer.append(Entry::Admitted(admitted(ticket)));
        if ticket.is_multiple_of(1_024) || ticket == RECOVERED_JOBS {
            writer.commit();
            notices.recv().unwrap();
        }
    }
    // As it is after a crash.
    let path = &original.with_extension("copied");
    std::fs::copy(original, path).unwrap();
    writer.close().unwrap();
    report("this store", path, || {
        let store = Store::open(path, Options::default()).unwrap();
        let opened = Instant::now();
        let recovery = store.recover().unwrap();
        let jobs = recovery.jobs().unwrap().map(Result::unwrap).count();
        println!("    of that reading: {:.2} s", opened.elapsed().as_secs_f64());
        jobs
    });
}

fn recover_fjall(path: &Path) {
    let database = fjall::Database::builder(path).open().unwrap();
    let table = database.keyspace("jobs", fjall::KeyspaceCreateOptions::default).unwrap();
    for first in (1..=RECOVERED_JOBS).step_by(1_024) {
        let mut batch = database.batch().durability(Some(fjall::PersistMode::SyncData));
        for ticket in first..(first + 1_024).min(RECOVERED_JOBS + 1) {
            batch.insert(&table, ticket.to_be_bytes(), record(ticket));
        }
        batch.commit().unwrap();
    }
    drop((table, database));
    report("fjall", path, || {
        let database = fjall::Database::builder(path).open().unwrap();
        let table = database.keyspace("jobs", fjall::KeyspaceCreateOptions::default).unwrap();
        let mut jobs = 0;
        for row in table.iter() {
            row.value().unwrap();
            jobs += 1;
        }
        jobs
    });
}

fn recover_log(path: &Path) {
    let mut bytes = Vec::new();
    (1..=RECOVERED_JOBS).for_each(|ticket| append_admitted(&mut bytes, ticket));
    std::fs::write(path, bytes).unwrap();
    report("a bare append", path, || {
        let mut bytes = Vec::new();
        File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
        let mut rest = &bytes[..];
        let mut live = std::collections::BTreeMap::new();
        while let Some((&[0, a, b, c, d, e, f, g, h], after)) = rest.split_first_chunk::<9>() {
            let ticket = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
            let (record, after) = after[2..].split_at(usize::from(after[0]));
            live.insert(ticket, record.to_vec());
            rest = after;
        }
        live.len()
    });
}

fn report(what: &str, path: &Path, recover: impl FnOnce() -> usize) {
    let begun = Instant::now();
    let jobs = recover();
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(jobs as u64, RECOVERED_JOBS);
    let size = if path.is_file() { path.metadata().unwrap().len() >> 20 } else { 0 };
    println!("{what:<34} {took:.2} s  {size} MiB");
}

// --- Jobs ---

fn admitted(ticket: u64) -> Admitted {
    let payload = vec![b'p'; PAYLOAD_BYTES].into();
    let spec = Submit {
        id: CorrelationId::Int(ticket.cast_signed()),
        payload: Payload::new(ContentType::Octets, payload).unwrap(),
        queue: QueueName::default(),
        priority: 4,
        delay_ms: 0,
        timeout_ms: Some(30_000),
        ttl_ms: None,
        attempts: 3,
        key: None,
        on_disconnect: OnDisconnect::Keep,
        batch: None,
        traceparent: None,
    };
    let job = job(ticket);
    Admitted { ticket, job, client: 1, session: 0, submitted_ms: 1 << 40, spec: Arc::new(spec) }
}

fn kept(ticket: u64) -> Kept {
    let result = Payload::new(ContentType::Octets, vec![b'r'; PAYLOAD_BYTES].into()).unwrap();
    let id = CorrelationId::Int(ticket.cast_signed());
    let ended_ms = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    Kept {
        ticket,
        job: job(ticket),
        client: 1,
        session: 0,
        seq: 0,
        id,
        key: None,
        ended_ms: u64::try_from(ended_ms).unwrap(),
        outcome: Outcome::Done { result },
        traceparent: None,
        past: Some(Past { queue: QueueName::default(), submitted_ms: 1 << 40, runs: 1 }),
    }
}

fn job(ticket: u64) -> JobId {
    let mut id = [7; 16];
    id[8..].copy_from_slice(&ticket.to_be_bytes());
    JobId::from_bytes(id)
}

fn record(ticket: u64) -> Vec<u8> {
    let mut record = vec![b'p'; RECORD_BYTES];
    record[..8].copy_from_slice(&ticket.to_le_bytes());
    record
}

fn append_admitted(bytes: &mut Vec<u8>, ticket: u64) {
    bytes.push(0);
    bytes.extend(ticket.to_le_bytes());
    bytes.extend([u8::try_from(RECORD_BYTES).unwrap(), 0]);
    bytes.extend(record(ticket));
}
