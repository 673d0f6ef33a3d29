//! Runs that fail or take too long, and the attempts that follow.

use acequia_wire::client::Submit;

use crate::scene::{Scene, job, runs};

#[test]
fn the_gaps_between_attempts_grow() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { attempts: 12, ..job(1) });
    let mut expected_ms = 200;
    for attempt in 1..12 {
        let start = format!("1 started: {attempt} by w1");
        assert_eq!(scene.fail(1, 1, true), [&start, "1 retrying: dry"]);
        let gap_ms = scene.next_ms().unwrap();
        let allowed_ms = expected_ms * 3 / 4..=expected_ms * 5 / 4;
        assert!(allowed_ms.contains(&gap_ms), "{gap_ms} ms before attempt {}", attempt + 1);
        assert!(scene.pass_ms(gap_ms - 1).is_empty());
        assert_eq!(runs(&scene.pass_ms(1)), ["1 on 1"]);
        expected_ms = (expected_ms * 2).min(60_000);
    }
    assert_eq!(scene.fail(1, 1, true)[1..], ["1 failed 12: dry", "settle 1"]);
}

#[test]
fn a_job_has_one_attempt_unless_it_asks_for_more() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    assert_eq!(scene.fail(1, 1, true)[1..], ["1 failed 1: dry", "settle 1"]);
}

#[test]
fn a_worker_may_say_that_no_retry_helps() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { attempts: 5, ..job(1) });
    assert_eq!(scene.fail(1, 1, false)[1..], ["1 failed 1: dry", "settle 1"]);
}

#[test]
fn a_timeout_frees_the_job_and_not_the_slot() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { timeout_ms: Some(100), ..job(1) });
    scene.submit(job(2));
    assert!(scene.pass_ms(99).is_empty());
    assert_eq!(scene.pass_ms(1), ["void 1 on 1", "1 failed 1: timeout", "settle 1"]);
    // Only the worker's own word frees the slot.
    assert_eq!(scene.done(1, 1), ["dropped late", "run 2 on 1"]);
    assert_eq!(scene.done(1, 1), ["dropped not_held"]);
}

#[test]
fn a_timed_out_job_runs_again_but_not_beside_its_own_void_run() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.submit(Submit { timeout_ms: Some(10), attempts: 3, ..job(1) });
    assert_eq!(scene.pass_ms(10), ["void 1 on 1", "1 retrying: timeout"]);
    assert!(scene.pass_ms(1_000).is_empty());
    assert_eq!(runs(&scene.submit(job(2))), ["2 on 1"]);
    assert_eq!(runs(&scene.lane(2, 1)), ["1 on 2"]);
    assert_eq!(scene.pass_ms(10), ["void 1 on 2", "1 retrying: timeout"]);
    assert!(scene.pass_ms(1_000).is_empty());
    assert_eq!(scene.done(1, 1), ["dropped late", "run 1 on 1"]);
}

#[test]
fn what_comes_late_is_dropped() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    scene.cancel(1);
    assert_eq!(scene.progress(1, 1), ["dropped late"]);
    assert_eq!(scene.chunk(1, 1, "3"), ["dropped late"]);
    assert_eq!(scene.fail(1, 1, true), ["dropped late"]);
    assert_eq!(scene.fail(1, 1, true), ["dropped not_held"]);
    assert_eq!(scene.progress(1, 1), ["dropped not_held"]);
}

#[test]
fn a_lane_has_no_say_on_jobs_of_another() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    scene.lane(2, 1);
    assert_eq!(scene.done(2, 1), ["dropped not_held"]);
    assert_eq!(scene.chunk(2, 1, "3"), ["dropped not_held"]);
    assert_eq!(scene.done(1, 1), ["1 started: 1 by w1", "1 done", "settle 1"]);
}

#[test]
fn each_run_counts_its_chunks_anew() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { attempts: 2, ..job(1) });
    assert_eq!(scene.chunk(1, 1, "3"), ["1 started: 1 by w1", "1 chunk 1"]);
    assert_eq!(scene.chunk(1, 1, "4"), ["1 chunk 2"]);
    scene.fail(1, 1, true);
    scene.pass_ms(1_000);
    assert_eq!(scene.chunk(1, 1, "3"), ["1 started: 2 by w1", "1 chunk 1"]);
}
