//! Admin calls, over one connection that is kept open.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::call::{
    CALL_TIME_MAX, CallError, Fault, admin_request, answer, broken, dial, late, refused,
};
use crate::connect::ConnectError;
use crate::url::ServerUrl;

/// A server in the same process, which answers without a connection.
pub type InProcess = Arc<dyn Fn(Request<Full<Bytes>>) -> Answering + Send + Sync>;

/// An answer that is on its way.
type Answering = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Fault>> + Send>>;

/// Whoever makes admin calls of a server: one call at a time, on one connection, which is dialled
/// when it is needed. A [`ServerUrl`] with a token shows it as the admin token.
pub struct AdminClient {
    server: ServerUrl,
    link: Link,
}

/// The way to the server.
enum Link {
    None,
    Open(SendRequest<Full<Bytes>>),
    /// The server is in this process, and answers as long as it runs.
    Within(watch::Receiver<Option<InProcess>>),
}

impl fmt::Debug for AdminClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminClient").field("server", &self.server).finish_non_exhaustive()
    }
}

impl AdminClient {
    /// A client that has not dialled yet.
    pub fn new(server: ServerUrl) -> Self {
        Self { server, link: Link::None }
    }

    /// A client of a server in this process, which is there as long as there is an
    /// [`InProcess`] of it.
    pub fn within(server: ServerUrl, app: watch::Receiver<Option<InProcess>>) -> Self {
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
        let answered = answered.unwrap_or_else(|_| Err(late(&self.server, CALL_TIME_MAX)));
        if answered.is_err() && matches!(self.link, Link::Open(_)) {
            // Half an exchange may be left on it.
            self.link = Link::None;
        }
        let (status, body) = answered?;
        if !status.is_success() {
            return Err(refused(&self.server, status, &body));
        }
        serde_json::from_slice(&body).map_err(|source| CallError::Answer {
            authority: self.server.authority().to_owned(),
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
        let request = || admin_request(&self.server, method, path, body);
        match &mut self.link {
            Link::Within(app) => {
                let app = app.borrow().clone().ok_or_else(|| ended(&self.server))?;
                let answered = app(request()).await;
                let (head, body) =
                    answered.map_err(|source| broken(&self.server, source))?.into_parts();
                return Ok((head.status, body));
            }
            Link::Open(link) => {
                // A server closes what was idle for long, and may have been started anew.
                if link.ready().await.is_ok()
                    && let Ok(answer) = answer(link, request()).await
                {
                    return Ok(answer);
                }
            }
            Link::None => {}
        }
        let mut link = dial(&self.server).await?;
        let answered = answer(&mut link, request()).await;
        self.link = Link::Open(link);
        answered.map_err(|source| broken(&self.server, source))
    }
}

fn ended(server: &ServerUrl) -> CallError {
    let (authority, source) = (server.authority().to_owned(), io::ErrorKind::ConnectionRefused);
    ConnectError::Unreachable { authority, source: source.into() }.into()
}
