//! Where the collector is.

use std::fmt;
use std::str::FromStr;

use axum::http::Uri;

/// The base URL of an OpenTelemetry collector that takes OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpEndpoint {
    base: String,
    is_tls: bool,
}

/// A text that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not http://HOST:PORT or https://HOST:PORT, such as http://127.0.0.1:4318")]
pub struct BadOtlpEndpoint(String);

impl FromStr for OtlpEndpoint {
    type Err = BadOtlpEndpoint;

    fn from_str(text: &str) -> Result<Self, BadOtlpEndpoint> {
        let bad = || BadOtlpEndpoint(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(bad()),
        };
        // What stands behind it would stand before the path of traces.
        if uri.query().is_some() || uri.host().is_none_or(str::is_empty) {
            return Err(bad());
        }
        Ok(Self { base: text.trim_end_matches('/').to_owned(), is_tls })
    }
}

impl OtlpEndpoint {
    /// Where traces go.
    pub(super) fn traces(&self) -> String {
        format!("{}/v1/traces", self.base)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_comes_behind_the_base() {
        for (text, traces, is_tls) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces", false),
            ("http://[::1]:4318/", "http://[::1]:4318/v1/traces", false),
            ("https://otlp.example/otlp/", "https://otlp.example/otlp/v1/traces", true),
        ] {
            let endpoint: OtlpEndpoint = text.parse().expect("one");
            assert_eq!((endpoint.traces().as_str(), endpoint.is_tls()), (traces, is_tls));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in
            ["", "127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://", "http://a b", "http://a/?b"]
        {
            assert_eq!(text.parse::<OtlpEndpoint>(), Err(BadOtlpEndpoint(text.to_owned())));
        }
    }
}
