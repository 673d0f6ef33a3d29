//! Connections: how they come, break and come again.

use crate::case::Over;
use crate::worker::server::Port;
use crate::worker::stage::{Event, HELLO, Stage};

/// For so many ticks a server has vanished: libraries ask after 30 or 60 seconds of silence, and may
/// wait 10 or 30 for an answer.
const VANISHED_TICKS: u32 = 800;
/// So many ticks later the worker must be back.
const BACK_TICKS_MAX: u32 = 300;

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

/// The server's host vanishes: nothing is said any more, no connection is closed, and whoever dials
/// finds nobody. Later it is there again.
pub(super) async fn vanishes(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.settle_on_a_lane().await?;
    let lane = &stage.book.lanes[lane];
    let conns: Vec<_> = [Some(lane.jobs), lane.results].into_iter().flatten().collect();
    stage.book.findings.note("- the server says and hears nothing any more".to_owned());
    for conn in conns {
        stage.server.freeze(conn);
    }
    stage.server.stop_listening().await;
    stage.pause(VANISHED_TICKS).await;
    stage.listen()?;
    loop {
        match stage.event(BACK_TICKS_MAX).await {
            Event::Up { .. } => return Ok(()),
            Event::Late | Event::Ended(_) => {
                stage.broke(
                    "W2",
                    "no other connection came, though the server was gone for 80 seconds",
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
                // Whoever dials is refused for a while.
                stage.pause(10).await;
                stage.listen()?;
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
    stage.give(lane, "sleep", "200");
    stage.server.stop_listening().await;
    stage.break_lane(lane);
    // The job ends, and nobody is there to hear it.
    stage.pause(10).await;
    stage.book.has_been_away = true;
    stage.listen()?;
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
