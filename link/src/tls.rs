//! TLS 1.3 at both ends of a link.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use acequia_tls::{BadTls, Roots, TlsFiles};
use rcgen::{CertificateParams, KeyPair};
use rustls::client::Resumption;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ConnectionCommon, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::error::Fault;
use crate::handshake::Binding;

/// What is exported of a connection, by this name and no other.
const BINDING_LABEL: &[u8] = b"EXPORTER-acequia-link";
/// What is spoken inside; whoever wants to speak something else, such as HTTP, is told so.
pub(crate) const PROTOCOL: &[u8] = b"acequia-link";
/// The name in a certificate that nobody looks at.
const NOBODY: &str = "acequia-link";

/// What the owner shows to doors; cheap to clone.
#[derive(Clone)]
pub struct LinkTls(TlsAcceptor);

/// What a door wants to be shown; cheap to clone.
#[derive(Clone)]
pub struct LinkTrust(TlsConnector);

impl LinkTls {
    /// A certificate that is made now and that nobody vouches for: doors know the owner by the
    /// token.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn self_made() -> Result<Self, BadLinkTls> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new([NOBODY.to_owned()])?.self_signed(&key)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Self::of(config))
    }

    /// A certificate and its key, in files.
    ///
    /// # Errors
    /// If they cannot be read, or do not go together.
    pub fn of_files(files: &TlsFiles) -> Result<Self, BadTls> {
        files.read_for_tls13().map(Self::of)
    }

    fn of(mut config: ServerConfig) -> Self {
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // A link lives long, and begins anew in full.
        config.send_tls13_tickets = 0;
        Self(TlsAcceptor::from(Arc::new(config)))
    }

    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Binding), Fault> {
        let stream = self.0.accept(stream).await.map_err(fault)?;
        let binding = binding(stream.get_ref().1)?;
        Ok((stream.into(), binding))
    }
}

impl LinkTrust {
    /// Any certificate: what is sent is encrypted for whoever is there, who has to prove of this
    /// very connection that they know the token before anything is said on it. Why nobody can sit
    /// between is in the doc of the handshake.
    pub fn anybody() -> Self {
        Self::of(Roots::anybody())
    }

    /// Beside the token, a certificate for the host that is dialled, for which an authority in this
    /// file vouches.
    ///
    /// # Errors
    /// If there is none in it.
    pub fn of_file(path: &Path) -> Result<Self, BadTls> {
        Roots::of_file(path).map(Self::of)
    }

    fn of(roots: Roots) -> Self {
        let mut config: ClientConfig = roots.into_config_for_tls13();
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.resumption = Resumption::disabled();
        Self(TlsConnector::from(Arc::new(config)))
    }

    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Binding), Fault> {
        let host = ServerName::try_from(host.to_owned()).map_err(|_| Fault::Address)?;
        let stream = self.0.connect(host, stream).await.map_err(fault)?;
        let binding = binding(stream.get_ref().1)?;
        Ok((stream.into(), binding))
    }
}

impl fmt::Debug for LinkTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkTls")
    }
}

impl fmt::Debug for LinkTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkTrust")
    }
}

/// No certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum BadLinkTls {
    /// The certificate.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// What shows it.
    #[error("cannot make a certificate: {0}")]
    Tls(#[from] rustls::Error),
}

fn binding<D>(connection: &ConnectionCommon<D>) -> Result<Binding, Fault> {
    let exported = connection.export_keying_material(Binding::default(), BINDING_LABEL, None);
    exported.map_err(|error| Fault::Tls(io::Error::other(error)))
}

fn fault(error: io::Error) -> Fault {
    let of_tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match of_tls {
        Some(rustls::Error::InvalidCertificate(why)) => Fault::Certificate(why.clone()),
        _ => Fault::Tls(error),
    }
}
