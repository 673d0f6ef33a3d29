//! How the two ends of a connection of a link come to trust each other.
//!
//! ```text
//!  door                                            owner
//!   │ hello: magic, versions, who it is, nonce ──▶ │
//!   │ ◀───────────────── challenge: version, nonce │ or a refusal
//!   │ proof ─────────────────────────────────────▶ │
//!   │ ◀──────────────────── verdict: proof, welcome │ or a refusal
//! ```
//!
//! Each message comes after its length in two bytes, the highest first, and its fields are those of
//! [`acequia_wire::record`]. What follows the fields that are known is left to later versions.
//!
//! ```text
//!  hello      magic │ min │ max │ role │ door, 16 bytes │ link │ nonce, 32 bytes │ name
//!  challenge  0 │ refusal, or 1 │ version │ nonce, 32 bytes
//!  proof      32 bytes
//!  verdict    0 │ refusal, or 1 │ proof, 32 bytes │ epoch │ server │ result_bytes_max │ adoption_ms,
//!             or 2 │ proof, 32 bytes │ refusal
//!  refusal    why │ in words │ what belongs to it
//! ```
//!
//! # Why nobody can sit between
//!
//! A proof is HMAC-SHA-256, under the token, of
//!
//! ```text
//!  "acequia link door", or "acequia link owner" │ binding │ nonce of the door │ nonce of the owner │ hello
//! ```
//!
//! The *binding* is what TLS 1.3 exports of the connection (RFC 8446, section 7.5): both ends of one
//! have the same, and nobody has it who is not one of them. Whoever takes the door's connection and
//! opens one of their own to the owner has two connections, with two bindings. What the door proves
//! of the first is no proof of the second, and to make one takes the token. So it does not matter
//! whether the owner's certificate is one that anybody vouches for: the token does. Since the two
//! begin differently, neither proof can be sent back as the other.
//!
//! Somebody between learns what is in the hello, which is no secret, and sees proofs, of which the
//! token can only be guessed: that is why it may not be short. A certificate that is verified keeps
//! even these from them.

mod door;
mod drive;
mod message;
mod owner;
mod proof;
mod terms;

use std::time::Duration;

pub(crate) use drive::{as_door, as_owner};
pub(crate) use proof::{Binding, Known, Token};
pub use terms::{Hello, Refused, Role, Welcome};

/// The shortest token, in bytes, without white space around it.
pub const TOKEN_BYTES_MIN: usize = 16;
/// How long a connection of a link may take from its first byte of TLS until both ends are proven.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// How many bytes each end reads until then, beside those of TLS.
const HANDSHAKE_BYTES_MAX: usize = 4 << 10;
/// The versions of links that are spoken here.
const VERSIONS: Versions = Versions { min: 1, max: 1 };

/// Versions that somebody speaks.
#[derive(Clone, Copy, Debug)]
struct Versions {
    min: u16,
    max: u16,
}

impl Versions {
    /// The newest that both speak.
    fn common(self, other: Self) -> Option<u16> {
        let newest = self.max.min(other.max);
        (newest >= self.min.max(other.min)).then_some(newest)
    }

    fn has(self, version: u16) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

#[cfg(test)]
mod tests;
