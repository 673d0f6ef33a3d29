//! The proof that one knows the token.

use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::TOKEN_BYTES_MIN;
use crate::error::Fault;

pub(super) const NONCE_BYTES: usize = 32;
pub(super) const PROOF_BYTES: usize = 32;

/// What only the two ends of a connection know of it.
pub(crate) type Binding = [u8; 32];
pub(super) type Nonce = [u8; NONCE_BYTES];
pub(super) type Proof = [u8; PROOF_BYTES];

/// What all servers of a cluster know, and nobody else. Its `Debug` does not show it.
pub(crate) struct Token<'a>(&'a [u8]);

impl<'a> Token<'a> {
    /// The token that these bytes are, without white space around them.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        let bytes = bytes.trim_ascii();
        if bytes.len() < TOKEN_BYTES_MIN {
            return Err(Fault::ShortToken(bytes.len()));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// What is known before the first word.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) token: Token<'a>,
    pub(crate) binding: Binding,
}

/// Who proves.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Door,
    Owner,
}

/// What a proof is of, beside the binding.
pub(super) struct Spoken<'a> {
    pub(super) of_door: &'a Nonce,
    pub(super) of_owner: &'a Nonce,
    pub(super) hello: &'a [u8],
}

impl Known<'_> {
    pub(super) fn prove(&self, side: Side, spoken: &Spoken<'_>) -> Proof {
        self.mac(side, spoken).finalize().into_bytes().into()
    }

    /// Whether that is the proof, in a time that tells nothing about it.
    pub(super) fn is_proof(&self, side: Side, spoken: &Spoken<'_>, proof: &Proof) -> bool {
        self.mac(side, spoken).verify_slice(proof).is_ok()
    }

    fn mac(&self, side: Side, spoken: &Spoken<'_>) -> Hmac<Sha256> {
        let label = match side {
            Side::Door => "acequia link door",
            Side::Owner => "acequia link owner",
        };
        let mut mac = Hmac::new_from_slice(self.token.0).expect("a key may have any length");
        // All but the label and the last have one length each, and no label begins another.
        let Spoken { of_door, of_owner, hello } = spoken;
        for part in [label.as_bytes(), &self.binding, *of_door, *of_owner, *hello] {
            mac.update(part);
        }
        mac
    }
}
