//! Whom a client trusts to be the server.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::VerifierBuilderError;
use rustls::version::TLS13;
use rustls::{
    ClientConfig, DEFAULT_VERSIONS, DigitallySignedStruct, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::pem::{BadTls, certificates};
use crate::provider::provider;
use crate::stream::Stream;

/// The authorities that a client trusts; cheap to clone.
#[derive(Clone)]
pub struct Roots {
    verifier: Arc<dyn ServerCertVerifier>,
    config: Arc<ClientConfig>,
}

impl Roots {
    /// Those of this system.
    ///
    /// # Errors
    /// If it has none that can be read.
    pub fn of_system() -> Result<Self, BadTls> {
        let known = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // Some systems have one among hundreds that nobody can read.
        let (added, _) = roots.add_parsable_certificates(known.certs);
        if added == 0 {
            let why: Vec<_> = known.errors.iter().map(ToString::to_string).collect();
            return Err(BadTls::System(why.join(", ")));
        }
        Self::of(roots).map_err(|error| BadTls::System(error.to_string()))
    }

    /// Those in a file, in PEM, and no others.
    ///
    /// # Errors
    /// If there are none in it.
    pub fn of_file(path: &Path) -> Result<Self, BadTls> {
        let bad = |why: String| BadTls::InFile { path: path.into(), why };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
        Self::of(roots).map_err(|error| bad(error.to_string()))
    }

    /// Nobody in particular: what is sent is encrypted, for whoever is at the other end.
    pub fn anybody() -> Self {
        Self::by(Arc::new(Anybody(provider())))
    }

    /// For a connector of somebody else's.
    pub fn into_config(self) -> ClientConfig {
        Arc::unwrap_or_clone(self.config)
    }

    /// The same, which speaks nothing older than TLS 1.3.
    pub fn into_config_for_tls13(self) -> ClientConfig {
        config_for(&[&TLS13], self.verifier)
    }

    fn of(roots: RootCertStore) -> Result<Self, VerifierBuilderError> {
        let builder = WebPkiServerVerifier::builder_with_provider(roots.into(), provider());
        Ok(Self::by(builder.build()?))
    }

    fn by(verifier: Arc<dyn ServerCertVerifier>) -> Self {
        let config = Arc::new(config_for(DEFAULT_VERSIONS, verifier.clone()));
        Self { verifier, config }
    }
}

fn config_for(
    versions: &[&'static SupportedProtocolVersion],
    verifier: Arc<dyn ServerCertVerifier>,
) -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .expect("the provider has these versions")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
}

/// Equal if one is a clone of the other.
impl PartialEq for Roots {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }
}

impl Eq for Roots {}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roots")
    }
}

/// Has the server at the other end of a connection prove that it is `host`.
///
/// # Errors
/// If it does not, or the connection breaks.
pub async fn shake(roots: &Roots, host: &str, stream: TcpStream) -> io::Result<Stream> {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(broken)?;
    let shaken = TlsConnector::from(roots.config.clone()).connect(name, stream).await?;
    Ok(Stream::Tls(Box::new(shaken.into())))
}

/// An error of TLS as one of its connection.
fn broken(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Takes any certificate, if its owner has the key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
