//! What every answer tells a browser, so that no other page can make use of this one.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// Everything on the page comes from here, and it talks to nobody else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Adds them to an answer, whatever it is, unless it has its own.
pub(super) async fn harden(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        // What is for other pages too has said so itself.
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}
