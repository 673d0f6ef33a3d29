//! Where a database is, and how it is reached.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use acequia_tls::{BadTls, Roots};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connected::Connected;

/// How a URL of PostgreSQL begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// What this program calls itself, for whoever looks at the connections.
const APPLICATION: &str = "acequia";
/// How long one of the hosts may take to answer.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// After how long without a sign a connection is given up.
const DEAD_AFTER: Duration = Duration::from_secs(10);

/// A database of PostgreSQL, by its URL:
/// `postgres://USER[:PASSWORD]@HOST[:PORT][,HOST[:PORT]…]/DATABASE[?sslmode=…&sslrootcert=FILE]`.
///
/// Of several hosts the one is used that can be written to. `sslmode` is `disable`, `prefer` (the default:
/// encrypted if the server can, and whoever it is), `require` (encrypted, whoever it is) or
/// `verify-full` (encrypted, and its certificate is checked: by the authorities of this system, or those in
/// `sslrootcert`).
#[derive(Clone)]
pub struct Database(Arc<Parts>);

#[derive(Clone)]
struct Parts {
    config: Config,
    trust: Trust,
    /// Its URL without user and password.
    shown: String,
}

/// Whom is believed to be the database.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trust {
    /// Whoever answers.
    Anybody,
    /// Whom an authority of this system vouches for.
    System,
    /// Whom one of these does.
    File(PathBuf),
}

/// A URL that names no database.
#[derive(Debug, thiserror::Error)]
pub enum BadDatabase {
    /// It cannot be read.
    #[error(
        "{0}; a database is postgres://USER:PASSWORD@HOST:PORT/DATABASE, with further hosts after a comma"
    )]
    Url(String),
    /// It is without something.
    #[error(
        "the URL of the database names no {0}; it is postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    Lacks(&'static str),
    /// A value of `sslmode`.
    #[error("sslmode={0} is unknown; there are disable, prefer, require and verify-full")]
    SslMode(String),
    /// A password where it is not looked for.
    #[error("a password is before the @ of the URL, postgres://USER:PASSWORD@…, or in PGPASSWORD")]
    Password,
    /// A certificate that nobody is going to look at.
    #[error("sslrootcert is looked at only with sslmode=verify-full")]
    RootWithoutVerify,
}

impl Database {
    /// Whether a text is meant to be one.
    pub fn is_meant_by(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }

    /// The text of a URL without its password, if it has one. It need not be a URL that can be used.
    pub fn without_password(url: &str) -> Option<String> {
        let (scheme, rest) = url.split_once("://").filter(|_| Self::is_meant_by(url))?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, hosts) = authority.rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!("{scheme}://{user}@{hosts}{path}"))
    }

    /// The same with this password, unless the URL has one.
    #[must_use]
    pub fn or_password(mut self, password: Option<String>) -> Self {
        if let (None, Some(password)) = (self.0.config.get_password(), password) {
            Arc::make_mut(&mut self.0).config.password(password);
        }
        self
    }

    pub(crate) fn user(&self) -> &str {
        self.0.config.get_user().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.0.config.get_dbname().unwrap_or_default()
    }

    pub(crate) async fn connect(&self) -> Result<Connected, CannotConnect> {
        let Parts { config, trust, .. } = &*self.0;
        if config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = config.connect(NoTls).await?;
            return Ok(Connected::new(client, connection));
        }
        let roots = match trust {
            Trust::Anybody => Roots::anybody(),
            Trust::System => Roots::of_system()?,
            Trust::File(path) => Roots::of_file(path)?,
        };
        let tls = MakeRustlsConnect::new(roots.into_config());
        let (client, connection) = config.connect(tls).await?;
        Ok(Connected::new(client, connection))
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotConnect {
    #[error(transparent)]
    Database(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Tls(#[from] BadTls),
}

impl FromStr for Database {
    type Err = BadDatabase;

    fn from_str(url: &str) -> Result<Self, BadDatabase> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut trust, mut rest, mut root) = (Trust::Anybody, Vec::new(), None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", "verify-full")) => {
                    trust = Trust::System;
                    rest.push("sslmode=require");
                }
                Some(("sslmode", mode)) if !["disable", "prefer", "require"].contains(&mode) => {
                    return Err(BadDatabase::SslMode(mode.to_owned()));
                }
                // It would be in the way where a URL is shown without its password.
                Some(("password", _)) => return Err(BadDatabase::Password),
                Some(("sslrootcert", path)) => root = Some(PathBuf::from(percent_decoded(path))),
                _ => rest.push(pair),
            }
        }
        match (root, &trust) {
            (Some(root), Trust::System) => trust = Trust::File(root),
            (Some(_), _) => return Err(BadDatabase::RootWithoutVerify),
            (None, _) => {}
        }
        let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        let bad = |error: tokio_postgres::Error| BadDatabase::Url(said(&error));
        let mut config: Config = format!("{base}{query}").parse().map_err(bad)?;
        let lacks = |what| Err(BadDatabase::Lacks(what));
        if config.get_user().is_none_or(str::is_empty) {
            return lacks("user");
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return lacks("host");
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return lacks("database");
        }
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name(APPLICATION);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIME_MAX);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(DEAD_AFTER);
        }
        config.keepalives_idle(DEAD_AFTER / 2);
        config.keepalives_interval(DEAD_AFTER / 5);
        config.keepalives_retries(2);
        let shown = shown(&config);
        Ok(Self(Arc::new(Parts { config, trust, shown })))
    }
}

