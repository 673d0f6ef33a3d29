//! Asks the owner of a door, by HTTP over connections of the link.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

use crate::http::Ask;
use crate::relay::{Callers, Io};

/// How long a call waits for an owner to be there.
const OWNER_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a connection is kept for the next call.
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// Has the owner that there is a link to answer requests.
pub(crate) fn ask_owner(callers: Callers) -> Ask {
    let client: Client<Connector, Body> = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIME_MAX)
        .build(Connector(callers.clone()));
    Arc::new(move |mut request| {
        let (client, callers) = (client.clone(), callers.clone());
        Box::pin(async move {
            let epoch = tokio::time::timeout(OWNER_TIME_MAX, callers.epoch()).await;
            let epoch = epoch.ok().flatten().ok_or("there is none")?;
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            // Connections to one owner are not for the next.
            let uri: Result<Uri, _> = format!("http://owner-{epoch}{path}").parse();
            *request.uri_mut() = uri.map_err(|error| error.to_string())?;
            let answered = client.request(request).await;
            Ok(answered.map_err(|error| error.to_string())?.map(Body::new))
        })
    })
}

/// Opens connections for calls.
#[derive(Clone)]
struct Connector(Callers);

impl Service<Uri> for Connector {
    type Response = TokioIo<Opened>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let callers = self.0.clone();
        Box::pin(async move { Ok(TokioIo::new(Opened(callers.open().await?))) })
    }
}

/// A connection for calls.
struct Opened(Box<dyn Io>);

impl Connection for Opened {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Opened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Opened {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
