//! Whether a worker may work: it proves that it knows the worker token, without showing it.

use acequia_wire::LaneId;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::Secret;
use crate::metrics::{RefusedWorker, RefusedWorkers};

/// Judges the workers that say `ready`.
#[derive(Debug)]
pub(crate) struct WorkerDoor {
    /// Without one, whoever reaches the ports may work.
    token: Option<Secret>,
    refused: RefusedWorkers,
}

impl WorkerDoor {
    pub(crate) fn new(token: Option<Secret>, refused: RefusedWorkers) -> Self {
        Self { token, refused }
    }

    /// Judges the answer to a greeting with this nonce and lane. Since both are in the proof, that
    /// of another lane proves nothing. A refusal is counted.
    pub(crate) fn check(
        &self,
        nonce: &[u8; 32],
        lane: LaneId,
        auth: Option<&[u8; 32]>,
    ) -> Result<(), RefusedWorker> {
        let Some(token) = &self.token else { return Ok(()) };
        let judged = match auth {
            None => Err(RefusedWorker::NoAuth),
            Some(auth) if is_proof(token, nonce, lane, auth) => Ok(()),
            Some(_) => Err(RefusedWorker::WrongAuth),
        };
        judged.inspect_err(|why| self.refused.count(*why))
    }
}

fn is_proof(token: &Secret, nonce: &[u8; 32], lane: LaneId, auth: &[u8; 32]) -> bool {
    // A key of any length will do, so there is no error to speak of.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.expose()) else { return false };
    mac.update(nonce);
    mac.update(lane.as_bytes());
    // In constant time.
    mac.verify_slice(auth).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &[u8] = b"a worker token that is long enough";
    const NONCE: [u8; 32] = [9; 32];
    /// Computed with Python: `hmac.new(TOKEN, b"\x09" * 32 + b"\x01" * 16, "sha256")`.
    const AUTH: [u8; 32] = [
        0xf9, 0x1e, 0xd2, 0xf6, 0x28, 0xa6, 0x94, 0xd7, 0xbe, 0xa5, 0x51, 0x43, 0x5a, 0x22, 0x98,
        0x12, 0x76, 0xb0, 0x14, 0xf9, 0x54, 0xb1, 0x11, 0x3b, 0x0a, 0x4e, 0x25, 0x61, 0xe8, 0x88,
        0x02, 0xa4,
    ];

    fn lane() -> LaneId {
        LaneId::from_bytes([1; 16])
    }

    fn door(token: Option<&[u8]>) -> WorkerDoor {
        let token = token.map(|token| Secret::new(token).expect("a secret"));
        WorkerDoor::new(token, RefusedWorkers::unseen())
    }

    #[test]
    fn the_proof_of_a_lane_is_of_that_lane_alone() {
        let door = door(Some(TOKEN));
        assert_eq!(door.check(&NONCE, lane(), Some(&AUTH)), Ok(()));
        let wrong = Err(RefusedWorker::WrongAuth);
        assert_eq!(door.check(&[8; 32], lane(), Some(&AUTH)), wrong);
        assert_eq!(door.check(&NONCE, LaneId::from_bytes([2; 16]), Some(&AUTH)), wrong);
        assert_eq!(door.check(&NONCE, lane(), Some(&[0; 32])), wrong);
        assert_eq!(door.check(&NONCE, lane(), None), Err(RefusedWorker::NoAuth));
    }

    #[test]
    fn another_token_proves_nothing() {
        let door = door(Some(b"another token that is long enough, too"));
        assert_eq!(door.check(&NONCE, lane(), Some(&AUTH)), Err(RefusedWorker::WrongAuth));
    }

    #[test]
    fn without_a_token_nothing_is_asked_for() {
        let door = door(None);
        for auth in [None, Some(&[0; 32])] {
            assert_eq!(door.check(&NONCE, lane(), auth), Ok(()));
        }
    }
}