/// A URL that may be seen by anybody.
fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(nth, host)| {
        let host = match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        match ports.get(nth).or_else(|| ports.first()) {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    });
    let hosts: Vec<_> = hosts.collect();
    format!("postgres://{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// An error with its reasons.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(why) = source {
        let why_said = why.to_string();
        if !said.contains(&why_said) {
            said = format!("{said}: {why_said}");
        }
        source = why.source();
    }
    said
}

/// Without the password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.shown)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(url: &str) -> String {
        url.parse::<Database>().unwrap_err().to_string()
    }

    #[test]
    fn its_url_is_shown_without_user_and_password() {
        let url = "postgres://amy:s%3Fcret@a:5433,b/jobs?sslmode=require&connect_timeout=2";
        let database: Database = url.parse().unwrap();
        assert_eq!(database.to_string(), "postgres://a:5433,b:5432/jobs");
        assert!(!format!("{database:?}").contains("cret"));
        assert_eq!((database.user(), database.name()), ("amy", "jobs"));
    }

    #[test]
    fn its_text_can_do_without_the_password() {
        let without = |url: &str| Database::without_password(url);
        let url = "postgres://amy:s%2Fcret@a:5433,b/jobs?sslmode=require";
        assert_eq!(without(url).unwrap(), "postgres://amy@a:5433,b/jobs?sslmode=require");
        assert_eq!(without("postgres://amy@a/jobs"), None);
        assert_eq!(without("amy:secret@a"), None);
    }

    #[test]
    fn what_it_lacks_or_has_too_much_is_named() {
        assert!(bad("postgres://a/jobs").contains("names no user"));
        assert!(bad("postgres://:secret@a/jobs").contains("names no user"));
        assert!(bad("postgres://amy@a").contains("names no database"));
        assert!(bad("postgres://amy@a/jobs?sslmode=verify-ca").contains("verify-full"));
        assert!(bad("postgres://amy@a/jobs?sslrootcert=ca.pem").contains("verify-full"));
        assert!(bad("postgres://amy@a/jobs?colour=red").contains("colour"));
        assert!(bad("postgres://amy@a:no/jobs").contains("postgres://USER"));
    }

    #[test]
    fn a_certificate_is_checked_if_that_is_asked_for() {
        let trust = |url: &str| url.parse::<Database>().unwrap().0.trust.clone();
        assert_eq!(trust("postgres://amy@a/jobs?sslmode=require"), Trust::Anybody);
        assert_eq!(trust("postgres://amy@a/jobs?sslmode=verify-full"), Trust::System);
        let file = "postgres://amy@a/jobs?sslrootcert=%2Fca.pem&sslmode=verify-full";
        assert_eq!(trust(file), Trust::File("/ca.pem".into()));
    }

    #[test]
    fn a_password_from_elsewhere_is_for_urls_without() {
        let password = |url: &str| {
            let database = url.parse::<Database>().unwrap().or_password(Some("else".to_owned()));
            database.0.config.get_password().map(<[u8]>::to_vec)
        };
        assert_eq!(password("postgres://amy:own@a/jobs").unwrap(), b"own");
        assert_eq!(password("postgres://amy@a/jobs").unwrap(), b"else");
    }
}
