//! Where a client's tokens come from, and what they say.

use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::call::Fault;
use crate::url::ServerUrl;

/// A token that is on its way.
type Coming = Pin<Box<dyn Future<Output = Result<String, Fault>> + Send>>;

/// Where tokens come from.
#[derive(Clone)]
pub(crate) enum Tokens {
    /// The URL has one, or needs none.
    OfUrl,
    /// It is asked for anew at each dial.
    Asked(Arc<dyn Fn() -> Coming + Send + Sync>),
}

impl Tokens {
    pub(crate) fn asked<F, T>(ask: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, Fault>> + Send + 'static,
    {
        Self::Asked(Arc::new(move || Box::pin(ask())))
    }

    /// Whether asking again may bring another.
    pub(crate) fn are_renewed(&self) -> bool {
        matches!(self, Self::Asked(_))
    }

    /// The server with a token of now.
    pub(crate) async fn at(&self, server: &ServerUrl) -> Result<ServerUrl, Fault> {
        match self {
            Self::OfUrl => Ok(server.clone()),
            Self::Asked(ask) => Ok(server.clone().with_token(&ask().await?)),
        }
    }
}

/// How many ops in a second a token allows, if it says so. Whether it is true the server alone knows.
pub(crate) fn ops_per_s(token: &str) -> Option<usize> {
    #[derive(Deserialize)]
    struct Claims {
        acequia: Acequia,
    }
    #[derive(Deserialize)]
    struct Acequia {
        ops_per_s: usize,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok().map(|Claims { acequia }| acequia.ops_per_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_how_fast_its_client_may_be() {
        let token = |claims: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(ops_per_s(&token(r#"{"sub":"a","acequia":{"ops_per_s":7,"jobs":1}}"#)), Some(7));
        for other in ["", "a.b.c", &token("{}"), &token(r#"{"acequia":{}}"#), &token("[]")] {
            assert_eq!(ops_per_s(other), None);
        }
    }
}
