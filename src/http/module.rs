//! The client library, for pages of other origins that may open sessions: they import it from here.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderName, ORIGIN, VARY};
use axum::http::{HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;

use super::door::Door;

/// Where the library is.
const FOLDER: &str = "/client/";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Tells the browsers of those pages that they may have it.
pub(super) async fn share(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let origin = origin_of(&door, request.uri(), request.headers().get(ORIGIN));
    let mut response = next.run(request).await;
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        headers.entry(VARY).or_insert(HeaderValue::from_static("origin"));
    }
    response
}

/// The page that asks for the library, if it may have it.
fn origin_of(door: &Door, uri: &Uri, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
    let origin = origin.filter(|_| uri.path().starts_with(FOLDER))?;
    door.access.pages.allows(origin.to_str().ok()?).then(|| origin.clone())
}
