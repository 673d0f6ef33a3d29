//! Connections: how they come, live and end.

use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

use crate::case::Over;
use crate::client::server::Upgrades;
use crate::client::stage::{Event, Stage, done};

/// So many ticks may a client be content with silence.
const SILENCE_TICKS_MAX: u32 = 600;
/// So many ticks it is looked whether a client stays away.
const AWAY_TICKS: u32 = 30;
/// How long after its `bye` a server asks its clients to come back.
const RECONNECT_IN_MS: u32 = 800;
/// Clocks and timers may differ by so much.
const GRACE: Duration = Duration::from_millis(50);
/// Connections that end at once, and the time that they must take together.
const ENDS: usize = 4;
const ENDS_TIME_MIN: Duration = Duration::from_secs(1);

pub(super) async fn silence(stage: &mut Stage) -> Result<(), Over> {
    stage.settle("a", "C14").await?;
    loop {
        match stage.event(SILENCE_TICKS_MAX).await {
            Event::Ping | Event::Up | Event::Op(acequia_wire::client::Op::Hello(_)) => {
                return Ok(());
            }
            Event::Late | Event::Ended(_) => {
                stage.broke("C2", "neither a `hello` nor a ping nor another connection came in a minute of silence");
                return Ok(());
            }
            _ => {}
        }
    }
}

/// Whatever is spoken then is JSON, or nothing.
pub(super) async fn unchosen(stage: &mut Stage) -> Result<(), Over> {
    stage.submit(&["a"]).await;
    loop {
        match stage.event(stage.time_max()).await {
            // What is not JSON is not understood, and so no op.
            Event::Op(_) | Event::Down(_) | Event::Ended(_) | Event::Late => break,
            _ => {}
        }
    }
    let is_binary = stage.book.findings.has("C8");
    if is_binary {
        stage.broke("C7", "a binary message, though `acequia.v1.msgpack` was not chosen");
    }
    Ok(())
}

pub(super) async fn ping(stage: &mut Stage) -> Result<(), Over> {
    let named = stage.taken("a").await?;
    stage.ping(b"acequia");
    loop {
        match stage.awaited("C9", "the pong").await? {
            Event::Pong(data) if data == b"acequia"[..] => break,
            Event::Down(_) => {
                stage.broke("C9", "the client closed the connection at a ping");
                return Err(Over);
            }
            _ => {}
        }
    }
    stage.done("a", &named);
    stage.expect_done("a", "C9").await
}

pub(super) async fn frames(stage: &mut Stage) -> Result<(), Over> {
    let named = stage.taken("a").await?;
    let mut event = done("a", &named);
    if stage.book.seq > 0 {
        stage.book.seq += 1;
        event["seq"] = stage.book.seq.into();
    }
    stage.say_in_frames(&event);
    stage.expect_done("a", "C10").await
}

pub(super) async fn refused(stage: &mut Stage) -> Result<(), Over> {
    stage.submit(&["a"]).await;
    while !matches!(stage.awaited("C11", "a connection").await?, Event::Refused) {}
    stage.server.answer_upgrades(Upgrades::Taken);
    // Others may have been refused meanwhile.
    while !matches!(stage.awaited("C11", "another connection").await?, Event::Up) {}
    Ok(())
}

pub(super) async fn bye(stage: &mut Stage) -> Result<(), Over> {
    stage.settle("a", "C14").await?;
    let said = Instant::now();
    stage.bye(1001, "the server stops", RECONNECT_IN_MS);
    let came = stage.comes_back("C30").await? - said;
    if came + GRACE < Duration::from_millis(RECONNECT_IN_MS.into()) {
        stage.broke(
            "C30",
            format!("another connection before the {RECONNECT_IN_MS} ms that `bye` asked for"),
        );
    }
    stage.settle("b", "C30").await
}

pub(super) async fn end_at_once(stage: &mut Stage) -> Result<(), Over> {
    stage.settle("a", "C14").await?;
    stage.is_polite = false;
    let began = Instant::now();
    for _ in 0..ENDS {
        stage.cut();
        loop {
            // The pauses grow.
            match stage.event(stage.time_max() * 3).await {
                Event::Up => break,
                Event::Late | Event::Ended(_) => {
                    stage.broke("C42", "no other connection came");
                    return Err(Over);
                }
                _ => {}
            }
        }
    }
    if began.elapsed() < ENDS_TIME_MIN {
        stage.broke(
            "C42",
            format!("{ENDS} connections in less than a second, each of which ended at once"),
        );
    }
    Ok(())
}

pub(super) async fn closes(stage: &mut Stage) -> Result<(), Over> {
    stage.settle("a", "C14").await?;
    for code in [4008, 4002, 1013] {
        stage.close(code, "for the time being");
        stage.comes_back("C43").await?;
    }
    stage.settle("b", "C43").await
}

pub(super) async fn unauthorized(stage: &mut Stage) -> Result<(), Over> {
    stage.settle("a", "C14").await?;
    stage.say_plain(
        &json!({"ev": "bye", "reason": "no valid token", "reconnect_in_ms": 0, "close": 4401}),
    );
    stage.close(4401, "no valid token");
    stays_away(
        stage,
        "C13",
        "another connection, after a close with 4401 and without another token",
    )
    .await;
    Ok(())
}

/// Looks for a while whether there is no other connection.
pub(super) async fn stays_away(stage: &mut Stage, rule: &'static str, came: &str) {
    loop {
        match stage.event(AWAY_TICKS).await {
            Event::Up => {
                stage.broke(rule, came);
                return;
            }
            Event::Late | Event::Ended(_) => return,
            _ => {}
        }
    }
}
