//! Cancels: of a run, of no run, and again.

use crate::case::Over;
use crate::worker::say::Say;
use crate::worker::stage::{HELLO, Stage};

pub(super) async fn at_once(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    for _ in 0..3 {
        let job = stage.give(lane, &stage.main(), HELLO);
        stage.say(lane, &[Say::cancel(job)]);
        stage.answer(job, "W31").await?;
    }
    stage.settle().await
}

pub(super) async fn of_a_run(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    // A worker that cannot stop a run answers at its end, which is not far off.
    let job = stage.give(lane, "sleep", "1500");
    stage.say(lane, &[Say::cancel(job)]);
    stage.answer(job, "W31").await?;
    stage.settle().await
}

pub(super) async fn of_a_hang(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let job = stage.give(lane, "hang", "null");
    stage.say(lane, &[Say::cancel(job)]);
    // The slot is free then, though what hangs there may hang on.
    stage.answer(job, "W52").await.map(drop)
}

pub(super) async fn of_no_job(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let never = stage.new_job();
    stage.say(lane, &[Say::cancel(never)]);
    let job = stage.give(lane, &stage.main(), HELLO);
    stage.answer(job, "W32").await?;
    stage.say(lane, &[Say::cancel(job)]);
    let job = stage.give(lane, &stage.main(), HELLO);
    stage.answer(job, "W32").await?;
    stage.settle().await
}

pub(super) async fn again(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let job = stage.give(lane, "sleep", "700");
    stage.say(lane, &[Say::cancel(job)]);
    stage.say(lane, &[Say::cancel(job)]);
    stage.answer(job, "W33").await?;
    stage.settle().await
}
