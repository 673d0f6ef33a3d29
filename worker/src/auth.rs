//! The proof that a worker knows the worker token, without showing it.

use acequia_wire::worker::Hello;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The answer to a `hello`: HMAC-SHA-256 of its nonce and its lane under the token.
pub(crate) fn answer(token: &[u8], hello: &Hello) -> [u8; 32] {
    // A key of any length will do, so there is no error to speak of.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token) else { return [0; 32] };
    mac.update(&hello.nonce);
    mac.update(hello.lane.as_bytes());
    mac.finalize().into_bytes().into()
}
