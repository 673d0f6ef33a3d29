//! What becomes of jobs whose lane has ended.

use acequia_wire::client::Submit;

use crate::scene::{Scene, job, runs};

#[test]
fn a_lost_job_runs_at_once_elsewhere() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    scene.lane(2, 1);
    assert_eq!(scene.lane_ends(1), ["1 retrying: worker_lost", "run 1 on 2"]);
    assert_eq!(scene.done(2, 1), ["1 started: 2 by w2", "1 done", "settle 1"]);
}

#[test]
fn a_job_lost_with_the_only_lane_waits_for_another() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    assert_eq!(scene.lane_ends(1), ["1 retrying: worker_lost"]);
    assert_eq!(runs(&scene.lane(2, 1)), ["1 on 2"]);
}

#[test]
fn lost_jobs_keep_their_order_and_go_before_what_their_client_sent_later() {
    let mut scene = Scene::new();
    scene.lane(1, 3);
    for id in 1..=6 {
        scene.submit(job(id));
    }
    scene.lane_ends(1);
    let order = ["1 on 2", "2 on 2", "3 on 2", "4 on 2", "5 on 2", "6 on 2"];
    assert_eq!(runs(&scene.lane(2, 6)), order);
}

#[test]
fn lost_jobs_bring_the_turn_that_their_client_had() {
    let mut scene = Scene::new();
    scene.open(2, 2);
    scene.lane(1, 1);
    scene.submit(job(1));
    scene.submit_as(2, job(2));
    scene.submit_as(2, job(3));
    scene.lane_ends(1);
    assert_eq!(runs(&scene.lane(2, 3)), ["1 on 2", "2 on 2", "3 on 2"]);
}

#[test]
fn among_lost_jobs_the_higher_priority_goes_first() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.submit(Submit { priority: 0, ..job(1) });
    scene.submit(Submit { priority: 9, ..job(2) });
    scene.lane(2, 1);
    assert_eq!(runs(&scene.lane_ends(1)), ["2 on 2"]);
}

#[test]
fn lost_jobs_of_the_same_time_run_the_oldest_first() {
    let mut scene = Scene::new();
    // The places of jobs that have ended are used again, the last one first.
    scene.submit(job(1));
    scene.submit(job(2));
    scene.cancel(1);
    scene.cancel(2);
    scene.lane(1, 2);
    scene.submit(job(3));
    scene.submit(job(4));
    scene.lane(2, 1);
    assert_eq!(runs(&scene.lane_ends(1)), ["3 on 2"]);
}

#[test]
fn the_fourth_loss_is_the_end() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    for lane in 1..=3 {
        assert_eq!(scene.lane_ends(lane), ["1 retrying: worker_lost"]);
        assert_eq!(runs(&scene.lane(lane + 1, 1)), [format!("1 on {}", lane + 1)]);
    }
    assert_eq!(scene.lane_ends(4), ["1 failed 4: worker_lost", "settle 1"]);
    assert_eq!(scene.scheduler.stats(Default::default()).live_jobs, 0);
}

#[test]
fn a_loss_is_no_attempt() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { attempts: 2, ..job(1) });
    scene.lane_ends(1);
    scene.lane(2, 1);
    assert_eq!(scene.fail(2, 1, true)[1..], ["1 retrying: dry"]);
}

#[test]
fn a_void_run_goes_with_its_lane() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { timeout_ms: Some(10), attempts: 2, ..job(1) });
    scene.pass_ms(10);
    assert!(scene.lane_ends(1).is_empty());
    assert!(scene.pass_ms(1_000).is_empty());
    assert_eq!(runs(&scene.lane(2, 1)), ["1 on 2"]);
}
