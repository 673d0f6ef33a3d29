//! Hellos, and the answers to them.

use acequia_wire::ContentType;

use crate::case::Over;
use crate::worker::say::Say;
use crate::worker::server::Port;
use crate::worker::stage::{Event, HELLO, Hello, Stage, job_head};

/// A server that hears no `ready` says its `hello` again after so many ticks.
const AGAIN_TICKS: u32 = 100;
/// So many times it is said again.
const AGAIN_TIMES: u32 = 3;

pub(super) async fn version(stage: &mut Stage) -> Result<(), Over> {
    stage.hello = None;
    let conn = stage.jobs_connection().await?;
    stage.hello = Some(Hello { version: 2, ..Hello::default() });
    let other = stage.greet(conn);
    stage.hello = Some(Hello::default());
    stage.greet(conn);
    // Whoever reads on is ready for the second one. To end, or to close the connection, is as good.
    loop {
        match stage.event(stage.time_max()).await {
            Event::Ended(_) | Event::Down => return Ok(()),
            Event::Said(_) if stage.book.live().is_some_and(|lane| lane != other) => return Ok(()),
            Event::Late => return Ok(()),
            _ => {}
        }
    }
}

pub(super) async fn fresh(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let is_slow = stage.serves("sleep");
    let (queue, payload) =
        if is_slow { ("sleep".to_owned(), "300") } else { (stage.main(), HELLO) };
    stage.give(lane, &queue, payload);
    let conn = stage.book.lanes[lane].jobs;
    let lane = stage.greet(conn);
    while stage.book.lanes[lane].ready.is_none() {
        let event = stage.awaited("W25", "a `ready` for the fresh lane").await?;
        if matches!(event, Event::Down) && stage.book.lanes[lane].is_over {
            stage.broke("W25", "the worker closed its connections at a fresh `hello`");
            return Err(Over);
        }
    }
    // The run of before would end while this one goes on.
    let job = stage.give(lane, &queue, if is_slow { "600" } else { HELLO });
    stage.answer(job, "W27").await?;
    stage.settle().await
}

pub(super) async fn again(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    // The `ready` is lost: the server has not read it when the connection breaks.
    let Some(results) = stage.book.lanes[lane].results.take() else { return Err(Over) };
    stage.book.lanes[lane].ready = None;
    stage.break_connections(&[results]);
    // A worker whose socket does not notice finds out as it answers, perhaps not at the first time.
    let mut times = 0;
    stage.greet_again(lane);
    loop {
        if let Some(ready) = stage.book.live() {
            let job = stage.give(ready, &stage.main(), HELLO);
            return stage.answer(job, "W27").await.map(drop);
        }
        match stage.event(AGAIN_TICKS).await {
            Event::Up { port: Port::Results, .. } if !stage.book.lanes[lane].is_over => {
                stage.greet_again(lane);
            }
            Event::Late if times < AGAIN_TIMES => {
                times += 1;
                stage.greet_again(lane);
            }
            Event::Late | Event::Ended(_) => {
                stage.broke("W26", "no `ready` came for a `hello` that came again");
                return Err(Over);
            }
            _ => {}
        }
    }
}

pub(super) async fn token(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.settle_on_a_lane().await?;
    let conn = stage.book.lanes[lane].jobs;
    let fresh = stage.greet(conn);
    while stage.book.lanes[fresh].ready.is_none() {
        stage.awaited("W37", "a `ready` for a fresh lane").await?;
    }
    // As a server that has another token.
    stage.break_lane(fresh);
    stage.settle_on_a_lane().await.map(drop)
}

pub(super) async fn early(stage: &mut Stage) -> Result<(), Over> {
    stage.hello = None;
    let conn = stage.jobs_connection().await?;
    let head = job_head(&stage.main(), "application/json");
    let (job, say) = stage.job_with(None, head, ContentType::Json, HELLO);
    stage.say_on(conn, &[say]);
    stage.say_on(conn, &[Say::cancel(job)]);
    stage.hello = Some(Hello::default());
    let lane = stage.greet(conn);
    while stage.book.lanes[lane].ready.is_none() {
        let event = stage.awaited("W51", "a `ready` after a job before the `hello`").await?;
        if matches!(event, Event::Down) && stage.book.lanes[lane].is_over {
            stage.broke("W51", "the worker closed its connections at a job before the `hello`");
            return Err(Over);
        }
    }
    stage.settle().await
}
