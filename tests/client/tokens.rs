//! Servers that ask their clients for tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use acequia::client::{Acequia, ConnectError, HttpClient, HttpError, JobError, StartError, State};
use acequia::{ClientTokens, Config, KeySource};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt as _;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::within::Within;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A token of `sub` for so many seconds.
fn token(seconds: u64, acequia: &Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = json!({ "sub": "anna", "exp": now + seconds, "acequia": acequia });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT" })), part(&claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

async fn server() -> Within {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).expect("room");
    let keys = KeySource::Secret(secret);
    let client_tokens = Some(ClientTokens { keys, audience: None, issuer: None });
    Within::start_as(Config { client_tokens, ..Config::default() }).await
}

#[tokio::test]
async fn who_has_none_or_a_bad_one_is_not_let_in() {
    let server = server().await;
    let refused = Acequia::connect(server.url()).await.expect_err("it has none");
    assert!(matches!(&refused, StartError::Ended(why) if why.contains("token")), "{refused}");
    let builder = Acequia::builder(server.url()).token("a.b.c");
    let refused = builder.connect().await.expect_err("it is none");
    let StartError::Connect(ConnectError::Refused { status, .. }) = &refused else {
        panic!("{refused}")
    };
    assert_eq!(status.as_u16(), 401);

    let client = Acequia::builder(server.url()).token("a.b.c").connect_lazy().expect("a URL");
    let job = client.submit("upper", &"a").expect("a job");
    assert_eq!(job.await.expect_err("nobody takes it").code(), Some("unauthorized"));
    assert!(matches!(&*client.state().borrow(), State::Closed { .. }));

    let failing = Acequia::builder(server.url()).token_from(async || Err("no key".into()));
    let refused = failing.connect().await.expect_err("there is none");
    assert!(matches!(&refused, StartError::Token(why) if why.to_string() == "no key"), "{refused}");
    let http = HttpClient::new(server.url()).expect("a URL");
    let HttpError::Problem(problem) = http.call("upper", &"a").await.expect_err("it has none")
    else {
        panic!("it is a problem")
    };
    assert_eq!(problem.code, "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_its_tokens() {
    let server = server().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let builder = Acequia::builder(server.url()).token_from(move || {
        // The first does not last.
        let seconds = if count.fetch_add(1, Ordering::Relaxed) == 0 { 2 } else { 60 };
        async move { Ok(token(seconds, &json!({}))) }
    });
    let client = builder.connect().await.expect("a session");
    let mut state = client.state();
    state.mark_unchanged();
    let job = client.submit("forever", &()).expect("a job");
    let name = job.accepted().await.expect("the server has it");
    state.changed().await.expect("it goes on");
    state.wait_for(|state| *state == State::Open).await.expect("it goes on");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    // Calls have theirs from the same place.
    client.http().cancel(name).await.expect("it is this client's");
    assert_eq!(job.await, Err(JobError::Cancelled));
}

#[tokio::test]
async fn a_token_says_what_its_client_may() {
    let server = server().await;
    let token = token(60, &json!({ "subscribe": ["anna/*"], "ops_per_s": 50 }));
    let client = Acequia::builder(server.url()).token(&token).connect().await.expect("a session");
    let mut news = client.subscribe("news").expect("a topic");
    let refused = news.next().await.expect("a word").expect_err("not for anna").to_string();
    assert!(refused.contains("forbidden"), "{refused}");
    assert!(news.next().await.is_none());
    // More than it may say in a second are said one second after the other.
    let jobs: Vec<_> =
        (0..120).map(|n| client.submit("upper", &n.to_string()).expect("a job")).collect();
    for job in jobs {
        job.await.expect("it is done");
    }
}
