//! Where a server is.

use std::env::{self, VarError};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use acequia_tls::{BadTls, Roots};
use tokio_tungstenite::tungstenite::http::Uri;

use crate::nearby::Nearby;

/// Where sessions are opened, below the prefix that a proxy may have put the server under.
const PATH: &str = "/v1/ws";
/// Where a server listens unless it is told otherwise.
const PORT: u16 = 8080;

/// The URL of a server: `http://HOST:PORT` or, by TLS, `https://HOST:PORT`, with the path below which a
/// proxy has put it, if that is not `/`; or that of its WebSocket, `ws://HOST:PORT/PATH` or
/// `wss://HOST:PORT/PATH`.
///
/// `ws://` and `http://` name the same port. A path of `ws://` that ends in neither `/v1/ws` nor `/` is
/// taken as it is for sessions; there is no knowing then where calls over HTTP are but below `/v1/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// `HOST:PORT`, which is what is dialled.
    authority: String,
    /// What is before `/v1/`, without a slash at its end; mostly nothing.
    prefix: String,
    /// Where sessions are opened.
    path: String,
    /// Whether by TLS.
    is_secure: bool,
    /// Whom to trust then; those whom the system trusts, unless set.
    roots: Option<Roots>,
    token: Option<Token>,
    /// Whether a server of this user's on this machine is shown the token that it has left.
    is_nearby: bool,
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
        "{0:?} is no URL of a server; it is http://HOST:PORT or https://HOST:PORT, with the path below which a proxy has put it if there is one, or the same with ws and wss"
    )]
    Shape(String),
}

impl ServerUrl {
    /// A port of this machine.
    pub fn of_this_machine(port: u16) -> Self {
        Self {
            authority: format!("127.0.0.1:{port}"),
            prefix: String::new(),
            path: PATH.to_owned(),
            is_secure: false,
            roots: None,
            token: None,
            is_nearby: false,
        }
    }

    /// The one that the variable `ACEQUIA_SERVER` names; without it, port 8080 of this machine.
    ///
    /// # Errors
    /// If it names none.
    pub fn from_env() -> Result<Self, BadServerUrl> {
        match env::var("ACEQUIA_SERVER") {
            Ok(named) => named.parse(),
            Err(VarError::NotPresent) => Ok(Self::of_this_machine(PORT)),
            Err(VarError::NotUnicode(named)) => {
                Err(BadServerUrl::Shape(named.to_string_lossy().into_owned()))
            }
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

    /// The same, where the admin token is shown that a server of this user made which listens at that port
    /// of this machine: it leaves it for programs of its user. It is looked for whenever it is needed, since
    /// a server may be started, or started anew, later.
    ///
    /// Nobody else gets to see it: not another user's program that listens at another address of
    /// `localhost`, nor one that took the port when the server had gone.
    #[must_use]
    pub fn with_token_nearby(self) -> Self {
        Self { is_nearby: true, ..self }
    }

    fn nearby(&self) -> Option<Nearby> {
        let (host, port) = self.authority.rsplit_once(':').filter(|_| self.is_nearby)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Nearby::find(port.parse().ok()?, bare)
    }

    /// What is dialled.
    pub(crate) fn dialled(&self) -> String {
        match self.nearby() {
            // By TLS the name is proven.
            Some(found) if !self.is_secure => found.at.to_string(),
            _ => self.authority.clone(),
        }
    }

    /// Where an admin call is made, `path` below `/v1/admin/`: the address as a person would write it.
    pub fn admin_url(&self, path: &str) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.admin_path(path))
    }

    pub(crate) fn admin_path(&self, path: &str) -> String {
        self.path_below(&format!("admin/{path}"))
    }

    /// Where a call is made, `path` below `/v1/`.
    pub(crate) fn path_below(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.prefix)
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

    /// What is shown to the server.
    pub(crate) fn token(&self) -> Option<String> {
        let given = self.token.as_ref().map(|token| token.0.to_string());
        given.or_else(|| self.nearby().map(|found| found.token))
    }
}

impl FromStr for ServerUrl {
    type Err = BadServerUrl;

    fn from_str(text: &str) -> Result<Self, BadServerUrl> {
        let shape = || BadServerUrl::Shape(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| shape())?;
        let (is_secure, names_server) = match uri.scheme_str() {
            Some("ws") => (false, false),
            Some("wss") => (true, false),
            Some("http") => (false, true),
            Some("https") => (true, true),
            _ => return Err(shape()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(shape)?;
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let whole = uri.path();
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let (prefix, path) = match whole.strip_suffix(PATH) {
            Some(prefix) => (prefix, whole.to_owned()),
            None if names_server || whole.ends_with('/') => {
                let prefix = whole.trim_end_matches('/');
                (prefix, format!("{prefix}{PATH}"))
            }
            None => ("", whole.to_owned()),
        };
        Ok(Self {
            authority: format!("{host}:{port}"),
            prefix: prefix.to_owned(),
            path: path + &query,
            is_secure,
            roots: None,
            token: None,
            is_nearby: false,
        })
    }
}

impl TryFrom<&str> for ServerUrl {
    type Error = BadServerUrl;

    fn try_from(text: &str) -> Result<Self, BadServerUrl> {
        text.parse()
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = BadServerUrl;

    fn try_from(text: String) -> Result<Self, BadServerUrl> {
        text.parse()
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
    fn a_server_may_be_below_a_path() {
        for (text, sessions, admin) in [
            ("http://h:1", "ws://h:1/v1/ws", "http://h:1/v1/admin/live"),
            ("http://h:1/", "ws://h:1/v1/ws", "http://h:1/v1/admin/live"),
            ("http://h:1/a", "ws://h:1/a/v1/ws", "http://h:1/a/v1/admin/live"),
            ("https://h:1/a/b/", "wss://h:1/a/b/v1/ws", "https://h:1/a/b/v1/admin/live"),
            ("http://h:1/a/v1/ws", "ws://h:1/a/v1/ws", "http://h:1/a/v1/admin/live"),
            ("ws://h:1/a/v1/ws?b=c", "ws://h:1/a/v1/ws?b=c", "http://h:1/a/v1/admin/live"),
            ("ws://h:1/a/", "ws://h:1/a/v1/ws", "http://h:1/a/v1/admin/live"),
            ("ws://h:1/other", "ws://h:1/other", "http://h:1/v1/admin/live"),
        ] {
            let url: ServerUrl = text.parse().expect(text);
            assert_eq!((url.to_string(), url.admin_url("live")), (sessions.into(), admin.into()));
        }
    }

    #[test]
    fn what_is_no_url_of_a_server_is_told_apart() {
        for text in ["", "127.0.0.1", "127.0.0.1:8080", "tcp://127.0.0.1:5557", "/v1/ws", "ws://"] {
            assert_eq!(text.parse::<ServerUrl>(), Err(BadServerUrl::Shape(text.to_owned())));
        }
    }
}
