//! How a command that is a client shows who it is.

use std::path::PathBuf;

use acequia::client::ServerUrl;
use anyhow::{Context as _, bail};

/// The longest token that a server takes.
const TOKEN_BYTES_MAX: u64 = 8 << 10;

#[derive(clap::Args)]
pub(crate) struct Login {
    /// The JSON Web Token to show to a server that asks for one, in a file
    #[arg(long, env = "ACEQUIA_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// The certificates of those who vouch for the server, in PEM, for wss:// [default: those that
    /// this system trusts]
    #[arg(long, env = "ACEQUIA_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Login {
    /// The server, with what is shown to it.
    pub(crate) fn at(&self, server: ServerUrl) -> anyhow::Result<ServerUrl> {
        let server = match &self.ca_file {
            Some(file) => server.with_authorities(file).context("--ca-file")?,
            None => server,
        };
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
