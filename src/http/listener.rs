//! Connections to a port of HTTP, or to a socket, from accept to upgrade: how many an address may have,
//! and how long they may take to say what they want.

mod caller;
mod closing;
mod frames;
mod place;
mod places;
mod port;
mod proxy_header;
mod rules;
mod unread;
mod upgraded;

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use acequia_restraint::AcceptFailures;
use acequia_tls::Stream;
use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

pub(super) use self::caller::Caller;
pub(crate) use self::closing::{Closes, Closing, closing};
use self::frames::FrameByFrame;
use self::place::Place;
use self::places::Connection;
pub(crate) use self::places::Places;
use self::port::Accepted;
pub(crate) use self::port::Port;
use self::proxy_header::NoHeader;
pub(crate) use self::rules::Rules;
use self::unread::read_to_end;
use crate::access::Peer;
use crate::metrics::RefusedRequest;

/// A silent client is asked by the kernel this often whether its host is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// A client that acknowledges nothing for so long is gone. Long enough for a phone in a tunnel.
const UNANSWERED_TIME_MAX: Duration = Duration::from_secs(90);
/// How long a connection may wait for its next request: longer than proxies (nginx and ALB 60 s)
/// keep theirs, so that they close it and none of their requests meets a closed one.
const IDLE_TIME_MAX: Duration = Duration::from_secs(100);
/// Bytes of a request's head, and so of the buffer that a connection is read into.
pub(super) const HEAD_BYTES_MAX: usize = 32 << 10;
/// How long whoever is turned away may take to read why.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(1);

/// Whoever has too many connections gets this on each further one.
const TOO_MANY: &str = "this address has as many connections as it may; close others\n";
/// When it may come again.
const RETRY_AFTER_S: &str = "5";

