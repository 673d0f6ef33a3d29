//! The connections of a link on which doors ask, by HTTP, what those ask who call them.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Broken;

/// Serves the connection until it ends.
pub(super) async fn serve<S>(io: S, calls: Router) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(calls);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        // The door keeps a connection for the next call as long as it likes.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(io), service)
        .await;
    Ok(served?)
}
