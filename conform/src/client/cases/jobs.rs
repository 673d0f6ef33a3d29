//! Jobs, and the events about them.

use acequia_wire::client::Op;
use serde_json::json;

use crate::case::Over;
use crate::client::stage::{Event, Outcome, Stage, about, done};

/// How many bytes the largest result has.
const LARGE: usize = 8 << 20;
/// Jobs that are submitted at one time, and what a message may have then.
const MANY: usize = 300;
const SMALL_MESSAGE_BYTES: usize = 8_192;

/// What every client can do: submit a job and hear how it ends.
pub(super) async fn first(stage: &mut Stage) -> Result<(), Over> {
    let named = stage.taken("a").await?;
    stage.say(&about("progress", &named, &json!({"done": 1, "total": 2, "note": "half of it"})));
    stage.done("a", &named);
    stage.expect_done("a", "C14").await?;
    stage.settle("b", "C14").await
}

pub(super) async fn large(stage: &mut Stage) -> Result<(), Over> {
    let named = stage.taken("a").await?;
    stage.say(&about("chunk", &named, &json!({"n": 1, "data": "x".repeat(LARGE)})));
    stage.done("a", &named);
    loop {
        if let Some(event) =
            lost(stage.awaited("C1", "the program's word of the job after it").await?)
        {
            stage.broke(
                "C1",
                format!("the client closed the connection at an event of 8 MiB ({event})"),
            );
            return Err(Over);
        }
        if stage.is_told("a") {
            return Ok(());
        }
    }
}

fn lost(event: Event) -> Option<String> {
    match event {
        Event::Down(code) => {
            Some(code.map_or_else(|| "without a code".to_owned(), |code| code.to_string()))
        }
        _ => None,
    }
}

pub(super) async fn many(stage: &mut Stage) -> Result<(), Over> {
    stage.book.limits.message_bytes = SMALL_MESSAGE_BYTES;
    let names: Vec<_> = (0..MANY).map(|n| format!("n{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    stage.submit(&names).await;
    while stage.book.submits.len() < MANY {
        stage.awaited("C19", "the submits of many jobs").await?;
    }
    let messages = stage.book.submit_messages;
    if messages > MANY / 2 {
        stage.broke(
            "C19",
            format!("{messages} messages for {MANY} jobs that were submitted at one time"),
        );
    }
    for name in &names {
        let named = stage.submitted(name, "C14").await?;
        stage.done(name, &named);
    }
    for name in names {
        stage.expect_done(name, "C3").await?;
    }
    Ok(())
}

pub(super) async fn unknown(stage: &mut Stage) -> Result<(), Over> {
    let more = json!({"x-new": {"a": [1, null]}, "colour": "blue"});
    stage.welcome_more = more.clone();
    stage.submit(&["a"]).await;
    let named = stage.submitted("a", "C16").await?;
    stage.say_plain(&json!({"ev": "weather", "sky": "clear", "id": named.id}));
    stage.say(&about("accepted", &named, &more));
    stage.say(&json!({"ev": "x-new", "job": null}));
    stage.say(&about("started", &named, &json!({"attempt": 1, "worker": "w", "x-new": [[]]})));
    stage.say(&about("resting", &named, &json!({"until": 7})));
    stage.book.ended(&named.id);
    let mut event = done("a", &named);
    event["x-new"] = json!({"ev": "failed"});
    stage.say(&event);
    stage.expect_done("a", "C16").await?;
    stage.settle("b", "C16").await
}

pub(super) async fn left_out(stage: &mut Stage) -> Result<(), Over> {
    stage.submit(&["a", "b"]).await;
    let named = stage.submitted("a", "C14").await?;
    stage.done("a", &named);
    let named = stage.submitted("b", "C14").await?;
    stage.say(&about("started", &named, &json!({"attempt": 1, "worker": "w"})));
    stage.say(&about(
        "retrying",
        &named,
        &json!({"attempt": 2, "code": "worker_lost", "message": "", "in_ms": 0}),
    ));
    stage.say(&about("accepted", &named, &json!({})));
    stage.done("b", &named);
    stage.expect_done("a", "C20").await?;
    stage.expect_done("b", "C20").await
}

pub(super) async fn late_cancel(stage: &mut Stage) -> Result<(), Over> {
    let named = stage.taken("a").await?;
    stage.tell(&json!({"do": "cancel", "as": "a"})).await;
    while !matches!(stage.awaited("C21", "a cancel").await?, Event::Op(Op::Cancel { .. })) {}
    stage.done("a", &named);
    let message = "cancel: no live job has this id; it may have ended";
    stage.say(&json!({"ev": "error", "id": named.id, "code": "bad_request", "message": message}));
    // A library may have ended the job by itself when it was cancelled.
    match stage.outcome("a", "C21").await? {
        Outcome::Done(_) => {}
        Outcome::Failed(code) if code == "cancelled" => {}
        Outcome::Failed(code) => stage.broke("C21", format!("the job has failed with {code:?}")),
    }
    stage.settle("b", "C21").await
}

pub(super) async fn gap(stage: &mut Stage) -> Result<(), Over> {
    let named = stage.taken("a").await?;
    stage.book.ended(&named.id);
    stage.say(&about("gap", &named, &json!({"missed": 1})));
    if let Outcome::Done(_) = stage.outcome("a", "C28").await? {
        stage.broke("C28", "the program says that a job is done whose outcome is not known");
    }
    stage.say_plain(&json!({"ev": "gap", "missed": 3}));
    stage.settle("b", "C28").await
}

pub(super) async fn bytes(stage: &mut Stage) -> Result<(), Over> {
    let named = stage.taken("a").await?;
    stage.book.ended(&named.id);
    stage.say(&about("done", &named, &json!({"result": {"$base64": "AP8="}})));
    let outcome = stage.outcome("a", "C40").await?;
    if outcome != Outcome::Done(json!({"$hex": "00ff"})) {
        stage.broke("C40", format!("the program says {outcome:?} of a result of the bytes 00 ff"));
    }
    Ok(())
}
