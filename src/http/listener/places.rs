//! Who gets a place: each address has so many, and what comes through a trusted proxy takes those of its
//! client.

use std::sync::Arc;

use acequia_wire::{Limits, limits};
use axum::http::HeaderMap;

use super::caller::Caller;
use super::place::{Addresses, Place};
use super::upgraded::Upgraded;
use crate::access::{Peer, Proxies};

/// All places at a port, and at the sockets that are the same as it; or at what stands for a port.
#[derive(Debug)]
pub(crate) struct Places {
    believed: Arc<Proxies>,
    clients: Arc<Addresses>,
    /// Apart: a client may share the network of a proxy, and not have to do without because of it. Here are
    /// those who come by a socket, too: whom its mode lets in is a backend, which speaks for many.
    proxies: Arc<Addresses>,
}

/// A connection, as far as it takes a place.
pub(super) struct Connection {
    /// Who is at its other end, or for whom a proxy said that it is.
    pub(super) peer: Peer,
    pub(super) place: Arc<Place>,
    pub(super) upgraded: Arc<Upgraded>,
}

impl Places {
    pub(crate) fn new(believed: Arc<Proxies>, limits: &Limits) -> Self {
        // A proxy's connections are its clients', and counted as theirs while they ask for something.
        // Those that wait are bounded too, out of the way of any number of sessions.
        let proxy_connections = limits.sessions.saturating_add(limits::ADDRESS_CONNECTIONS_MAX);
        Self {
            believed,
            clients: Arc::new(Addresses::new(limits.address_connections)),
            proxies: Arc::new(Addresses::new(proxy_connections)),
        }
    }

    /// A place for a connection of this peer, if there is one.
    pub(super) fn place(&self, peer: Peer) -> Option<Place> {
        let for_many = self.believed.trust(peer) || matches!(peer, Peer::User(_));
        if for_many { &self.proxies } else { &self.clients }.place(peer)
    }

    /// Who makes a request on a connection; or their address, if it has all places that it may. A client
    /// that a proxy speaks for has a place of its own for it.
    pub(super) fn caller(&self, on: &Connection, headers: &HeaderMap) -> Result<Caller, Peer> {
        let client = self.believed.client(on.peer, headers);
        let place = if client == on.peer {
            on.place.clone()
        } else {
            Arc::new(self.clients.place(client).ok_or(client)?)
        };
        Ok(Caller::new(client, place, on.upgraded.clone()))
    }

    /// Who makes a request on a connection of this peer that others have accepted, and count; or who
    /// it is, if they have all places that they may. The request has a place of its own.
    pub(in crate::http) fn caller_from(
        &self,
        peer: Peer,
        headers: &HeaderMap,
    ) -> Result<Caller, Peer> {
        let client = self.believed.client(peer, headers);
        let place = self.place(client).ok_or(client)?;
        Ok(Caller::new(client, Arc::new(place), Arc::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Peer {
        Peer::Address(text.parse().expect("an address"))
    }

    fn places() -> Places {
        let trusted = vec!["10.0.0.1".parse().expect("a proxy")];
        let limits = Limits { address_connections: 1, ..Limits::default() };
        Places::new(Arc::new(Proxies::new(trusted)), &limits)
    }

    fn connection(places: &Places, from: &str) -> Connection {
        let place = Arc::new(places.place(ip(from)).expect("a place"));
        Connection { peer: ip(from), place, upgraded: Arc::default() }
    }

    fn said(client: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            "x-forwarded-for".parse().expect("a name"),
            client.parse().expect("one"),
        )])
    }

    #[test]
    fn requests_through_a_proxy_count_for_their_clients() {
        let places = places();
        let (one, other) = (connection(&places, "10.0.0.1"), connection(&places, "10.0.0.1"));
        let first = places.caller(&one, &said("192.0.2.1")).expect("a place");
        assert_eq!(first.peer(), ip("192.0.2.1"));
        assert!(places.caller(&other, &said("192.0.2.1")).is_err(), "it has one");
        assert!(places.place(ip("192.0.2.1")).is_none(), "also if it comes directly");
        assert!(places.caller(&other, &said("192.0.2.2")).is_ok());
        assert!(places.caller(&other, &HeaderMap::new()).is_ok(), "the proxy itself");
        drop(first);
        assert!(places.caller(&other, &said("192.0.2.1")).is_ok());
    }

    #[test]
    fn a_session_keeps_its_place_as_long_as_its_stream() {
        let places = places();
        let connection = connection(&places, "10.0.0.1");
        places.caller(&connection, &said("192.0.2.1")).expect("a place").upgrade();
        assert!(places.place(ip("192.0.2.1")).is_none());
        drop(connection);
        assert!(places.place(ip("192.0.2.1")).is_some());
    }

    #[test]
    fn of_a_stranger_nothing_is_believed() {
        let places = places();
        let connection = connection(&places, "192.0.2.1");
        for forged in ["127.0.0.1", "10.0.0.1", "192.0.2.2, 10.0.0.1"] {
            let caller = places.caller(&connection, &said(forged)).expect("the connection's place");
            assert_eq!(caller.peer(), ip("192.0.2.1"));
        }
    }

    #[test]
    fn backends_of_this_machine_have_many_each_user_their_own() {
        let limits = Limits { address_connections: 1, sessions: 1, ..Limits::default() };
        let places = Places::new(Arc::new(Proxies::new(Vec::new())), &limits);
        let all = 1 + limits::ADDRESS_CONNECTIONS_MAX;
        let open: Vec<_> = (0..all).map(|_| places.place(Peer::User(1)).expect("one")).collect();
        assert!(places.place(Peer::User(1)).is_none());
        assert!(places.place(Peer::User(2)).is_some());
        drop(open);
        assert!(places.place(Peer::User(1)).is_some());
    }
}
