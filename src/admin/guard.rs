//! Who may make admin calls.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Refused;
use crate::access::{is_this_machine, proxied};
use crate::http::Door;
use crate::metrics::RefusedRequest;

/// Passes on what comes from this machine, by no proxy and from no page of elsewhere.
pub(super) async fn only_for_operators(
    State(door): State<Arc<Door>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match why_not(peer.ip(), request.headers()) {
        None => next.run(request).await,
        Some(why) => {
            door.refused.count(RefusedRequest::Admin);
            let message = format!("admin calls are for this machine only: {why}");
            Refused::new(StatusCode::FORBIDDEN, "forbidden", message).into_response()
        }
    }
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
    if origin.is_some_and(|origin| origin.strip_prefix("http://") != Some(host)) {
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
    fn proxies_and_pages_of_elsewhere_are_refused() {
        let here = ("host", "localhost:8080");
        for name in ["forwarded", "via", "x-forwarded-for", "x-real-ip"] {
            assert!(refused("127.0.0.1", &[here, (name, "192.0.2.1")]));
        }
        for origin in ["http://evil.example", "null", "https://localhost:8080", "http://localhost"]
        {
            assert!(refused("127.0.0.1", &[here, ("origin", origin)]), "{origin}");
        }
        assert!(!refused("127.0.0.1", &[here, ("origin", "http://localhost:8080")]));
    }
}
