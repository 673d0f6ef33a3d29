//! Whether a client may come in, and what it may do then: it shows a JSON Web Token that somebody
//! signed whom the operator trusts.

mod claims;
mod keys;
mod provider;
mod topics;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use tokio::sync::{Semaphore, watch};

use self::claims::Claims;
pub(crate) use self::claims::Grant;
pub use self::keys::{BadKeys, KeySource};
use self::keys::{Key, Keys};
use crate::metrics::{RefusedToken, RefusedTokens};
use crate::reload;

/// The longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 8 << 10;

/// The most connections that have not said their token.
const UNPROVEN_MAX: usize = 1_024;

/// Whose tokens let clients in.
#[derive(Clone, Debug)]
pub struct ClientTokens {
    /// What they are signed with.
    pub keys: KeySource,
    /// The audience that each has to be for. With `None` none may name one.
    pub audience: Option<String>,
    /// Who has to have issued each. With `None` anybody who has the key.
    pub issuer: Option<String>,
}

/// Judges the tokens of clients.
pub(crate) struct TokenDoor {
    keys: watch::Receiver<Arc<Keys>>,
    validation: Validation,
    pub(super) refused: RefusedTokens,
    /// Places for those who have yet to say their token, so that they cannot take all sessions.
    pub(super) unproven: Arc<Semaphore>,
}

impl TokenDoor {
    /// Reads the keys. The task that reads them again when their file changes ends with the door.
    pub(crate) fn open(tokens: &ClientTokens, refused: RefusedTokens) -> Result<Self, BadKeys> {
        provider::install();
        let source = tokens.keys.clone();
        let stamp = reload::Stamp::of(&[source.path()]);
        let (sender, keys) = watch::channel(Arc::new(source.read()?));
        let paths = vec![source.path().to_owned()];
        tokio::spawn(reload::keep("keys of clients' tokens", paths, stamp, sender, move || {
            source.read()
        }));
        Ok(Self {
            keys,
            validation: validation(tokens),
            refused,
            unproven: Arc::new(Semaphore::new(UNPROVEN_MAX)),
        })
    }

    /// Judges a token as of now.
    pub(super) fn check(&self, token: &str) -> Result<Grant, RefusedToken> {
        self.judge(token, SystemTime::now())
    }

    /// Judges a token as of `now`.
    fn judge(&self, token: &str, now: SystemTime) -> Result<Grant, RefusedToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(RefusedToken::Malformed);
        }
        let header = decode_header(token).map_err(|error| reason(error.kind()))?;
        // It names what has to be understood, and none of it is.
        if header.crit.is_some() {
            return Err(RefusedToken::Malformed);
        }
        let keys = self.keys.borrow().clone();
        let mut why = RefusedToken::Key;
        for key in keys.candidates(header.kid.as_deref()) {
            // A key has one algorithm, whatever the token says of itself.
            if key.algorithm != header.alg {
                if why == RefusedToken::Key {
                    why = RefusedToken::Algorithm;
                }
                continue;
            }
            match self.verify(token, key) {
                Ok(claims) => return claims.grant(now),
                // Of several keys without names, another may be the one.
                Err(RefusedToken::Signature) => why = RefusedToken::Signature,
                Err(other) => return Err(other),
            }
        }
        Err(why)
    }

    fn verify(&self, token: &str, key: &Key) -> Result<Claims, RefusedToken> {
        let validation = Validation { algorithms: vec![key.algorithm], ..self.validation.clone() };
        let verified = decode::<Claims>(token, &key.decoding, &validation);
        verified.map(|data| data.claims).map_err(|error| reason(error.kind()))
    }
}

impl fmt::Debug for TokenDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDoor")
    }
}

fn validation(tokens: &ClientTokens) -> Validation {
    let mut validation = Validation::default();
    // `sub` may be a number, which is none of the specification's; `Claims::grant` asks for it.
    let mut required = vec!["exp"];
    // The times are held against one clock, in `Claims::grant`: a connection ends by the same.
    validation.validate_exp = false;
    if let Some(audience) = &tokens.audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    if let Some(issuer) = &tokens.issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    validation.set_required_spec_claims(&required);
    validation
}

fn reason(error: &ErrorKind) -> RefusedToken {
    match error {
        ErrorKind::InvalidSignature => RefusedToken::Signature,
        ErrorKind::InvalidAudience => RefusedToken::Audience,
        ErrorKind::InvalidIssuer => RefusedToken::Issuer,
        ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidAlgorithmName
        | ErrorKind::UnsupportedAlgorithm
        | ErrorKind::MissingAlgorithm => RefusedToken::Algorithm,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => RefusedToken::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => RefusedToken::Issuer,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            RefusedToken::Claims
        }
        // What is no JSON in the claims of a token that is signed cannot be told from what is none
        // in its header; that there is something wrong with the text of it is true of both.
        _ => RefusedToken::Malformed,
    }
}

#[cfg(test)]
mod tests;
