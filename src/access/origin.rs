//! Origins: whose page it is that has a browser ask, and which of them an operator lets in.

use std::str::FromStr;

/// Pages that may open sessions beside the server's own: those of one origin,
/// `https://app.example`; those of all names below one, `https://*.app.example`; those that say
/// `null`, which have none; or, read from `*`, any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigin(Allowed);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    Any,
    /// As [`canonical`] has it.
    One(String),
    /// `https://` and `.app.example`, with a port unless it is the scheme's own.
    Below {
        scheme: String,
        parent: String,
    },
}

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an origin; write SCHEME://HOST or SCHEME://HOST:PORT without a path, such as https://app.example or https://*.app.example; null or file:// for pages that have none; or * for any"
)]
pub struct BadOrigin(String);

impl AllowedOrigin {
    /// Whether it lets any page in.
    pub fn is_any(&self) -> bool {
        self.0 == Allowed::Any
    }

    /// Whether it lets pages in that are nobody's in particular: files, sandboxed frames, apps.
    pub fn is_opaque(&self) -> bool {
        matches!(&self.0, Allowed::One(origin) if is_opaque(origin))
    }

    pub(super) fn allows(&self, origin: &str) -> bool {
        match &self.0 {
            Allowed::Any => true,
            Allowed::One(allowed) => canonical(origin).as_ref() == Some(allowed),
            Allowed::Below { scheme, parent } => canonical(origin).is_some_and(|origin| {
                let name = origin.strip_prefix(scheme).and_then(|name| name.strip_suffix(parent));
                name.is_some_and(|name| !name.is_empty() && !name.contains(':'))
            }),
        }
    }
}

impl FromStr for AllowedOrigin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let allowed = match text {
            "*" => Some(Allowed::Any),
            _ => match text.split_once("://*.") {
                Some((scheme, parent)) => below(scheme, parent),
                None => one(text).map(Allowed::One),
            },
        };
        allowed.map(Self).ok_or_else(|| BadOrigin(text.into()))
    }
}

/// An origin as people write it, which is often the address of a page: with `/` behind it.
fn one(text: &str) -> Option<String> {
    let of_file = text.strip_prefix("file://").is_some_and(|path| path.chars().all(|c| c == '/'));
    if of_file {
        Some("file://".to_owned())
    } else {
        canonical(text.strip_suffix('/').unwrap_or(text))
    }
}

/// All names below a domain; never all of a top-level one.
fn below(scheme: &str, parent: &str) -> Option<Allowed> {
    let whole = one(&format!("{scheme}://{parent}"))?;
    let (scheme, authority) = whole.split_once("://")?;
    let name = host_name(authority);
    let fits = name == "localhost" || name.split('.').filter(|part| !part.is_empty()).count() > 1;
    let below =
        || Allowed::Below { scheme: format!("{scheme}://"), parent: format!(".{authority}") };
    fits.then(below)
}

/// Whether it is that of pages which are nobody's in particular.
pub(super) fn is_opaque(origin: &str) -> bool {
    ["null", "file://"].contains(&origin)
}

/// An origin in small letters and without the port that its scheme implies.
fn canonical(origin: &str) -> Option<String> {
    let origin = origin.to_ascii_lowercase();
    if is_opaque(&origin) {
        return Some(origin);
    }
    let (scheme, authority) = split(&origin)?;
    Some(format!("{scheme}://{}", without_default_port(scheme, authority)))
}

fn split(origin: &str) -> Option<(&str, &str)> {
    let (scheme, authority) = origin.split_once("://")?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/?#@,*\\".contains(c);
    let fits = !scheme.is_empty() && !authority.is_empty();
    (fits && !scheme.contains(odd) && !authority.contains(odd)).then_some((scheme, authority))
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
pub(super) fn is_own(origin: &str, host: &str) -> bool {
    let (origin, host) = (origin.to_ascii_lowercase(), host.to_ascii_lowercase());
    split(&origin).is_some_and(|(scheme, authority)| {
        without_default_port(scheme, authority) == without_default_port(scheme, &host)
    })
}

/// The name in a `Host`, or of an origin behind its scheme, without a port and brackets.
pub(super) fn host_name(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(allowed: &str, origin: &str) -> bool {
        allowed.parse::<AllowedOrigin>().expect(allowed).allows(origin)
    }

    #[test]
    fn one_origin_however_it_is_written() {
        for allowed in ["https://app.example", "https://app.example/", "https://APP.example:443"] {
            for origin in ["https://app.example", "https://App.Example:443"] {
                assert!(allows(allowed, origin), "{allowed} {origin}");
            }
            for origin in
                ["http://app.example", "https://app.example:8443", "https://app.example.evil"]
            {
                assert!(!allows(allowed, origin), "{allowed} {origin}");
            }
        }
    }

    #[test]
    fn apps_and_files_have_origins_too() {
        for origin in [
            "capacitor://localhost",
            "tauri://localhost",
            "chrome-extension://abc",
            "app://.",
            "app://shell",
            "file://",
            "null",
        ] {
            assert!(allows(origin, origin), "{origin}");
            assert!(!allows(origin, "https://evil.example"), "{origin}");
        }
        assert!(allows("file:///", "file://"));
        assert!("null".parse::<AllowedOrigin>().expect("an origin").is_opaque());
        assert!(!"app://.".parse::<AllowedOrigin>().expect("an origin").is_opaque());
    }

    #[test]
    fn all_names_below_one() {
        for origin in ["https://a.app.example", "https://a.b.APP.example:443"] {
            assert!(allows("https://*.app.example", origin), "{origin}");
        }
        for origin in [
            "https://app.example",
            "https://.app.example",
            "https://evilapp.example",
            "http://a.app.example",
            "https://a.app.example:8443",
            "https://a.app.example.evil.example",
            "https://evil.example:1.app.example",
            "https://evil.example/.app.example",
        ] {
            assert!(!allows("https://*.app.example", origin), "{origin}");
        }
        assert!(allows("http://*.localhost:3000", "http://a.localhost:3000"));
        assert!(!allows("http://*.localhost:3000", "http://a.localhost"));
    }

    #[test]
    fn what_is_no_origin_is_told() {
        for text in [
            "",
            "app.example",
            "https://",
            "https://app.example/path",
            "https://app.example//",
            "https://a,b",
            "https://*",
            "https://*.",
            "https://*.example",
            "https://*.*.app.example",
            "https://a.*.example",
            "https://*app.example",
        ] {
            let error = text.parse::<AllowedOrigin>().expect_err(text);
            assert!(error.to_string().contains("https://app.example"), "{error}");
        }
        assert!("*".parse::<AllowedOrigin>().expect("any").is_any());
    }

    #[test]
    fn a_name_is_what_has_no_port_and_no_brackets() {
        for (host, name) in [
            ("jobs.example", "jobs.example"),
            ("jobs.example:8080", "jobs.example"),
            ("[::1]:8080", "::1"),
            ("[::1]", "::1"),
            ("", ""),
        ] {
            assert_eq!(host_name(host), name);
        }
    }
}
