//! Admin calls without a connection, for what runs in the server's own process.

use std::sync::Arc;

use acequia_client::{ANSWER_BYTES_MAX, InProcess};
use axum::Router;
use axum::body::{Body, to_bytes};
use tower_service::Service as _;

/// The routes of `app`, as an [`AdminClient`](acequia_client::AdminClient) calls them.
pub(crate) fn in_process(app: Router) -> InProcess {
    Arc::new(move |request| {
        let mut app = app.clone();
        Box::pin(async move {
            let (head, body) = app.call(request.map(Body::new)).await?.into_parts();
            Ok(axum::http::Response::from_parts(head, to_bytes(body, ANSWER_BYTES_MAX).await?))
        })
    })
}
