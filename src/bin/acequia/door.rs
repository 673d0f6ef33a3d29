//! `acequia door`: browsers and workers of a server that is elsewhere.

use std::io::Write as _;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use acequia::{Config, Door, Owners, Secret, TlsFiles};
use anyhow::{Context as _, bail};
use futures_util::FutureExt as _;

use crate::serve::{
    AccessArgs, LimitArgs, Listen, ListenAccess, endpoint, raise_file_limit, split,
};

const EXAMPLES: &str = "\
Examples:
  acequia door --link jobs.internal:5559 --cluster-token-file token --listen 0.0.0.0:8080
      a second place for browsers and workers of the server at jobs.internal
  acequia door --link jobs.example:5559 --cluster-token-file token
      workers only: those on this machine dial 127.0.0.1, and what they say travels encrypted, by one
      connection from here, also from behind NAT";

/// Run a door: browsers and workers here, the server they work for elsewhere
///
/// A door links to a server that listens with --link-listen, by TLS, and passes on what its clients and
/// workers say. It keeps nothing: stop it, and clients go on at another. When it is linked it prints one line:
/// `acequia ready http=… jobs=… results=…`. docs/doors.md says more.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where the server listens for doors (its --link-listen); several, with commas between, of which one is
    /// the owner
    #[arg(
        long,
        env = "ACEQUIA_LINK",
        required = true,
        value_delimiter = ',',
        value_name = "HOST:PORT"
    )]
    link: Vec<String>,

    /// The file with the token that doors and servers of one cluster have in common
    #[arg(long, env = "ACEQUIA_CLUSTER_TOKEN_FILE", value_name = "FILE")]
    cluster_token_file: PathBuf,

    /// The authority, in PEM, that signed the server's certificate. Without it the token alone proves that it
    /// is the server
    #[arg(long, env = "ACEQUIA_LINK_CA", value_name = "FILE")]
    link_ca: Option<PathBuf>,

    /// Where HTTP and WebSocket listen: HOST:PORT, and beside it unix:PATH, given several times. Without it the
    /// door is for workers only
    #[arg(long, env = "ACEQUIA_LISTEN", value_delimiter = ',', value_name = "HOST:PORT|unix:PATH")]
    listen: Vec<Listen>,

    /// Who may connect to the sockets of --listen unix:PATH
    #[arg(
        long,
        env = "ACEQUIA_LISTEN_ACCESS",
        default_value = "owner",
        value_name = "owner|group|all"
    )]
    listen_access: ListenAccess,

    /// A separate address for admin calls and the dashboard [default: that of --listen]
    #[arg(long, env = "ACEQUIA_ADMIN_LISTEN", value_name = "HOST:PORT")]
    admin_listen: Option<String>,

    /// The certificate for HTTPS and WSS, followed by those that lead to its authority, in PEM.
    /// Reloaded when it changes
    #[arg(long, env = "ACEQUIA_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// The private key of that certificate, in PEM
    #[arg(long, env = "ACEQUIA_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Where workers fetch jobs: tcp://HOST:PORT or ipc://PATH
    #[arg(long, env = "ACEQUIA_JOBS", default_value = Config::JOBS, value_name = "URL")]
    jobs: String,

    /// Where workers deliver results: tcp://HOST:PORT or ipc://PATH
    #[arg(long, env = "ACEQUIA_RESULTS", default_value = Config::RESULTS, value_name = "URL")]
    results: String,

    #[command(flatten)]
    limits: LimitArgs,

    /// How long running jobs may take to finish once the door is told to stop
    #[arg(long, env = "ACEQUIA_GRACE_S", default_value_t = Config::GRACE.as_secs(), value_name = "SECONDS")]
    grace_s: u64,

    // Last: its heading is that of all behind it.
    #[command(flatten)]
    access: AccessArgs,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (config, owners, has_http) = args.into_config()?;
    raise_file_limit();
    let door = match has_http {
        true => Door::bind(config, owners).await?,
        false => Door::for_workers(config, owners).await?,
    };
    let ready = match has_http {
        true => door.addresses().to_string(),
        false => door.addresses().for_workers(),
    };
    let linked = door.linked().map(move |()| {
        // Whoever started it may have gone.
        _ = writeln!(std::io::stdout(), "{ready}");
    });
    let mut served = pin!(door.run(crate::stop::signal()));
    tokio::select! {
        ended = &mut served => ended?,
        () = linked => served.await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether this may be dialled: a name is looked up when it is.
pub(crate) fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

impl Args {
    /// The configuration, the owners, and whether there is HTTP.
    fn into_config(self) -> anyhow::Result<(Config, Owners, bool)> {
        let jobs = endpoint("--jobs", &self.jobs)?;
        let results = endpoint("--results", &self.results)?;
        let worker_connections = self.limits.worker_connections;
        let has_http = !self.listen.is_empty();
        let of_http = [
            ("--admin-listen", self.admin_listen.is_some()),
            ("--tls-cert", self.tls_cert.is_some()),
        ];
        if let Some((flag, _)) = of_http.iter().find(|(_, is_given)| *is_given && !has_http) {
            bail!("{flag} is for doors with --listen; this one would be for workers only");
        }
        if let Some(bad) = self.link.iter().find(|address| !is_address(address)) {
            bail!("--link {bad}: an address is HOST:PORT, such as jobs.internal:5559");
        }
        let (listen, sockets) = match has_http {
            true => split(self.listen)?,
            false => (String::new(), Vec::new()),
        };
        let token = Secret::read(&self.cluster_token_file).context("--cluster-token-file")?;
        let owners = Owners { addresses: self.link, token, authority: self.link_ca };
        let config = Config {
            listen,
            sockets,
            socket_access: self.listen_access.into(),
            admin_listen: self.admin_listen,
            tls: self.tls_cert.zip(self.tls_key).map(|(cert, key)| TlsFiles { cert, key }),
            jobs,
            results,
            journal: None,
            limits: self.limits.check()?,
            worker_connections,
            grace: Duration::from_secs(self.grace_s),
            ..Config::default()
        };
        Ok((self.access.apply(config)?, owners, has_http))
    }
}
