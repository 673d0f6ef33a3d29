//! Which pages may open sessions. A browser lets any page open a WebSocket to any server, and says
//! in `Origin` whose page it was; other programs say nothing.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderValue, header};

use super::local::{is_this_machine, proxied};

/// So much of a foreign origin is repeated in its refusal.
const SHOWN_MAX: usize = 200;

/// Pages that may open sessions beside the server's own: those of one origin,
/// `https://app.example`, or, read from `*`, any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigin(Option<String>);

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no origin; it is SCHEME://HOST or SCHEME://HOST:PORT without a path, such as https://app.example, or * for any"
)]
pub struct BadOrigin(String);

impl AllowedOrigin {
    /// Whether it lets any page in.
    pub fn is_any(&self) -> bool {
        self.0.is_none()
    }

    fn allows(&self, origin: &str) -> bool {
        self.0.as_ref().is_none_or(|allowed| canonical(origin).as_ref() == Some(allowed))
    }
}

impl FromStr for AllowedOrigin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        match text {
            "*" => Ok(Self(None)),
            _ => canonical(text).map(|origin| Self(Some(origin))).ok_or(BadOrigin(text.into())),
        }
    }
}

/// An origin in small letters and without the port that its scheme implies.
fn canonical(origin: &str) -> Option<String> {
    let origin = origin.to_ascii_lowercase();
    let (scheme, authority) = split(&origin)?;
    Some(format!("{scheme}://{}", without_default_port(scheme, authority)))
}

fn split(origin: &str) -> Option<(&str, &str)> {
    let (scheme, authority) = origin.split_once("://")?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/?#@,*\\".contains(c);
    let fits =
        !scheme.is_empty() && !authority.is_empty() && !origin.replace("://", "").contains(odd);
    fits.then_some((scheme, authority))
}

fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return authority,
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

/// Whether `origin` is that of the server which is called `host`. The scheme does not count: what
/// ends TLS before this server is still this server to a browser.
pub(crate) fn is_own(origin: &str, host: &str) -> bool {
    let (origin, host) = (origin.to_ascii_lowercase(), host.to_ascii_lowercase());
    split(&origin).is_some_and(|(scheme, authority)| {
        without_default_port(scheme, authority) == without_default_port(scheme, &host)
    })
}

/// Whether an operator lets pages of this origin in.
pub(crate) fn is_allowed(origin: &str, allowed: &[AllowedOrigin]) -> bool {
    allowed.iter().any(|allowed| allowed.allows(origin))
}

/// Whether the page that a request comes from, if it comes from one, may open sessions. If not, what
/// it is told.
pub(crate) fn check_page(
    peer: IpAddr,
    headers: &HeaderMap,
    allowed: &[AllowedOrigin],
) -> Result<(), String> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    // Not a browser.
    let Some(origin) = origins.next() else { return Ok(()) };
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let host = headers.get(header::HOST).map(text).unwrap_or_default();
    let origin = if origins.next().is_some() { String::new() } else { text(origin) };
    if is_allowed(&origin, allowed) {
        return Ok(());
    }
    let shown: String = origin.chars().take(SHOWN_MAX).collect();
    if !is_own(&origin, &host) {
        let host: String = host.chars().take(SHOWN_MAX).collect();
        return Err(format!(
            "a page of {shown:?} may not open sessions at {host:?}, which is another address; an \
             operator lets it with --allow-origin {shown}\n"
        ));
    }
    // A foreign name that was made to point at this machine is the page's own, too. What comes
    // from this machine by no proxy has no need of such names.
    if peer.to_canonical().is_loopback() && !proxied(headers) && !is_this_machine(&host) {
        return Err(format!(
            "a page of {shown:?} may not open sessions here: from this machine the server is \
             called by 127.0.0.1 or localhost; an operator lets other names in with \
             --allow-origin {shown}\n"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    const FAR: &str = "192.0.2.1";
    const HERE: &str = "127.0.0.1";

    fn lets_in(peer: &str, headers: &[(&'static str, &'static str)], allowed: &[&str]) -> bool {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers.iter().map(pair) {
            map.append(name, value);
        }
        let allowed: Vec<_> = allowed.iter().map(|text| text.parse().expect("an origin")).collect();
        check_page(peer.parse().expect("an address"), &map, &allowed).is_ok()
    }

    fn page(origin: &'static str, host: &'static str, allowed: &[&str]) -> bool {
        lets_in(FAR, &[("origin", origin), ("host", host)], allowed)
    }

    #[test]
    fn a_page_of_the_server_itself_is_let_in() {
        for (origin, host) in [
            ("http://jobs.example:8080", "jobs.example:8080"),
            ("https://jobs.example:8080", "jobs.example:8080"),
            ("https://Jobs.Example", "jobs.example"),
            ("https://jobs.example", "jobs.example:443"),
            ("http://jobs.example:80", "jobs.example"),
            ("http://[2001:db8::1]:8080", "[2001:db8::1]:8080"),
        ] {
            assert!(page(origin, host, &[]), "{origin} at {host}");
        }
        assert!(lets_in(FAR, &[("host", "jobs.example")], &[]), "no browser");
    }

    #[test]
    fn a_page_of_elsewhere_is_not() {
        for origin in [
            "http://evil.example",
            "http://jobs.example",
            "http://jobs.example:8081",
            "https://jobs.example:8080.evil.example",
            "http://jobs.example:8080@evil.example",
            "http://evil.example/jobs.example:8080",
            "jobs.example:8080",
            "://jobs.example:8080",
            "null",
            "",
        ] {
            assert!(!page(origin, "jobs.example:8080", &[]), "{origin}");
            assert!(page(origin, "jobs.example:8080", &["*"]), "{origin}");
        }
        assert!(!page("http://", "", &[]));
        let twice = [("origin", "http://a"), ("origin", "http://evil"), ("host", "a")];
        assert!(!lets_in(FAR, &twice, &["http://a"]));
    }

    #[test]
    fn an_operator_lets_others_in() {
        let allowed = ["https://app.example", "http://localhost:3000", "app://shell"];
        for origin in [
            "https://app.example",
            "https://APP.example:443",
            "http://localhost:3000",
            "app://shell",
        ] {
            assert!(page(origin, "jobs.example", &allowed), "{origin}");
        }
        for origin in ["http://app.example", "https://app.example:8443", "https://app.example.evil"]
        {
            assert!(!page(origin, "jobs.example", &allowed), "{origin}");
        }
    }

    #[test]
    fn a_foreign_name_that_points_here_is_a_page_of_elsewhere() {
        let rebound = [("origin", "http://evil.example:8080"), ("host", "evil.example:8080")];
        assert!(!lets_in(HERE, &rebound, &[]));
        assert!(lets_in(HERE, &rebound, &["http://evil.example:8080"]));
        let [origin, host] = rebound;
        assert!(lets_in(HERE, &[origin, host, ("x-forwarded-for", "192.0.2.1")], &[]));
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
            let origin: &'static str = format!("http://{host}").leak();
            assert!(lets_in(HERE, &[("origin", origin), ("host", host)], &[]), "{host}");
        }
    }

    #[test]
    fn what_is_no_origin_is_told() {
        for text in
            ["", "app.example", "https://", "https://app.example/", "https://a,b", "https://*.a"]
        {
            let error = text.parse::<AllowedOrigin>().expect_err(text);
            assert!(error.to_string().contains("https://app.example"), "{error}");
        }
        assert!("*".parse::<AllowedOrigin>().expect("any").is_any());
    }
}
