//! The same key again is the same job.

use acequia_scheduler::Config;
use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::limits::WATCHERS_MAX;
use acequia_wire::{Body, ContentType, Limits};

use crate::scene::{Scene, job, runs};

fn keyed(id: u32) -> Submit {
    Submit { key: Some("k".into()), ..job(id) }
}

#[test]
fn a_second_submit_of_a_key_is_told_of_the_job_of_the_first() {
    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.lane(1, 2);
    assert_eq!(scene.submit(keyed(1)), ["record 1", "run 1 on 1"]);
    assert!(scene.submit_as(2, keyed(2)).is_empty());
    // In the same session too, and whatever else it says.
    assert!(scene.submit(Submit { priority: 9, ..keyed(3) }).is_empty());
    let mut told = scene.durable(1);
    told.sort();
    assert_eq!(
        told,
        [
            "1 accepted",
            "1 started: 1 by w1",
            "2 of 1 accepted",
            "2 of 1 started: 1 by w1",
            "3 of 1 accepted",
            "3 of 1 started: 1 by w1"
        ]
    );
    assert_eq!(scene.submit(keyed(4)), ["4 of 1 accepted", "4 of 1 started: 1 by w1"]);
    let mut told = scene.done(1, 1);
    told.sort();
    assert_eq!(told, ["1 done", "2 of 1 done", "3 of 1 done", "4 of 1 done", "settle 1"]);
    // Their ids are free.
    assert_eq!(runs(&scene.submit(job(3))), ["3 on 1"]);
}

#[test]
fn a_key_is_its_clients_own() {
    let mut scene = Scene::new();
    scene.open(2, 2);
    scene.submit(keyed(1));
    assert_eq!(scene.submit_as(2, keyed(2)), ["record 2"]);
    assert_eq!(scene.submit(Submit { key: Some("K".into()), ..job(3) }), ["record 3"]);
}

#[test]
fn an_id_is_still_unique() {
    let mut scene = Scene::new();
    scene.submit(keyed(1));
    assert_eq!(scene.submit_named(1, 8, keyed(1)), ["1 rejected: duplicate_id"]);
    scene.submit(keyed(2));
    assert_eq!(scene.submit_named(1, 9, job(2)), ["2 rejected: duplicate_id"]);
}

#[test]
fn whoever_cancels_leaves_and_the_last_one_ends_the_job() {
    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.lane(1, 1);
    scene.submit(keyed(1));
    scene.submit_as(2, keyed(2));
    scene.submit_as(2, keyed(3));
    assert_eq!(scene.cancel(1), ["1 cancelled"]);
    assert_eq!(scene.cancel(1), ["1 error: bad_request"]);
    assert_eq!(scene.cancel_as(2, 3), ["3 of 1 cancelled"]);
    assert_eq!(scene.cancel_as(2, 2), ["void 1 on 1", "2 of 1 cancelled", "settle 1"]);
}

#[test]
fn the_key_of_a_cancelled_job_is_free() {
    let mut scene = Scene::new();
    scene.submit(keyed(1));
    scene.cancel(1);
    assert_eq!(scene.submit(keyed(2)), ["record 2"]);
}

#[test]
fn an_outcome_answers_to_its_key_for_a_while() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(keyed(1));
    scene.done_with(1, 1, Body::new(Some(ContentType::Text), "same".into()));
    let retention_ms = u64::try_from(Config::RETENTION.as_millis()).unwrap();
    assert_eq!(scene.next_ms(), Some(retention_ms));
    scene.pass_ms(retention_ms - 1);
    assert_eq!(scene.submit(keyed(2)), ["2 of 1 done"]);
    assert_eq!(scene.submit(keyed(2)), ["2 of 1 done"], "its id was free at once");
    scene.pass_ms(1);
    assert_eq!(runs(&scene.submit(keyed(2))), ["2 on 1"]);
}

#[test]
fn a_failure_answers_too() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(keyed(1));
    scene.fail(1, 1, false);
    assert_eq!(scene.submit(keyed(2)), ["2 of 1 failed 1: dry"]);
}

#[test]
fn so_many_outcomes_are_kept_and_so_many_bytes_of_them() {
    let with_key = |id: u32| Submit { key: Some(format!("k{id}").into()), ..job(id) };
    for config in [
        Config { retained_jobs: 2, ..Config::default() },
        Config { retained_bytes: 2 * 300, ..Config::default() },
    ] {
        let mut scene = Scene::of(config);
        scene.lane(1, 1);
        for id in 1..=3 {
            scene.submit(with_key(id));
            scene.done(1, id);
        }
        let again = |id: u32, of: u32| Submit { key: Some(format!("k{of}").into()), ..job(id) };
        assert_eq!(runs(&scene.submit(again(11, 1))), ["11 on 1"], "the oldest has left");
        assert_eq!(scene.submit(again(12, 2)), ["12 of 2 done"]);
        assert_eq!(scene.submit(again(13, 3)), ["13 of 3 done"]);
    }
}

#[test]
fn watching_counts_as_a_live_job() {
    let mut scene = Scene::with(Limits { client_jobs: 2, ..Limits::default() });
    scene.submit(keyed(1));
    scene.submit(keyed(2));
    assert_eq!(scene.submit(keyed(3)), ["3 rejected: too_many_jobs"]);
    scene.cancel(1);
    assert_eq!(scene.submit(job(4)), ["record 4"]);
    scene.cancel(4);
    scene.cancel(2);
    scene.submit(job(5));
    assert_eq!(scene.submit(job(6)), ["record 6"]);
}

#[test]
fn so_many_watch_one_job() {
    let mut scene = Scene::new();
    let most = u32::try_from(WATCHERS_MAX).unwrap();
    for id in 1..=most {
        scene.submit(keyed(id));
    }
    let refused = format!("{} rejected: too_many_jobs", most + 1);
    assert_eq!(scene.submit(keyed(most + 1)), [refused]);
}

#[test]
fn a_client_that_comes_back_finds_its_job_by_the_key() {
    let mut scene = Scene::with(Limits { client_jobs: 1, ..Limits::default() });
    scene.lane(1, 1);
    scene.submit(keyed(1));
    scene.durable(1);
    scene.close(1);
    scene.open(2, 1);
    // Although it has as many live jobs as it may: it is one of them.
    assert_eq!(scene.submit_as(2, keyed(2)), ["2 of 1 accepted", "2 of 1 started: 1 by w1"]);
    assert_eq!(scene.done(1, 1), ["2 of 1 done", "settle 1"]);
}

#[test]
fn a_session_that_ends_takes_a_job_along_only_if_nobody_else_wants_it() {
    let cancel = |id| Submit { on_disconnect: OnDisconnect::Cancel, ..keyed(id) };
    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.submit(cancel(1));
    scene.submit_as(2, cancel(2));
    assert!(scene.close(1).is_empty());
    assert_eq!(scene.close(2), ["settle 1"]);

    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.submit(keyed(1));
    scene.submit_as(2, cancel(2));
    assert!(scene.close(1).is_empty());
    assert!(scene.close(2).is_empty(), "the first wanted it to run all the same");
    assert_eq!(runs(&scene.lane(1, 1)), ["1 on 1"]);
}

#[test]
fn a_retry_is_told_to_all() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { attempts: 2, ..keyed(1) });
    scene.submit(keyed(2));
    let mut told = scene.fail(1, 1, true);
    told.sort();
    assert_eq!(
        told,
        [
            "1 retrying: dry",
            "1 started: 1 by w1",
            "2 of 1 retrying: dry",
            "2 of 1 started: 1 by w1"
        ]
    );
}
