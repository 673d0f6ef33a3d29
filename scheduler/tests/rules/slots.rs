//! Which lane a job goes to, and which queue a lane takes from.

use acequia_wire::client::Submit;

use crate::scene::{Scene, job, queue, runs};

#[test]
fn the_least_loaded_lane_comes_first() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.lane(2, 4);
    let lane_of = |id| runs(&scene.submit(job(id)))[0].split(" on ").last().unwrap().to_owned();
    let lanes: Vec<String> = (1..=6).map(lane_of).collect();
    // By the share of slots taken; among equals the one that was not used for longest.
    assert_eq!(lanes, ["1", "2", "2", "1", "2", "2"]);
}

#[test]
fn a_short_job_never_waits_behind_a_long_one() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.lane(2, 1);
    assert_eq!(runs(&scene.submit(job(1))), ["1 on 1"]);
    // Job 1 is the long one; all others pass through the other slot.
    assert_eq!(runs(&scene.submit(job(2))), ["2 on 2"]);
    for id in 3..100 {
        assert!(runs(&scene.submit(job(id))).is_empty());
        assert_eq!(runs(&scene.done(2, id - 1)), [format!("{id} on 2")]);
    }
}

#[test]
fn the_queues_of_a_lane_take_turns() {
    let mut scene = Scene::new();
    for id in 0..9 {
        let name = ["red", "green", "blue"][id as usize / 3];
        scene.submit(Submit { queue: queue(name), ..job(id) });
    }
    let mut next = scene.lane_of(1, 1, &["red", "green", "blue"]);
    let mut order = Vec::new();
    for _ in 0..9 {
        let id = runs(&next)[0].replace(" on 1", "").parse().unwrap();
        order.push(id);
        next = scene.done(1, id);
    }
    assert_eq!(order, [0, 3, 6, 1, 4, 7, 2, 5, 8]);
}

#[test]
fn a_lane_gets_jobs_of_its_queues_only() {
    let mut scene = Scene::new();
    scene.lane_of(1, 1, &["red"]);
    assert_eq!(scene.submit(job(1)), ["record 1"]);
    assert_eq!(runs(&scene.submit(Submit { queue: queue("red"), ..job(2) })), ["2 on 1"]);
    assert_eq!(runs(&scene.lane_of(2, 1, &["red", "default"])), ["1 on 2"]);
}

#[test]
fn a_queue_that_is_named_twice_is_served_once() {
    let mut scene = Scene::new();
    scene.lane_of(1, 1, &["default", "default"]);
    assert_eq!(runs(&scene.submit(job(1))), ["1 on 1"]);
    scene.lane_ends(1);
    assert_eq!(runs(&scene.lane(2, 1)), ["1 on 2"]);
}

#[test]
fn a_draining_lane_finishes_and_gets_nothing_more() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.submit(job(1));
    scene.lane_drains(1);
    assert_eq!(scene.submit(job(2)), ["record 2"]);
    assert_eq!(scene.done(1, 1), ["1 started: 1 by w1", "1 done", "settle 1"]);
    assert_eq!(runs(&scene.lane(2, 1)), ["2 on 2"]);
}

#[test]
fn a_second_ready_of_a_lane_changes_nothing() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(job(1));
    scene.submit(job(2));
    assert!(scene.lane_of(1, 5, &["default", "red"]).is_empty());
    assert_eq!(runs(&scene.done(1, 1)), ["2 on 1"]);
    let stats = scene.scheduler.stats(acequia_scheduler::Time::default());
    assert_eq!((stats.lanes[0].slots, stats.queues.len()), (1, 1));
}

#[test]
fn when_the_server_drains_nothing_starts() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.submit(Submit { attempts: 2, ..job(1) });
    scene.submit(Submit { delay_ms: 10, ..job(2) });
    assert_eq!(scene.drain(), ["bye 1"]);
    assert_eq!(scene.lane(2, 2), ["bye 2"]);
    assert_eq!(scene.submit(job(3)), ["3 rejected: draining"]);
    assert!(scene.pass_ms(10).is_empty());
    assert!(!scene.scheduler.is_idle());
    assert_eq!(scene.fail(1, 1, true), ["1 started: 1 by w1", "1 retrying: dry"]);
    assert!(scene.pass_ms(1_000).is_empty());
    assert!(scene.scheduler.is_idle());
}

/// Slots, those that are busy, and the load, by queue.
fn loads(scene: &Scene) -> Vec<(String, u64, u64, f64)> {
    let told = scene.scheduler.stats(scene.now()).queues.into_iter();
    let mut told: Vec<_> =
        told.map(|of| (of.name.as_str().to_owned(), of.slots, of.slots_busy, of.load())).collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    told
}

fn load(queue: &str, slots: u64, busy: u64, load: f64) -> (String, u64, u64, f64) {
    (queue.to_owned(), slots, busy, load)
}

#[test]
fn the_load_of_a_queue_tells_how_many_slots_it_would_fill() {
    let mut scene = Scene::new();
    scene.submit(job(1));
    scene.submit(job(2));
    assert_eq!(loads(&scene), [load("default", 0, 0, 2.0)], "without a slot, jobs ask for some");
    scene.lane(1, 4);
    assert_eq!(loads(&scene), [load("default", 4, 2, 0.5)]);
    (3..=6).for_each(|id| drop(scene.submit(job(id))));
    assert_eq!(loads(&scene), [load("default", 4, 4, 1.5)]);
    (1..=6).for_each(|id| drop(scene.done(1, id)));
    assert_eq!(loads(&scene), [load("default", 4, 0, 0.0)]);
    scene.lane_ends(1);
    assert!(loads(&scene).is_empty());
}

#[test]
fn a_slot_counts_for_each_queue_that_its_worker_serves() {
    let mut scene = Scene::new();
    scene.lane_of(1, 2, &["green", "red"]);
    scene.lane_of(2, 1, &["red"]);
    // Both go where no slot is taken yet: one to either lane.
    scene.submit(Submit { queue: queue("red"), ..job(1) });
    scene.submit(Submit { queue: queue("red"), ..job(2) });
    // Of the slots that serve `green`, a job of `red` has one.
    assert_eq!(loads(&scene), [load("green", 2, 1, 0.5), load("red", 3, 2, 2.0 / 3.0)]);
}

#[test]
fn workers_that_take_no_jobs_have_no_slots_for_a_queue() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.lane(2, 1);
    scene.submit(job(1));
    scene.submit(job(2));
    scene.submit(job(3));
    scene.lane_drains(1);
    assert_eq!(loads(&scene), [load("default", 1, 1, 2.0)], "one drains");
    scene.beat(2);
    scene.pass_ms(u64::try_from(acequia_scheduler::Config::LEASE.as_millis()).unwrap());
    // The job of the other, which is silent, waits again.
    assert_eq!(loads(&scene), [load("default", 0, 0, 2.0)]);
}
