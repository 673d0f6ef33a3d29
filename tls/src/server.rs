//! What a server shows to be who it is.

use std::path::{Path, PathBuf};

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::version::TLS13;
use rustls::{DEFAULT_VERSIONS, ServerConfig, SupportedProtocolVersion};

use crate::pem::{BadTls, bad_file, certificates};
use crate::provider::provider;

/// The files of a certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate, and behind it those that lead to its authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads them, and what a server shows to a client.
    ///
    /// # Errors
    /// If they cannot be read, or do not go together.
    pub fn read(&self) -> Result<ServerConfig, BadTls> {
        let mut config = self.read_for(DEFAULT_VERSIONS)?;
        // WebSockets are an upgrade of HTTP/1.1, which is all that is spoken here.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// The same for what is not HTTP, and is spoken by nothing older than TLS 1.3.
    ///
    /// # Errors
    /// If they cannot be read, or do not go together.
    pub fn read_for_tls13(&self) -> Result<ServerConfig, BadTls> {
        self.read_for(&[&TLS13])
    }

    fn read_for(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<ServerConfig, BadTls> {
        let chain = certificates(&self.cert)?;
        let key = private_key(&self.key)?;
        let pair = |source| BadTls::Pair { cert: self.cert.clone(), key: self.key.clone(), source };
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(pair)
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, BadTls> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| bad_file(path, error, "private key (`-----BEGIN PRIVATE KEY-----`)"))
}
