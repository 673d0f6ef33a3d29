//! How jobs end otherwise, and what is told before.

use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::{Body, ContentType, Limits};

use crate::scene::{Scene, job, runs};

#[test]
fn a_job_that_has_not_started_in_time_expires() {
    let mut scene = Scene::new();
    scene.submit(Submit { ttl_ms: Some(20), ..job(1) });
    scene.submit(Submit { ttl_ms: Some(20), delay_ms: 100, ..job(2) });
    assert!(scene.pass_ms(19).is_empty());
    assert_eq!(
        scene.pass_ms(1),
        ["1 failed 0: expired", "settle 1", "2 failed 0: expired", "settle 2"]
    );
    assert_eq!(scene.next_ms(), None);
}

#[test]
fn a_job_that_has_started_does_not_expire() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { ttl_ms: Some(20), ..job(1) });
    assert!(scene.pass_ms(100).is_empty());
    scene.lane_ends(1);
    assert!(scene.pass_ms(100).is_empty());
    assert_eq!(runs(&scene.lane(2, 1)), ["1 on 2"]);
}

#[test]
fn a_cancel_ends_a_job_in_any_state() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    scene.submit(job(2));
    scene.submit(Submit { delay_ms: 10, ..job(3) });
    assert_eq!(scene.cancel(3), ["3 cancelled", "settle 3"]);
    assert_eq!(scene.cancel(2), ["2 cancelled", "settle 2"]);
    assert_eq!(scene.cancel(1), ["void 1 on 1", "1 cancelled", "settle 1"]);
    assert_eq!(scene.cancel(1), ["1 error: bad_request"]);
    assert_eq!(scene.cancel(99), ["99 error: bad_request"]);
    // Only the slot is still waited for.
    assert_eq!(scene.done(1, 1), ["dropped late"]);
    scene.pass_ms(scene.next_ms().unwrap());
    assert_eq!(scene.next_ms(), None);
}

#[test]
fn a_cancelled_id_may_be_used_again_at_once() {
    let mut scene = Scene::new();
    scene.submit(job(1));
    scene.cancel(1);
    assert_eq!(scene.submit(job(1)), ["record 1"]);
}

#[test]
fn a_result_must_be_what_it_says() {
    let mut scene = Scene::new();
    scene.lane(1, 4);
    for id in 1..=4 {
        scene.submit(job(id));
    }
    let not_json = Body::new(None, "{not JSON".into());
    assert_eq!(scene.done_with(1, 1, not_json)[1..], ["1 failed 1: bad_result", "settle 1"]);
    let not_msgpack = Body::new(Some(ContentType::MsgPack), "".into());
    assert_eq!(scene.done_with(1, 2, not_msgpack)[1..], ["2 failed 1: bad_result", "settle 2"]);
    let text = Body::new(Some(ContentType::Text), "{not JSON".into());
    assert_eq!(scene.done_with(1, 3, text)[1..], ["3 done", "settle 3"]);
    let bad_chunk = scene.chunk(1, 4, "{not JSON");
    assert_eq!(bad_chunk, ["void 4 on 1", "4 failed 1: bad_result", "settle 4"]);
    assert_eq!(scene.done(1, 4), ["dropped late"]);
}

#[test]
fn what_is_not_understood_of_a_job_fails_that_job_alone() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    for id in 1..=3 {
        scene.submit(job(id));
    }
    let last = scene.bad_message(1, 1, true);
    assert_eq!(last[1..], ["1 failed 1: bad_message", "settle 1", "run 3 on 1"]);
    let more_follows = scene.bad_message(1, 2, false);
    assert_eq!(more_follows, ["void 2 on 1", "2 failed 1: bad_message", "settle 2"]);
    // The slot is free when the worker says that it is.
    assert_eq!(scene.done(1, 2), ["dropped late"]);
    assert_eq!(scene.bad_message(1, 2, true), ["dropped not_held"]);
    assert_eq!(scene.done(1, 3)[1..], ["3 done", "settle 3"]);
}

#[test]
fn a_result_is_at_most_as_long_as_allowed() {
    let mut scene = Scene::with(Limits { result_bytes: 3, ..Limits::default() });
    scene.lane(1, 2);
    scene.submit(job(1));
    scene.submit(job(2));
    assert_eq!(scene.done_with(1, 1, Body::new(None, "123".into()))[1..], ["1 done", "settle 1"]);
    let long = scene.done_with(1, 2, Body::new(None, "1234".into()));
    assert_eq!(long[1..], ["2 failed 1: bad_result", "settle 2"]);
}

#[test]
fn when_a_session_ends_its_jobs_go_on_or_end_as_they_asked() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    let cancel = OnDisconnect::Cancel;
    scene.submit(job(1));
    scene.submit(Submit { on_disconnect: cancel, ..job(2) });
    scene.submit(job(3));
    scene.submit(Submit { on_disconnect: cancel, ..job(4) });
    scene.submit(Submit { on_disconnect: cancel, delay_ms: 10, ..job(5) });
    let mut ended = scene.close(1);
    ended.retain(|line| !line.starts_with("settle"));
    assert_eq!(ended, ["void 2 on 1"], "nobody is left to be told");
    assert_eq!(runs(&scene.done(1, 1)), ["3 on 1"]);
    assert_eq!(scene.submit(job(6)), [""; 0], "its last ops may still come");
    assert_eq!(scene.cancel(3), [""; 0]);
    assert_eq!(scene.done(1, 3), ["settle 3"]);
}

#[test]
fn what_is_durable_is_accepted() {
    let mut scene = Scene::new();
    scene.submit(job(1));
    scene.submit(job(2));
    scene.submit(job(3));
    assert_eq!(scene.durable(2), ["1 accepted", "2 accepted"]);
    assert!(scene.durable(2).is_empty());
    assert_eq!(scene.lane(1, 1), ["run 1 on 1", "1 started: 1 by w1"]);
    assert_eq!(scene.durable(3), ["3 accepted"]);
}

#[test]
fn the_start_is_told_with_the_acceptance_or_before_anything_that_follows_it() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    assert_eq!(scene.submit(job(1)), ["record 1", "run 1 on 1"]);
    assert_eq!(scene.durable(1), ["1 accepted", "1 started: 1 by w1"]);
    assert_eq!(scene.submit(job(2)), ["record 2", "run 2 on 1"]);
    assert_eq!(scene.progress(1, 2), ["2 started: 1 by w1", "2 progress"]);
    assert_eq!(scene.durable(2), ["2 accepted"]);
}

#[test]
fn a_job_that_ends_before_it_is_durable_is_never_accepted() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    assert_eq!(scene.done(1, 1), ["1 started: 1 by w1", "1 done", "settle 1"]);
    // The next one takes the place of the one that has ended.
    scene.submit(job(2));
    assert!(scene.durable(1).is_empty());
    assert_eq!(scene.durable(2), ["2 accepted", "2 started: 1 by w1"]);
}
