//! A submit that is said again, with the name of the job that it began.

use acequia_scheduler::{Config, Event, Recovered, SessionId};
use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::{CorrelationId, Limits};

use crate::scene::{Scene, job, recovered, runs};

fn called(name: i64, spec: Submit) -> Submit {
    Submit { id: CorrelationId::Int(name), ..spec }
}

#[test]
fn it_is_no_second_job() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    assert_eq!(scene.submit(job(1)), ["record 1", "run 1 on 1"]);
    assert!(scene.submit(job(1)).is_empty(), "it is not written yet");
    assert_eq!(scene.durable(1), ["1 accepted", "1 started: 1 by w1"]);
    assert_eq!(scene.submit(job(1)), ["1 accepted"]);
    assert_eq!(scene.done(1, 1), ["1 done", "settle 1"]);
    assert_eq!(scene.submit(job(1)), ["1 done"]);
    assert_eq!(scene.scheduler.totals().live_jobs, 0);
}

#[test]
fn it_is_answered_whether_new_jobs_are_taken_or_not() {
    let mut scene = Scene::with(Limits { client_jobs: 1, ..Limits::default() });
    scene.submit(job(1));
    scene.durable(1);
    assert_eq!(scene.submit(job(2)), ["2 rejected: too_many_jobs"]);
    assert_eq!(scene.submit(job(1)), ["1 accepted"]);
    scene.handle(Event::StorageFailed);
    assert_eq!(scene.submit(job(1)), ["1 accepted"]);
    scene.drain();
    assert_eq!(scene.submit(job(1)), ["1 accepted"]);
    assert_eq!(scene.cancel(1), ["1 cancelled", "settle 1"]);
    assert_eq!(scene.submit(job(1)), ["1 cancelled"]);
}

#[test]
fn a_session_that_did_not_come_back_with_its_job_is_told_of_it_again() {
    let batch = || Some("night".into());
    let spec =
        Submit { batch: batch(), on_disconnect: OnDisconnect::CancelAfter { ms: 50 }, ..job(1) };
    let mut scene = Scene::of(Config { seed: 1, ..Config::default() });
    scene.handle(Event::Recovered(recovered(1, spec.clone())));
    assert_eq!(scene.next_ms(), Some(50));
    assert_eq!(scene.submit(spec), ["1 accepted"]);
    assert_eq!(scene.next_ms(), None, "somebody wants it");
    scene.lane(1, 1);
    let told = scene.done(1, 1);
    assert_eq!(told[..2], ["1 done", "settle 1"]);
    assert!(told[2].starts_with("batch night: 1 = 1 + 0 + 0"));
    // As its own: so it is found again after yet another restart.
    assert_eq!(scene.retained[0].session, Some(SessionId(1)));
}

#[test]
fn a_session_is_not_told_twice_by_saying_it_twice() {
    let mut scene = Scene::of(Config { seed: 1, ..Config::default() });
    scene.handle(Event::Recovered(recovered(1, job(1))));
    scene.submit(job(1));
    scene.submit(job(1));
    assert_eq!(scene.scheduler.totals().live_jobs, 1);
    assert_eq!(scene.lane(1, 1)[1..], ["1 started: 1 by w1"]);
    assert_eq!(scene.done(1, 1), ["1 done", "settle 1"]);
}

#[test]
fn another_session_of_its_client_joins() {
    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.submit(job(1));
    scene.durable(1);
    assert_eq!(scene.submit_named(2, 1, called(8, job(1))), ["8 of 1 accepted"]);
    scene.lane(1, 1);
    assert_eq!(scene.done(1, 1), ["1 done", "8 of 1 done", "settle 1"]);
}

#[test]
fn another_client_is_told_nothing() {
    let mut scene = Scene::new();
    scene.open(2, 2);
    scene.submit(job(1));
    scene.durable(1);
    assert_eq!(scene.submit_as(2, job(1)), ["1 rejected: duplicate_id"]);
    scene.lane(1, 1);
    scene.done(1, 1);
    assert_eq!(scene.submit_as(2, job(1)), ["1 rejected: duplicate_id"]);
}

