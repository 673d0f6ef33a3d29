//! How many connections, or requests through a proxy, an address may have, or a user of this machine.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::Peer;

/// How many each has.
#[derive(Debug)]
pub(super) struct Addresses {
    max: usize,
    // Touched once when a connection begins and once when it ends.
    open: Mutex<HashMap<Peer, usize>>,
}

/// A place among those of one peer, given back when it is dropped.
#[derive(Debug)]
pub(in crate::http) struct Place {
    addresses: Arc<Addresses>,
    network: Peer,
}

impl Addresses {
    pub(super) fn new(max: usize) -> Self {
        Self { max, open: Mutex::default() }
    }

    /// A place for one more of this peer, if there is one.
    pub(super) fn place(self: &Arc<Self>, peer: Peer) -> Option<Place> {
        let network = network(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Place { addresses: self.clone(), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.addresses.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(self.network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// What counts as one address: of IPv6 the network, since a host has as many addresses there as it
/// likes.
fn network(peer: Peer) -> Peer {
    match peer.canonical() {
        Peer::Address(IpAddr::V6(address)) => {
            Peer::Address(Ipv6Addr::from_bits(address.to_bits() & !0 << 64).into())
        }
        peer => peer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Peer {
        Peer::Address(text.parse().expect("an address"))
    }

    #[test]
    fn each_address_has_so_many_places() {
        let addresses = Arc::new(Addresses::new(2));
        let first = addresses.place(address("10.0.0.1")).expect("a place");
        let _second = addresses.place(address("::ffff:10.0.0.1")).expect("a place");
        assert!(addresses.place(address("10.0.0.1")).is_none());
        let other = addresses.place(address("10.0.0.2")).expect("a place of its own");
        drop((first, other));
        assert!(addresses.place(address("10.0.0.1")).is_some());
        assert_eq!(addresses.open.lock().expect("no panic").len(), 1, "who is gone is forgotten");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let addresses = Arc::new(Addresses::new(1));
        let _place = addresses.place(address("2001:db8::1")).expect("a place");
        assert!(addresses.place(address("2001:db8::ffff:2")).is_none());
        assert!(addresses.place(address("2001:db8:0:1::1")).is_some());
    }
}
