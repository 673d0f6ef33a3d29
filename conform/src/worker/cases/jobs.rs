//! Jobs, and how long they are held.

use std::collections::HashSet;

use acequia_wire::JobId;

use crate::case::Over;
use crate::worker::stage::{Event, HELLO, Stage};

/// How many jobs there are for all slots, at least.
const JOBS_MIN: u32 = 300;
/// The most slots that are filled.
const SLOTS_MAX: u32 = 512;
/// So many ticks a run is held: longer than any worker that beats may be silent.
const HELD_TICKS: u32 = 80;

pub(super) async fn all_slots(stage: &mut Stage) -> Result<(), Over> {
    let lane = stage.lane("W23").await?;
    let (slots, pack) = stage.known().map_or((1, 1), |facts| (facts.slots, facts.pack));
    let (slots, queue) = (slots.min(SLOTS_MAX), stage.main());
    let mut left = JOBS_MIN.max(slots * 2);
    let mut waiting: HashSet<JobId> = HashSet::new();
    while left > 0 || !waiting.is_empty() {
        let free = usize::try_from(slots).unwrap_or(usize::MAX).saturating_sub(waiting.len());
        let now = free.min(left as usize);
        let mut says = Vec::new();
        for _ in 0..now {
            let (job, say) = stage.job(lane, &queue, HELLO);
            waiting.insert(job);
            says.push(say);
        }
        left -= u32::try_from(now).unwrap_or(left);
        for some in says.chunks(pack as usize) {
            stage.say(lane, some);
        }
        stage.awaited("W27", "the answers to the jobs on all slots").await?;
        if stage.book.lanes[lane].is_over {
            stage.broke("W27", "the worker closed its connection with jobs that are not answered");
            return Err(Over);
        }
        waiting.retain(|job| !stage.book.answers.contains_key(job));
    }
    stage.settle().await
}

/// The lane holds a job for longer than a worker that beats may be silent, which the book watches.
pub(super) async fn lease(stage: &mut Stage) -> Result<(), Over> {
    // The first beat should come before the answer to a first job.
    let lane = stage.settle_on_a_lane().await?;
    if stage.serves("hang") {
        stage.give(lane, "hang", "null");
    } else {
        stage.give(lane, "sleep", "60000");
    }
    let mut ticks = 0;
    while ticks < HELD_TICKS {
        match stage.happens().await {
            None => ticks += 1,
            Some(Event::Ended(said)) => {
                stage.broke("W45", format!("the program has ended ({said}) while it holds a job"));
                return Err(Over);
            }
            _ if stage.book.lanes[lane].is_over => {
                stage.broke("W45", "the worker closed its connection while it holds a job");
                return Err(Over);
            }
            _ => {}
        }
    }
    let lane = &stage.book.lanes[lane];
    let is_first = lane.said.get(1) == Some(&"beat");
    if lane.beats && !is_first {
        let came = format!(
            "`{}` came after `ready`, and the first beat later",
            lane.said.get(1).unwrap_or(&"nothing")
        );
        stage.broke("W46", came);
    }
    Ok(())
}
