//! Refusals: those that pass, and those that do not.

use acequia_wire::client::Op;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

use crate::case::Over;
use crate::client::stage::{Event, Named, Outcome, Stage, about};

/// After how many milliseconds another try is worth while.
const RETRY_AFTER_MS: u64 = 700;
/// Clocks and timers may differ by so much.
const GRACE: Duration = Duration::from_millis(50);

fn limited(id: Option<&Named>) -> Value {
    let mut error =
        json!({"ev": "error", "code": "rate_limited", "message": "too many ops in this second"});
    if let Some(named) = id {
        error["id"] = json!(named.id);
    }
    error
}

fn rejected(named: &Named, code: &str) -> Value {
    json!({"ev": "rejected", "id": named.id, "code": code, "message": "not now", "retry_after_ms": RETRY_AFTER_MS})
}

pub(super) async fn hello(stage: &mut Stage) -> Result<(), Over> {
    stage.is_polite = false;
    stage.submit(&["a"]).await;
    while !matches!(stage.awaited("C4", "a `hello`").await?, Event::Op(Op::Hello(_))) {}
    stage.say_plain(&limited(None));
    stage.is_polite = true;
    while !matches!(stage.awaited("C4", "another `hello`").await?, Event::Op(Op::Hello(_))) {}
    stage.settle("b", "C4").await
}

pub(super) async fn subscribe(stage: &mut Stage) -> Result<(), Over> {
    stage.settle("a", "C14").await?;
    stage.tell(&json!({"do": "subscribe", "topic": "news"})).await;
    subscribed(stage).await?;
    stage.say(&limited(None));
    subscribed(stage).await?;
    stage.say(&json!({"ev": "message", "topic": "news", "data": {"a": 1}}));
    let message = stage.message("C5").await?;
    if message["data"] != json!({"a": 1}) {
        stage.broke("C5", format!("the program prints {message} for a message of {{\"a\": 1}}"));
    }
    Ok(())
}

async fn subscribed(stage: &mut Stage) -> Result<(), Over> {
    while !matches!(stage.awaited("C5", "a `subscribe`").await?, Event::Op(Op::Subscribe { .. })) {}
    Ok(())
}

pub(super) async fn cancel(stage: &mut Stage) -> Result<(), Over> {
    let named = stage.taken("a").await?;
    stage.tell(&json!({"do": "cancel", "as": "a"})).await;
    for is_last in [false, true] {
        while !matches!(stage.awaited("C5", "a `cancel`").await?, Event::Op(Op::Cancel { .. })) {}
        if !is_last {
            stage.say(&limited(Some(&named)));
        }
    }
    stage.book.ended(&named.id);
    stage.say(&about("cancelled", &named, &json!({})));
    if let Outcome::Done(_) = stage.outcome("a", "C5").await? {
        stage.broke("C5", "the program says that a cancelled job is done");
    }
    Ok(())
}

pub(super) async fn submit_again(stage: &mut Stage) -> Result<(), Over> {
    stage.submit(&["a"]).await;
    let named = stage.submitted("a", "C14").await?;
    stage.cut();
    stage.comes_back("C31").await?;
    while stage.submits_of("a").len() < 2 {
        stage.awaited("C32", "the submit again").await?;
    }
    let refused = Instant::now();
    stage.book.ended(&named.id);
    stage.say(&rejected(&named, "rate_limited"));
    // It may be sent once more, in time; the first one has begun all the same.
    while stage.submits_of("a").len() < 3 {
        match stage.event(15).await {
            Event::Late => break,
            Event::Ended(_) => return Err(Over),
            _ => {}
        }
    }
    if stage.submits_of("a").len() > 2
        && refused.elapsed() + GRACE < Duration::from_millis(RETRY_AFTER_MS)
    {
        stage.broke(
            "C41",
            format!("a submit again before the {RETRY_AFTER_MS} ms of `retry_after_ms`"),
        );
    }
    stage.done("a", &named);
    stage.expect_done("a", "C6").await
}

pub(super) async fn submit(stage: &mut Stage) -> Result<(), Over> {
    stage.submit(&["a"]).await;
    let named = stage.submitted("a", "C14").await?;
    let refused = Instant::now();
    stage.book.ended(&named.id);
    stage.say(&rejected(&named, "queue_full"));
    // To leave it to the program is as good as to send it again.
    loop {
        if stage.is_told("a") {
            return Ok(());
        }
        if stage.submits_of("a").len() > 1 {
            break;
        }
        stage.awaited("C41", "neither word of the refusal nor another submit").await?;
    }
    if refused.elapsed() + GRACE < Duration::from_millis(RETRY_AFTER_MS) {
        stage.broke(
            "C41",
            format!("another submit before the {RETRY_AFTER_MS} ms of `retry_after_ms`"),
        );
    }
    stage.done("a", &named);
    stage.expect_done("a", "C41").await
}

pub(super) async fn codes(stage: &mut Stage) -> Result<(), Over> {
    let named = stage.taken("a").await?;
    stage.book.ended(&named.id);
    stage.say(&about(
        "failed",
        &named,
        &json!({"code": "no_image", "message": "not a picture", "attempt": 1}),
    ));
    expect_failed(stage, "a", "no_image").await?;
    stage.submit(&["b"]).await;
    let named = stage.submitted("b", "C14").await?;
    stage.book.ended(&named.id);
    stage.say(&json!({"ev": "rejected", "id": named.id, "code": "out_of_paper", "message": "a code of a later version"}));
    expect_failed(stage, "b", "out_of_paper").await?;
    stage
        .say(&json!({"ev": "error", "code": "out_of_ink", "message": "a code of a later version"}));
    stage.settle("c", "C27").await
}

async fn expect_failed(stage: &mut Stage, name: &str, code: &str) -> Result<(), Over> {
    let outcome = stage.outcome(name, "C27").await?;
    if outcome != Outcome::Failed(code.to_owned()) {
        stage.broke(
            "C27",
            format!("the program says {outcome:?} of a job that has failed with {code:?}"),
        );
    }
    Ok(())
}
