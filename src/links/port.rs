//! Where doors come in.

use std::io;
use std::net::SocketAddr;

use acequia_link::LinkTls;
use acequia_restraint::AcceptFailures;
use acequia_tls::TlsFiles;
use tokio::net::{TcpListener, TcpStream};

use crate::config::StartError;

/// A port that is held.
pub(crate) struct LinkPort {
    listener: TcpListener,
    address: SocketAddr,
    tls: LinkTls,
}

impl LinkPort {
    /// Takes the port. Without a certificate of the server's own one is made, which nobody needs to know.
    pub(crate) async fn bind(listen: &str, files: Option<&TlsFiles>) -> Result<Self, StartError> {
        let tls = match files {
            Some(files) => LinkTls::of_files(files)?,
            None => {
                LinkTls::self_made().map_err(|error| StartError::System(io::Error::other(error)))?
            }
        };
        let bound = async {
            let listener = TcpListener::bind(listen).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = bound.await.map_err(|source| StartError::Listen {
            flag: "--link-listen",
            listen: listen.to_owned(),
            source,
        })?;
        Ok(Self { listener, address, tls })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn tls(&self) -> LinkTls {
        self.tls.clone()
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> (TcpStream, SocketAddr) {
        let mut failures = AcceptFailures::default();
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    if let Some(pause) = failures.failed(&error, std::time::Instant::now()) {
                        tokio::time::sleep(pause.pause).await;
                    }
                }
            }
        }
    }
}
