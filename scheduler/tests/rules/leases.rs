//! Workers that fall silent, and what becomes of their jobs.

use acequia_scheduler::Config;

use crate::scene::{Scene, job, runs};

fn lease_ms() -> u64 {
    u64::try_from(Config::LEASE.as_millis()).unwrap()
}

/// A lane of two slots whose worker beats and holds job 1.
fn beating() -> Scene {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.submit(job(1));
    scene.beat(1);
    scene
}

#[test]
fn a_worker_that_never_beats_may_be_silent_for_ever() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    assert_eq!(scene.next_ms(), None);
    assert!(scene.pass_ms(1_000_000_000).is_empty());
    assert_eq!(scene.done(1, 1)[1..], ["1 done", "settle 1"]);
}

#[test]
fn a_worker_that_beat_and_fell_silent_loses_its_jobs_and_gets_no_more() {
    let mut scene = beating();
    assert!(scene.pass_ms(lease_ms() - 1).is_empty());
    assert_eq!(scene.pass_ms(1), ["void 1 on 1", "1 retrying: worker_lost"]);
    assert!(runs(&scene.submit(job(2))).is_empty(), "a slot is free, and its worker is not");
    assert_eq!(runs(&scene.lane(2, 2)), ["1 on 2", "2 on 2"]);
}

#[test]
fn whatever_is_heard_renews_the_lease() {
    let mut scene = beating();
    let almost_ms = lease_ms() - 1;
    assert!(scene.pass_ms(almost_ms).is_empty());
    scene.heard(1);
    assert!(scene.pass_ms(almost_ms).is_empty());
    scene.progress(1, 1);
    assert!(scene.pass_ms(almost_ms).is_empty());
    scene.beat(1);
    assert!(scene.pass_ms(almost_ms).is_empty());
    scene.done(1, 99);
    assert!(scene.pass_ms(almost_ms).is_empty());
    assert_eq!(scene.pass_ms(1), ["void 1 on 1", "1 retrying: worker_lost"]);
}

#[test]
fn a_worker_that_has_nothing_to_do_may_be_silent() {
    let mut scene = beating();
    scene.done(1, 1);
    assert!(scene.pass_ms(10 * lease_ms()).is_empty());
    assert_eq!(runs(&scene.submit(job(2))), ["2 on 1"]);
    assert!(scene.pass_ms(lease_ms() - 1).is_empty());
    assert_eq!(scene.pass_ms(1), ["void 2 on 1", "2 retrying: worker_lost"]);
}

#[test]
fn what_a_worker_says_when_it_wakes_is_too_late_and_it_gets_jobs_again() {
    let mut scene = beating();
    scene.lane_of(2, 1, &["other"]);
    scene.pass_ms(lease_ms());
    scene.submit(job(2));
    // Not job 1, of which it still holds the void run.
    assert_eq!(runs(&scene.heard(1)), ["2 on 1"]);
    assert_eq!(scene.done(1, 1), ["dropped late", "run 1 on 1"]);
    assert_eq!(scene.done(1, 1)[1..], ["1 done", "settle 1"]);
}

#[test]
fn a_result_that_comes_after_the_lease_wakes_the_lane_too() {
    let mut scene = beating();
    scene.pass_ms(lease_ms());
    assert_eq!(scene.done(1, 1), ["dropped late", "run 1 on 1"]);
}

#[test]
fn a_job_that_silences_its_workers_ends_like_one_that_kills_them() {
    let mut scene = beating();
    for lane in 2..=4 {
        let lost = scene.pass_ms(lease_ms());
        assert!(lost.contains(&format!("void 1 on {}", lane - 1)));
        assert!(lost.contains(&"1 retrying: worker_lost".to_owned()));
        scene.lane_ends(lane - 1);
        assert_eq!(runs(&scene.lane(lane, 1)), [format!("1 on {lane}")]);
        scene.beat(lane);
    }
    assert_eq!(scene.pass_ms(lease_ms()), ["void 1 on 4", "1 failed 4: worker_lost", "settle 1"]);
}

#[test]
fn the_end_of_a_silent_lane_loses_nothing_more() {
    let mut scene = beating();
    scene.pass_ms(lease_ms());
    assert!(scene.lane_ends(1).is_empty());
    assert_eq!(runs(&scene.lane(2, 1)), ["1 on 2"]);
    assert_eq!(scene.next_ms(), None);
}

#[test]
fn what_is_due_when_a_lease_runs_out_does_not_go_to_the_lost() {
    let mut scene = beating();
    let delay_ms = u32::try_from(lease_ms()).unwrap();
    scene.submit(acequia_wire::client::Submit { delay_ms, ..job(2) });
    assert_eq!(scene.pass_ms(lease_ms()), ["void 1 on 1", "1 retrying: worker_lost"]);
    assert_eq!(runs(&scene.heard(1)), ["2 on 1"]);
}
