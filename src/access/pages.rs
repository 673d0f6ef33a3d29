//! Which pages may open sessions. A browser lets any page open a WebSocket to any server, and says
//! in `Origin` whose page it was; other programs say nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, HeaderValue, header};

use super::origin::{AllowedOrigin, host_name, is_opaque, is_own};
use super::own_name::{OwnName, is_nobodys};
use super::peer::Peer;

/// So much of a foreign header is repeated in a refusal.
const SHOWN_MAX: usize = 200;
/// Where a browser does not name the port of an address by http://.
const PORT_OF_HTTP: u16 = 80;

/// Headers that a proxy adds, and a page cannot have a browser add.
const OF_PROXIES: [&str; 6] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

/// Judges the pages that open sessions.
#[derive(Debug)]
pub(crate) struct Pages {
    allowed: Vec<AllowedOrigin>,
    /// Names that the server is called by, beside those that nobody can make point here.
    own_names: Vec<OwnName>,
    /// Where it listens.
    port: u16,
}

/// Why a page may not open sessions. Its text is what it is told, and the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    why: Why,
    origin: String,
    host: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// There is more than one `Origin`.
    Origins,
    /// There is no `Host` that `Origin` could be held against.
    NoHost,
    /// `Host` is another.
    OtherHost,
    /// `Host` is the same, and yet may be a name that somebody has made point here.
    Name,
}

impl Pages {
    /// Lets in what is `allowed`, and pages of the server's own. That `listen`s at a name, and that
    /// has `port` in the end.
    pub(crate) fn new(
        allowed: Vec<AllowedOrigin>,
        mut own_names: Vec<OwnName>,
        listen: &str,
        port: u16,
    ) -> Self {
        own_names.extend(host_name(listen).parse::<OwnName>().ok());
        Self { allowed, own_names, port }
    }

    /// Whether an operator lets pages of this origin in.
    pub(crate) fn allows(&self, origin: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed.allows(origin))
    }

    /// Whether the page that a request comes from, if it comes from one, may open sessions.
    pub(crate) fn check(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Foreign> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        // Not a browser.
        let Some(origin) = origins.next() else { return Ok(()) };
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let host = headers.get(header::HOST).map(text).unwrap_or_default();
        let origin = text(origin);
        let why = if origins.next().is_some() {
            Why::Origins
        } else if self.allows(&origin) {
            return Ok(());
        } else if host.is_empty() {
            Why::NoHost
        } else if !is_own(&origin, &host) {
            Why::OtherHost
        } else if self.may_be_rebound(peer, headers, &origin, &host) {
            Why::Name
        } else {
            return Ok(());
        };
        let shown = |text: String| text.chars().take(SHOWN_MAX).collect();
        Err(Foreign { why, origin: shown(origin), host: shown(host) })
    }

    /// Whether a page of another origin may have had its name point here, so that it is of the server's own
    /// address to a browser (DNS rebinding).
    ///
    /// That takes a browser near the server, which comes straight to it: no proxy has added a header;
    /// not by TLS, since nobody has a certificate for that name and this server; and by a name. The
    /// browser then says the port, unless the server is where nobody has to.
    fn may_be_rebound(&self, peer: Peer, headers: &HeaderMap, origin: &str, host: &str) -> bool {
        let name = host_name(host);
        let says_port = name.len() < host.len() || self.port == PORT_OF_HTTP;
        let by_tls = origin.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        let is_own_name = is_nobodys(name) || self.own_names.iter().any(|own| own.is(name));
        let proxied = OF_PROXIES.iter().any(|name| headers.contains_key(*name));
        says_port && !by_tls && !is_own_name && !proxied && is_near(peer)
    }
}

