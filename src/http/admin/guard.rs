//! Who may make admin calls.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::answer::Refused;
use crate::access::{Secret, bearer};
use crate::http::door::Door;
use crate::http::listener::Caller;
use crate::metrics::RefusedRequest;

/// What a caller without the token is told to come with.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"acequia admin\"");

/// Passes on what names the admin token. Where it comes from does not matter: a proxy on this machine
/// may pass on anybody's, and need not say so; what it says is for the log.
pub(super) async fn only_for_operators(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let (access, peer) = (&door.access, caller.peer());
    if access.admin_token.as_ref().is_some_and(|token| names(request.headers(), token)) {
        return next.run(request).await;
    }
    door.refused.count(RefusedRequest::AdminToken);
    if let Some(left_out) = access.refusals.line("admin_token", peer) {
        tracing::warn!(%peer, "an admin call was refused: it did not send the admin token{left_out}");
    }
    challenge()
}

/// Whether a request names the token. A page of another origin cannot have a browser do that, and a page
/// that knows it may, so nothing else is looked at.
fn names(headers: &HeaderMap, token: &Secret) -> bool {
    bearer(headers).is_some_and(|given| token.is(given.as_bytes()))
}

fn challenge() -> Response {
    let message = "admin calls need the header `Authorization: Bearer TOKEN`, with the token of \
                   --admin-token-file; a server without that flag has made one, which is in the file \
                   JOURNAL.admin-token beside its journal, and in the dashboard's address that it \
                   printed at its start";
    let refused = Refused::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
    ([(header::WWW_AUTHENTICATE, CHALLENGE)], refused).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_named_as_it_is() {
        const TOKEN: &str = "0123456789abcdef0123456789abcdef";
        let token = Secret::new(TOKEN.as_bytes()).expect("a secret");
        let with = |value: String| {
            names(
                &[(header::AUTHORIZATION, value.parse().expect("a header"))].into_iter().collect(),
                &token,
            )
        };
        assert!(with(format!("Bearer {TOKEN}")));
        assert!(!with(format!("Basic {TOKEN}")));
        assert!(!with(format!("Bearer {TOKEN}x")));
        assert!(!with(format!("Bearer {}", &TOKEN[1..])));
        assert!(!with("Bearer ".to_owned()));
        assert!(!names(&HeaderMap::new(), &token));
    }
}
