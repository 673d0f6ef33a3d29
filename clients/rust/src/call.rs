//! One call over HTTP: how it is asked, and what may become of it.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::response::Parts;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;

use crate::connect::{self, ConnectError, secure};
use crate::url::ServerUrl;

/// How long an admin call may take, with the connection for it.
pub(crate) const CALL_TIME_MAX: Duration = Duration::from_secs(5);
/// Bytes of the largest answer that is read.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;
/// What a server says that is no Acequia server is not repeated at length.
const SAID_BYTES_MAX: usize = 200;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What happened to a connection, or to whoever makes tokens.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

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
    #[error("{authority} does not answer within {within:?}")]
    Time {
        /// The host and port.
        authority: String,
        /// How long it had.
        within: Duration,
    },
    /// The server has said nothing for long, in a stream that goes on.
    #[error("{authority} has gone silent")]
    Silent {
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

/// What a server says of a call that it refuses: operators are told a `message`, clients a problem as
/// RFC 9457 has it.
#[derive(Deserialize)]
struct Refusal {
    #[serde(alias = "detail")]
    message: String,
    retry_after_ms: Option<u32>,
}

pub(crate) fn late(server: &ServerUrl, within: Duration) -> CallError {
    CallError::Time { authority: server.authority().to_owned(), within }
}

pub(crate) fn broken(server: &ServerUrl, source: impl Into<Fault>) -> CallError {
    CallError::Broken { authority: server.authority().to_owned(), source: source.into() }
}

/// What a server says that refuses a call.
pub(crate) fn refused(server: &ServerUrl, status: StatusCode, body: &[u8]) -> CallError {
    let message = serde_json::from_slice(body).map_or_else(
        |_| String::from_utf8_lossy(&body[..body.len().min(SAID_BYTES_MAX)]).into_owned(),
        |Refusal { message, retry_after_ms }| {
            let again = retry_after_ms.map(|ms| format!("; try again in {ms} ms"));
            message + &again.unwrap_or_default()
        },
    );
    CallError::Refused { authority: server.authority().to_owned(), status, message }
}

/// A new connection; what it is driven by ends with it.
pub(crate) async fn dial<B>(server: &ServerUrl) -> Result<SendRequest<B>, CallError>
where
    B: Body<Data = Bytes, Error: Into<Fault>> + Send + 'static,
{
    let stream = connect::dial(server).await?;
    // Small messages, each of which somebody waits for; a system that refuses is only slower.
    _ = stream.set_nodelay(true);
    let stream = secure(stream, server).await?;
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (link, connection) = shaken.map_err(|source| broken(server, source))?;
    // Its end is seen by who calls.
    tokio::spawn(async move { _ = connection.await });
    Ok(link)
}

/// An admin call, with all that is shown to the server; `path` is below `/v1/admin/`.
pub(crate) fn admin_request(
    server: &ServerUrl,
    method: &Method,
    path: &str,
    body: &Bytes,
) -> Request<Full<Bytes>> {
    let content_type = (!body.is_empty()).then_some(JSON);
    // Names of queues, pools and workers need no escape.
    let request = request(server, method, &server.admin_path(path), content_type);
    request.map(|()| Full::new(body.clone()))
}

/// A call without its body, with all that is shown to the server.
pub(crate) fn request(
    server: &ServerUrl,
    method: &Method,
    path: &str,
    content_type: Option<HeaderValue>,
) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method.clone();
    // What cannot be a path finds nothing.
    *request.uri_mut() = path.parse().unwrap_or_default();
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::from_str(server.authority()) {
        headers.insert(HOST, host);
    }
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    let shown = server.token().map(|token| HeaderValue::from_str(&format!("Bearer {token}")));
    if let Some(Ok(mut shown)) = shown {
        shown.set_sensitive(true);
        headers.insert(AUTHORIZATION, shown);
    }
    request
}

/// Asks, and reads the answer to its end.
pub(crate) async fn answer<B: Body + 'static>(
    link: &mut SendRequest<B>,
    request: Request<B>,
) -> Result<(StatusCode, Bytes), Fault> {
    let (head, body) = whole_answer(link, request).await?;
    Ok((head.status, body))
}

/// The same, with all of its head.
pub(crate) async fn whole_answer<B: Body + 'static>(
    link: &mut SendRequest<B>,
    request: Request<B>,
) -> Result<(Parts, Bytes), Fault> {
    let (head, body) = link.send_request(request).await?.into_parts();
    Ok((head, Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes()))
}
