//! The handshake: what both ends say, and who is not let in.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::door::Greeting;
use super::message::{Challenge, Verdict};
use super::owner::Challenged;
use super::proof::{Known, Token};
use super::*;
use crate::error::{BadHandshake, Fault};

const TOKEN: &[u8] = b"a token of the cluster";
const OTHER_TOKEN: &[u8] = b"a token of the Cluster";
const BINDING: Binding = [7; 32];

fn known(token: &[u8], binding: Binding) -> Known<'_> {
    Known { token: Token::new(token).expect("long enough"), binding }
}

fn hello() -> Hello {
    Hello {
        role: Role::Lanes,
        door: std::array::from_fn(|nth| 200 + u8::try_from(nth).expect("few")),
        link: 300,
        name: "door-1".to_owned(),
    }
}

fn welcome() -> Welcome {
    let server = "acequia 1.0.0".to_owned();
    Welcome { epoch: 12, server, result_bytes_max: 8 << 20, adoption_ms: 2_000 }
}

type Ends = (Result<Welcome, Fault>, Result<Hello, Fault>);

/// Both ends, over a pipe that holds so few bytes.
async fn shake(
    door: Known<'_>,
    owner: Known<'_>,
    pipe_bytes: usize,
    judge: impl FnOnce(&Hello) -> Result<Welcome, Refused>,
) -> Ends {
    let (mut of_door, mut of_owner) = duplex(pipe_bytes);
    tokio::join!(as_door(&mut of_door, door, hello()), as_owner(&mut of_owner, owner, judge),)
}

#[tokio::test]
async fn ends_that_know_the_token_trust_each_other_in_whatever_pieces_they_hear() {
    for pipe_bytes in [1, 2, 3, 50, 10_000] {
        let judge = |heard: &Hello| {
            assert_eq!(*heard, hello());
            Ok(welcome())
        };
        let ends = shake(known(TOKEN, BINDING), known(TOKEN, BINDING), pipe_bytes, judge);
        let (door, owner) = ends.await;
        assert_eq!(door.expect("it is taken"), welcome());
        assert_eq!(owner.expect("it is taken"), hello());
    }
}

fn nobody_asks(_: &Hello) -> Result<Welcome, Refused> {
    panic!("a door that has proven nothing is judged")
}

#[tokio::test]
async fn another_token_is_refused_and_both_ends_say_what_to_do() {
    let ends = shake(known(OTHER_TOKEN, BINDING), known(TOKEN, BINDING), 100, nobody_asks);
    let (door, owner) = ends.await;
    let (door, owner) = (door.expect_err("refused"), owner.expect_err("refused"));
    assert!(matches!(door, Fault::RefusedUs(Refused::Token)), "{door}");
    assert!(matches!(owner, Fault::RefusedIt(Refused::Token)), "{owner}");
    for fault in [door, owner] {
        assert!(fault.to_string().contains("--cluster-token-file"), "{fault}");
    }
}

/// As it is when somebody between has a connection with each.
#[tokio::test]
async fn another_connection_is_refused() {
    let ends = shake(known(TOKEN, [8; 32]), known(TOKEN, BINDING), 100, nobody_asks);
    let (door, owner) = ends.await;
    assert!(matches!(door, Err(Fault::RefusedUs(Refused::Token))), "{door:?}");
    assert!(matches!(owner, Err(Fault::RefusedIt(Refused::Token))), "{owner:?}");
}

#[tokio::test]
async fn a_door_that_is_not_taken_hears_why() {
    let long = "x".repeat(5_000);
    for (refused, heard) in [
        (Refused::NotOwner { owner: None }, Refused::NotOwner { owner: None }),
        (
            Refused::NotOwner { owner: Some("b.example:7001".to_owned()) },
            Refused::NotOwner { owner: Some("b.example:7001".to_owned()) },
        ),
        (Refused::Other("no room".to_owned()), Refused::Other("no room".to_owned())),
        (Refused::Other(long.clone()), Refused::Other(long[..1024].to_owned())),
    ] {
        let judge = |_: &Hello| Err(refused.clone());
        let ends = shake(known(TOKEN, BINDING), known(TOKEN, BINDING), 100, judge);
        let (Err(Fault::RefusedUs(us)), Err(Fault::RefusedIt(it))) = ends.await else {
            panic!("it was taken")
        };
        assert_eq!((us, it), (heard, refused));
    }
}

