//! No client takes what all share: who holds most is refused, or gives way.

use acequia_scheduler::Config;
use acequia_wire::client::Submit;
use acequia_wire::{ContentType, Limits, Payload};

use crate::scene::{Scene, job, queue};

/// A scheduler with a session of each of three clients.
fn three_clients(config: Config) -> Scene {
    let mut scene = Scene::of(config);
    scene.open(2, 2);
    scene.open(3, 3);
    scene
}

fn limited(limits: Limits) -> Scene {
    three_clients(Config { limits, ..Config::default() })
}

/// Has a session submit until it is refused, from this id on; returns how many were taken.
fn fill(scene: &mut Scene, session: u64, from: u32, spec: impl Fn(u32) -> Submit) -> u32 {
    for id in from..from + 1_000 {
        let lines = scene.submit_as(session, spec(id));
        if lines[0] != format!("record {id}") {
            assert_eq!(lines, [format!("{id} rejected: queue_full")]);
            return id - from;
        }
    }
    panic!("nothing is refused")
}

/// Of twelve, the first takes six and the second half of what is left; and one who holds nothing
/// gets in, as long as there is one.
fn assert_shared(scene: &mut Scene, spec: impl Fn(u32) -> Submit) {
    assert_eq!(fill(scene, 1, 1_000, &spec), 6);
    assert_eq!(fill(scene, 2, 2_000, &spec), 3);
    assert_eq!(fill(scene, 3, 3_000, &spec), 1);
    scene.open(4, 4);
    assert_eq!(fill(scene, 4, 4_000, &spec), 1);
    assert_eq!(fill(scene, 1, 1_500, &spec), 0, "who has most gets no more");
    for id in 1_000..1_006 {
        scene.cancel(id);
    }
    assert_eq!(scene.submit_as(3, spec(3_500)), ["record 3500"], "there is room again");
}

fn delayed(id: u32) -> Submit {
    Submit { delay_ms: 1_000, ..job(id) }
}

#[test]
fn of_jobs_that_wait() {
    assert_shared(&mut limited(Limits { waiting_jobs: 12, ..Limits::default() }), job);
    assert_shared(&mut limited(Limits { waiting_jobs: 12, ..Limits::default() }), delayed);
}

#[test]
fn of_the_jobs_of_a_queue() {
    assert_shared(&mut limited(Limits { queue_jobs: 12, ..Limits::default() }), delayed);
}

#[test]
fn of_payload_bytes() {
    // Each has a payload of three bytes.
    assert_shared(&mut limited(Limits { payloads_bytes: 36, ..Limits::default() }), delayed);
}

#[test]
fn of_names_of_queues() {
    let mut scene = three_clients(Config { queue_names: 12, ..Config::default() });
    assert_shared(&mut scene, |id| Submit { queue: queue(&format!("q{id}")), ..delayed(id) });
}

#[test]
fn what_runs_does_not_wait() {
    let mut scene = limited(Limits { waiting_jobs: 4, ..Limits::default() });
    scene.lane(1, 3);
    assert_eq!(fill(&mut scene, 1, 1, job), 3 + 2);
    scene.done(1, 1);
    assert_eq!(fill(&mut scene, 1, 10, job), 1);
}

#[test]
fn what_does_not_fit_is_refused_and_what_is_smaller_is_not() {
    let sized = |id: u32, bytes: usize| {
        let payload = Payload::new(ContentType::Octets, vec![0; bytes].into()).unwrap();
        Submit { payload, ..delayed(id) }
    };
    let mut scene = limited(Limits { payloads_bytes: 100, ..Limits::default() });
    assert_eq!(scene.submit(sized(1, 90)), ["record 1"], "it is alone");
    assert_eq!(scene.submit(sized(2, 1)), ["2 rejected: queue_full"]);
    assert_eq!(scene.submit_as(2, sized(3, 11)), ["3 rejected: queue_full"]);
    assert_eq!(scene.submit_as(2, sized(4, 4)), ["record 4"]);
    assert_eq!(scene.submit(sized(5, 0)), ["5 rejected: queue_full"], "it holds too much as it is");
    assert_eq!(scene.submit_as(2, sized(6, 1)), ["record 6"], "as much as is left then");
    assert_eq!(scene.submit_as(2, sized(7, 1)), ["7 rejected: queue_full"]);
    assert_eq!(scene.submit_as(3, sized(8, 5)), ["record 8"]);
}

