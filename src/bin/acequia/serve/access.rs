//! The flags that decide who may come in.

use std::net::IpAddr;
use std::path::PathBuf;

use acequia::{
    AllowedOrigin, ClientTokens, Config, Endpoint, KeySource, OwnName, Secret, SocketAccess,
    TrustedProxy,
};
use anyhow::{Context as _, bail};

#[derive(clap::Args)]
#[command(next_help_heading = "Who may come in")]
pub(crate) struct AccessArgs {
    /// Pages of this origin, such as https://app.example, or of all names below one,
    /// https://*.app.example, may open sessions; may be given several times. `null` and file:// let
    /// in pages without an address, `*` every page that one of your users has open: both are
    /// dangerous unless clients need tokens
    #[arg(long, env = "ACEQUIA_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    allow_origin: Vec<AllowedOrigin>,

    /// A name of the server, such as jobs.example, besides its addresses, localhost and the host of
    /// --listen; may be given several times. Over plain HTTP, pages opened near the server by any
    /// other name may not open sessions: anybody can point a name anywhere
    #[arg(long, env = "ACEQUIA_OWN_NAME", value_delimiter = ',', value_name = "NAME")]
    own_name: Vec<OwnName>,

    /// The address of a proxy in front of the server, a network of nothing but proxies, such as
    /// 10.1.2.0/24, or `unix` for whoever comes by a socket of --listen; may be given several times.
    /// Clients have the address that it names in X-Forwarded-For, or in Forwarded. From others these
    /// headers are ignored
    #[arg(long, env = "ACEQUIA_TRUSTED_PROXY", value_delimiter = ',', value_name = "ADDRESS")]
    trusted_proxy: Vec<TrustedProxy>,

    /// Connections of trusted proxies to the port of --listen, not to its sockets, begin with a header of the PROXY protocol,
    /// version 1 or 2, that names the client; those without one are refused
    #[arg(long, env = "ACEQUIA_PROXY_PROTOCOL")]
    proxy_protocol: bool,

    /// The file with the token that workers must know before they get jobs
    #[arg(long, env = "ACEQUIA_WORKER_TOKEN_FILE", value_name = "FILE")]
    worker_token_file: Option<PathBuf>,

    /// Let workers connect from other machines although nothing proves who they are
    #[arg(long, env = "ACEQUIA_ALLOW_OPEN_WORKERS")]
    allow_open_workers: bool,

    /// How clients prove who they are: not at all, or by a JSON Web Token
    #[arg(long, env = "ACEQUIA_CLIENT_AUTH", default_value = "none", value_name = "none|jwt")]
    client_auth: ClientAuth,

    /// The file with the secret that signs clients' tokens, by HS256. Reloaded when it changes
    #[arg(long, env = "ACEQUIA_JWT_SECRET_FILE", value_name = "FILE")]
    jwt_secret_file: Option<PathBuf>,

    /// The file with the public keys of those who sign clients' tokens, by RS256, ES256 or EdDSA:
    /// in PEM, or a JSON Web Key Set. Reloaded when it changes
    #[arg(
        long,
        env = "ACEQUIA_JWT_KEYS_FILE",
        value_name = "FILE",
        conflicts_with = "jwt_secret_file"
    )]
    jwt_keys_file: Option<PathBuf>,

    /// The audience that clients' tokens must name; without it they must name none
    #[arg(long, env = "ACEQUIA_JWT_AUDIENCE", value_name = "AUD")]
    jwt_audience: Option<String>,

    /// The issuer that clients' tokens must name
    #[arg(long, env = "ACEQUIA_JWT_ISSUER", value_name = "ISS")]
    jwt_issuer: Option<String>,

    /// The file with the token that admin calls need. Without it the server makes one and keeps it
    /// beside the journal as FILE.admin-token. `top` and `pool` of the same user on the same
    /// machine find it, and the dashboard's address, printed at the start, contains it
    #[arg(long, env = "ACEQUIA_ADMIN_TOKEN_FILE", value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
}

/// What clients prove who they are with.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ClientAuth {
    None,
    Jwt,
}

impl AccessArgs {
    /// The configuration with what these flags say.
    pub(crate) fn apply(self, config: Config) -> anyhow::Result<Config> {
        if self.allow_origin.iter().any(AllowedOrigin::is_any) {
            tracing::warn!(
                "--allow-origin *: any page may have its visitors' browsers submit jobs"
            );
        }
        if self.allow_origin.iter().any(AllowedOrigin::is_opaque) {
            tracing::warn!(
                "--allow-origin for pages without an address: files and sandboxed frames of any page may submit jobs, too"
            );
        }
        if self.trusted_proxy.iter().any(TrustedProxy::is_anybody) {
            tracing::warn!("--trusted-proxy for all addresses: any client can claim any address");
        }
        if config.socket_access == SocketAccess::All
            && self.trusted_proxy.iter().any(TrustedProxy::is_socket)
        {
            tracing::warn!(
                "--trusted-proxy unix and --listen-access all: any user of this machine may say that it comes \
                 from any address"
            );
        }
        if self.proxy_protocol && self.trusted_proxy.iter().all(TrustedProxy::is_socket) {
            bail!(
                "--proxy-protocol: whose headers should count? Add --trusted-proxy with the proxy's address"
            );
        }
        if self.worker_token_file.is_none() && !self.allow_open_workers {
            check_loopback("--jobs", &config.jobs)?;
            check_loopback("--results", &config.results)?;
        }
        let client_tokens = self.client_tokens()?;
        Ok(Config {
            client_tokens,
            allowed_origins: self.allow_origin,
            own_names: self.own_name,
            trusted_proxies: self.trusted_proxy,
            proxy_protocol: self.proxy_protocol,
            worker_token: secret("--worker-token-file", self.worker_token_file)?,
            admin_token: secret("--admin-token-file", self.admin_token_file)?,
            ..config
        })
    }

    /// Where the worker token is, if there is one.
    pub(super) fn worker_token_file(&self) -> Option<&PathBuf> {
        self.worker_token_file.as_ref()
    }

    fn client_tokens(&self) -> anyhow::Result<Option<ClientTokens>> {
        let keys = match (&self.jwt_secret_file, &self.jwt_keys_file) {
            (Some(file), _) => Some(KeySource::Secret(file.clone())),
            (None, keys) => keys.clone().map(KeySource::Public),
        };
        match (self.client_auth, keys) {
            (ClientAuth::Jwt, Some(keys)) => Ok(Some(ClientTokens {
                keys,
                audience: self.jwt_audience.clone(),
                issuer: self.jwt_issuer.clone(),
            })),
            (ClientAuth::Jwt, None) => bail!(
                "--client-auth jwt: what are tokens signed with? Give --jwt-secret-file FILE, or \
                 --jwt-keys-file FILE with public keys"
            ),
            // A server that looks guarded and is not would be worse than none.
            (ClientAuth::None, keys)
                if keys.is_some() || self.jwt_audience.is_some() || self.jwt_issuer.is_some() =>
            {
                bail!("--jwt-…: clients' tokens are ignored without --client-auth jwt")
            }
            (ClientAuth::None, _) => Ok(None),
        }
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
