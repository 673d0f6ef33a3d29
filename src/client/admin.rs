//! Admin calls, over one connection that is kept open.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use bytes::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tower_service::Service as _;

use super::{ConnectError, ServerUrl, secure};

/// How long a call may take, with the connection for it.
const CALL_TIME_MAX: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// What a server says that is no Acequia server is not repeated at length.
const SAID_BYTES_MAX: usize = 200;

/// Whoever makes admin calls of a server: one call at a time, on one connection, which is dialled
/// when it is needed. A [`ServerUrl`] with a token shows it as the admin token.
#[derive(Debug)]
pub struct AdminClient {
    server: ServerUrl,
    link: Link,
}

/// The way to the server.
#[derive(Debug)]
enum Link {
    None,
    Open(SendRequest<Body>),
    /// The server is in this process, and answers as long as it runs.
    Within(watch::Receiver<Option<Router>>),
}

/// What happened to a connection.
type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke, or is none of HTTP.
    #[error("the connection to {authority} broke: {source}")]
    Broken {
        /// The host and port.
        authority: String,
        /// How.
        source: Fault,
    },
    /// The server takes its time.
    #[error("{authority} does not answer within {CALL_TIME_MAX:?}")]
    Time {
        /// The host and port.
        authority: String,
    },
    /// The server says no.
    #[error("{authority} answers {status}: {message}")]
    Refused {
        /// The host and port.
        authority: String,
        /// The HTTP status.
        status: StatusCode,
        /// The server's words.
        message: String,
    },
    /// What the server says is not understood.
    #[error(
        "{authority} answers {path} otherwise than expected: {source}; is it of another version?"
    )]
    Answer {
        /// The host and port.
        authority: String,
        /// What was called.
        path: String,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl CallError {
    /// Whether nobody listens at the address, so that no server runs there.
    pub fn is_gone(&self) -> bool {
        let kind = match self {
            Self::Connect(ConnectError::Unreachable { source, .. }) => source.kind(),
            _ => return false,
        };
        kind == io::ErrorKind::ConnectionRefused
    }

    /// The status of a call that was refused.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// What a server says of a call that it refuses.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl AdminClient {
    /// A client that has not dialled yet.
    pub fn new(server: ServerUrl) -> Self {
        Self { server, link: Link::None }
    }

    /// A client of a server in this process.
    pub(crate) fn within(server: ServerUrl, app: watch::Receiver<Option<Router>>) -> Self {
        Self { server, link: Link::Within(app) }
    }

    /// The server that is called.
    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Asks for what is at `path`, below `/v1/admin/`.
    ///
    /// # Errors
    /// If there is no answer, or another one than a `T`.
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, CallError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Tells something to what is at `path`, below `/v1/admin/`. It has to do no harm twice: if the
    /// connection breaks, it is told again.
    ///
    /// # Errors
    /// If there is no answer, or another one than a `T`.
    pub async fn call<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, CallError> {
        let answered = timeout(CALL_TIME_MAX, self.exchange(&method, path, &body)).await;
        let authority = || self.server.authority().to_owned();
        let answered = answered.unwrap_or_else(|_| Err(CallError::Time { authority: authority() }));
        if answered.is_err() && matches!(self.link, Link::Open(_)) {
            // Half an exchange may be left on it.
            self.link = Link::None;
        }
        let (status, body) = answered?;
        if !status.is_success() {
            let message = serde_json::from_slice(&body).map_or_else(
                |_| String::from_utf8_lossy(&body[..body.len().min(SAID_BYTES_MAX)]).into_owned(),
                |Refusal { message }| message,
            );
            return Err(CallError::Refused { authority: authority(), status, message });
        }
        serde_json::from_slice(&body).map_err(|source| CallError::Answer {
            authority: authority(),
            path: path.to_owned(),
            source,
        })
    }

    async fn exchange(
        &mut self,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Result<(StatusCode, Bytes), CallError> {
        match &mut self.link {
            Link::Within(app) => {
                let app = app.borrow().clone().ok_or_else(|| ended(&self.server))?;
                let answered = answer_within(app, &self.server, method, path, body).await;
                return answered.map_err(|source| broken(&self.server, source));
            }
            Link::Open(link) => {
                // A server closes what was idle for long, and may have been started anew.
                if link.ready().await.is_ok()
                    && let Ok(answer) = answer(&self.server, link, method, path, body).await
                {
                    return Ok(answer);
                }
            }
            Link::None => {}
        }
        let mut link = dial(&self.server).await?;
        let answered = answer(&self.server, &mut link, method, path, body).await;
        self.link = Link::Open(link);
        answered.map_err(|source| broken(&self.server, source))
    }
}

fn ended(server: &ServerUrl) -> CallError {
    let (authority, source) = (server.authority().to_owned(), io::ErrorKind::ConnectionRefused);
    ConnectError::Unreachable { authority, source: source.into() }.into()
}

fn broken(server: &ServerUrl, source: impl Into<Fault>) -> CallError {
    CallError::Broken { authority: server.authority().to_owned(), source: source.into() }
}

/// A new connection; what it is driven by ends with it.
async fn dial(server: &ServerUrl) -> Result<SendRequest<Body>, CallError> {
    let stream = TcpStream::connect(server.authority()).await.map_err(|source| {
        ConnectError::Unreachable { authority: server.authority().to_owned(), source }
    })?;
    // Small messages, each of which somebody waits for; a system that refuses is only slower.
    _ = stream.set_nodelay(true);
    let stream = secure(stream, server).await?;
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (link, connection) = shaken.map_err(|source| broken(server, source))?;
    // Its end is seen by who calls.
    tokio::spawn(async move { _ = connection.await });
    Ok(link)
}

async fn answer(
    server: &ServerUrl,
    link: &mut SendRequest<Body>,
    method: &Method,
    path: &str,
    body: &Bytes,
) -> Result<(StatusCode, Bytes), Fault> {
    let response = link.send_request(request(server, method, path, body)).await?;
    read(response.map(Body::new)).await
}

async fn answer_within(
    mut app: Router,
    server: &ServerUrl,
    method: &Method,
    path: &str,
    body: &Bytes,
) -> Result<(StatusCode, Bytes), Fault> {
    let mut request = request(server, method, path, body);
    // As if it had come from this machine, which it has.
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    request.extensions_mut().insert(ConnectInfo(here));
    read(app.call(request).await?).await
}

async fn read(response: Response<Body>) -> Result<(StatusCode, Bytes), Fault> {
    let status = response.status();
    Ok((status, to_bytes(response.into_body(), ANSWER_BYTES_MAX).await?))
}

fn request(server: &ServerUrl, method: &Method, path: &str, body: &Bytes) -> Request<Body> {
    let mut request = Request::new(Body::from(body.clone()));
    *request.method_mut() = method.clone();
    // Names of queues, pools and workers need no escape; what cannot be a path finds nothing.
    *request.uri_mut() = format!("/v1/admin/{path}").parse().unwrap_or_default();
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::from_str(server.authority()) {
        headers.insert(HOST, host);
    }
    if !body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let shown = server.token().map(|token| HeaderValue::from_str(&format!("Bearer {token}")));
    if let Some(Ok(mut shown)) = shown {
        shown.set_sensitive(true);
        headers.insert(AUTHORIZATION, shown);
    }
    request
}
