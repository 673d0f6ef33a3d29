//! How a client comes in: with a token in its request, or with one that it says first.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::OwnedSemaphorePermit;

use super::{Grant, TokenDoor, bearer};
use crate::metrics::RefusedToken;

/// What a subprotocol begins with that is a token. A browser can say nothing else with a WebSocket.
const TOKEN_SUBPROTOCOL: &str = "acequia.token.";
/// What a client without a valid token is told to come with.
const CHALLENGE: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"acequia\", error=\"invalid_token\"");

/// Who opens a WebSocket.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Anybody: clients need no tokens.
    Open,
    /// A client whose token is valid.
    Granted(Arc<TokenDoor>, Grant),
    /// Somebody who has yet to say a token, and the place that they take meanwhile.
    Unproven(Arc<TokenDoor>, OwnedSemaphorePermit),
    /// A page whose token is not valid. It gets a connection, only to be told so: of an answer with
    /// another status a browser tells its page nothing.
    Refused,
}

impl Entry {
    /// Judges a request for a WebSocket.
    pub(crate) fn of(
        tokens: Option<&Arc<TokenDoor>>,
        headers: &HeaderMap,
    ) -> Result<Self, Box<Response>> {
        let Some(tokens) = tokens else { return Ok(Self::Open) };
        if let Some(token) = bearer(headers) {
            let granted = tokens.check(token).map(|grant| Self::Granted(tokens.clone(), grant));
            return granted.map_err(|_| Box::new(unauthorized()));
        }
        if let Some(token) = of_subprotocols(headers) {
            let granted = tokens.check(token).map(|grant| Self::Granted(tokens.clone(), grant));
            return Ok(granted.unwrap_or(Self::Refused));
        }
        let place = tokens.unproven.clone().try_acquire_owned();
        place.map(|place| Self::Unproven(tokens.clone(), place)).map_err(|_| {
            tokens.refuse(RefusedToken::Crowd);
            let message = "too many clients have not said their token yet; try again, or send it \
                           with the request\n";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Box::new((status, [(header::RETRY_AFTER, "5")], message).into_response())
        })
    }
}

fn of_subprotocols(headers: &HeaderMap) -> Option<&str> {
    let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
    offered.find_map(|one| one.trim().strip_prefix(TOKEN_SUBPROTOCOL))
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