/// Accepts connections, those of TCP by TLS if there are keys, and serves `app` to them, until the server
/// closes and all that was asked has been answered.
pub(crate) async fn serve(port: Port, app: Router, mut rules: Rules) {
    let mut connections = JoinSet::new();
    let mut failures = AcceptFailures::default();
    loop {
        let accepted = tokio::select! {
            accepted = port.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = rules.closes.told() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                let Some(held) = failures.failed(&error, Instant::now()) else { continue };
                if let Some(left_out) = held.line {
                    tracing::warn!(%error, "no connection can be accepted at the moment{left_out}");
                }
                tokio::time::sleep(held.pause).await;
                continue;
            }
        };
        failures.succeeded();
        let place = rules.places.place(peer);
        if place.is_none() {
            rules.refuse_address(peer);
        }
        let (app, rules) = (app.clone(), rules.clone());
        match (stream, place) {
            (Accepted::Tcp(stream), Some(place)) => {
                if let Err(error) = tune(&stream) {
                    tracing::debug!(%error, "a connection keeps the system's settings");
                }
                connections.spawn(welcome(stream, peer, place, app, rules));
            }
            (Accepted::Socket(stream), Some(place)) => {
                connections.spawn(welcome_by_socket(stream, peer, place, app, rules));
            }
            // Without a handshake there is no way to say why.
            (Accepted::Tcp(_), None) if rules.keys.is_some() => {}
            (Accepted::Tcp(stream), None) => {
                connections.spawn(turn_away(stream));
            }
            (Accepted::Socket(stream), None) => {
                connections.spawn(turn_away(stream));
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

/// Serves one connection by a socket, which needs neither TLS nor a header of a proxy: nobody is between.
async fn welcome_by_socket(
    stream: UnixStream,
    peer: Peer,
    place: Place,
    app: Router,
    rules: Rules,
) {
    let on = Connection { peer, place: Arc::new(place), upgraded: Arc::default() };
    serve_connection(stream, on, app, rules).await;
}

/// Serves one connection of TCP until it ends or is upgraded.
async fn welcome(mut stream: TcpStream, peer: Peer, mut place: Place, app: Router, rules: Rules) {
    let handshake = rules.handshake();
    let mut client = peer;
    if rules.proxy_protocol && rules.proxies.trust(peer) {
        // Apart from the connection, which would be as large for as long as it lives.
        match Box::pin(introduced(&mut stream, peer, handshake, &rules)).await {
            Some(Introduced::Client(introduced)) => {
                let Some(of_client) = rules.places.place(introduced) else {
                    rules.refuse_address(introduced);
                    if rules.keys.is_none() {
                        Box::pin(turn_away(stream)).await;
                    }
                    return;
                };
                (client, place) = (introduced, of_client);
            }
            Some(Introduced::Proxy) => {}
            None => return,
        }
    }
    let acceptor = rules.keys.as_ref().map(|keys| TlsAcceptor::from(keys.now()));
    let stream = match secure(stream, acceptor, handshake).await {
        Ok(stream) => stream,
        Err(error) => {
            return rules.refuse_tls(client, &error);
        }
    };
    let on = Connection { peer: client, place: Arc::new(place), upgraded: Arc::default() };
    serve_connection(stream, on, app, rules).await;
}

/// For whom a proxy has opened a connection.
enum Introduced {
    Client(Peer),
    Proxy,
}

/// Reads whom the proxy at `peer` has opened this connection for; nothing if it does not say so.
async fn introduced(
    stream: &mut TcpStream,
    peer: Peer,
    handshake: Duration,
    rules: &Rules,
) -> Option<Introduced> {
    let header = timeout(handshake, proxy_header::read(stream)).await;
    match header.unwrap_or(Err(NoHeader::Late)) {
        Ok(client) => Some(client.map_or(Introduced::Proxy, |ip| Introduced::Client(ip.into()))),
        Err(NoHeader::Nothing) => None,
        Err(why) => {
            rules.refused.count(RefusedRequest::ProxyHeader);
            if let Some(left_out) = rules.refusals.line("proxy_header", peer) {
                tracing::warn!(
                    %peer,
                    "a connection of a trusted proxy is refused: {why}; have the proxy send one (HAProxy: \
                     send-proxy-v2, nginx: proxy_protocol on), or leave out --proxy-protocol{left_out}"
                );
            }
            None
        }
    }
}

/// Goes through the TLS handshake, if there is to be one.
async fn secure(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    handshake: Duration,
) -> io::Result<Stream> {
    let Some(acceptor) = acceptor else { return Ok(Stream::Plain(stream)) };
    let shaken = timeout(handshake, acceptor.accept(stream)).await??;
    Ok(Stream::Tls(Box::new(shaken.into())))
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    on: Connection,
    app: Router,
    rules: Rules,
) {
    let peer = on.peer;
    let stream = FrameByFrame::new(stream, on.upgraded.clone());
    // The first request is waited for less long than the next ones: whoever dials has something to
    // say.
    let (first, has_come) = oneshot::channel::<()>();
    let first = Mutex::new(Some(first));
    let (handshake, mut closes) = (rules.handshake(), rules.closes.clone());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        drop(first.lock().unwrap_or_else(PoisonError::into_inner).take());
        let (head, body) = request.into_parts();
        let body = read_to_end(body, &head.headers, &rules.closes);
        let mut request = axum::http::Request::from_parts(head, body);
        let answer = rules.places.caller(&on, request.headers()).map(|caller| {
            let place = caller.place();
            request.extensions_mut().insert(caller);
            (app.clone().call(request), place)
        });
        if let Err(client) = &answer {
            rules.refuse_address(*client);
        }
        async move {
            let Ok((answer, place)) = answer else { return Ok::<_, Infallible>(too_many()) };
            Ok(answer.await?.map(|body| holding(body, place)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let mut ended = tokio::select! {
        ended = &mut connection => Some(ended),
        _ = has_come => None,
        () = tokio::time::sleep(handshake) => return,
        () = closes.told() => return,
    };
    if ended.is_none() {
        ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = closes.told() => None,
        };
    }
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

/// A body that keeps the place of whoever asked for it until it has been sent.
pub(super) fn holding(body: Body, place: Arc<Place>) -> Body {
    Body::new(body.map_err(move |error| {
        let _held = &place;
        error
    }))
}

/// The answer to a client whose other requests are all that it may make at one time, where connections
/// are not its own or not ours to count.
pub(super) fn too_many() -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, RETRY_AFTER_S)], TOO_MANY)
        .into_response()
}

async fn turn_away(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: {RETRY_AFTER_S}\r\nconnection: close\r\n\
         content-type: text/plain\r\ncontent-length: {}\r\n\r\n{TOO_MANY}",
        TOO_MANY.len()
    );
    // Whoever does not want to know is not waited for.
    _ = timeout(REFUSAL_TIME_MAX, async {
        // An answer that comes before the question confuses clients.
        stream.read_u8().await?;
        stream.write_all(answer.as_bytes()).await?;
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
