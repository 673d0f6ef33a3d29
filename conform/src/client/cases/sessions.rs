//! Sessions that are resumed, are over, or are another's.

use acequia_wire::client::{Op, Resume};
use serde_json::json;

use super::connections::stays_away;
use crate::case::Over;
use crate::client::stage::{Event, Stage, about};

/// More events than a client may leave without an ack.
const EVENTS: u64 = 250;
/// A number as after a restart of the server.
const LARGE_SEQ: u64 = (1 << 52) + 5;

pub(super) async fn acks(stage: &mut Stage) -> Result<(), Over> {
    let named = stage.taken("a").await?;
    for n in 0..EVENTS {
        stage.say(&about("progress", &named, &json!({"done": n, "total": EVENTS})));
    }
    while !matches!(stage.awaited("C23", "an `ack`").await?, Event::Op(Op::Ack { .. })) {}
    stage.done("a", &named);
    stage.expect_done("a", "C23").await
}

pub(super) async fn key(stage: &mut Stage) -> Result<(), Over> {
    let job = json!({"as": "a", "payload": "hello a", "queue": "upper", "key": "order-17"});
    stage.tell(&json!({"do": "submit", "jobs": [job]})).await;
    let named = stage.submitted("a", "C14").await?;
    stage.say(&about("accepted", &named, &json!({})));
    // Answered, so that it has heard what came before.
    stage.settle("b", "C14").await?;
    stage.cut();
    stage.comes_back("C31").await?;
    while stage.submits_of("a").len() < 2 {
        stage.awaited("C25", "the submit of the job with a key again").await?;
    }
    let keys: Vec<_> = stage
        .book
        .submits
        .iter()
        .filter(|(_, submit)| submit.id == named.id)
        .map(|(_, submit)| submit.key.clone())
        .collect();
    if keys.iter().any(|key| key.as_deref() != Some("order-17")) {
        stage.broke("C25", "the job with a key was submitted again with another key, or none");
    }
    stage.done("a", &named);
    stage.expect_done("a", "C25").await
}

pub(super) async fn resumed(stage: &mut Stage) -> Result<(), Over> {
    let named = stage.taken("a").await?;
    stage.settle("b", "C14").await?;
    expect_hello(stage, None).await?;
    stage.book.seq = LARGE_SEQ;
    stage.say(&about("progress", &named, &json!({"done": 1, "total": 2})));
    stage.settle("c", "C14").await?;
    expect_hello(stage, Some("C38")).await?;
    stage.done("a", &named);
    stage.expect_done("a", "C31").await
}

/// Breaks the connection, and looks at the `hello` of the next.
async fn expect_hello(stage: &mut Stage, also: Option<&'static str>) -> Result<(), Over> {
    stage.cut();
    stage.comes_back("C31").await?;
    let (secret, seq) = (stage.secret.clone(), stage.book.seq);
    let hello = stage.book.hellos.last().map(|(_, hello)| hello.resume.clone());
    match hello.flatten() {
        Some(Resume::Session { secret: said, last }) if said == secret && last == seq => {}
        Some(Resume::Session { secret: said, last }) if said == secret => {
            let came = format!(
                "a `hello` with `last` {last}; the highest number that it has seen is {seq}"
            );
            stage.broke(also.unwrap_or("C31"), came);
        }
        _ => stage.broke("C31", "a `hello` without the secret of the session"),
    }
    Ok(())
}

