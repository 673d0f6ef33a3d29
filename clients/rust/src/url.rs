//! Where a server is.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use acequia_tls::{BadTls, Roots};
use tokio_tungstenite::tungstenite::http::Uri;

/// Where sessions are opened, unless the URL names another path.
const PATH: &str = "/v1/ws";

/// The URL of a server's WebSocket, `ws://HOST:PORT/PATH` or, by TLS, `wss://HOST:PORT/PATH`.
///
/// `http://` is read as `ws://` and `https://` as `wss://`, since they name the same port; without a
/// path it is `/v1/ws`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// `HOST:PORT`, which is what is dialled.
    authority: String,
    path: String,
    /// Whether by TLS.
    is_secure: bool,
    /// Whom to trust then; those whom the system trusts, unless set.
    roots: Option<Roots>,
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
    #[error(
        "{0:?} is no URL of a server; it is ws://HOST:PORT, wss://HOST:PORT or the same with http"
    )]
    Shape(String),
}

impl ServerUrl {
    /// A port of this machine.
    pub fn of_this_machine(port: u16) -> Self {
        Self {
            authority: format!("127.0.0.1:{port}"),
            path: PATH.to_owned(),
            is_secure: false,
            roots: None,
            token: None,
        }
    }

    /// `HOST:PORT`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The same, where this JSON Web Token is shown.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self { token: Some(Token(token.into())), ..self }
    }

    /// Whether it is dialled by TLS.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The same, where the server has to be known to one of the authorities in this file (PEM), and
    /// not to those that the system trusts.
    ///
    /// # Errors
    /// If there are none in it.
    pub fn with_authorities(self, file: &Path) -> Result<Self, BadTls> {
        Ok(Self { roots: Some(Roots::of_file(file)?), ..self })
    }

    /// Whom to trust, and the name to be proven, if it is dialled by TLS.
    pub(crate) fn to_be_proven(&self) -> Option<(Result<Roots, BadTls>, &str)> {
        let host = self.authority.rsplit_once(':').map_or(&*self.authority, |(host, _)| host);
        let roots = || self.roots.clone().map_or_else(Roots::of_system, Ok);
        self.is_secure.then(|| (roots(), host))
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|token| &*token.0)
    }
}

impl FromStr for ServerUrl {
    type Err = BadServerUrl;

    fn from_str(text: &str) -> Result<Self, BadServerUrl> {
        let shape = || BadServerUrl::Shape(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| shape())?;
        let is_secure = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(shape()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(shape)?;
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path == "/" { PATH } else { path };
        Ok(Self {
            authority: format!("{host}:{port}"),
            path: path.to_owned(),
            is_secure,
            roots: None,
            token: None,
        })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
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
        assert_eq!(parsed("https://jobs.example"), "wss://jobs.example:443/v1/ws");
        assert_eq!(parsed("wss://jobs.example:8443/"), "wss://jobs.example:8443/v1/ws");
    }

    #[test]
    fn what_is_no_url_of_a_server_is_told_apart() {
        for text in ["", "127.0.0.1", "127.0.0.1:8080", "tcp://127.0.0.1:5557", "/v1/ws", "ws://"] {
            assert_eq!(text.parse::<ServerUrl>(), Err(BadServerUrl::Shape(text.to_owned())));
        }
    }
}
