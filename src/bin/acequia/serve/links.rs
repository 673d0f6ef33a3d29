//! Where doors may link to the server.

use std::path::PathBuf;

use acequia::{Links, Secret};
use anyhow::{Context as _, bail};

use crate::door::is_address;

#[derive(clap::Args)]
pub(super) struct LinkArgs {
    /// Where doors may link to this server (docs/doors.md), by TLS: with the certificate of --tls-cert, or one
    /// that is made at the start and proven by the token
    #[arg(long, env = "ACEQUIA_LINK_LISTEN", value_name = "HOST:PORT")]
    link_listen: Option<String>,

    /// The file with the token that doors and servers of one cluster have in common: 32 bytes or more
    #[arg(long, env = "ACEQUIA_CLUSTER_TOKEN_FILE", value_name = "FILE")]
    cluster_token_file: Option<PathBuf>,

    /// With a journal in PostgreSQL: where doors of the other servers reach this one [default: the host of
    /// --advertise, and the port of --link-listen]
    #[arg(
        long,
        env = "ACEQUIA_LINK_ADVERTISE",
        requires = "link_listen",
        value_name = "HOST:PORT"
    )]
    link_advertise: Option<String>,

    /// With a journal in PostgreSQL and --link-listen: this server is a door and never the owner
    #[arg(long, env = "ACEQUIA_NEVER_OWN", requires = "link_listen")]
    pub(super) never_own: bool,
}

impl LinkArgs {
    pub(super) fn into_links(self) -> anyhow::Result<Option<Links>> {
        let token = |file: PathBuf| Secret::read(&file).context("--cluster-token-file");
        match (self.link_listen, self.cluster_token_file) {
            (Some(listen), Some(file)) => {
                let address = self.link_advertise;
                if let Some(bad) = address.as_ref().filter(|address| !is_address(address)) {
                    bail!("--link-advertise {bad}: an address is HOST:PORT, such as 10.0.0.5:5559");
                }
                Ok(Some(Links { listen, address, token: token(file)? }))
            }
            (Some(_), None) => bail!(
                "--link-listen: whoever links may speak for all clients and workers, so doors have to prove \
                 themselves: give --cluster-token-file FILE to them and to this server; make one: \
                 openssl rand -hex 32"
            ),
            // It may be one for all programs of a host.
            (None, _) => Ok(None),
        }
    }
}
