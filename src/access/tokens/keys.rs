//! What tokens are signed with: a secret, or public keys in PEM or as a JSON Web Key Set.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::{Jwk, KeyAlgorithm};
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
                let parsed = parse(&text);
                let Parsed { keys, bad } =
                    parsed.map_err(|why| BadKeys::InFile { path: path.clone(), why })?;
                if let Some((first, others)) = bad.split_first() {
                    let (path, others) = (path.display(), others.len());
                    tracing::warn!(others, "{path}: a key cannot be used, the others can: {first}");
                }
                Ok(Keys(keys))
            }
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// The keys of a file, and what is wrong with others in it.
#[derive(Default)]
pub(super) struct Parsed {
    pub(super) keys: Vec<Key>,
    pub(super) bad: Vec<String>,
}

impl Parsed {
    /// A key that is not for us, or that is of no use, is no reason to do without the others: who
    /// publishes a set of keys adds to it for whoever needs it.
    fn add(&mut self, read: Result<Option<Key>, String>) {
        match read {
            Ok(Some(_)) if self.keys.len() == KEYS_MAX => {
                let limit = format!("there are more keys than {KEYS_MAX}, the limit");
                self.bad.push(limit);
            }
            Ok(key) => self.keys.extend(key),
            Err(why) => self.bad.push(why),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it has more than {FILE_BYTES_MAX} bytes; is this the right file?"));
    }
    // Some editors begin a file with a mark of its encoding.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parsed = if text.trim_start().starts_with('{') { of_jwks(text) } else { of_pem(text) }?;
    match (parsed.keys.is_empty(), parsed.bad.first()) {
        (false, _) => Ok(parsed),
        (true, Some(why)) => Err(why.clone()),
        (true, None) => Err("no key in it that is for RS256, ES256 or EdDSA (Ed25519)".to_owned()),
    }
}

fn of_pem(text: &str) -> Result<Parsed, String> {
    const NONE: &str = "neither public keys in PEM (`-----BEGIN PUBLIC KEY-----`) nor a JSON Web Key \
                        Set (`{\"keys\": […]}`)";
    let mut parsed = Parsed::default();
    let mut rest = text;
    let mut blocks = 0;
    while let Some(at) = rest.find("-----BEGIN ") {
        blocks += 1;
        let label = rest[at + "-----BEGIN ".len()..].split("-----").next().unwrap_or_default();
        let end = format!("-----END {label}-----");
        let Some(length) = rest[at..].find(&end).map(|length| length + end.len()) else {
            parsed.bad.push(format!("key {blocks}: its PEM block has no end"));
            break;
        };
        let key = of_block(label, &rest[at..at + length]);
        parsed.add(key.map(Some).map_err(|why| format!("key {blocks}: {why}")));
        rest = &rest[at + length..];
    }
    if blocks == 0 { Err(NONE.to_owned()) } else { Ok(parsed) }
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
        .map_err(|_| "a public key of an unknown kind; use RSA, P-256 or Ed25519")?;
    check(algorithm, &decoding)?;
    Ok(Key { kid: None, algorithm, decoding })
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

fn of_jwks(text: &str) -> Result<Parsed, String> {
    let set: KeySet = serde_json::from_str(text)
        .map_err(|error| format!("no JSON Web Key Set (`{{\"keys\": […]}}`): {error}"))?;
    let mut parsed = Parsed::default();
    for (key, at) in set.keys.into_iter().zip(1..) {
        let name = key.get("kid").and_then(Value::as_str).map(str::to_owned);
        let name = name.map_or_else(|| format!("key {at}"), |kid| format!("key {kid:?}"));
        parsed.add(of_jwk(key).map_err(|why| format!("{name}: {why}")));
    }
    Ok(parsed)
}

/// What a key has to be that tokens are signed with: its `kty` and, if it is on a curve, its `crv`.
const KINDS: [(&str, Option<&str>, Algorithm); 3] = [
    ("RSA", None, Algorithm::RS256),
    ("EC", Some("P-256"), Algorithm::ES256),
    ("OKP", Some("Ed25519"), Algorithm::EdDSA),
];

/// `None` if it is for something else.
fn of_jwk(key: Value) -> Result<Option<Key>, String> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let kind = text("kty").ok_or("it has no `kty` that says its kind")?;
    let curve = text("crv");
    let known = KINDS.iter().find(|(kty, crv, _)| *kty == kind && (crv.is_none() || *crv == curve));
    let is_for_other_use = text("use").is_some_and(|of| of != "sig");
    let (Some(&(_, _, algorithm)), false) = (known, is_for_other_use) else { return Ok(None) };
    let jwk: Jwk = serde_json::from_value(key).map_err(|error| error.to_string())?;
    let named = jwk.common.key_algorithm;
    if named.is_some_and(|named| named != KeyAlgorithm::from(algorithm)) {
        return Ok(None);
    }
    let decoding = DecodingKey::from_jwk(&jwk).map_err(|error| error.to_string())?;
    check(algorithm, &decoding)?;
    Ok(Some(Key { kid: jwk.common.key_id, algorithm, decoding }))
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
