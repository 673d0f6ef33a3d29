//! How a command that is a client shows who it is.

use std::path::{Path, PathBuf};

use acequia::Secret;
use acequia::client::{ConnectError, ServerUrl};
use anyhow::{Context as _, bail};

/// The longest token that a server takes.
const TOKEN_BYTES_MAX: u64 = 8 << 10;

#[derive(clap::Args)]
pub(crate) struct Login {
    /// The file with the JSON Web Token for a server that asks for one
    #[arg(long, env = "ACEQUIA_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// The file with the authorities to trust for wss://, in PEM [default: those of this system]
    #[arg(long, env = "ACEQUIA_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Login {
    /// The server, with what is shown to it.
    pub(crate) fn at(&self, server: ServerUrl) -> anyhow::Result<ServerUrl> {
        let server = trusting(server, self.ca_file.as_deref())?;
        let Some(file) = &self.token_file else { return Ok(server) };
        let named = || format!("--token-file {}", file.display());
        let size = std::fs::metadata(file).with_context(named)?.len();
        if size > TOKEN_BYTES_MAX {
            bail!("{}: {size} bytes are too many for a token; is this the right file?", named());
        }
        let token = std::fs::read_to_string(file).with_context(named)?;
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!("{}: not a JSON Web Token, which is three parts of base64url with dots", named());
        }
        Ok(server.with_token(token))
    }
}

/// The same, of a command that makes admin calls.
#[derive(clap::Args)]
pub(crate) struct AdminLogin {
    /// The server: http://HOST:PORT, or https:// for TLS, with its path if it is behind a proxy
    #[arg(
        long,
        env = "ACEQUIA_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    server: ServerUrl,

    /// The file with the authorities to trust for https://, in PEM [default: those of this system]
    #[arg(long, env = "ACEQUIA_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// The file with the server's admin token: the same as its --admin-token-file [default: found
    /// for your own server on this machine]
    #[arg(long, env = "ACEQUIA_ADMIN_TOKEN_FILE", value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
}

impl AdminLogin {
    /// The server, with what is shown to it.
    pub(crate) fn server(&self) -> anyhow::Result<ServerUrl> {
        let server = trusting(self.server.clone(), self.ca_file.as_deref())?;
        let Some(file) = &self.admin_token_file else {
            return Ok(server.with_token_nearby());
        };
        let token = Secret::read(file).context("--admin-token-file")?;
        let shown = std::str::from_utf8(token.expose()).ok();
        let Some(shown) = shown.filter(|token| token.chars().all(|c| matches!(c, ' '..='~')))
        else {
            bail!(
                "--admin-token-file {}: a header cannot hold this token; make one: \
                 openssl rand -hex 32",
                file.display()
            );
        };
        Ok(server.with_token(shown))
    }
}

fn trusting(server: ServerUrl, ca_file: Option<&Path>) -> anyhow::Result<ServerUrl> {
    match ca_file {
        Some(file) => server.with_authorities(file).context("--ca-file"),
        None => Ok(server),
    }
}

/// What can be done about a server that is not reached.
pub(crate) fn remedy(error: &ConnectError, authority: &str) -> String {
    match error {
        // Only this machine's own is one that can be started here.
        ConnectError::Unreachable { .. } if !is_here(authority) => {
            "; does it run there? --server names another".to_owned()
        }
        ConnectError::Unreachable { .. } => {
            format!(
                "; start one with `acequia serve --listen {authority}`, or name another with --server"
            )
        }
        ConnectError::Refused { .. } | ConnectError::Authorities(_) => String::new(),
        ConnectError::Tls { .. } => "; pass its authority's certificate with --ca-file".to_owned(),
        ConnectError::Handshake { .. } | ConnectError::Time { .. } => {
            "; is another program on that port? Name the server with --server".to_owned()
        }
    }
}

/// What can be done about a server that does not take the admin token.
pub(crate) const NO_ADMIN_TOKEN: &str = "; --admin-token-file names the file with the token: that of the \
    server's own --admin-token-file, or else JOURNAL.admin-token beside its journal. Of a server of the \
    same user on the same machine it is found";

/// Whether a server there would be one of this machine.
fn is_here(authority: &str) -> bool {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}
