//! The owner's half of the handshake: what it says, and what it makes of what it hears.

use super::Versions;
use super::message::{Challenge, First, Verdict, decode_proof};
use super::proof::{Known, Nonce, Side, Spoken};
use super::terms::{Hello, Refused, Welcome};
use crate::error::Fault;

/// An answer, and what comes of it once it was sent.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) message: Vec<u8>,
    pub(super) then: Result<T, Fault>,
}

/// An owner that has asked for a proof.
#[derive(Debug)]
pub(super) struct Challenged<'a> {
    known: Known<'a>,
    of_door: Nonce,
    of_owner: Nonce,
    first: Vec<u8>,
    hello: Hello,
}

impl<'a> Challenged<'a> {
    /// By the door's first message. One that is none gets no answer.
    pub(super) fn by(
        known: Known<'a>,
        versions: Versions,
        message: Vec<u8>,
        nonce: Nonce,
    ) -> Result<Answer<Self>, Fault> {
        let First { versions: of_door, nonce: door_nonce, hello } = First::decode(&message)?;
        let Some(version) = versions.common(of_door) else {
            let Versions { min, max } = versions;
            let refused = Refused::Version { min, max };
            let message = Challenge::Refused(refused.clone()).encode();
            return Ok(Answer { message, then: Err(Fault::RefusedIt(refused)) });
        };
        let challenged =
            Self { known, of_door: door_nonce, of_owner: nonce, first: message, hello };
        let message = Challenge::Prove { version, nonce }.encode();
        Ok(Answer { message, then: Ok(challenged) })
    }

    /// What the door's proof comes to, where `judge` says whether a door that has proven itself is
    /// taken.
    pub(super) fn judge(
        self,
        message: &[u8],
        judge: impl FnOnce(&Hello) -> Result<Welcome, Refused>,
    ) -> Result<Answer<Hello>, Fault> {
        let proof = decode_proof(message)?;
        if !self.known.is_proof(Side::Door, &self.spoken(), &proof) {
            let message = Verdict::Unproven(Refused::Token).encode();
            return Ok(Answer { message, then: Err(Fault::RefusedIt(Refused::Token)) });
        }
        let proof = self.known.prove(Side::Owner, &self.spoken());
        Ok(match judge(&self.hello) {
            Ok(welcome) => {
                let message = Verdict::Welcome(proof, welcome).encode();
                Answer { message, then: Ok(self.hello) }
            }
            Err(refused) => {
                let message = Verdict::Refused(proof, refused.clone()).encode();
                Answer { message, then: Err(Fault::RefusedIt(refused)) }
            }
        })
    }

    fn spoken(&self) -> Spoken<'_> {
        Spoken { of_door: &self.of_door, of_owner: &self.of_owner, hello: &self.first }
    }
}
