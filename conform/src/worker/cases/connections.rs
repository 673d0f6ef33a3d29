//! Connections: how they come, break and come again.

use crate::case::Over;
use crate::worker::server::Port;
use crate::worker::stage::{Event, HELLO, Stage};

/// So many ticks may a worker be content with silence: libraries ask after 30 or 60 seconds, and
/// may take 10 more.
const SILENCE_TICKS_MAX: u32 = 1_000;

/// What every worker can do: come, be ready, and answer a job.
pub(super) async fn first(stage: &mut Stage) -> Result<(), Over> {
    let (mut jobs, mut results) = (false, false);
    while !(jobs && results) {
        let what = if jobs { "a results connection" } else { "a jobs connection" };
        if let Event::Up { port, .. } = stage.awaited("W1", what).await? {
            jobs |= port == Port::Jobs;
            results |= port == Port::Results;
        }
    }
    stage.lane("W23").await?;
    stage.settle().await?;
    stage.settle().await?;
    let [jobs, results] = [Port::Jobs, Port::Results].map(|port| stage.server.open(port).len());
    if jobs != results {
        stage.broke("W3", format!("{jobs} connections for jobs and {results} for results"));
    }
    Ok(())
}

pub(super) async fn silence(stage: &mut Stage) -> Result<(), Over> {
    stage.settle_on_a_lane().await?;
    loop {
        match stage.event(SILENCE_TICKS_MAX).await {
            Event::Ping | Event::Up { .. } => return Ok(()),
            Event::Late | Event::Ended(_) => {
                stage.broke(
                    "W2",
                    "neither a PING nor another connection came in 100 seconds of silence",
                );
                return Ok(());
            }
            _ => {}
        }
    }
}

pub(super) async fn two_servers(stage: &mut Stage) -> Result<(), Over> {
    let is_ready = |stage: &Stage, server| {
        stage
            .book
            .lanes
            .iter()
            .any(|lane| lane.server == server && lane.ready.is_some() && !lane.is_over)
    };
    while !(is_ready(stage, 0) && is_ready(stage, 1)) {
        stage.awaited("W4", "a `ready` for each of two servers").await?;
    }
    let lanes: Vec<_> =
        (0..stage.book.lanes.len()).filter(|at| !stage.book.lanes[*at].is_over).collect();
    for lane in lanes {
        let job = stage.give(lane, &stage.main(), HELLO);
        stage.answer(job, "W4").await?;
    }
    Ok(())
}

pub(super) async fn comes_again(stage: &mut Stage) -> Result<(), Over> {
    for round in 0..4 {
        let lane = stage.settle_on_a_lane().await?;
        let (jobs, results) = (stage.book.lanes[lane].jobs, stage.book.lanes[lane].results);
        match (round, results) {
            (0, _) => stage.break_connections(&[jobs]),
            (1, Some(results)) => stage.break_connections(&[results]),
            (2, _) => stage.break_lane(lane),
            _ => {
                stage.server.stop_listening().await;
                stage.break_lane(lane);
                stage.reopen().await?;
                continue;
            }
        }
        // As a server does that has lost one connection of a lane.
        stage.break_lane(lane);
    }
    stage.settle_on_a_lane().await.map(drop)
}

pub(super) async fn old_messages(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    stage.give(lane, "sleep", "300");
    stage.break_lane(lane);
    stage.lane("W5").await?;
    // The run before ends while this one does.
    let lane = stage.lane("W5").await?;
    let job = stage.give(lane, "sleep", "600");
    stage.answer(job, "W27").await?;
    stage.settle().await
}

pub(super) async fn pings(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let lane = &stage.book.lanes[lane];
    let mut waiting: Vec<_> = [Some(lane.jobs), lane.results].into_iter().flatten().collect();
    waiting.retain(|conn| stage.server.takes_pings(*conn));
    for conn in waiting.clone() {
        stage.book.findings.note("S PING \"acequia\" (ZMTP)".to_owned());
        stage.server.ping(conn, b"acequia");
    }
    while !waiting.is_empty() {
        match stage.awaited("W7", "a PONG on each connection").await? {
            Event::Pong { conn, context } => {
                if context != b"acequia"[..] {
                    stage.broke("W7", "a PONG with another context than that of its PING");
                }
                waiting.retain(|other| *other != conn);
            }
            Event::Down => {
                stage.broke("W7", "a connection ended at a PING");
                return Err(Over);
            }
            _ => {}
        }
    }
    stage.settle().await
}
