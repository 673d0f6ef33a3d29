//! What an operator may do: pause queues, cancel any job, drain a worker.

use acequia_scheduler::{Event, LaneKey};
use acequia_wire::client::Submit;

use crate::scene::{Scene, job, job_id, queue, runs};

fn pause(scene: &mut Scene, name: &str) {
    assert!(scene.handle(Event::PauseQueue { queue: queue(name) }).is_empty());
}

fn resume(scene: &mut Scene, name: &str) -> Vec<String> {
    scene.handle(Event::ResumeQueue { queue: queue(name) })
}

#[test]
fn no_job_of_a_paused_queue_begins_until_it_is_resumed() {
    let mut scene = Scene::new();
    scene.lane(2, 1);
    scene.lane_of(1, 1, &["red", "default"]);
    assert_eq!(runs(&scene.submit(job(1))), ["1 on 2"]);
    pause(&mut scene, "default");
    pause(&mut scene, "default");
    for id in 2..=4 {
        assert_eq!(scene.submit(job(id)), [format!("record {id}")], "it is taken, and waits");
    }
    assert!(runs(&scene.done(2, 1)).is_empty(), "what ran may end");
    assert_eq!(runs(&scene.submit(Submit { queue: queue("red"), ..job(5) })), ["5 on 1"]);
    scene.lane(3, 1);
    assert_eq!(runs(&resume(&mut scene, "default")), ["2 on 2", "3 on 3"]);
    assert!(resume(&mut scene, "default").is_empty());
    assert_eq!(runs(&scene.done(1, 5)), ["4 on 1"]);
}

#[test]
fn a_queue_is_paused_before_anybody_uses_it() {
    let mut scene = Scene::new();
    pause(&mut scene, "red");
    scene.lane_of(1, 1, &["red"]);
    assert!(runs(&scene.submit(Submit { queue: queue("red"), ..job(1) })).is_empty());
    assert_eq!(runs(&resume(&mut scene, "red")), ["1 on 1"]);
}

#[test]
fn any_live_job_can_be_cancelled() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    scene.submit(job(2));
    let cancel = |id| Event::CancelJob { job: job_id(id) };
    assert_eq!(scene.handle(cancel(2)), ["2 cancelled", "settle 2"]);
    assert_eq!(scene.handle(cancel(1)), ["void 1 on 1", "1 cancelled", "settle 1"]);
    assert!(scene.handle(cancel(1)).is_empty());
}

#[test]
fn a_worker_that_is_drained_gets_no_job_and_is_told_once() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.submit(job(1));
    let drain = || Event::DrainLane { lane: LaneKey(1) };
    assert_eq!(scene.handle(drain()), ["bye 1"]);
    assert!(scene.handle(drain()).is_empty());
    assert!(runs(&scene.submit(job(2))).is_empty());
    assert!(runs(&scene.done(1, 1)).is_empty());
}