/// Whether somebody is on this machine or in a network that is not open to the world: from there alone a
/// page gains something by a browser. No browser dials a socket, but it may come by a tunnel that does.
fn is_near(peer: Peer) -> bool {
    /// 100.64.0.0/10, which providers and overlay networks use.
    fn is_shared(address: Ipv4Addr) -> bool {
        let [a, b, ..] = address.octets();
        a == 100 && b & 0xc0 == 64
    }
    match peer.canonical() {
        Peer::User(_) => true,
        Peer::Address(IpAddr::V4(v4)) => {
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_shared(v4)
        }
        Peer::Address(IpAddr::V6(v6)) => {
            v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, origin, host } = self;
        match why {
            Why::Origins => write!(
                f,
                "a page may not do this with several Origin headers; a browser sends one, \
                 {origin:?} is the first"
            ),
            Why::NoHost => write!(
                f,
                "a page of Origin {origin:?} may not do this: there is no Host header that \
                 says that it is this server's own. A proxy has to pass on the browser's (nginx: \
                 proxy_set_header Host $http_host); {}",
                Allow(origin)
            ),
            Why::OtherHost => write!(
                f,
                "a page of Origin {origin:?} may not do this here: the header Host is {host:?}, \
                 which is another address. If the page is this server's own, a proxy has replaced \
                 Host and has to pass on the browser's (nginx: proxy_set_header Host $http_host); {}",
                Allow(origin)
            ),
            Why::Name => write!(
                f,
                "a page of Origin {origin:?} may not do this here: anybody can have a name point \
                 at this server, and {:?} in Host is none that it knows. It goes by its addresses and \
                 localhost; an operator adds the name with --own-name {}; {}",
                host_name(host),
                host_name(host),
                Allow(origin)
            ),
        }
    }
}

/// How an operator lets in pages of an origin.
struct Allow<'a>(&'a str);

