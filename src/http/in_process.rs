//! Admin calls without a connection, for what runs in the server's own process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use acequia_client::{ANSWER_BYTES_MAX, InProcess};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use tower_service::Service as _;

/// The routes of `app`, as an [`AdminClient`](acequia_client::AdminClient) calls them.
pub(crate) fn in_process(app: Router) -> InProcess {
    Arc::new(move |request| {
        let mut app = app.clone();
        Box::pin(async move {
            let mut request = request.map(Body::new);
            // As if it had come from this machine, which it has.
            let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            request.extensions_mut().insert(ConnectInfo(here));
            let (head, body) = app.call(request).await?.into_parts();
            Ok(axum::http::Response::from_parts(head, to_bytes(body, ANSWER_BYTES_MAX).await?))
        })
    })
}
