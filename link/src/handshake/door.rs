//! The door's half of the handshake: what it says, and what it makes of what it hears.

use super::Versions;
use super::message::{Challenge, First, Verdict};
use super::proof::{Known, Nonce, Proof, Side, Spoken};
use super::terms::{Hello, Welcome};
use crate::error::{BadHandshake, Fault};

/// A door that has said hello.
#[derive(Debug)]
pub(super) struct Greeting<'a> {
    known: Known<'a>,
    versions: Versions,
    nonce: Nonce,
    hello: Vec<u8>,
}

/// A door that has proven itself.
#[derive(Debug)]
pub(super) struct Proven<'a> {
    known: Known<'a>,
    of_door: Nonce,
    of_owner: Nonce,
    hello: Vec<u8>,
}

impl<'a> Greeting<'a> {
    pub(super) fn new(known: Known<'a>, versions: Versions, hello: Hello, nonce: Nonce) -> Self {
        let hello = First { versions, nonce, hello }.encode();
        Self { known, versions, nonce, hello }
    }

    /// The first message.
    pub(super) fn hello(&self) -> &[u8] {
        &self.hello
    }

    /// The proof that the owner's first message asks for.
    pub(super) fn answer(self, message: &[u8]) -> Result<(Proof, Proven<'a>), Fault> {
        let of_owner = match Challenge::decode(message)? {
            Challenge::Refused(refused) => return Err(Fault::RefusedUs(refused)),
            Challenge::Prove { version, nonce } if self.versions.has(version) => nonce,
            Challenge::Prove { version, .. } => return Err(BadHandshake::Version(version).into()),
        };
        let Self { known, versions: _, nonce: of_door, hello } = self;
        let proven = Proven { known, of_door, of_owner, hello };
        Ok((proven.known.prove(Side::Door, &proven.spoken()), proven))
    }
}

impl Proven<'_> {
    /// What the owner's second message comes to.
    pub(super) fn hear(&self, message: &[u8]) -> Result<Welcome, Fault> {
        match Verdict::decode(message)? {
            // Said by whoever is there; to believe it does no harm.
            Verdict::Unproven(refused) => Err(Fault::RefusedUs(refused)),
            Verdict::Refused(proof, refused) => {
                self.judge(&proof)?;
                Err(Fault::RefusedUs(refused))
            }
            Verdict::Welcome(proof, welcome) => {
                self.judge(&proof)?;
                Ok(welcome)
            }
        }
    }

    fn judge(&self, proof: &Proof) -> Result<(), Fault> {
        let is_proof = self.known.is_proof(Side::Owner, &self.spoken(), proof);
        if is_proof { Ok(()) } else { Err(Fault::Unproven) }
    }

    fn spoken(&self) -> Spoken<'_> {
        Spoken { of_door: &self.of_door, of_owner: &self.of_owner, hello: &self.hello }
    }
}