#[test]
fn names_that_workers_serve_are_no_clients_to_take() {
    let mut scene = three_clients(Config { queue_names: 2, ..Config::default() });
    let of = |id: u32, name: &str| Submit { queue: queue(name), ..delayed(id) };
    scene.lane_of(1, 1, &["served", "second"]);
    scene.submit(of(1, "a"));
    scene.submit_as(2, of(2, "b"));
    assert_eq!(scene.submit_as(3, of(3, "c")), ["3 rejected: queue_full"]);
    assert_eq!(scene.submit_as(3, of(4, "served")), ["record 4"]);
    assert!(scene.lane_of(2, 1, &["third"]).is_empty(), "a worker brings its own");
    assert_eq!(scene.submit_as(3, of(5, "third")), ["record 5"]);
}

/// Clients 1 and 2 have outcomes or letters, 1 of ten jobs, 2 of the first and the last.
fn ended(scene: &mut Scene, mut end: impl FnMut(&mut Scene, u32)) {
    scene.lane(1, 1);
    for (session, id) in [(2, 100), (2, 101)].into_iter().chain((1..=10).map(|id| (1, id))) {
        scene.submit_as(session, Submit { key: Some(format!("k{id}").into()), ..job(id) });
        end(scene, id);
    }
    scene.submit_as(2, Submit { key: Some("k102".into()), ..job(102) });
    end(scene, 102);
}

#[test]
fn of_outcomes_that_are_kept_by_number_and_by_size() {
    for config in [
        Config { retained_jobs: 6, ..Config::default() },
        // Each weighs 256 bytes, its key of two to four, and its result.
        Config { retained_bytes: 6 * 265, ..Config::default() },
    ] {
        let mut scene = three_clients(config);
        ended(&mut scene, |scene, id| _ = scene.done(1, id));
        let kept = |ids: std::ops::RangeInclusive<u32>| -> Vec<u32> {
            ids.filter(|id| scene.find(*id).is_some()).collect()
        };
        assert_eq!(kept(100..=102), [100, 101, 102], "who has least loses nothing");
        assert_eq!(kept(1..=10), [8, 9, 10], "who has most loses the oldest");
        // What the journal is told is what is kept, so after a restart it is the same.
        let mut next = Scene::empty(config);
        for retained in scene.retained.clone() {
            next.handle(acequia_scheduler::Event::RecoveredOutcome(retained));
        }
        let known = |scene: &Scene| -> Vec<u32> {
            (1..=102).filter(|id| scene.find(*id).is_some()).collect()
        };
        assert_eq!(known(&next), known(&scene));
        assert_eq!(next.retained.len(), 0, "and nothing is given up");
    }
}

#[test]
fn of_dead_letters() {
    let mut scene = three_clients(Config { dead_letters: 6, ..Config::default() });
    ended(&mut scene, |scene, id| _ = scene.fail(1, id, false));
    assert_eq!(scene.dead(), [100, 101, 8, 9, 10, 102]);
    // Those of the journal are shared out again.
    let letters: Vec<_> = scene.letters.values().cloned().collect();
    let mut next = Scene::empty(Config { dead_letters: 4, ..Config::default() });
    for letter in letters {
        next.handle(acequia_scheduler::Event::RecoveredDeadLetter(letter));
    }
    assert_eq!(next.dead(), [101, 9, 10, 102]);
}
