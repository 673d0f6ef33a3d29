//! The proxies that are believed when they say for whom they speak.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::HeaderMap;
use ipnet::IpNet;

use super::forwarded;

/// The address of a proxy, or a network in which nobody but proxies is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

/// A text that is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTrustedProxy {
    /// It is something else.
    #[error(
        "{0:?} is no proxy's address; it is one such as 10.1.2.3 or 2001:db8::1, or a network such as \
         10.1.2.0/24"
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
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().into()));
        }
        let network: IpNet = text.parse().map_err(|_| BadTrustedProxy::Neither(text.into()))?;
        if network.trunc() == network {
            return Ok(Self(network));
        }
        let whole = network.trunc().to_string();
        Err(BadTrustedProxy::Both(text.into(), network.addr(), whole))
    }
}

impl TrustedProxy {
    /// Whether everybody is trusted.
    pub fn is_anybody(&self) -> bool {
        self.0.prefix_len() == 0
    }
}

/// All proxies that are believed.
#[derive(Debug)]
pub(crate) struct Proxies(Vec<TrustedProxy>);

impl Proxies {
    pub(crate) fn new(trusted: Vec<TrustedProxy>) -> Self {
        Self(trusted)
    }

    /// Whether somebody at this address is one of them.
    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|TrustedProxy(network)| network.contains(&address))
    }

    /// Whose request it is that comes from `peer`: each proxy is asked for the one before it, until
    /// somebody is none. Where a proxy names no address, it is the proxy's own.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        for named in forwarded::nearest_first(headers) {
            let Some(named) = named.filter(|_| self.trust(client)) else { break };
            client = named;
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

    fn client(trusted: &[&str], peer: &str, said: &'static str) -> String {
        let headers =
            [("x-forwarded-for".parse().expect("a name"), said.parse().expect("a value"))];
        let peer = peer.parse().expect("an address");
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
            assert!(some.trust(known.parse().expect("an address")), "{known}");
        }
        for other in ["10.0.0.2", "172.32.0.1", "2001:db9::1", "127.0.0.1", "::1"] {
            assert!(!some.trust(other.parse().expect("an address")), "{other}");
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
}
