//! Where the journal is, and what a cluster is called.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use acequia::{Config, Database, Journal, Shared};
use anyhow::{Context as _, bail};

/// The variable that programs of PostgreSQL take a password from.
const PASSWORD: &str = "PGPASSWORD";

#[derive(clap::Args)]
pub(crate) struct JournalArgs {
    /// Where accepted jobs are kept, so that none is lost with the server: a file; or a database of
    /// PostgreSQL, by its URL, for several servers of which one works and the others stand by
    /// (docs/cluster.md), its password also by PGPASSWORD; `none` keeps them in memory only
    #[arg(
        long,
        env = "ACEQUIA_JOURNAL",
        default_value = Config::JOURNAL,
        hide_env_values = true,
        value_name = "FILE|postgres://…|none"
    )]
    journal: OsString,

    /// With a journal in PostgreSQL: what the cluster is called there. Servers of one name stand in for one
    /// another
    #[arg(long, env = "ACEQUIA_CLUSTER_NAME", default_value = Shared::NAME, value_name = "NAME")]
    cluster_name: String,

    /// With a journal in PostgreSQL: where clients and other servers reach this one, such as
    /// http://10.0.0.5:8080 [default: http:// and the address of --listen]
    #[arg(long, env = "ACEQUIA_ADVERTISE", value_name = "URL")]
    advertise: Option<String>,
}

impl JournalArgs {
    pub(super) fn into_journal(self) -> anyhow::Result<Option<Journal>> {
        if let Some(database) = database(&self.journal).context("--journal")? {
            let address = self.advertise.map(|url| address(&url)).transpose()?;
            let name = self.cluster_name;
            if name.trim().is_empty() {
                bail!("--cluster-name: a cluster needs a name");
            }
            return Ok(Some(Journal::Shared(Shared { database, name, address })));
        }
        if self.advertise.is_some() {
            bail!(
                "--advertise is for servers with a journal in PostgreSQL (--journal postgres://…)"
            );
        }
        Ok((self.journal != *"none").then(|| Journal::File(PathBuf::from(self.journal))))
    }
}

/// The database that a journal is in, if it is not a file: a path may be no text.
pub(crate) fn database(journal: &OsStr) -> anyhow::Result<Option<Database>> {
    let Some(url) = journal.to_str().filter(|text| Database::is_meant_by(text)) else {
        return Ok(None);
    };
    let database: Database = url.parse()?;
    Ok(Some(database.or_password(std::env::var(PASSWORD).ok())))
}

/// A URL that others can dial: they look for a host and a port in it.
fn address(url: &str) -> anyhow::Result<String> {
    let bad = || format!("--advertise: {url:?} is no URL such as http://10.0.0.5:8080");
    let (scheme, rest) = url.split_once("://").with_context(bad)?;
    let host = rest.trim_end_matches('/');
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if !matches!(scheme, "http" | "https") || host.contains('/') || port.is_none() {
        bail!(bad());
    }
    Ok(format!("{scheme}://{host}"))
}