pub(super) async fn jobs(stage: &mut Stage) -> Result<(), Over> {
    stage.submit(&["a", "b", "c"]).await;
    let mut named = Vec::new();
    for name in ["a", "b", "c"] {
        named.push(stage.submitted(name, "C14").await?);
    }
    stage.say(&about("accepted", &named[0], &json!({})));
    // To be started is not to be accepted: a crash may have lost it.
    stage.say(&about("started", &named[1], &json!({"attempt": 1, "worker": "w"})));
    stage.settle("d", "C14").await?;
    stage.cut();
    stage.comes_back("C31").await?;
    // It has ended while its client was away.
    stage.done("c", &named[2]);
    while stage.submits_of("b").len() < 2 {
        stage.awaited("C32", "the submit of the job that was not accepted again").await?;
    }
    let again = stage.book.submits.last().map(|(_, submit)| submit.id.clone());
    if again.is_some_and(|id| id != named[1].id) && stage.submits_of("b").len() == 2 {
        let ids: Vec<_> = stage.book.submits.iter().map(|(_, submit)| submit.id.clone()).collect();
        if ids.iter().filter(|id| **id == named[1].id).count() < 2 {
            stage.broke("C32", "the job was submitted again with another `id`");
        }
    }
    stage.done("b", &named[1]);
    stage.done("a", &named[0]);
    for name in ["a", "b", "c"] {
        stage.expect_done(name, "C32").await?;
    }
    stage.settle("e", "C32").await?;
    if stage.submits_of("a").len() > 1 {
        stage.broke("C32", "a job that was accepted was submitted again");
    }
    if stage.submits_of("c").len() > 1 {
        stage.broke("C33", "a job was submitted again whose outcome came after `welcome`");
    }
    Ok(())
}

pub(super) async fn known(stage: &mut Stage) -> Result<(), Over> {
    stage.submit(&["a"]).await;
    let named = stage.submitted("a", "C14").await?;
    stage.cut();
    stage.comes_back("C31").await?;
    while stage.submits_of("a").len() < 2 {
        stage.awaited("C32", "the submit again").await?;
    }
    let message = "the id belongs to a live job";
    stage.say(
        &json!({"ev": "rejected", "id": named.id, "code": "duplicate_id", "message": message}),
    );
    stage.settle("b", "C34").await?;
    stage.done("a", &named);
    stage.expect_done("a", "C34").await
}

pub(super) async fn over(stage: &mut Stage) -> Result<(), Over> {
    stage.tell(&json!({"do": "subscribe", "topic": "news"})).await;
    stage.settle("a", "C14").await?;
    stage.cut();
    stage.secret = "c0ffee".repeat(10);
    stage.book.seq = 0;
    let mut is_subscribed = false;
    let mut is_back = false;
    while !(is_subscribed && is_back) {
        match stage.awaited("C39", "a `subscribe` in the new session").await? {
            Event::Up => is_back = true,
            Event::Op(Op::Subscribe { topic }) if is_back => is_subscribed = topic == "news",
            _ => {}
        }
    }
    stage.settle("b", "C35").await?;
    stage.cut();
    stage.comes_back("C35").await?;
    let hello = stage.book.hellos.last().and_then(|(_, hello)| hello.resume.clone());
    let goes_on = matches!(&hello, Some(Resume::Session { secret, .. }) if *secret == stage.secret);
    if !goes_on {
        stage.broke("C35", "a `hello` without the secret of the new session");
    }
    stage.settle("c", "C35").await
}

pub(super) async fn taken_over(stage: &mut Stage) -> Result<(), Over> {
    stage.settle("a", "C14").await?;
    stage.bye(4001, "another connection goes on with this session", 0);
    stays_away(stage, "C36", "another connection, after the session was taken over").await;
    Ok(())
}

pub(super) async fn closed(stage: &mut Stage) -> Result<(), Over> {
    stage.settle("a", "C14").await?;
    stage.tell(&json!({"do": "close"})).await;
    loop {
        match stage.event(stage.time_max()).await {
            Event::Down(Some(4000)) => return Ok(()),
            Event::Down(code) => {
                let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
                stage.broke("C37", format!("the client closed with {code}"));
                return Ok(());
            }
            // Its close may be on the way still.
            Event::Ended(_) => {}
            Event::Late => {
                stage.broke("C37", "the client did not close its connection");
                return Ok(());
            }
            _ => {}
        }
    }
}
