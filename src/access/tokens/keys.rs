//! What tokens are signed with: a secret, or public keys in PEM or as a JSON Web Key Set.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::access::{BadSecret, Secret};

/// The largest file of public keys, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// The most keys: a token without `kid` is held against each.
const KEYS_MAX: usize = 64;
/// Bytes of an RSA key's modulus, at least: shorter ones can be broken.
const MODULUS_BYTES_MIN: usize = 256;
/// Bytes of a point of P-256 that is not compressed, and how it begins.
const POINT: (usize, u8) = (65, 4);
/// Bytes of a key of Ed25519.
const ED25519_BYTES: usize = 32;

/// Where the keys are.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A file with a secret, for HS256.
    Secret(PathBuf),
    /// A file with public keys, for RS256, ES256 and `EdDSA` (Ed25519): one or more in PEM, or a
    /// JSON Web Key Set.
    Public(PathBuf),
}

/// A file that keys cannot be taken from.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    /// It holds no secret.
    #[error(transparent)]
    Secret(#[from] BadSecret),
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It holds no keys, or one that is of no use.
    #[error("{}: {why}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// One key, which is for one algorithm.
pub(super) struct Key {
    kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

/// All keys.
pub(super) struct Keys(Vec<Key>);

impl Keys {
    /// The keys that a token with this `kid` may be signed with: those of this name, and those that
    /// have none.
    pub(super) fn candidates<'a>(&'a self, kid: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        self.0.iter().filter(move |key| match (&key.kid, kid) {
            (Some(own), Some(asked)) => own == asked,
            _ => true,
        })
    }
}

impl KeySource {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Secret(path) | Self::Public(path) => path,
        }
    }

    pub(super) fn read(&self) -> Result<Keys, BadKeys> {
        match self {
            Self::Secret(path) => {
                let decoding = DecodingKey::from_secret(Secret::read(path)?.expose());
                Ok(Keys(vec![Key { kid: None, algorithm: Algorithm::HS256, decoding }]))
            }
            Self::Public(path) => {
                let text = read(path)
                    .map_err(|source| BadKeys::Unreadable { path: path.clone(), source })?;
                parse(&text).map_err(|why| BadKeys::InFile { path: path.clone(), why })
            }
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Result<Keys, String> {
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it has more than {FILE_BYTES_MAX} bytes; is this the right file?"));
    }
    let keys = if text.trim_start().starts_with('{') { of_jwks(text) } else { of_pem(text) }?;
    match keys.len() {
        0 => Err("no key in it that is for RS256, ES256 or EdDSA (Ed25519)".to_owned()),
        1..=KEYS_MAX => Ok(Keys(keys)),
        many => Err(format!("it has {many} keys, and {KEYS_MAX} is the limit")),
    }
}

fn of_pem(text: &str) -> Result<Vec<Key>, String> {
    const NONE: &str = "neither public keys in PEM (`-----BEGIN PUBLIC KEY-----`) nor a JSON Web Key \
                        Set (`{\"keys\": […]}`)";
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("-----BEGIN ") {
        let label = rest[at + "-----BEGIN ".len()..].split("-----").next().unwrap_or_default();
        let end = format!("-----END {label}-----");
        let length = rest[at..].find(&end).ok_or("a key in PEM that has no end")? + end.len();
        keys.push(of_block(label, &rest[at..at + length])?);
        rest = &rest[at + length..];
    }
    if keys.is_empty() { Err(NONE.to_owned()) } else { Ok(keys) }
}

fn of_block(label: &str, pem: &str) -> Result<Key, String> {
    if label.ends_with("PRIVATE KEY") {
        return Err("a private key, which only whoever signs should have; give the public one: \
                    openssl pkey -in FILE -pubout"
            .to_owned());
    }
    if label != "PUBLIC KEY" && label != "RSA PUBLIC KEY" {
        return Err(format!("{label:?} in PEM; public keys are PUBLIC KEY or RSA PUBLIC KEY"));
    }
    let pem = pem.as_bytes();
    let (algorithm, decoding) = DecodingKey::from_rsa_pem(pem)
        .map(|key| (Algorithm::RS256, key))
        .or_else(|_| DecodingKey::from_ec_pem(pem).map(|key| (Algorithm::ES256, key)))
        .or_else(|_| DecodingKey::from_ed_pem(pem).map(|key| (Algorithm::EdDSA, key)))
        .map_err(|_| "a public key of a kind that is not known; it is RSA, P-256 or Ed25519")?;
    check(algorithm, &decoding)?;
    Ok(Key { kid: None, algorithm, decoding })
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// Keys in a set that are for something else are left out.
fn of_jwks(text: &str) -> Result<Vec<Key>, String> {
    let set: KeySet = serde_json::from_str(text)
        .map_err(|error| format!("no JSON Web Key Set (`{{\"keys\": […]}}`): {error}"))?;
    let known = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    known.filter_map(|jwk| of_jwk(&jwk).transpose()).collect()
}

fn of_jwk(jwk: &Jwk) -> Result<Option<Key>, String> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(of) if of.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        AlgorithmParameters::OctetKeyPair(of) if of.curve == EllipticCurve::Ed25519 => {
            Algorithm::EdDSA
        }
        _ => return Ok(None),
    };
    let named = jwk.common.key_algorithm;
    if named.is_some_and(|named| named != KeyAlgorithm::from(algorithm))
        || jwk.common.public_key_use.as_ref().is_some_and(|of| *of != PublicKeyUse::Signature)
    {
        return Ok(None);
    }
    let kid = jwk.common.key_id.clone();
    let of_key = |why: String| format!("key {kid:?}: {why}");
    let decoding = DecodingKey::from_jwk(jwk).map_err(|error| of_key(error.to_string()))?;
    check(algorithm, &decoding).map_err(of_key)?;
    Ok(Some(Key { kid, algorithm, decoding }))
}

/// That a key is long enough and of the right curve; else it would refuse whatever it is asked.
fn check(algorithm: Algorithm, key: &DecodingKey) -> Result<(), String> {
    use jsonwebtoken::DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
    let fits = match (algorithm, key.kind()) {
        (Algorithm::RS256, RsaModulusExponent { n, .. }) => n.len() >= MODULUS_BYTES_MIN,
        // A sequence of the modulus and a small exponent.
        (Algorithm::RS256, SecretOrDer(der)) => der.len() > MODULUS_BYTES_MIN,
        (Algorithm::ES256, SecretOrDer(point)) => {
            (point.len(), point.first().copied()) == (POINT.0, Some(POINT.1))
        }
        (Algorithm::EdDSA, SecretOrDer(point)) => point.len() == ED25519_BYTES,
        _ => false,
    };
    fits.then_some(()).ok_or_else(|| {
        "RSA keys have at least 2048 bits, elliptic curves are P-256 or Ed25519".to_owned()
    })
}
