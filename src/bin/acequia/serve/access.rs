//! The flags that decide who may come in.

use std::net::IpAddr;
use std::path::PathBuf;

use acequia::{AllowedOrigin, Config, Endpoint, Secret};
use anyhow::{Context as _, bail};

#[derive(clap::Args)]
#[command(next_help_heading = "Who may come in")]
pub(super) struct AccessArgs {
    /// Pages of this origin, such as https://app.example, may open sessions; may be given several
    /// times. `*` lets every page in that a browser of one of your users has open, which is
    /// dangerous unless clients need tokens
    #[arg(long, env = "ACEQUIA_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    allow_origin: Vec<AllowedOrigin>,

    /// Workers have to know the token in this file before they get jobs
    #[arg(long, env = "ACEQUIA_WORKER_TOKEN_FILE", value_name = "FILE")]
    worker_token_file: Option<PathBuf>,

    /// Let workers connect from other machines although nothing proves who they are
    #[arg(long, env = "ACEQUIA_ALLOW_OPEN_WORKERS")]
    allow_open_workers: bool,

    /// Admin calls have to name the token in this file, and may come from anywhere then; without
    /// it they may come from this machine only
    #[arg(long, env = "ACEQUIA_ADMIN_TOKEN_FILE", value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
}

impl AccessArgs {
    /// The configuration with what these flags say.
    pub(super) fn apply(self, config: Config) -> anyhow::Result<Config> {
        if self.allow_origin.iter().any(AllowedOrigin::is_any) {
            tracing::warn!(
                "--allow-origin *: any page may have its visitors' browsers submit jobs"
            );
        }
        if self.worker_token_file.is_none() && !self.allow_open_workers {
            check_loopback("--jobs", &config.jobs)?;
            check_loopback("--results", &config.results)?;
        }
        Ok(Config {
            allowed_origins: self.allow_origin,
            worker_token: secret("--worker-token-file", self.worker_token_file)?,
            admin_token: secret("--admin-token-file", self.admin_token_file)?,
            ..config
        })
    }
}

fn secret(flag: &str, file: Option<PathBuf>) -> anyhow::Result<Option<Secret>> {
    file.map(|file| Secret::read(&file)).transpose().with_context(|| flag.to_owned())
}

fn check_loopback(flag: &str, endpoint: &Endpoint) -> anyhow::Result<()> {
    if let Endpoint::Tcp { host, .. } = endpoint
        && !is_loopback(host)
    {
        bail!(
            "{flag} {endpoint}: whoever reaches this port can take jobs and answer them. Have \
             workers prove themselves with --worker-token-file, use a loopback address, ipc:// or \
             a tunnel, or say --allow-open-workers"
        );
    }
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}
