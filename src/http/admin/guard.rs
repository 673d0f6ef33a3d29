//! Who may make admin calls.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::answer::Refused;
use crate::access::{Secret, bearer, is_own, is_this_machine, proxied};
use crate::http::door::Door;
use crate::metrics::RefusedRequest;

/// What a caller without the token is told to come with.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"acequia admin\"");

/// Passes on what names the admin token; if there is none, what comes from this machine, by no
/// proxy and from no page of elsewhere.
pub(super) async fn only_for_operators(
    State(door): State<Arc<Door>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(token) = &door.access.admin_token {
        return if names(request.headers(), token) {
            next.run(request).await
        } else {
            door.refused.count(RefusedRequest::AdminToken);
            challenge()
        };
    }
    match why_not(peer.ip(), request.headers()) {
        None => next.run(request).await,
        Some(why) => {
            door.refused.count(RefusedRequest::Admin);
            let message = format!("admin calls are for this machine only: {why}");
            Refused::new(StatusCode::FORBIDDEN, "forbidden", message).into_response()
        }
    }
}

/// Whether a request names the token. A page of elsewhere cannot have a browser do that, and a page
/// that knows it may, so nothing else is looked at.
fn names(headers: &HeaderMap, token: &Secret) -> bool {
    bearer(headers).is_some_and(|given| token.is(given.as_bytes()))
}

fn challenge() -> Response {
    let message = "admin calls need the header `Authorization: Bearer TOKEN` with the token of \
                   --admin-token-file";
    let refused = Refused::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
    ([(header::WWW_AUTHENTICATE, CHALLENGE)], refused).into_response()
}

fn why_not(peer: IpAddr, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if !peer.to_canonical().is_loopback() {
        return Some("this one comes from another; use a tunnel, such as ssh -L");
    }
    if proxied(headers) {
        return Some("this one came through a proxy");
    }
    // A page of elsewhere that had its name point here would be asked for by that name.
    let host = text(header::HOST).unwrap_or_default();
    if !is_this_machine(host) {
        return Some("its Host is another; call it by 127.0.0.1 or localhost");
    }
    // Any page can have a browser send a request; it then says from where.
    let origin = text(header::ORIGIN);
    if origin.is_some_and(|origin| !is_own(origin, host)) {
        return Some("this one comes from a page of elsewhere");
    }
    None
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn refused(peer: &str, headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a header")));
        why_not(peer.parse().expect("an address"), &headers.collect()).is_some()
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for host in ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "[::1]:8080", "127.9.9.9:1"] {
            assert!(!refused("127.0.0.1", &[("host", host)]), "{host}");
        }
        for host in ["", "example.org", "example.org:8080", "10.0.0.1:8080", "localhost.evil:1"] {
            assert!(refused("127.0.0.1", &[("host", host)]), "{host}");
        }
        assert!(!refused("::ffff:127.0.0.1", &[("host", "localhost")]));
        assert!(refused("192.0.2.1", &[("host", "localhost")]));
        assert!(refused("127.0.0.1", &[]), "HTTP/1.0 without a host");
    }

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

    #[test]
    fn proxies_and_pages_of_elsewhere_are_refused() {
        let here = ("host", "localhost:8080");
        for name in ["forwarded", "via", "x-forwarded-for", "x-real-ip"] {
            assert!(refused("127.0.0.1", &[here, (name, "192.0.2.1")]));
        }
        for origin in ["http://evil.example", "null", "https://localhost", "http://localhost"] {
            assert!(refused("127.0.0.1", &[here, ("origin", origin)]), "{origin}");
        }
        for origin in ["http://localhost:8080", "https://localhost:8080"] {
            assert!(!refused("127.0.0.1", &[here, ("origin", origin)]), "{origin}");
        }
    }
}
