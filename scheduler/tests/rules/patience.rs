//! Slots that workers do not give back, and servers that stood still.

use std::time::Duration;

use acequia_scheduler::{Config, Event, LaneKey, VoidReason};
use acequia_wire::client::{OnDisconnect, Submit};

use crate::scene::{Scene, job, job_id, runs};

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

const REMIND: Duration = Config::REMIND_AFTER;
const ANSWER: Duration = Config::ANSWER_WITHIN;

/// A worker of two slots that holds job 1, which was cancelled.
fn held() -> Scene {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.submit(job(1));
    scene.cancel(1);
    scene
}

#[test]
fn a_slot_that_is_not_given_back_says_so() {
    let mut scene = held();
    let since = scene.now();
    scene.wait_ms(60_000);
    let lane = scene.scheduler.lane(LaneKey(1)).unwrap();
    assert_eq!((lane.stats.busy, lane.stats.held, lane.runs.len()), (1, 1, 0));
    let [held] = lane.held[..] else { panic!("{:?}", lane.held) };
    assert_eq!((held.job, held.since, held.why), (job_id(1), since, VoidReason::Cancelled));
    let stats = scene.scheduler.stats(scene.now());
    assert_eq!(stats.slots_held[VoidReason::Cancelled as usize], 1);
    assert_eq!(scene.scheduler.totals().slots_held, 1);
    scene.done(1, 1);
    assert_eq!(scene.scheduler.totals().slots_held, 0);
    assert!(scene.scheduler.lane(LaneKey(1)).unwrap().held.is_empty());
}

#[test]
fn a_worker_that_says_nothing_is_reminded_gets_no_job_and_is_ended() {
    let mut scene = held();
    assert!(scene.pass_ms(ms(REMIND) - 1).is_empty());
    assert_eq!(scene.pass_ms(1), ["remind 1 of 1"]);
    assert!(runs(&scene.submit(job(2))).is_empty(), "a slot is free, and nobody answers");
    assert!(scene.pass_ms(ms(ANSWER) - 1).is_empty());
    assert_eq!(scene.pass_ms(1), ["end 1"]);
    assert_eq!(scene.scheduler.lane(LaneKey(1)), None);
    assert_eq!(runs(&scene.lane(2, 1)), ["2 on 2"]);
    assert!(scene.lane_ends(1).is_empty(), "it was over before");
}

#[test]
fn what_else_the_ended_worker_held_runs_elsewhere() {
    let mut scene = held();
    scene.submit(job(2));
    scene.lane(2, 1);
    scene.pass_ms(ms(REMIND));
    assert_eq!(scene.pass_ms(ms(ANSWER)), ["end 1", "2 retrying: worker_lost", "run 2 on 2"]);
}

#[test]
fn a_worker_that_says_anything_lives_and_keeps_its_slot() {
    let mut scene = held();
    for _ in 0..10 {
        assert_eq!(scene.pass_ms(ms(REMIND)), ["remind 1 of 1"]);
        assert!(scene.pass_ms(ms(ANSWER) - 1).is_empty());
        scene.heard(1);
    }
    // One that beats need not even be reminded.
    for _ in 0..10 {
        assert!(scene.pass_ms(ms(REMIND) - 1).is_empty());
        scene.beat(1);
    }
    assert_eq!(runs(&scene.submit(job(2))), ["2 on 1"]);
    assert_eq!(scene.scheduler.lane(LaneKey(1)).unwrap().held.len(), 1);
}

#[test]
fn jobs_that_come_and_time_out_do_not_hide_that_a_worker_says_nothing() {
    let mut scene = Scene::new();
    scene.lane(1, 100);
    let mut told = Vec::new();
    for id in 0..100 {
        told.extend(scene.submit(Submit { timeout_ms: Some(1_000), ..job(id) }));
        told.extend(scene.pass_ms(1_000));
    }
    assert!(told.contains(&"end 1".to_owned()));
}

#[test]
fn jobs_without_a_timeout_get_that_of_the_server() {
    let mut scene =
        Scene::of(Config { default_timeout_ms: Some(500), seed: 1, ..Config::default() });
    scene.lane(1, 2);
    scene.submit(job(1));
    scene.submit(Submit { timeout_ms: Some(900), ..job(2) });
    assert!(scene.pass_ms(499).is_empty());
    assert_eq!(scene.pass_ms(1)[..2], ["void 1 on 1", "1 failed 1: timeout"]);
    assert!(scene.pass_ms(399).is_empty());
    assert_eq!(scene.pass_ms(1)[..2], ["void 2 on 1", "2 failed 1: timeout"]);
}

#[test]
fn time_in_which_nobody_listened_takes_no_job_from_its_worker() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.beat(1);
    scene.submit(Submit { timeout_ms: Some(10_000), ..job(1) });
    scene.submit(job(2));
    scene.submit(Submit { on_disconnect: OnDisconnect::CancelAfter { ms: 5_000 }, ..job(3) });
    scene.absent(1);
    scene.wait_ms(4_000);
    scene.wait_ms(20_000);
    let gap = Duration::from_secs(20);
    assert!(scene.handle(Event::StoodStill { gap }).is_empty());
    assert!(scene.pass_ms(0).is_empty());
    // All have as long as they had before.
    assert_eq!(scene.pass_ms(1_000), ["3 cancelled", "settle 3"]);
    assert_eq!(scene.pass_ms(5_000)[..2], ["void 1 on 1", "1 failed 1: timeout"]);
    assert!(scene.pass_ms(4_999).is_empty());
    assert_eq!(scene.pass_ms(1), ["void 2 on 1", "2 retrying: worker_lost"]);
}

#[test]
fn a_worker_of_no_slots_gets_no_job() {
    let mut scene = Scene::new();
    assert!(scene.lane(1, 0).is_empty());
    assert!(runs(&scene.submit(job(1))).is_empty());
    assert!(scene.heard(1).is_empty());
    let lane = scene.scheduler.lane(LaneKey(1)).unwrap();
    assert_eq!((lane.stats.slots, lane.queues.len()), (0, 0));
    assert!(scene.lane_ends(1).is_empty());
    assert_eq!(runs(&scene.lane(2, 1)), ["1 on 2"]);
}
