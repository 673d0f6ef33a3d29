//! The proxies that are believed when they say for whom they speak.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::HeaderMap;
use ipnet::IpNet;

use super::forwarded;
use super::peer::Peer;

/// The address of a proxy, a network in which nobody but proxies is, or whoever comes by a unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(Trusted);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trusted {
    Network(IpNet),
    Sockets,
}

/// What stands for whoever comes by a unix socket.
const SOCKETS: &str = "unix";

/// A text that is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTrustedProxy {
    /// It is something else.
    #[error(
        "{0:?} is no proxy's address; it is one such as 10.1.2.3 or 2001:db8::1, a network such as \
         10.1.2.0/24, or `unix` for whoever comes by a unix socket"
    )]
    Neither(String),
    /// It is an address in a network: one of the two is meant, and they are not trusted alike.
    #[error(
        "{0:?} is an address and a network; give {1} for the proxy alone, or {2} for all of the network"
    )]
    Both(String, IpAddr, String),
}

impl FromStr for TrustedProxy {
    type Err = BadTrustedProxy;

    fn from_str(text: &str) -> Result<Self, BadTrustedProxy> {
        if text == SOCKETS {
            return Ok(Self(Trusted::Sockets));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(Trusted::Network(address.to_canonical().into())));
        }
        let network: IpNet = text.parse().map_err(|_| BadTrustedProxy::Neither(text.into()))?;
        if network.trunc() == network {
            return Ok(Self(Trusted::Network(network)));
        }
        let whole = network.trunc().to_string();
        Err(BadTrustedProxy::Both(text.into(), network.addr(), whole))
    }
}

impl TrustedProxy {
    /// Whether it is whoever comes by a unix socket.
    pub fn is_socket(&self) -> bool {
        self.0 == Trusted::Sockets
    }

    /// Whether everybody is trusted.
    pub fn is_anybody(&self) -> bool {
        matches!(self.0, Trusted::Network(network) if network.prefix_len() == 0)
    }
}

/// All proxies that are believed.
#[derive(Debug)]
pub(crate) struct Proxies(Vec<TrustedProxy>);

impl Proxies {
    pub(crate) fn new(trusted: Vec<TrustedProxy>) -> Self {
        Self(trusted)
    }

    /// Whether this is one of them.
    pub(crate) fn trust(&self, peer: Peer) -> bool {
        let peer = peer.canonical();
        self.0.iter().any(|TrustedProxy(trusted)| match (trusted, peer) {
            (Trusted::Network(network), Peer::Address(address)) => network.contains(&address),
            (Trusted::Sockets, Peer::User(_)) => true,
            _ => false,
        })
    }

    /// Whose request it is that comes from `peer`: each proxy is asked for the one before it, until
    /// somebody is none. Where a proxy names no address, it is the proxy itself.
    pub(crate) fn client(&self, peer: Peer, headers: &HeaderMap) -> Peer {
        let mut client = peer.canonical();
        for named in forwarded::nearest_first(headers) {
            let Some(named) = named.filter(|_| self.trust(client)) else { break };
            client = named.into();
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(trusted: &[&str]) -> Proxies {
        Proxies::new(trusted.iter().map(|text| text.parse().expect("a proxy")).collect())
    }

    fn at(address: &str) -> Peer {
        Peer::Address(address.parse().expect("an address"))
    }

    fn client(trusted: &[&str], peer: &str, said: &'static str) -> String {
        let headers =
            [("x-forwarded-for".parse().expect("a name"), said.parse().expect("a value"))];
        let peer = peer.parse().map_or_else(|_| Peer::User(1_000), Peer::Address);
        proxies(trusted).client(peer, &HeaderMap::from_iter(headers)).to_string()
    }

    #[test]
    fn an_address_or_a_network_is_trusted() {
        let some = proxies(&["10.0.0.1", "172.16.0.0/12", "2001:db8::/32", "::ffff:192.0.2.1"]);
        for known in [
            "10.0.0.1",
            "::ffff:10.0.0.1",
            "172.31.0.9",
            "::ffff:172.16.0.1",
            "2001:db8::7",
            "192.0.2.1",
        ] {
            assert!(some.trust(at(known)), "{known}");
        }
        for other in ["10.0.0.2", "172.32.0.1", "2001:db9::1", "127.0.0.1", "::1"] {
            assert!(!some.trust(at(other)), "{other}");
        }
        assert!("0.0.0.0/0".parse::<TrustedProxy>().expect("a network").is_anybody());
    }

    #[test]
    fn what_is_neither_is_told() {
        for text in ["", "proxy.example", "10.0.0.0/33", "10.0.0", "10.0.0.1:80", "*"] {
            let error = text.parse::<TrustedProxy>().expect_err(text).to_string();
            assert!(error.contains("such as 10.1.2.0/24"), "{error}");
        }
        let error = "10.1.2.3/8".parse::<TrustedProxy>().expect_err("both").to_string();
        assert!(
            error.contains("10.1.2.3 for the proxy") && error.contains("10.0.0.0/8"),
            "{error}"
        );
    }

    #[test]
    fn who_is_no_proxy_says_nothing_of_others() {
        assert_eq!(client(&[], "192.0.2.1", "127.0.0.1"), "192.0.2.1");
        assert_eq!(client(&["10.0.0.1"], "192.0.2.1", "127.0.0.1, 10.0.0.1"), "192.0.2.1");
    }

    #[test]
    fn the_nearest_who_is_no_proxy_is_the_client() {
        let two = ["10.0.0.1", "10.0.0.2"];
        assert_eq!(client(&two, "10.0.0.1", "192.0.2.1"), "192.0.2.1");
        assert_eq!(client(&two, "10.0.0.1", "127.0.0.1, 192.0.2.1, 10.0.0.2"), "192.0.2.1");
        assert_eq!(client(&two, "10.0.0.1", "192.0.2.1, unknown, 10.0.0.2"), "10.0.0.2");
        assert_eq!(client(&two, "10.0.0.1", "10.0.0.2, 10.0.0.1"), "10.0.0.2", "all are proxies");
        assert_eq!(client(&two, "10.0.0.1", "unknown"), "10.0.0.1");
    }

    #[test]
    fn who_comes_by_a_socket_is_believed_if_that_is_said() {
        assert_eq!(client(&["0.0.0.0/0", "::/0"], "a socket", "192.0.2.1"), "unix:user=1000");
        assert_eq!(client(&["unix"], "a socket", "192.0.2.1"), "192.0.2.1");
        assert_eq!(client(&["unix"], "a socket", "unknown"), "unix:user=1000");
        assert_eq!(client(&["unix"], "a socket", "192.0.2.1, 10.0.0.1"), "10.0.0.1");
        assert_eq!(client(&["unix"], "10.0.0.1", "192.0.2.1"), "10.0.0.1", "it came by TCP");
    }
}
