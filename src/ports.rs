//! Where HTTP comes in: at the server's own ports and sockets.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use acequia_gate::{SocketFile, TcpListeners};
use acequia_wire::Limits;
use axum::Router;
use tokio::net::UnixListener;

use crate::access::{Proxies, Refusals};
use crate::config::{Config, StartError};
use crate::http::{self, Closes, Keys, Places, Port, Rules};
use crate::metrics::RefusedRequests;
use crate::parts::Parts;

/// Ports that are held, and not served yet.
pub(crate) struct Ports {
    http: TcpListeners,
    sockets: Vec<(UnixListener, SocketFile)>,
    admin: Option<TcpListeners>,
    keys: Option<Keys>,
    proxies: Arc<Proxies>,
    proxy_protocol: bool,
    pub(crate) at: At,
}

/// Where they are.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub(crate) http: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) sockets: Vec<PathBuf>,
}

impl At {
    /// There is no HTTP.
    pub(crate) fn nowhere() -> Self {
        let http = SocketAddr::from(([0, 0, 0, 0], 0));
        Self { http, admin: None, sockets: Vec::new() }
    }
}

/// What is found there.
pub(crate) struct Apps {
    /// At the port of HTTP, and the sockets.
    pub(crate) all: Router,
    /// At the port of admin calls, if they have one.
    pub(crate) operators: Router,
}

/// What holds at all of them.
pub(crate) struct House {
    pub(crate) limits: Limits,
    pub(crate) refused: RefusedRequests,
    pub(crate) refusals: Arc<Refusals>,
}

impl Ports {
    /// Takes the ports and sockets that the configuration names.
    pub(crate) async fn bind(config: &Config) -> Result<Self, StartError> {
        let (http, address) = listen("--listen", &config.listen).await?;
        let mut sockets = Vec::with_capacity(config.sockets.len());
        for path in &config.sockets {
            sockets.push(SocketFile::listen(path, config.socket_access).await?);
        }
        let admin = match &config.admin_listen {
            Some(admin) => Some(listen("--admin-listen", admin).await?),
            None => None,
        };
        let (admin, admin_address) = admin.unzip();
        let keys = config.tls.clone().map(Keys::open).transpose()?;
        let proxies = Arc::new(Proxies::new(config.trusted_proxies.clone()));
        let proxy_protocol = config.proxy_protocol;
        let at = At { http: address, admin: admin_address, sockets: config.sockets.clone() };
        Ok(Self { http, sockets, admin, keys, proxies, proxy_protocol, at })
    }

    /// Whether admin calls have a port of their own.
    pub(crate) fn has_admin(&self) -> bool {
        self.admin.is_some()
    }

    /// Serves HTTP. Returns the files of the sockets.
    pub(crate) fn serve(
        self,
        apps: Apps,
        house: &House,
        closes: &Closes,
        parts: &mut Parts,
    ) -> Vec<SocketFile> {
        let Self { http, sockets, admin, keys, proxies, proxy_protocol, .. } = self;
        let rules = |proxy_protocol| Rules {
            places: Arc::new(Places::new(proxies.clone(), &house.limits)),
            limits: house.limits,
            keys: keys.clone(),
            proxies: proxies.clone(),
            proxy_protocol,
            closes: closes.clone(),
            refused: house.refused.clone(),
            refusals: house.refusals.clone(),
        };
        if let Some(admin) = admin {
            let serve = http::serve(Port::Tcp(admin), apps.operators, rules(false));
            parts.start("the admin port", serve);
        }
        let rules = rules(proxy_protocol);
        let (sockets, files): (Vec<_>, Vec<_>) = sockets.into_iter().unzip();
        for socket in sockets {
            let serve = http::serve(Port::Socket(socket), apps.all.clone(), rules.clone());
            parts.start("a socket of HTTP", serve);
        }
        parts.start("the HTTP port", http::serve(Port::Tcp(http), apps.all, rules));
        files
    }
}

async fn listen(flag: &'static str, at: &str) -> Result<(TcpListeners, SocketAddr), StartError> {
    let bound = async {
        let listener = TcpListeners::bind(tokio::net::lookup_host(at).await?)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound.await.map_err(|source| StartError::Listen { flag, listen: at.to_owned(), source })
}