#[test]
fn an_id_that_stands_for_another_job_is_not_taken_from_it() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    scene.durable(1);
    scene.submit(job(2));
    let again = || called(2, job(1));
    assert_eq!(scene.submit_named(1, 1, again()), ["2 rejected: duplicate_id"]);
    scene.done(1, 1);
    assert_eq!(scene.submit_named(1, 1, again()), ["2 rejected: duplicate_id"]);
    scene.done(1, 2);
    assert_eq!(scene.submit_named(1, 1, again()), ["2 of 1 done"]);
}

#[test]
fn it_comes_before_its_key() {
    let keyed = |id| Submit { key: Some("k".into()), ..job(id) };
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(keyed(1));
    scene.durable(1);
    assert_eq!(scene.submit(keyed(1)), ["1 accepted"]);
    scene.cancel(1);
    // The key is another job's now.
    assert_eq!(scene.submit(keyed(2)), ["record 2"]);
    assert_eq!(scene.submit(keyed(1)), ["1 cancelled"]);
}

#[test]
fn a_job_that_failed_answers_for_as_long_as_its_dead_letter_is_kept() {
    let mut scene = Scene::of(Config { seed: 1, retained_jobs: 0, ..Config::default() });
    scene.lane(1, 1);
    scene.submit(job(1));
    scene.durable(1);
    let failed = scene.fail(1, 1, false);
    assert_eq!(failed, ["1 failed 1: dry", "settle 1", "give up 1"]);
    assert_eq!(scene.submit(job(1)), ["1 failed 1: dry"]);
    scene.open(2, 2);
    assert_eq!(scene.submit_as(2, job(1)), ["1 rejected: duplicate_id"]);
    scene.drop_letter(1);
    assert_eq!(scene.submit(job(1)), ["record 1", "run 1 on 1"]);
}

#[test]
fn a_job_of_which_nothing_is_left_does_not_run_where_it_is_void() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.submit(job(1));
    // It was not accepted, so nothing is kept of it.
    assert_eq!(scene.cancel(1), ["void 1 on 1", "1 cancelled", "settle 1"]);
    assert_eq!(scene.submit(job(1)), ["record 1"]);
    assert_eq!(runs(&scene.done(1, 1)), ["1 on 1"]);
    assert_eq!(scene.durable(2), ["1 accepted", "1 started: 1 by w1"]);
}

#[test]
fn so_does_one_that_comes_after_the_worker_that_had_it() {
    let mut scene = Scene::new();
    assert_eq!(scene.lane_holds(1, 2, &[(1, 1)]), ["void 1 on 1"]);
    assert_eq!(scene.submit(job(1)), ["record 1"]);
    assert_eq!(runs(&scene.lane(2, 1)), ["1 on 2"]);
    assert_eq!(scene.done(1, 1), ["dropped late"]);
    assert_eq!(scene.done(2, 1)[1..], ["1 done", "settle 1"]);
}

#[test]
fn a_job_that_came_back_with_its_session_is_accepted_once_more() {
    let mut scene = Scene::new();
    let session = Some(SessionId(1));
    scene.handle(Event::Recovered(Recovered { session, ..recovered(1, job(1)) }));
    assert_eq!(scene.submit(job(1)), ["1 accepted"]);
    assert_eq!(scene.scheduler.totals().live_jobs, 1);
}

#[test]
fn whoever_says_it_again_and_asks_later_finds_the_outcome() {
    let mut scene = Scene::new();
    scene.submit(job(1));
    scene.submit(job(2));
    scene.handle(Event::SessionAsksLater { session: SessionId(1) });
    assert!(scene.submit(job(1)).is_empty());
    scene.cancel(1);
    scene.cancel(2);
    assert_eq!(scene.retained.len(), 1, "neither was accepted");
    assert_eq!(scene.submit(job(1)), ["1 cancelled"]);
}
