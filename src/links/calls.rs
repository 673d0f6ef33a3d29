//! The connections of a link on which doors ask, by HTTP, what those ask who call them.

use acequia_link::LinkError;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};

/// Serves the connection until it ends.
pub(super) async fn serve<S>(io: S, calls: Router) -> Result<(), LinkError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(calls);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(io), service)
        .await;
    served.map_err(|error| std::io::Error::other(error).into())
}
