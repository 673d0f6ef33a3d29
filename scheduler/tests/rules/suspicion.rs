//! Which job cost its workers their lives, of those that were with them.

use acequia_scheduler::Event;
use acequia_wire::client::Submit;
use acequia_wire::limits::LOSSES_MAX;

use crate::scene::{Scene, job, queue, runs};

/// The jobs that a lane got.
fn got(lines: &[String]) -> Vec<u32> {
    let job = |run: &&str| run.split(' ').next().unwrap().parse().unwrap();
    runs(lines).iter().map(job).collect()
}

/// A worker that dies of job 13, holds the others for a while, and is then through with them; and
/// then the next one, until nothing is left. Returns how many died, and what was told.
fn live_and_die(scene: &mut Scene, slots: u32) -> (u32, Vec<String>) {
    const POISON: u32 = 13;
    let (mut died, mut told) = (0, Vec::new());
    for lane in 1..100 {
        let mut said = scene.lane(lane, slots);
        let mut held = got(&said);
        told.append(&mut said);
        while !held.is_empty() && !held.contains(&POISON) {
            let mut said = scene.done(lane, held.remove(0));
            held.extend(got(&said));
            told.append(&mut said);
        }
        died += u32::from(held.contains(&POISON));
        told.append(&mut scene.lane_ends(lane));
    }
    (died, told)
}

fn ends(told: &[String], how: &str) -> usize {
    told.iter().filter(|line| line.contains(how)).count()
}

#[test]
fn of_sixteen_that_were_lost_together_the_one_that_is_poison_dies_and_no_other() {
    let mut scene = Scene::new();
    (1..=16).for_each(|id| _ = scene.submit(job(id)));
    let (died, told) = live_and_die(&mut scene, 16);
    assert_eq!(died, LOSSES_MAX + 1);
    assert_eq!(ends(&told, " done"), 15);
    assert_eq!(ends(&told, " failed "), 1);
    assert!(told.contains(&"13 failed 4: worker_lost".to_owned()));
}

#[test]
fn of_a_thousand_few_run_beside_each_other_and_fewer_alone() {
    let mut scene = Scene::new();
    (1..=1_000).for_each(|id| _ = scene.submit(job(id)));
    for lane in 1..=2 {
        assert_eq!(got(&scene.lane(lane, 1_000)).len(), 1_000);
        scene.lane_ends(lane);
    }
    assert_eq!(got(&scene.lane(3, 1_000)).len(), 8, "those that share a lane");
    scene.lane_ends(3);
    for id in 1..=8 {
        // What was beside the one that is poison the third time is alone the fourth.
        let run = match id {
            1 => scene.lane(4, 1_000),
            _ => scene.done(4, id - 1),
        };
        assert_eq!(got(&run), [id]);
    }
    assert_eq!(got(&scene.done(4, 8)).len(), 8, "and of the others again some share it");
}

#[test]
fn a_loss_in_company_convicts_nobody() {
    let mut scene = Scene::new();
    scene.submit(job(1));
    for lane in 1..=3 {
        scene.lane(lane, 1);
        scene.lane_ends(lane);
    }
    scene.submit(job(2));
    // Job 1 is alone with its worker, and so is job 2.
    assert_eq!(runs(&scene.lane(4, 2)), ["1 on 4"]);
    assert_eq!(runs(&scene.lane(5, 2)), ["2 on 5"]);
    assert_eq!(scene.lane_ends(4), ["1 failed 4: worker_lost", "settle 1"]);
}

#[test]
fn a_void_run_may_be_why_a_lane_was_lost_too() {
    let mut scene = Scene::new();
    scene.submit(job(1));
    for lane in 1..=3 {
        scene.lane(lane, 1);
        scene.lane_ends(lane);
    }
    scene.handle(Event::PauseQueue { queue: queue("default") });
    scene.lane_of(4, 2, &["default", "other"]);
    scene.submit(Submit { queue: queue("other"), ..job(2) });
    scene.cancel(2);
    assert_eq!(runs(&scene.handle(Event::ResumeQueue { queue: queue("default") })), ["1 on 4"]);
    assert_eq!(scene.lane_ends(4), ["1 retrying: worker_lost"]);
    scene.lane(5, 1);
    assert_eq!(scene.lane_ends(5), ["1 failed 5: worker_lost", "settle 1"]);
}

#[test]
fn a_lane_is_emptied_for_one_under_suspicion_and_takes_others_after_it() {
    let mut scene = Scene::new();
    scene.submit(job(1));
    for lane in 1..=2 {
        scene.lane(lane, 1);
        scene.lane_ends(lane);
    }
    scene.submit(job(2));
    scene.submit(job(3));
    // It goes first where a lane is empty.
    assert_eq!(runs(&scene.lane(3, 2)), ["1 on 3"]);
    assert!(scene.scheduler.stats(scene.now()).lanes[0].apart);
    assert_eq!(runs(&scene.done(3, 1)), ["2 on 3", "3 on 3"]);
    assert!(!scene.scheduler.stats(scene.now()).lanes[0].apart);

    // And where none is, it waits for one: nobody is put beside the last job of that.
    scene.submit(job(4));
    scene.lane(4, 1);
    scene.submit(job(5));
    scene.lane_ends(4);
    scene.lane(5, 1);
    scene.lane_ends(5);
    scene.submit(job(6));
    assert!(runs(&scene.done(3, 2)).is_empty());
    assert_eq!(runs(&scene.done(3, 3)), ["4 on 3"]);
    assert_eq!(runs(&scene.done(3, 4)), ["5 on 3", "6 on 3"]);
}

#[test]
fn one_under_suspicion_that_is_cancelled_lets_its_lane_go() {
    let mut scene = Scene::new();
    scene.lane(9, 2);
    scene.submit(job(9));
    scene.submit(job(10));
    scene.submit(job(1));
    for lane in 1..=2 {
        assert_eq!(runs(&scene.lane(lane, 1)), [format!("1 on {lane}")]);
        scene.lane_ends(lane);
    }
    scene.submit(job(2));
    assert!(runs(&scene.done(9, 9)).is_empty(), "it is kept for job 1");
    assert_eq!(runs(&scene.cancel(1)), ["2 on 9"]);
}
