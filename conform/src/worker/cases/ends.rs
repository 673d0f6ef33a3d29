//! How a lane ends by a `bye`, of either side.

use acequia_wire::worker::FromWorker;

use crate::case::Over;
use crate::worker::say::{Say, text};
use crate::worker::stage::{Event, HELLO, Stage};

fn bye(stage: &Stage, lane: usize) -> Say {
    Say::new(
        "bye",
        *stage.book.lanes[lane].id.as_bytes(),
        vec![("reason", text("the server stops"))],
    )
}

pub(super) async fn bye_of_the_server(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let (queue, payload) =
        if stage.serves("sleep") { ("sleep".to_owned(), "300") } else { (stage.main(), HELLO) };
    let job = stage.give(lane, &queue, payload);
    let say = bye(stage, lane);
    stage.say(lane, &[say]);
    stage.answer(job, "W34").await?;
    // As the next server would, if the connection were its own.
    let conn = stage.book.lanes[lane].jobs;
    let next = stage.greet(conn);
    while stage.book.lanes[next].ready.is_none() {
        let event = stage.awaited("W35", "a `ready` for the `hello` after a `bye`").await?;
        if matches!(event, Event::Down) && stage.book.lanes[next].is_over {
            stage.broke("W35", "the worker closed its connections at the `bye` of the server");
            return Ok(());
        }
    }
    stage.settle().await
}

pub(super) async fn of_an_idle_worker(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.settle_on_a_lane().await?;
    wait_for_bye(stage, lane).await?;
    // It was on its way.
    let job = stage.give(lane, &stage.main(), HELLO);
    stage.answer(job, "W50").await?;
    let say = bye(stage, lane);
    stage.say(lane, &[say]);
    stage.gone(lane, "W49").await
}

pub(super) async fn of_a_busy_worker(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let job = stage.give(lane, "sleep", "700");
    // So that it holds the job when it is told.
    let known = stage.new_job();
    stage.say(lane, &[Say::cancel(known)]);
    wait_for_bye(stage, lane).await?;
    let say = bye(stage, lane);
    stage.say(lane, &[say]);
    stage.answer(job, "W49").await?;
    stage.gone(lane, "W49").await
}

async fn wait_for_bye(stage: &mut Stage, lane: usize) -> Result<(), Over> {
    stage.book.findings.note("- SIGTERM".to_owned());
    stage.program.terminate();
    stage.begin_to_wait();
    while !stage.book.lanes[lane].has_left {
        let event = stage.awaited("W49", "the `bye` of a worker that was told to end").await?;
        if let Event::Said(FromWorker::Bye { .. }) = event {
            break;
        }
        if stage.book.lanes[lane].is_over {
            stage.broke("W49", "the worker closed its connections without a `bye`");
            return Err(Over);
        }
    }
    Ok(())
}
