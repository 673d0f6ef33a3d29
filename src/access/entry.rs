//! How a client comes in: with a token in its request, or with one that it says first.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::OwnedSemaphorePermit;

use super::{Access, Grant, Knock, Peer, bearer};
use crate::metrics::RefusedToken;

/// What a subprotocol begins with that is a token. A browser can say nothing else with a WebSocket.
const TOKEN_SUBPROTOCOL: &str = "acequia.token.";
/// What a client without a valid token is told to come with.
pub(crate) const CHALLENGE: &str = "Bearer realm=\"acequia\", error=\"invalid_token\"";

/// Who opens a WebSocket.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Anybody: clients need no tokens.
    Open,
    /// A client whose token is valid.
    Granted(Knock, Grant),
    /// Somebody who has yet to say a token, and the place that they take meanwhile.
    Unproven(Knock, OwnedSemaphorePermit),
    /// A page whose token is not valid. It gets a connection, only to be told so: of an answer with
    /// another status a browser tells its page nothing.
    Refused,
}

impl Entry {
    /// Judges a request for a WebSocket of `peer`.
    pub(crate) fn of(
        access: &Access,
        peer: Peer,
        headers: &HeaderMap,
    ) -> Result<Self, Box<Response>> {
        let Some(knock) = Knock::at(access, peer) else { return Ok(Self::Open) };
        if let Some(token) = bearer(headers) {
            return match knock.check(token) {
                Ok(grant) => Ok(Self::Granted(knock, grant)),
                Err(_) => Err(Box::new(unauthorized())),
            };
        }
        if let Some(token) = of_subprotocols(headers) {
            let granted = knock.check(token).map(|grant| Self::Granted(knock, grant));
            return Ok(granted.unwrap_or(Self::Refused));
        }
        if let Some(place) = knock.place() {
            return Ok(Self::Unproven(knock, place));
        }
        knock.refuse(RefusedToken::Crowd);
        let message = "too many clients have not said their token yet; try again, or send it with the \
                       request\n";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Err(Box::new((status, [(header::RETRY_AFTER, "5")], message).into_response()))
    }
}

/// The subprotocols that a client offers, but for its token.
pub(crate) fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    subprotocols(headers).filter(|one| !one.starts_with(TOKEN_SUBPROTOCOL))
}

fn of_subprotocols(headers: &HeaderMap) -> Option<&str> {
    subprotocols(headers).find_map(|one| one.strip_prefix(TOKEN_SUBPROTOCOL))
}

fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let all = lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
    all.map(str::trim).filter(|one| !one.is_empty())
}

fn unauthorized() -> Response {
    let message =
        "unauthorized: this server needs a valid token, as `Authorization: Bearer TOKEN`\n";
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, CHALLENGE)], message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_among_subprotocols_is_found() {
        let found = |lists: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(header::SEC_WEBSOCKET_PROTOCOL, list.parse().expect("a header"));
            }
            of_subprotocols(&headers).map(str::to_owned)
        };
        let token = Some("a.b.c".to_owned());
        assert_eq!(found(&["acequia.v1.json, acequia.token.a.b.c"]), token);
        assert_eq!(found(&["acequia.token.a.b.c,acequia.v1.json"]), token);
        assert_eq!(found(&["acequia.v1.json", "acequia.token.a.b.c"]), token);
        assert_eq!(found(&["acequia.v1.json"]), None);
        assert_eq!(found(&[]), None);
    }
}
