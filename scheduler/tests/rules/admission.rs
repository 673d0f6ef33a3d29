//! What is not taken, and until when.

use acequia_wire::Limits;
use acequia_wire::client::Submit;
use acequia_wire::limits::QUEUES_MAX;

use crate::scene::{Scene, job, queue, runs};

#[test]
fn an_id_is_unique_among_the_live_jobs_of_a_session() {
    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.submit(job(1));
    assert_eq!(scene.submit_named(1, 8, job(1)), ["1 rejected: duplicate_id"]);
    assert_eq!(scene.submit_named(2, 9, job(1)), ["record 9"]);
}

#[test]
fn a_client_has_so_many_live_jobs_over_all_of_its_sessions() {
    let mut scene = Scene::with(Limits { client_jobs: 2, ..Limits::default() });
    scene.open(2, 1);
    scene.open(3, 3);
    scene.submit(job(1));
    scene.submit_as(2, Submit { delay_ms: 10, ..job(2) });
    assert_eq!(scene.submit(job(3)), ["3 rejected: too_many_jobs"]);
    assert_eq!(scene.submit_as(3, job(3)), ["record 3"]);
    scene.cancel(1);
    assert_eq!(scene.submit_as(2, job(4)), ["record 4"]);
}

#[test]
fn a_session_may_be_limited_to_fewer_jobs_of_its_client() {
    let mut scene = Scene::with(Limits { client_jobs: 3, ..Limits::default() });
    scene.open(2, 1);
    assert!(scene.limit(2, 1).is_empty());
    scene.submit(job(1));
    assert_eq!(scene.submit_as(2, job(2)), ["2 rejected: too_many_jobs"]);
    assert_eq!(scene.submit(job(2)), ["record 2"], "the other session is not limited");
    scene.limit(2, u32::MAX);
    assert_eq!(scene.submit_as(2, job(3)), ["record 3"]);
    assert_eq!(scene.submit_as(2, job(4)), ["4 rejected: too_many_jobs"], "as all clients");
    assert!(scene.limit(9, 1).is_empty(), "a session that is not there");
}

#[test]
fn jobs_that_outlive_their_session_still_count() {
    let mut scene = Scene::with(Limits { client_jobs: 1, ..Limits::default() });
    scene.submit(job(1));
    scene.close(1);
    scene.open(2, 1);
    assert_eq!(scene.submit_as(2, job(2)), ["2 rejected: too_many_jobs"]);
}

#[test]
fn so_many_jobs_wait_in_all() {
    let mut scene = Scene::with(Limits { waiting_jobs: 2, ..Limits::default() });
    scene.open(2, 2);
    scene.submit(job(1));
    scene.submit_as(2, Submit { delay_ms: 10, ..job(2) });
    assert_eq!(scene.submit(job(3)), ["3 rejected: queue_full"]);
    // What runs does not wait.
    scene.lane(1, 1);
    assert_eq!(scene.submit(job(3)), ["record 3"]);
}

#[test]
fn a_queue_has_so_many_live_jobs() {
    let mut scene = Scene::with(Limits { queue_jobs: 1, ..Limits::default() });
    scene.lane(1, 1);
    scene.submit(job(1));
    assert_eq!(scene.submit(job(2)), ["2 rejected: queue_full"], "it runs, and is live");
    scene.submit(Submit { queue: "another".parse().unwrap(), ..job(3) });
    scene.done(1, 1);
    assert_eq!(runs(&scene.submit(job(2))), ["2 on 1"]);
}

#[test]
fn payloads_take_so_many_bytes_in_all() {
    let mut scene = Scene::with(Limits { payloads_bytes: 7, ..Limits::default() });
    scene.open(2, 2);
    scene.lane(1, 1);
    scene.submit(job(1));
    scene.submit_as(2, job(2));
    assert_eq!(scene.submit(job(3)), ["3 rejected: queue_full"]);
    scene.cancel_as(2, 2);
    scene.done(1, 1);
    assert_eq!(scene.submit(job(3))[0], "record 3");
}

#[test]
fn so_many_queues_are_in_use_at_a_time() {
    let mut scene = Scene::with(Limits { client_jobs: 2 * QUEUES_MAX, ..Limits::default() });
    let in_queue = |id: u32| Submit { queue: queue(&format!("q{id}")), ..job(id) };
    let (half, last) = (u32::try_from(QUEUES_MAX / 2).unwrap(), u32::try_from(QUEUES_MAX).unwrap());
    for id in 1..=half {
        assert_eq!(scene.submit(in_queue(id)), [format!("record {id}")]);
    }
    assert_eq!(scene.submit(in_queue(half + 1)), [format!("{} rejected: queue_full", half + 1)]);
    for id in half + 1..=last {
        scene.open(id.into(), id.into());
        assert_eq!(scene.submit_as(id.into(), in_queue(id)), [format!("record {id}")]);
    }
    scene.open(2, 2);
    let refused = [format!("{} rejected: queue_full", last + 1)];
    assert_eq!(scene.submit_as(2, in_queue(last + 1)), refused);
    assert_eq!(scene.submit(Submit { queue: queue("q1"), ..job(0) }), ["record 0"]);
    scene.cancel(2);
    assert_eq!(scene.submit_as(2, in_queue(last + 1)), [format!("record {}", last + 1)]);
}
