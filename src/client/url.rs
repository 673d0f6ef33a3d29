//! Where a server is.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use tokio_tungstenite::tungstenite::http::Uri;

/// Where sessions are opened, unless the URL names another path.
const PATH: &str = "/v1/ws";

/// The URL of a server's WebSocket, `ws://HOST:PORT/PATH`.
///
/// Read from `ws://` or `http://`, since both name the same port; without a path it is `/v1/ws`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// `HOST:PORT`, which is what is dialled.
    authority: String,
    path: String,
    token: Option<Token>,
}

/// A client's token; its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
struct Token(Arc<str>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// A text that is no URL of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadServerUrl {
    /// Not a URL with a host.
    #[error("{0:?} is no URL of a server; it is ws://HOST:PORT or http://HOST:PORT")]
    Shape(String),
    /// An encrypted one.
    #[error(
        "{0:?}: TLS is not spoken here; dial the server itself with ws://, by an SSH tunnel if it is far"
    )]
    Tls(String),
}

impl ServerUrl {
    /// `HOST:PORT`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The same, where this JSON Web Token is shown.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self { token: Some(Token(token.into())), ..self }
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|token| &*token.0)
    }
}

impl FromStr for ServerUrl {
    type Err = BadServerUrl;

    fn from_str(text: &str) -> Result<Self, BadServerUrl> {
        let shape = || BadServerUrl::Shape(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| shape())?;
        match uri.scheme_str() {
            Some("ws" | "http") => {}
            Some("wss" | "https") => return Err(BadServerUrl::Tls(text.to_owned())),
            _ => return Err(shape()),
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(shape)?;
        let port = uri.port_u16().unwrap_or(80);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path == "/" { PATH } else { path };
        Ok(Self { authority: format!("{host}:{port}"), path: path.to_owned(), token: None })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<ServerUrl>().expect("a URL").to_string()
    }

    #[test]
    fn http_and_ws_name_the_same_server() {
        assert_eq!(parsed("ws://127.0.0.1:8080/v1/ws"), "ws://127.0.0.1:8080/v1/ws");
        assert_eq!(parsed("http://127.0.0.1:8080"), "ws://127.0.0.1:8080/v1/ws");
        assert_eq!(parsed("http://localhost:8080/"), "ws://localhost:8080/v1/ws");
        assert_eq!(parsed("ws://jobs.example/other?a=b"), "ws://jobs.example:80/other?a=b");
        assert_eq!(parsed("ws://[::1]:8080"), "ws://[::1]:8080/v1/ws");
    }

    #[test]
    fn what_is_no_url_of_a_server_is_told_apart() {
        for text in ["", "127.0.0.1", "127.0.0.1:8080", "tcp://127.0.0.1:5557", "/v1/ws", "ws://"] {
            assert_eq!(text.parse::<ServerUrl>(), Err(BadServerUrl::Shape(text.to_owned())));
        }
        let tls = "https://jobs.example".parse::<ServerUrl>();
        assert!(matches!(tls, Err(BadServerUrl::Tls(_))));
    }
}
