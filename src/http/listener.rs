//! Connections to the HTTP port, from accept to upgrade: how many an address may have, and how long
//! they may take to say what they want.

mod frames;
mod place;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use acequia_gate::TcpListeners;
use acequia_restraint::AcceptFailures;
use acequia_tls::Stream;
use acequia_wire::Limits;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use self::frames::FrameByFrame;
use self::place::Addresses;
pub(super) use self::place::Place;
use super::keys::Keys;
use crate::metrics::{RefusedRequest, RefusedRequests};

/// A silent client is asked by the kernel this often whether its host is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// A client that acknowledges nothing for so long is gone. Long enough for a phone in a tunnel.
const UNANSWERED_TIME_MAX: Duration = Duration::from_secs(90);
/// How long a connection may wait for its next request: longer than proxies (nginx and ALB 60 s)
/// keep theirs, so that they close it and none of their requests meets a closed one.
const IDLE_TIME_MAX: Duration = Duration::from_secs(100);
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// How long whoever is turned away may take to read why.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(1);

/// Whoever has too many connections gets this on each further one.
const TOO_MANY: &str = "HTTP/1.1 429 Too Many Requests\r\n\
    retry-after: 5\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 61\r\n\r\n\
    this address has as many connections as it may; close others\n";

/// Accepts connections, by TLS if there are keys, and serves `app` to them, for ever. All that have
/// not been upgraded end with it.
pub(crate) async fn serve(
    listener: TcpListeners,
    keys: Option<Keys>,
    app: Router,
    limits: Limits,
    refused: RefusedRequests,
) {
    let addresses = Arc::new(Addresses::new(limits.address_connections));
    let handshake = Duration::from_secs(limits.handshake_s as u64);
    let mut connections = JoinSet::new();
    let mut failures = AcceptFailures::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                let Some(held) = failures.failed(&error, Instant::now()) else { continue };
                if let Some(left_out) = held.line {
                    tracing::warn!(%error, "no connection can be accepted for now{left_out}");
                }
                tokio::time::sleep(held.pause).await;
                continue;
            }
        };
        failures.succeeded();
        let Some(place) = addresses.place(address.ip()) else {
            refused.count(RefusedRequest::Address);
            // Without a handshake there is no way to say why.
            if keys.is_none() {
                connections.spawn(turn_away(stream));
            }
            continue;
        };
        if let Err(error) = tune(&stream) {
            tracing::debug!(%error, "a connection keeps the system's settings");
        }
        let acceptor = keys.as_ref().map(|keys| TlsAcceptor::from(keys.now()));
        let (app, refused) = (app.clone(), refused.clone());
        connections.spawn(async move {
            let stream = match secure(stream, acceptor, handshake).await {
                Ok(stream) => stream,
                Err(error) => {
                    refused.count(RefusedRequest::Tls);
                    return tracing::debug!(%address, %error, "no TLS handshake");
                }
            };
            let served = serve_connection(stream, address, place, app, handshake).await;
            if let Err(error) = served {
                tracing::debug!(%address, %error, "a connection ended early");
            }
        });
    }
}

/// Goes through the TLS handshake, if there is to be one.
async fn secure(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    handshake: Duration,
) -> io::Result<Stream> {
    let Some(acceptor) = acceptor else { return Ok(Stream::Plain(stream)) };
    let shaken = tokio::time::timeout(handshake, acceptor.accept(stream)).await??;
    Ok(Stream::Tls(Box::new(shaken.into())))
}

async fn serve_connection(
    stream: Stream,
    address: SocketAddr,
    place: Place,
    app: Router,
    handshake: Duration,
) -> hyper::Result<()> {
    // It is given back with the stream, which an upgrade takes along.
    let place = Arc::new(place);
    let stream = FrameByFrame::new(stream, place.clone());
    // The first request is waited for less long than the next ones: whoever dials has something to
    // say.
    let (first, has_come) = oneshot::channel::<()>();
    let first = Mutex::new(Some(first));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        drop(first.lock().unwrap_or_else(PoisonError::into_inner).take());
        request.extensions_mut().insert(ConnectInfo(address));
        request.extensions_mut().insert(place.clone());
        app.clone().call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        ended = &mut connection => return ended,
        _ = has_come => {}
        () = tokio::time::sleep(handshake) => return Ok(()),
    }
    connection.await
}

async fn turn_away(mut stream: TcpStream) {
    // Whoever does not want to know is not waited for.
    _ = tokio::time::timeout(REFUSAL_TIME_MAX, async {
        // An answer that comes before the question confuses clients.
        stream.readable().await?;
        stream.write_all(TOO_MANY.as_bytes()).await?;
        stream.shutdown().await?;
        // What is left unread would reset the connection, and the answer with it.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    })
    .await;
}

/// Sets a client's connection up for small messages, each of which somebody waits for, and for
/// clients that go without a word.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNANSWERED_TIME_MAX))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_says_how_long_it_is() {
        let (head, body) = TOO_MANY.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
