//! Somebody at the door of tokens: what they show is judged, and the log is told of a refusal.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::Access;
use super::peer::Peer;
use super::refusals::Refusals;
use super::tokens::{Grant, TokenDoor};
use crate::metrics::{Reason as _, RefusedToken};

/// The door of tokens, as one connection comes to it.
#[derive(Clone, Debug)]
pub(crate) struct Knock {
    pub(super) tokens: Arc<TokenDoor>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) peer: Peer,
}

impl Knock {
    /// That of `peer`; `None` where clients need no tokens.
    pub(crate) fn at(access: &Access, peer: Peer) -> Option<Self> {
        let tokens = access.tokens.clone()?;
        Some(Self { tokens, refusals: access.refusals.clone(), peer })
    }

    /// Judges a token. A refusal is counted and logged; to the client all look the same.
    pub(crate) fn check(&self, token: &str) -> Result<Grant, RefusedToken> {
        self.tokens.check(token).inspect_err(|why| self.refuse(*why))
    }

    /// Counts a refusal, and logs it.
    pub(crate) fn refuse(&self, why: RefusedToken) {
        self.tokens.refused.count(why);
        if let Some(left_out) = self.refusals.line(why.as_str(), self.peer) {
            let (peer, remedy) = (self.peer, remedy(why));
            tracing::warn!(%peer, reason = %why, "a client is refused for its token: {remedy}{left_out}");
        }
    }

    /// A place among those who have yet to say their token, if there is one.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.tokens.unproven.clone().try_acquire_owned().ok()
    }
}

/// What is wrong, and what to do about it.
fn remedy(why: RefusedToken) -> &'static str {
    match why {
        RefusedToken::Missing => {
            "none came within --handshake-s; it shows one as `Authorization: Bearer TOKEN`, as the \
             subprotocol `acequia.token.TOKEN`, or in its `hello`"
        }
        RefusedToken::Crowd => {
            "too many others have yet to send theirs; have it send the token with the request"
        }
        RefusedToken::Malformed => {
            "it is no JSON Web Token, or has a claim of the wrong type: `sub` is a text, `exp` a number, `acequia` \
             an object of `queues`, `jobs`, `ops_per_s`, `subscribe` and `publish`"
        }
        RefusedToken::Algorithm => {
            "it is signed otherwise than the keys are for: HS256 with --jwt-secret-file; RS256, ES256 \
             or EdDSA with --jwt-keys-file"
        }
        RefusedToken::Key => {
            "none of the keys has the name in its `kid`; is --jwt-keys-file up to date?"
        }
        RefusedToken::Signature => {
            "it is signed with a key that is not in --jwt-secret-file or --jwt-keys-file"
        }
        RefusedToken::Expired => {
            "its `exp` has passed; its client must get a new one, and both clocks must be right"
        }
        RefusedToken::NotYet => "its `nbf` is in the future; both clocks must be right",
        RefusedToken::Audience => {
            "its `aud` is not that of --jwt-audience, without which a token must have none"
        }
        RefusedToken::Issuer => "its `iss` is not that of --jwt-issuer",
        RefusedToken::Claims => {
            "a claim is missing or not as it should be: `sub` is a text of 1 to 1,024 bytes or a whole \
             number, `exp` a time in seconds; queues in `acequia` have the names of queues"
        }
        RefusedToken::Subject => "a connection only accepts further tokens of the same `sub`",
    }
}
