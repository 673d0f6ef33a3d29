//! How a connection of a link begins, at either end.

use std::future::Future;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsStream;

use crate::error::{Fault, LinkError};
use crate::handshake::{
    HANDSHAKE_TIME_MAX, Hello, Known, Refused, Token, Welcome, as_door, as_owner,
};
use crate::link::Link;
use crate::tcp::tune;
use crate::tls::{LinkTls, LinkTrust};

/// How long an owner may take until it is connected.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);

/// A connection of a link, as it is between two servers.
pub type TcpLink = Link<TlsStream<TcpStream>>;

/// Dials the owner at `HOST:PORT`, as the door that `hello` tells of. Both have proven then that they
/// know the token.
///
/// # Errors
/// If there is no owner, or not one that takes this door.
pub async fn dial(
    address: &str,
    trust: &LinkTrust,
    hello: Hello,
    token: &[u8],
) -> Result<(TcpLink, Welcome), LinkError> {
    let dialled = async {
        let token = Token::new(token)?;
        let host = host_of(address).ok_or(Fault::Address)?;
        let connected = timeout(CONNECT_TIME_MAX, TcpStream::connect(address)).await;
        let stream = connected.map_err(|_| Fault::Slow)?.map_err(Fault::Unreachable)?;
        tune(&stream)?;
        in_time(async {
            let (mut stream, binding) = trust.connect(host, stream).await?;
            let welcome = as_door(&mut stream, Known { token, binding }, hello).await?;
            Ok((stream, welcome))
        })
        .await
    };
    let (stream, welcome) = dialled.await.map_err(|fault| fault.with(address))?;
    Ok((Link::new(stream, address.to_owned()), welcome))
}

/// Answers a door that has connected, where `judge` says whether a door that has proven that it
/// knows the token is taken, and as what.
///
/// # Errors
/// If it is not taken, or is no door.
pub async fn answer(
    stream: TcpStream,
    tls: &LinkTls,
    token: &[u8],
    judge: impl FnOnce(&Hello) -> Result<Welcome, Refused>,
) -> Result<(TcpLink, Hello), LinkError> {
    let address = stream.peer_addr().map_or_else(|_| "?".to_owned(), |peer| peer.to_string());
    let answered = async {
        let token = Token::new(token)?;
        tune(&stream)?;
        in_time(async {
            let (mut stream, binding) = tls.accept(stream).await?;
            let hello = as_owner(&mut stream, Known { token, binding }, judge).await?;
            Ok((stream, hello))
        })
        .await
    };
    let (stream, hello) = answered.await.map_err(|fault| fault.with(&address))?;
    let peer = format!("{} ({address})", hello.name);
    Ok((Link::new(stream, peer), hello))
}

async fn in_time<T>(begun: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(HANDSHAKE_TIME_MAX, begun).await.unwrap_or(Err(Fault::Slow))
}

/// The host of `HOST:PORT`, without brackets.
fn host_of(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    (!host.is_empty() && port.parse::<u16>().is_ok()).then_some(host)
}

#[cfg(test)]
mod tests;
