use std::fmt::Write as _;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::keys::{Parsed, parse};
use super::*;
use crate::metrics::RefusedTokens;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW_S: u64 = 1_700_000_000;

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let mut token = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
    let signature = base64(sign(token.as_bytes()));
    write!(token, ".{signature}").expect("a text takes it");
    token
}

fn hs256(secret: &str) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    move |message| ring::hmac::sign(&key, message).as_ref().to_vec()
}

fn claims() -> Value {
    json!({"sub": "alice", "exp": NOW_S + 60})
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

fn door_of(keys: KeySource, audience: Option<&str>, issuer: Option<&str>) -> TokenDoor {
    let (audience, issuer) = (audience.map(str::to_owned), issuer.map(str::to_owned));
    let tokens = ClientTokens { keys, audience, issuer };
    TokenDoor::open(&tokens, RefusedTokens::unseen()).expect("keys")
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("room");
    file
}

fn door() -> TokenDoor {
    door_of(KeySource::Secret(file(SECRET).path().to_owned()), None, None)
}

fn judge(door: &TokenDoor, token: &str) -> Result<Grant, RefusedToken> {
    door.judge(token, UNIX_EPOCH + Duration::from_secs(NOW_S))
}

fn judge_claims(door: &TokenDoor, claims: &Value) -> Result<Grant, RefusedToken> {
    judge(door, &token(&json!({"alg": "HS256"}), claims, hs256(SECRET)))
}

#[tokio::test]
async fn a_good_token_tells_who_and_what() {
    let door = door();
    let grant = judge_claims(&door, &claims()).expect("good");
    assert_eq!(grant.until, UNIX_EPOCH + Duration::from_secs(NOW_S + 60));
    assert_eq!((&grant.queues, grant.jobs), (&None, None));
    // The first eight bytes of `printf alice | sha256sum`.
    assert_eq!(grant.client.0, 0x2bd8_06c9_7f0e_00af);
    let limited = with("acequia", json!({"queues": ["a", "b"], "jobs": 3, "ops_per_s": 7}));
    let limited = judge_claims(&door, &limited).expect("good");
    assert_eq!((limited.client, limited.jobs), (grant.client, Some(3)));
    assert_eq!(limited.ops_per_s.map(NonZeroU32::get), Some(7));
    let allows = |queue: &str| limited.allows(&queue.parse().expect("a name"));
    assert!(allows("a") && allows("b") && !allows("c"));
    assert!(grant.allows(&"c".parse().expect("a name")));
}

#[tokio::test]
async fn a_number_is_the_client_that_its_digits_are() {
    let door = door();
    let client = |sub: Value| judge_claims(&door, &with("sub", sub)).expect("good").client;
    for number in [json!(7), json!(-7), json!(u64::MAX)] {
        assert_eq!(client(number.clone()), client(json!(number.to_string())), "{number}");
    }
    assert_ne!(client(json!(7)), client(json!(-7)));
}

#[tokio::test]
async fn what_is_wrong_with_claims_is_told_apart() {
    let door = door();
    for (key, value, why) in [
        ("sub", Value::Null, RefusedToken::Claims),
        ("sub", json!(""), RefusedToken::Claims),
        ("sub", json!("x".repeat(1025)), RefusedToken::Claims),
        ("sub", json!(7.5), RefusedToken::Claims),
        ("sub", json!(true), RefusedToken::Claims),
        ("sub", json!(["alice"]), RefusedToken::Malformed),
        ("exp", json!(NOW_S), RefusedToken::Expired),
        ("exp", json!(NOW_S - 1), RefusedToken::Expired),
        ("exp", json!(-1), RefusedToken::Claims),
        ("exp", json!(1e300), RefusedToken::Claims),
        ("exp", json!("tomorrow"), RefusedToken::Malformed),
        ("nbf", json!(NOW_S + 31), RefusedToken::NotYet),
        ("aud", json!("acequia"), RefusedToken::Audience),
        ("acequia", json!({"queues": ["a/b"]}), RefusedToken::Claims),
        ("acequia", json!({"jobs": -1}), RefusedToken::Malformed),
        ("acequia", json!({"ops_per_s": 0}), RefusedToken::Malformed),
        ("acequia", json!({"colour": "red"}), RefusedToken::Malformed),
    ] {
        assert_eq!(judge_claims(&door, &with(key, value.clone())), Err(why), "{key} {value}");
    }
    for (claims, why) in [
        (json!({"exp": NOW_S + 60}), RefusedToken::Claims),
        (json!({"sub": "alice"}), RefusedToken::Claims),
        (json!([]), RefusedToken::Malformed),
    ] {
        assert_eq!(judge_claims(&door, &claims), Err(why), "{claims}");
    }
    for (key, value) in [
        ("exp", json!(1e15)),
        ("exp", json!(NOW_S as f64 + 0.5)),
        ("nbf", json!(NOW_S + 29)),
        ("iss", json!("anybody")),
        ("acequia", json!({})),
        ("unknown", json!({"deep": [1]})),
    ] {
        assert!(judge_claims(&door, &with(key, value.clone())).is_ok(), "{key} {value}");
    }
}

#[tokio::test]
async fn audience_and_issuer_are_asked_for() {
    let file = file(SECRET);
    let keys = KeySource::Secret(file.path().to_owned());
    let door = door_of(keys, Some("acequia"), Some("https://login.example"));
    let claims = |aud: Value, iss: Value| {
        let mut claims = with("aud", aud);
        claims["iss"] = iss;
        judge_claims(&door, &claims).map(|_| ())
    };
    let right = || json!("https://login.example");
    assert_eq!(claims(json!("acequia"), right()), Ok(()));
    assert_eq!(claims(json!(["other", "acequia"]), right()), Ok(()));
    assert_eq!(claims(json!("other"), right()), Err(RefusedToken::Audience));
    assert_eq!(claims(json!("acequia"), json!("https://evil.example")), Err(RefusedToken::Issuer));
    assert_eq!(judge_claims(&door, &with("iss", right())), Err(RefusedToken::Audience));
    assert_eq!(judge_claims(&door, &with("aud", json!("acequia"))), Err(RefusedToken::Issuer));
}

#[tokio::test]
async fn what_is_not_signed_as_it_should_be_is_refused() {
    let door = door();
    let forged =
        |header: Value, secret: &str| judge(&door, &token(&header, &claims(), hs256(secret)));
    let hs256_header = json!({"alg": "HS256"});
    assert_eq!(
        forged(hs256_header.clone(), "another secret that is long enough"),
        Err(RefusedToken::Signature)
    );
    assert_eq!(
        judge(&door, &token(&hs256_header, &claims(), |_| Vec::new())),
        Err(RefusedToken::Signature)
    );
    for alg in ["none", "None", "nOnE", "", "RS256", "ES256", "EdDSA", "HS384", "HS512", "PS256"] {
        for sign in [&hs256(SECRET) as &dyn Fn(&[u8]) -> Vec<u8>, &|_| Vec::new()] {
            let judged = judge(&door, &token(&json!({"alg": alg}), &claims(), sign));
            assert!(
                matches!(judged, Err(RefusedToken::Algorithm | RefusedToken::Malformed)),
                "{alg}: {judged:?}"
            );
        }
    }
    let critical = json!({"alg": "HS256", "crit": ["exp"]});
    assert_eq!(forged(critical, SECRET), Err(RefusedToken::Malformed));
    let good = token(&hs256_header, &claims(), hs256(SECRET));
    for bad in ["", ".", "..", "a.b.c", &good[1..], &good[..good.len() - 1], &format!("{good}.x")] {
        assert!(judge(&door, bad).is_err(), "{bad}");
    }
    assert_eq!(judge(&door, &"x".repeat(9000)), Err(RefusedToken::Malformed));
}

/// A key of each kind of curve, as a JSON Web Key Set, and what signs with them.
struct Curves {
    set: String,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

fn curves() -> Curves {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    let ec = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
    let ed = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key");
    let (x, y) = ec.public_key().as_ref()[1..].split_at(32);
    let set = json!({"keys": [
        {"kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "x": base64(x), "y": base64(y)},
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "alg": "EdDSA", "x": base64(ed.public_key())},
        {"kty": "EC", "crv": "P-521", "kid": "other", "x": "AA", "y": "AA"},
        {"kty": "oct", "kid": "secret", "k": base64(SECRET)},
        {"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB"},
        {"kty": "unheard of"},
    ]});
    Curves { set: set.to_string(), ec, ed }
}

#[tokio::test]
async fn keys_are_found_by_their_names() {
    let Curves { set, ec, ed } = curves();
    let door = door_of(KeySource::Public(file(&set).path().to_owned()), None, None);
    let by_ec = |message: &[u8]| {
        ec.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec()
    };
    let by_ed = |message: &[u8]| ed.sign(message).as_ref().to_vec();
    let judged = |header: Value, sign: &dyn Fn(&[u8]) -> Vec<u8>| {
        judge(&door, &token(&header, &claims(), sign)).map(|_| ())
    };
    assert_eq!(judged(json!({"alg": "ES256", "kid": "ec"}), &by_ec), Ok(()));
    assert_eq!(judged(json!({"alg": "EdDSA", "kid": "ed"}), &by_ed), Ok(()));
    assert_eq!(judged(json!({"alg": "EdDSA"}), &by_ed), Ok(()));
    assert_eq!(judged(json!({"alg": "EdDSA", "kid": "ec"}), &by_ed), Err(RefusedToken::Algorithm));
    assert_eq!(judged(json!({"alg": "EdDSA", "kid": "no"}), &by_ed), Err(RefusedToken::Key));
    assert_eq!(judged(json!({"alg": "ES256", "kid": "ec"}), &by_ed), Err(RefusedToken::Signature));
    // A secret in a set of public keys is none.
    let secret = hs256(SECRET);
    assert_eq!(judged(json!({"alg": "HS256", "kid": "secret"}), &secret), Err(RefusedToken::Key));
    // A public key is not taken for a secret, whatever the token says of itself.
    let public = ed.public_key().as_ref().to_vec();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public);
    let confused = |message: &[u8]| ring::hmac::sign(&key, message).as_ref().to_vec();
    assert_eq!(
        judged(json!({"alg": "HS256", "kid": "ed"}), &confused),
        Err(RefusedToken::Algorithm)
    );
}

#[test]
fn a_key_that_is_of_no_use_leaves_the_others() {
    let Curves { set, .. } = curves();
    let mut set: Value = serde_json::from_str(&set).expect("as written");
    let keys = set["keys"].as_array_mut().expect("keys");
    let bad = [
        json!({"kty": "RSA", "kid": "weak", "n": base64([255; 128]), "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "broken", "n": "!!!", "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "half"}),
        json!({"kid": "no kind"}),
        json!("no key"),
    ];
    keys.splice(0..0, bad);
    for text in [set.to_string(), format!("\u{feff}{set}"), set.to_string().replace(',', ",\r\n")] {
        let Parsed { keys, bad } = parse(&text).expect("two good ones");
        assert_eq!(keys.len(), 2);
        let named = ["\"weak\"", "\"broken\"", "\"half\"", "\"no kind\"", "key 5"];
        assert_eq!(bad.len(), named.len(), "{bad:?}");
        for (bad, named) in bad.iter().zip(named) {
            assert!(bad.contains(named), "{bad}");
        }
    }
}

#[test]
fn of_keys_without_end_the_first_count() {
    let Curves { set, .. } = curves();
    let set: Value = serde_json::from_str(&set).expect("as written");
    let many = json!({"keys": vec![set["keys"][0].clone(); 66]});
    let Parsed { keys, bad } = parse(&many.to_string()).expect("keys");
    assert_eq!((keys.len(), bad.len()), (64, 2));
    assert!(bad[0].contains("64"), "{bad:?}");
}

#[test]
fn files_without_a_good_key_say_what_is_wrong() {
    let short_rsa = json!({"keys": [{"kty": "RSA", "n": base64([255; 128]), "e": "AQAB"}]});
    let short_ed = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]});
    for (text, why) in [
        ("", "neither"),
        ("hello", "neither"),
        ("{}", "JSON Web Key Set"),
        (r#"{"keys": []}"#, "no key"),
        (&short_rsa.to_string(), "2048"),
        (&short_ed.to_string(), "Ed25519"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-pubout"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "CERTIFICATE"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "unknown kind"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n", "no end"),
        (&"x".repeat(2 << 20), "bytes"),
    ] {
        let file = file(text);
        let Err(error) = KeySource::Public(file.path().to_owned()).read() else { panic!("{why}") };
        let error = error.to_string();
        assert!(error.contains(why) && error.contains(&*file.path().to_string_lossy()), "{error}");
    }
}
