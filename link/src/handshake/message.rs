//! The messages of the handshake.

use acequia_wire::record::{BadRecord, In, Out};

use super::Versions;
use super::proof::{Nonce, PROOF_BYTES, Proof};
use super::terms::{Hello, Refused, Role, Welcome};
use crate::error::BadHandshake;

const MAGIC: &[u8; 12] = b"acequia link";
/// The longest name of a door or of a server, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 1 << 10;

mod tag {
    pub(super) const REFUSED: u8 = 0;
    pub(super) const TAKEN: u8 = 1;
    pub(super) const REFUSED_PROVEN: u8 = 2;
}

mod why {
    pub(super) const TOKEN: u8 = 0;
    pub(super) const VERSION: u8 = 1;
    pub(super) const NOT_OWNER: u8 = 2;
    pub(super) const OTHER: u8 = 3;
}

/// What a door says first.
#[derive(Debug)]
pub(super) struct First {
    pub(super) versions: Versions,
    pub(super) nonce: Nonce,
    pub(super) hello: Hello,
}

/// What the owner answers to it.
#[derive(Debug)]
pub(super) enum Challenge {
    Refused(Refused),
    Prove { version: u16, nonce: Nonce },
}

/// What the owner makes of a proof. It proves itself where the door has.
#[derive(Debug)]
pub(super) enum Verdict {
    Unproven(Refused),
    Refused(Proof, Refused),
    Welcome(Proof, Welcome),
}

impl First {
    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { versions, nonce, hello: Hello { role, door, link, name } } = self;
        let mut bytes = Vec::new();
        let mut out = Out(&mut bytes);
        out.rest(MAGIC);
        out.number(versions.min.into());
        out.number(versions.max.into());
        out.byte(match role {
            Role::Sessions => 0,
            Role::Lanes => 1,
            Role::Calls => 2,
        });
        out.rest(door);
        out.number(*link);
        out.rest(nonce);
        out.text(cut(name, NAME_BYTES_MAX));
        bytes
    }

    /// All of it is the same in all versions.
    pub(super) fn decode(message: &[u8]) -> Result<Self, BadHandshake> {
        let from = &mut In(message.strip_prefix(MAGIC).ok_or(BadHandshake::Magic)?);
        let versions = Versions { min: number_u16(from)?, max: number_u16(from)? };
        let role = match from.byte()? {
            0 => Role::Sessions,
            1 => Role::Lanes,
            2 => Role::Calls,
            value => return Err(BadRecord::Unknown { field: "role", value }.into()),
        };
        let (door, link, nonce) = (from.array()?, from.number()?, from.array()?);
        let name = cut(from.text()?, NAME_BYTES_MAX).to_owned();
        Ok(Self { versions, nonce, hello: Hello { role, door, link, name } })
    }
}

impl Challenge {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = Out(&mut bytes);
        match self {
            Self::Refused(refused) => {
                out.byte(tag::REFUSED);
                put_refused(refused, &mut out);
            }
            Self::Prove { version, nonce } => {
                out.byte(tag::TAKEN);
                out.number((*version).into());
                out.rest(nonce);
            }
        }
        bytes
    }

    pub(super) fn decode(message: &[u8]) -> Result<Self, BadHandshake> {
        let from = &mut In(message);
        Ok(match from.byte()? {
            tag::REFUSED => Self::Refused(take_refused(from)?),
            tag::TAKEN => Self::Prove { version: number_u16(from)?, nonce: from.array()? },
            value => return Err(BadRecord::Unknown { field: "challenge", value }.into()),
        })
    }
}

/// The proof that a message is.
pub(super) fn decode_proof(message: &[u8]) -> Result<Proof, BadHandshake> {
    Ok(In(message).array::<PROOF_BYTES>()?)
}

impl Verdict {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = Out(&mut bytes);
        match self {
            Self::Unproven(refused) => {
                out.byte(tag::REFUSED);
                put_refused(refused, &mut out);
            }
            Self::Refused(proof, refused) => {
                out.byte(tag::REFUSED_PROVEN);
                out.rest(proof);
                put_refused(refused, &mut out);
            }
            Self::Welcome(proof, Welcome { epoch, server, result_bytes_max, adoption_ms }) => {
                out.byte(tag::TAKEN);
                out.rest(proof);
                out.number(*epoch);
                out.text(cut(server, NAME_BYTES_MAX));
                out.number(*result_bytes_max);
                out.number((*adoption_ms).into());
            }
        }
        bytes
    }

    pub(super) fn decode(message: &[u8]) -> Result<Self, BadHandshake> {
        let from = &mut In(message);
        Ok(match from.byte()? {
            tag::REFUSED => Self::Unproven(take_refused(from)?),
            tag::REFUSED_PROVEN => Self::Refused(from.array()?, take_refused(from)?),
            tag::TAKEN => {
                let proof = from.array()?;
                let welcome = Welcome {
                    epoch: from.number()?,
                    server: from.text()?.to_owned(),
                    result_bytes_max: from.number()?,
                    adoption_ms: from.number_u32()?,
                };
                Self::Welcome(proof, welcome)
            }
            value => return Err(BadRecord::Unknown { field: "verdict", value }.into()),
        })
    }
}

/// Why, and the same in words for whoever does not know this reason.
fn put_refused(refused: &Refused, out: &mut Out<'_>) {
    out.byte(match refused {
        Refused::Token => why::TOKEN,
        Refused::Version { .. } => why::VERSION,
        Refused::NotOwner { .. } => why::NOT_OWNER,
        Refused::Other(_) => why::OTHER,
    });
    out.text(cut(&refused.to_string(), REASON_BYTES_MAX));
    match refused {
        Refused::Version { min, max } => {
            out.number((*min).into());
            out.number((*max).into());
        }
        // None is one without a name.
        Refused::NotOwner { owner } => {
            out.text(cut(owner.as_deref().unwrap_or_default(), REASON_BYTES_MAX));
        }
        Refused::Token | Refused::Other(_) => {}
    }
}

fn take_refused(from: &mut In<'_>) -> Result<Refused, BadRecord> {
    let (why, words) = (from.byte()?, from.text()?);
    Ok(match why {
        why::TOKEN => Refused::Token,
        why::VERSION => Refused::Version { min: number_u16(from)?, max: number_u16(from)? },
        why::NOT_OWNER => {
            let owner = Some(from.text()?).filter(|owner| !owner.is_empty());
            Refused::NotOwner { owner: owner.map(str::to_owned) }
        }
        _ => Refused::Other(words.to_owned()),
    })
}

fn number_u16(from: &mut In<'_>) -> Result<u16, BadRecord> {
    u16::try_from(from.number()?).map_err(|_| BadRecord::Number)
}

/// As much of a text as fits.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
