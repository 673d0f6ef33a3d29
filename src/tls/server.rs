//! What a server shows to be who it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::watch;

use super::{BadTls, bad_file, certificates, provider};
use crate::reload;

/// The files of a certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate, and behind it those that lead to its authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Certificate and key as they are now.
#[derive(Clone)]
pub(crate) struct Keys(watch::Receiver<Arc<ServerConfig>>);

impl Keys {
    /// Reads them. The task that reads them again when they change ends with what is returned.
    pub(crate) fn open(files: TlsFiles) -> Result<Self, BadTls> {
        let paths = vec![files.cert.clone(), files.key.clone()];
        let stamp = reload::Stamp::of(&paths);
        let (sender, keys) = watch::channel(Arc::new(files.read()?));
        let read = move || files.read();
        tokio::spawn(reload::keep("certificate and key", paths, stamp, sender, read));
        Ok(Self(keys))
    }

    pub(crate) fn now(&self) -> Arc<ServerConfig> {
        self.0.borrow().clone()
    }
}

impl TlsFiles {
    fn read(&self) -> Result<ServerConfig, BadTls> {
        let chain = certificates(&self.cert)?;
        let key = private_key(&self.key)?;
        let pair = |source| BadTls::Pair { cert: self.cert.clone(), key: self.key.clone(), source };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(pair)?;
        // WebSockets are an upgrade of HTTP/1.1, which is all that is spoken here.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, BadTls> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| bad_file(path, error, "private key (`-----BEGIN PRIVATE KEY-----`)"))
}
