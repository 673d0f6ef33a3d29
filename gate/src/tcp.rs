//! TCP ports at all addresses that a name has: a peer that dials `localhost` takes whichever of its
//! addresses it likes, and has to find the server there.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::config::BACKLOG;

/// Where the system chooses a port, it has to be free at all addresses: so often is another tried.
const TRIES: usize = 16;

/// One port, at one or more addresses of this machine.
#[derive(Debug)]
pub struct TcpListeners {
    /// At least one.
    listeners: Vec<TcpListener>,
    /// Who is looked at first, so that none of them has to wait behind another for ever.
    first: AtomicUsize,
}

impl TcpListeners {
    /// Listens at those of the addresses that this machine has; port 0 lets the system choose one for
    /// all of them.
    ///
    /// # Errors
    /// If it has none of them, or one of them is taken.
    pub fn bind(addresses: impl IntoIterator<Item = SocketAddr>) -> io::Result<Self> {
        let mut addresses: Vec<_> = addresses.into_iter().collect();
        // That of IPv4 first: it is the one that is told.
        addresses.sort_unstable();
        addresses.dedup();
        let chosen = addresses.iter().any(|address| address.port() == 0);
        let tries = if chosen { TRIES } else { 1 };
        let mut bound = listen_at(&addresses);
        for _ in 1..tries {
            match &bound {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    bound = listen_at(&addresses);
                }
                _ => break,
            }
        }
        Ok(Self { listeners: bound?, first: AtomicUsize::new(0) })
    }

    /// The first of its addresses, with the port that the system chose where 0 was asked for.
    ///
    /// # Errors
    /// If the system does not know.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listeners[0].local_addr()
    }

    /// The next connection. Cancel-safe.
    ///
    /// # Errors
    /// As accept(2).
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (before, from) =
            self.listeners.split_at(self.first.fetch_add(1, Relaxed) % self.listeners.len());
        poll_fn(|cx| {
            for listener in from.iter().chain(before) {
                if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await
    }
}

fn listen_at(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let (mut listeners, mut port, mut absent) = (Vec::new(), 0, None);
    for address in addresses {
        let mut address = *address;
        if address.port() == 0 {
            address.set_port(port);
        }
        match listen(address) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            // A name may have addresses that this machine has not.
            Err(error) if is_absent(&error) => absent = Some(error),
            Err(error) => return Err(error),
        }
    }
    match absent {
        Some(error) if listeners.is_empty() => Err(error),
        None if listeners.is_empty() => Err(io::Error::other("it has no address")),
        _ => Ok(listeners),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that restarts must not wait for the connections of its last life to time out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether this machine has no such address, or none of the kind at all.
fn is_absent(error: &io::Error) -> bool {
    /// Linux's; of other systems it is an error like any other.
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [&str; 2] = ["[::1]:0", "127.0.0.1:0"];

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[tokio::test]
    async fn a_name_is_listened_at_by_each_of_its_addresses() {
        let listeners = TcpListeners::bind(addresses(&BOTH)).expect("both families");
        let own = listeners.local_addr().expect("an address");
        assert!(own.is_ipv4() && own.port() != 0, "{own}");
        for host in ["127.0.0.1", "::1"] {
            let dialled = TcpStream::connect((host, own.port()));
            let (dialled, accepted) = tokio::join!(dialled, listeners.accept());
            let dialler = dialled.expect("a connection").local_addr().expect("an address");
            assert_eq!(accepted.expect("a connection").1, dialler);
        }
    }

    #[tokio::test]
    async fn an_address_of_elsewhere_is_left_out_unless_it_is_the_only_one() {
        let listeners = TcpListeners::bind(addresses(&["192.0.2.1:0", "127.0.0.1:0"]));
        let own = listeners.expect("one of them").local_addr().expect("an address");
        assert!(own.ip().is_loopback());
        let error = TcpListeners::bind(addresses(&["192.0.2.1:0"])).expect_err("not ours");
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
        TcpListeners::bind(Vec::new()).expect_err("nowhere");
    }

    #[tokio::test]
    async fn one_address_that_is_taken_is_an_error() {
        let taken = TcpListeners::bind(addresses(&["[::1]:0"])).expect("a port");
        let port = taken.local_addr().expect("an address").port();
        let both = ["127.0.0.1", "::1"].map(|ip| SocketAddr::new(ip.parse().expect("an IP"), port));
        let error = TcpListeners::bind(both).expect_err("taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