#[test]
fn there_has_to_be_a_common_version() {
    for (ours, theirs, common) in [
        ((1, 1), (1, 1), Some(1)),
        ((1, 3), (2, 5), Some(3)),
        ((1, 1), (2, 3), None),
        ((2, 3), (1, 1), None),
    ] {
        let versions = |(min, max)| Versions { min, max };
        assert_eq!(versions(ours).common(versions(theirs)), common);
    }
    let greeting =
        Greeting::new(known(TOKEN, BINDING), Versions { min: 2, max: 3 }, hello(), [1; 32]);
    let answer =
        Challenged::by(known(TOKEN, BINDING), VERSIONS, greeting.hello().to_vec(), [2; 32]);
    let answer = answer.expect("an answer");
    let expected = Refused::Version { min: 1, max: 1 };
    let owner = answer.then.expect_err("refused").to_string();
    assert!(owner.contains("none of the versions 1 to 1"), "{owner}");
    match greeting.answer(&answer.message) {
        Err(Fault::RefusedUs(refused)) => assert_eq!(refused, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_version_that_was_not_offered_is_not_spoken() {
    let greeting = Greeting::new(known(TOKEN, BINDING), VERSIONS, hello(), [1; 32]);
    let challenge = Challenge::Prove { version: 2, nonce: [2; 32] }.encode();
    let answer = greeting.answer(&challenge);
    assert!(matches!(answer, Err(Fault::Foreign(BadHandshake::Version(2)))), "{answer:?}");
}

/// Whoever answers the door without the token cannot welcome it, nor send it elsewhere with the
/// owner's word; its own proof sent back to it is none.
#[test]
fn an_owner_that_proves_nothing_is_not_believed() {
    let forged = |proof| {
        let owner = Some("evil.example:1".to_owned());
        [Verdict::Welcome(proof, welcome()), Verdict::Refused(proof, Refused::NotOwner { owner })]
    };
    let greeting = || Greeting::new(known(TOKEN, BINDING), VERSIONS, hello(), [1; 32]);
    let challenge = Challenge::Prove { version: 1, nonce: [1; 32] }.encode();
    let (of_door, _) = greeting().answer(&challenge).expect("a proof");
    for proof in [[0; 32], of_door] {
        for verdict in forged(proof) {
            let (_, proven) = greeting().answer(&challenge).expect("a proof");
            let heard = proven.hear(&verdict.encode());
            assert!(matches!(heard, Err(Fault::Unproven)), "{heard:?}");
        }
    }
}

/// A proof is of both nonces and of the hello.
#[test]
fn a_proof_of_other_words_is_none() {
    let greeting = || Greeting::new(known(TOKEN, BINDING), VERSIONS, hello(), [1; 32]);
    let challenged = |nonce, first: Vec<u8>| {
        let by = Challenged::by(known(TOKEN, BINDING), VERSIONS, first, nonce);
        by.expect("an answer").then.expect("challenged")
    };
    let first = greeting().hello().to_vec();
    let challenge = Challenge::Prove { version: 1, nonce: [2; 32] }.encode();
    let (proof, _) = greeting().answer(&challenge).expect("a proof");
    let judge = |challenged: Challenged<'_>| {
        challenged.judge(&proof, |_| Ok(welcome())).expect("an answer").then
    };
    assert!(judge(challenged([2; 32], first.clone())).is_ok());
    assert!(matches!(judge(challenged([3; 32], first.clone())), Err(Fault::RefusedIt(_))));
    for at in MAGIC_AND_VERSIONS..first.len() {
        let mut other = first.clone();
        other[at] ^= 1;
        // Where a length or the role became none, it is no hello at all.
        let by = Challenged::by(known(TOKEN, BINDING), VERSIONS, other, [2; 32]);
        let Ok(challenged) = by.and_then(|answer| answer.then) else { continue };
        assert!(matches!(judge(challenged), Err(Fault::RefusedIt(Refused::Token))), "at {at}");
    }
}

const MAGIC_AND_VERSIONS: usize = 12 + 2;

#[test]
fn a_token_is_without_white_space_and_long_enough() {
    let padded = [b" \t", TOKEN, b"\r\n"].concat();
    let spoken = super::proof::Spoken { of_door: &[1; 32], of_owner: &[2; 32], hello: b"hello" };
    let prove = |token| known(token, BINDING).prove(super::proof::Side::Door, &spoken);
    assert_eq!(prove(&padded), prove(TOKEN));
    assert_ne!(prove(OTHER_TOKEN), prove(TOKEN));
    let short = Token::new(b"   0123456789abcde ").expect_err("too short");
    assert!(matches!(short, Fault::ShortToken(15)));
    let shown = format!("{:?} {short}", known(TOKEN, BINDING));
    assert!(!shown.contains("a token of") && !shown.contains("0123"), "{shown}");
}

#[test]
fn a_long_name_is_cut_between_two_characters() {
    let name = "é".repeat(100);
    let hello = Hello { name: format!("x{name}"), ..hello() };
    let greeting = Greeting::new(known(TOKEN, BINDING), VERSIONS, hello, [1; 32]);
    let by = Challenged::by(known(TOKEN, BINDING), VERSIONS, greeting.hello().to_vec(), [2; 32]);
    let challenged = by.expect("an answer").then.expect("challenged");
    let (proof, _) = greeting
        .answer(&Challenge::Prove { version: 1, nonce: [2; 32] }.encode())
        .expect("a proof");
    let answer = challenged.judge(&proof, |_| Ok(welcome())).expect("an answer");
    assert_eq!(answer.then.expect("taken").name, format!("x{}", "é".repeat(63)));
}

/// What the owner makes of a door that says this and then nothing.
async fn owner_hears(says: &[u8]) -> (Fault, Vec<u8>) {
    let (mut of_door, mut of_owner) = duplex(10_000);
    of_door.write_all(says).await.expect("room");
    of_door.shutdown().await.expect("an end");
    let judged = as_owner(&mut of_owner, known(TOKEN, BINDING), nobody_asks).await;
    drop(of_owner);
    let mut said = Vec::new();
    of_door.read_to_end(&mut said).await.expect("an end");
    (judged.expect_err("no door"), said)
}

#[tokio::test]
async fn rubbish_is_not_answered() {
    let (fault, said) = owner_hears(b"GET / HTTP/1.1\r\n\r\n").await;
    let says_too_long = matches!(fault, Fault::Foreign(BadHandshake::TooLong(0x4745)));
    assert!(says_too_long && said.is_empty(), "{fault}");
    let (fault, said) = owner_hears(b"\0\x0cacequia wing").await;
    assert!(matches!(fault, Fault::Foreign(BadHandshake::Magic)) && said.is_empty(), "{fault}");
    let (fault, said) = owner_hears(b"\0\x0eacequia link\x01\x01").await;
    assert!(matches!(fault, Fault::Foreign(BadHandshake::Fields(_))), "{fault}");
    assert!(said.is_empty());
}

#[tokio::test]
async fn a_door_that_goes_in_the_middle_is_noticed_wherever_that_is() {
    let greeting = Greeting::new(known(TOKEN, BINDING), VERSIONS, hello(), [1; 32]);
    let hello = greeting.hello();
    let len = u16::try_from(hello.len()).expect("short").to_be_bytes();
    let message = [&len[..], hello].concat();
    for end in 0..message.len() {
        let (fault, said) = owner_hears(&message[..end]).await;
        assert!(matches!(fault, Fault::Cut) && said.is_empty(), "{fault}");
    }
    let (fault, said) = owner_hears(&message).await;
    assert!(matches!(fault, Fault::Cut) && !said.is_empty(), "{fault}");
}

/// The largest hello leaves so little for a proof that there is none in it.
#[tokio::test]
async fn no_more_is_read_than_a_handshake_has() {
    let greeting = Greeting::new(known(TOKEN, BINDING), VERSIONS, hello(), [1; 32]);
    let mut hello = greeting.hello().to_vec();
    // A later version may say more in it.
    hello.resize(HANDSHAKE_BYTES_MAX - 2, b'x');
    let len = u16::try_from(hello.len()).expect("short").to_be_bytes();
    let message = [&len[..], &hello, &[0, 32], &[9; 32]].concat();
    let (fault, said) = owner_hears(&message).await;
    assert!(matches!(fault, Fault::Foreign(BadHandshake::TooLong(32))), "{fault}");
    assert!(!said.is_empty());
}

async fn answers(mut stream: DuplexStream, answer: &[u8]) {
    let mut hello = vec![0; usize::from(stream.read_u16().await.expect("a length"))];
    stream.read_exact(&mut hello).await.expect("a hello");
    stream.write_all(answer).await.expect("room");
}

#[tokio::test]
async fn a_door_takes_no_rubbish_from_an_owner() {
    for (answer, expected) in [
        (&b"HTTP/1.1 400 Bad Request"[..], BadHandshake::TooLong(0x4854)),
        (
            b"\0\x01\x07",
            acequia_wire::record::BadRecord::Unknown { field: "challenge", value: 7 }.into(),
        ),
        (b"\0\0", acequia_wire::record::BadRecord::Truncated.into()),
    ] {
        let (mut of_door, of_owner) = duplex(10_000);
        let door = as_door(&mut of_door, known(TOKEN, BINDING), hello());
        let (door, ()) = tokio::join!(door, answers(of_owner, answer));
        match door {
            Err(Fault::Foreign(bad)) => assert_eq!(bad, expected),
            other => panic!("{other:?}"),
        }
    }
}

/// The golden vectors of `vectors/handshake.json`.
#[test]
fn the_messages_are_as_written_down() {
    let document: Value =
        serde_json::from_str(include_str!("../../vectors/handshake.json")).expect("JSON");
    assert_eq!(document["version"], 1);
    let cases = document["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 2);
    for case in cases {
        let bytes = |key: &str| unhex(case[key].as_str().expect(key));
        let token = case["token"].as_str().expect("a token").as_bytes();
        let binding: Binding = bytes("binding").try_into().expect("a binding");
        let nonce = |first: u8| std::array::from_fn(|nth| first + u8::try_from(nth).expect("few"));
        let judge = |_: &Hello| match case["name"].as_str() {
            Some("welcome") => Ok(welcome()),
            Some("not_owner") => {
                Err(Refused::NotOwner { owner: Some("b.example:7001".to_owned()) })
            }
            other => panic!("{other:?}"),
        };
        let greeting = Greeting::new(known(token, binding), VERSIONS, hello(), nonce(0));
        assert_eq!(greeting.hello(), bytes("hello"));
        let answer = Challenged::by(known(token, binding), VERSIONS, bytes("hello"), nonce(32));
        let answer = answer.expect("an answer");
        assert_eq!(answer.message, bytes("challenge"));
        let (proof, proven) = greeting.answer(&bytes("challenge")).expect("a proof");
        assert_eq!(proof.to_vec(), bytes("proof"));
        let verdict = answer.then.expect("challenged").judge(&bytes("proof"), judge);
        assert_eq!(verdict.expect("an answer").message, bytes("verdict"));
        match (proven.hear(&bytes("verdict")), judge(&hello())) {
            (Ok(heard), Ok(welcome)) => assert_eq!(heard, welcome),
            (Err(Fault::RefusedUs(heard)), Err(refused)) => assert_eq!(heard, refused),
            other => panic!("{other:?}"),
        }
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("hex"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
}
