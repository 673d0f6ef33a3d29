//! `acequia journal`: what is in a journal, and how it moves.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::process::ExitCode;

use acequia::Shared;
use acequia_journal::{Inventory, Place};
use acequia_plain::plain;
use anyhow::Context as _;

use crate::serve;

/// Look into a journal, or move it to another place
///
/// A journal is a file, or a database of PostgreSQL by its URL.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Copy(CopyArgs),
    Check(CheckArgs),
}

/// Copy all that is in a journal to another, which is empty or does not exist
///
/// From a file to PostgreSQL, back, or to another file or database. No server may work with either: one that
/// does is named, and nothing is changed. The journal that is copied stays as it is; start servers with the
/// copy, and never again with both.
#[derive(clap::Args)]
pub(crate) struct CopyArgs {
    /// The journal that is copied
    #[arg(value_name = "FROM")]
    from: OsString,

    /// Where to
    #[arg(value_name = "TO")]
    to: OsString,

    #[command(flatten)]
    names: Names,
}

/// Read all of a journal and say what is in it
///
/// Exit code 1 if a record cannot be read. A file must not be in use by a server; a database may.
#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// The journal
    #[arg(value_name = "FILE|postgres://…")]
    journal: OsString,

    #[command(flatten)]
    names: Names,
}

#[derive(clap::Args)]
struct Names {
    /// What the cluster is called in a database
    #[arg(long, env = "ACEQUIA_CLUSTER_NAME", default_value = Shared::NAME, value_name = "NAME")]
    cluster_name: String,
}

impl Names {
    fn place(&self, journal: &OsStr) -> anyhow::Result<Place> {
        Ok(match serve::database(journal)? {
            Some(database) => Place::Shared { database, name: self.cluster_name.clone() },
            None => Place::File(journal.into()),
        })
    }
}

pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    // Disks and databases are waited for.
    tokio::task::spawn_blocking(move || match command {
        Command::Copy(args) => copy(&args),
        Command::Check(args) => check(&args),
    })
    .await?
}

fn copy(args: &CopyArgs) -> anyhow::Result<ExitCode> {
    let from = args.names.place(&args.from).context("FROM")?;
    let to = args.names.place(&args.to).context("TO")?;
    let copied = acequia_journal::copy(&from, &to)?;
    writeln!(std::io::stdout(), "copied {copied} from {from} to {to}")?;
    Ok(ExitCode::SUCCESS)
}

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let place = args.names.place(&args.journal)?;
    let found = acequia_journal::check(&place)?;
    let out = &mut std::io::stdout().lock();
    let Inventory { jobs, payload_bytes, dead_letters, outcomes, sessions, batches, .. } = &found;
    if let Some(owner) = &found.owner {
        writeln!(
            out,
            "in use by the server at {}: this is how it was at one moment",
            plain(owner)
        )?;
    }
    writeln!(out, "jobs          {}", jobs.values().sum::<u64>())?;
    for (queue, jobs) in jobs {
        writeln!(out, "  {queue:<20} {jobs}")?;
    }
    writeln!(out, "payload bytes {payload_bytes}")?;
    writeln!(out, "dead letters  {dead_letters}")?;
    writeln!(out, "outcomes      {outcomes}")?;
    writeln!(out, "sessions      {sessions}")?;
    writeln!(out, "batches       {batches}")?;
    writeln!(
        out,
        "paused        {}",
        if found.paused.is_empty() { "-".into() } else { found.paused.join(", ") }
    )?;
    for what in &found.unreadable {
        writeln!(out, "unreadable: {}", plain(what))?;
    }
    Ok(if found.unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