impl fmt::Display for Allow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.0;
        if is_opaque(origin) {
            // Not as a line to be copied: it is not this page alone.
            write!(
                f,
                "--allow-origin with {origin:?} lets in all pages that have no address: files, apps, \
                 and sandboxed frames of any page, which is dangerous unless clients need tokens"
            )
        } else if origin.parse::<AllowedOrigin>().is_ok() {
            write!(f, "an operator lets in pages from other origins with --allow-origin {origin}")
        } else {
            write!(f, "an operator lets in pages from other origins with --allow-origin")
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    const FAR: &str = "192.0.2.1";
    const HERE: &str = "127.0.0.1";
    const NEAR: [&str; 9] = [
        HERE,
        "a socket",
        "::1",
        "::ffff:127.0.0.1",
        "10.1.2.3",
        "192.168.1.2",
        "100.100.1.1",
        "fd00::1",
        "fe80::1",
    ];
    const PORT: u16 = 8080;

    type Headers<'a> = &'a [(&'static str, &'static str)];

    fn judge(pages: &Pages, peer: &str, headers: Headers) -> Result<(), String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let peer = peer.parse().map_or(Peer::User(1_000), Peer::Address);
        let judged = pages.check(peer, &map);
        judged.map_err(|foreign| foreign.to_string())
    }

    fn pages(allowed: &[&str], own_names: &[&str]) -> Pages {
        let allowed = allowed.iter().map(|text| text.parse().expect("an origin")).collect();
        let own_names = own_names.iter().map(|text| text.parse().expect("a name")).collect();
        Pages::new(allowed, own_names, "127.0.0.1:0", PORT)
    }

    fn page(origin: &'static str, host: &'static str, allowed: &[&str]) -> bool {
        judge(&pages(allowed, &[]), FAR, &[("origin", origin), ("host", host)]).is_ok()
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
        let program = judge(&pages(&[], &[]), FAR, &[("host", "jobs.example")]);
        assert_eq!(program, Ok(()), "no browser");
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
            "file://",
            "null",
            "",
        ] {
            assert!(!page(origin, "jobs.example:8080", &[]), "{origin}");
            assert!(page(origin, "jobs.example:8080", &["*"]), "{origin}");
        }
        assert!(!page("http://", "", &[]));
    }

    #[test]
    fn an_operator_lets_others_in() {
        let allowed = ["https://app.example", "https://*.apps.example", "null"];
        for origin in ["https://app.example", "https://one.apps.example", "null"] {
            assert!(page(origin, "jobs.example", &allowed), "{origin}");
        }
        assert!(!page("http://app.example", "jobs.example", &allowed));
    }

    #[test]
    fn a_refusal_says_which_header_it_is_and_what_to_do() {
        let none = pages(&[], &[]);
        let said = |headers: Headers| judge(&none, HERE, headers).expect_err("foreign");
        let told = said(&[("origin", "https://app.example"), ("host", "127.0.0.1:8080")]);
        for part in
            ["Host is \"127.0.0.1:8080\"", "$http_host", "--allow-origin https://app.example"]
        {
            assert!(told.contains(part), "{told}");
        }
        let told = said(&[("origin", "https://app.example")]);
        assert!(told.contains("no Host header"), "{told}");
        let told = said(&[("origin", "http://a"), ("origin", "http://evil"), ("host", "a")]);
        assert!(told.contains("several Origin headers"), "{told}");
        for opaque in ["null", "file://"] {
            let told = said(&[("origin", opaque), ("host", "127.0.0.1:8080")]);
            assert!(told.contains("dangerous"), "{told}");
            assert!(!told.contains(&format!("--allow-origin {opaque}")), "{told}");
        }
    }

    #[test]
    fn a_foreign_name_that_points_here_is_a_page_of_elsewhere() {
        let rebound = [("origin", "http://evil.example:8080"), ("host", "evil.example:8080")];
        let none = pages(&[], &[]);
        for peer in NEAR {
            let told = judge(&none, peer, &rebound).expect_err(peer);
            for part in ["--own-name evil.example;", "--allow-origin http://evil.example:8080"] {
                assert!(told.contains(part), "{told}");
            }
        }
        assert_eq!(
            judge(&none, FAR, &rebound),
            Ok(()),
            "who comes from afar needs no browser for it"
        );
        let by_another_port =
            [("origin", "http://evil.example:9000"), ("host", "evil.example:9000")];
        assert!(judge(&none, HERE, &by_another_port).is_err(), "through a tunnel");
        assert_eq!(judge(&pages(&["http://evil.example:8080"], &[]), HERE, &rebound), Ok(()));
        assert_eq!(judge(&pages(&[], &["evil.example"]), HERE, &rebound), Ok(()));
        let listens = Pages::new(Vec::new(), Vec::new(), "evil.example:8080", PORT);
        assert_eq!(judge(&listens, HERE, &rebound), Ok(()), "it listens at that name");
    }

    #[test]
    fn at_the_port_of_http_a_name_without_one_may_have_been_made_to_point_here() {
        let rebound = [("origin", "http://evil.example"), ("host", "evil.example")];
        let at_80 = Pages::new(Vec::new(), Vec::new(), "0.0.0.0:80", 80);
        assert!(judge(&at_80, HERE, &rebound).is_err());
        assert_eq!(judge(&pages(&[], &[]), HERE, &rebound), Ok(()), "a proxy has port 80");
    }

    #[test]
    fn proxies_pass_on_the_servers_own_page_as_they_like() {
        for (origin, host, added) in [
            ("https://app.example", "app.example", None),
            ("https://app.example:8443", "app.example:8443", None),
            ("http://app.example", "app.example", None),
            ("http://app.example:8000", "app.example:8000", Some("x-forwarded-for")),
            ("http://app.example:8000", "app.example:8000", Some("x-forwarded-host")),
            ("http://localhost:5173", "localhost:5173", None),
            ("http://127.0.0.1:5173", "127.0.0.1:5173", None),
            ("http://app.localhost:5173", "app.localhost:5173", None),
            ("http://192.168.1.7:8080", "192.168.1.7:8080", None),
        ] {
            let mut headers = vec![("origin", origin), ("host", host)];
            headers.extend(added.map(|name| (name, "192.0.2.1")));
            assert_eq!(judge(&pages(&[], &[]), HERE, &headers), Ok(()), "{origin} at {host}");
        }
    }
}
