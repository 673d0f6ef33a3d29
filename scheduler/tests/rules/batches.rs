//! Jobs that are counted together.

use acequia_wire::Limits;
use acequia_wire::client::{OnDisconnect, Submit};

use crate::scene::{Scene, job};

fn of_batch(id: u32) -> Submit {
    Submit { batch: Some("b".into()), ..job(id) }
}

/// Those lines that tell of a batch.
fn batches(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.strip_prefix("batch ")).collect()
}

#[test]
fn the_end_of_the_last_job_is_the_end_of_the_batch() {
    let mut scene = Scene::new();
    scene.lane(1, 3);
    for id in 1..=4 {
        scene.submit(of_batch(id));
    }
    scene.submit(job(5));
    scene.pass_ms(70);
    assert!(batches(&scene.done(1, 2)).is_empty());
    assert!(batches(&scene.fail(1, 3, false)).is_empty());
    assert!(batches(&scene.cancel(4)).is_empty());
    let last = scene.done(1, 1);
    assert_eq!(last[1..4], ["1 done", "settle 1", "batch b: 4 = 2 + 1 + 1 in 70 ms"]);
}

#[test]
fn a_submit_under_the_name_of_a_batch_that_is_over_begins_another() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    for id in 1..=2 {
        scene.submit(of_batch(id));
        assert_eq!(batches(&scene.done(1, id)), ["b: 1 = 1 + 0 + 0 in 0 ms"]);
    }
}

#[test]
fn a_job_that_waits_for_its_time_keeps_a_batch_open() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { delay_ms: 1_000, ..of_batch(1) });
    scene.submit(of_batch(2));
    assert!(batches(&scene.done(1, 2)).is_empty());
    scene.pass_ms(5);
    assert_eq!(batches(&scene.cancel(1)), ["b: 2 = 1 + 0 + 1 in 5 ms"]);
}

#[test]
fn a_job_that_was_refused_is_not_in_the_batch() {
    let mut scene = Scene::with(Limits { client_jobs: 1, ..Limits::default() });
    scene.submit(of_batch(1));
    assert_eq!(scene.submit(of_batch(2)), ["2 rejected: too_many_jobs"]);
    assert_eq!(batches(&scene.cancel(1)), ["b: 1 = 0 + 0 + 1 in 0 ms"]);
}

#[test]
fn a_batch_is_its_clients_own_and_all_its_sessions_are_told() {
    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.open(3, 1);
    scene.open(4, 1);
    scene.open(5, 5);
    scene.lane(1, 5);
    for session in [1, 2, 4, 5] {
        scene.submit_as(session, of_batch(u32::try_from(session).unwrap()));
    }
    // Its job goes on without it.
    scene.close(4);
    assert_eq!(batches(&scene.done(1, 5)), ["b: 1 = 1 + 0 + 0 in 0 ms"]);
    scene.done(1, 1);
    scene.done(1, 2);
    assert_eq!(batches(&scene.done(1, 4)), ["b: 3 = 3 + 0 + 0 in 0 ms"; 2]);
}

#[test]
fn the_end_of_a_session_that_ends_a_batch_is_told_to_the_others() {
    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.submit(of_batch(1));
    scene.submit_as(2, Submit { on_disconnect: OnDisconnect::Cancel, ..of_batch(2) });
    scene.cancel(1);
    assert_eq!(batches(&scene.close(2)), ["b: 2 = 0 + 0 + 2 in 0 ms"]);
}

#[test]
fn a_submit_that_its_key_answers_is_not_counted_again() {
    let keyed = |id| Submit { key: Some("k".into()), ..of_batch(id) };
    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.open(3, 1);
    scene.lane(1, 1);
    scene.submit(keyed(1));
    scene.submit_as(2, keyed(2));
    scene.submit_as(3, Submit { batch: Some("other".into()), ..keyed(3) });
    assert_eq!(batches(&scene.done(1, 1)), ["b: 1 = 1 + 0 + 0 in 0 ms"; 2]);
    assert_eq!(scene.submit(keyed(4)), ["4 of 1 done"], "and an outcome that was kept makes none");
}
