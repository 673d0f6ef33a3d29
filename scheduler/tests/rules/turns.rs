//! Who goes first among those that wait.

use acequia_wire::client::Submit;

use crate::scene::{Scene, job, runs};

#[test]
fn nobody_waits_behind_ten_thousand_jobs_of_another() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.open(2, 2);
    for id in 0..10_000 {
        scene.submit(job(id));
    }
    scene.submit_as(2, job(20_000));
    assert_eq!(runs(&scene.done(1, 0)), ["1 on 1"]);
    assert_eq!(runs(&scene.done(1, 1)), ["20000 on 1"]);
    assert_eq!(runs(&scene.done(1, 20_000)), ["2 on 1"]);
}

#[test]
fn the_sessions_of_a_client_share_its_turns() {
    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.open(3, 3);
    for (id, session) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3)] {
        scene.submit_as(session, job(id));
    }
    assert_eq!(
        runs(&scene.lane(1, 6)),
        ["1 on 1", "5 on 1", "2 on 1", "6 on 1", "3 on 1", "4 on 1"]
    );
}

#[test]
fn a_higher_priority_goes_first_whoever_asks() {
    let mut scene = Scene::new();
    scene.open(2, 2);
    for (id, session, priority) in [(1, 1, 0), (2, 1, 4), (3, 1, 9), (4, 2, 4), (5, 2, 9)] {
        scene.submit_as(session, Submit { priority, ..job(id) });
    }
    assert_eq!(runs(&scene.lane(1, 5)), ["3 on 1", "5 on 1", "2 on 1", "4 on 1", "1 on 1"]);
}

#[test]
fn a_delayed_job_comes_into_line_when_its_time_has_come() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { delay_ms: 50, ..job(1) });
    assert_eq!(scene.next_ms(), Some(50));
    assert_eq!(runs(&scene.submit(job(2))), ["2 on 1"]);
    assert!(scene.submit(job(3)).iter().all(|line| line == "record 3"));
    assert!(scene.pass_ms(50).is_empty());
    assert_eq!(runs(&scene.done(1, 2)), ["3 on 1"]);
    assert_eq!(runs(&scene.done(1, 3)), ["1 on 1"]);
}

#[test]
fn of_jobs_due_at_the_same_time_the_oldest_goes_first() {
    let mut scene = Scene::new();
    // The places of jobs that have ended are used again, the last one first.
    for id in 1..=3 {
        scene.submit(job(id));
    }
    for id in 1..=3 {
        scene.cancel(id);
    }
    for id in 11..=13 {
        scene.submit(Submit { delay_ms: 5, ..job(id) });
    }
    scene.pass_ms(5);
    assert_eq!(runs(&scene.lane(1, 3)), ["11 on 1", "12 on 1", "13 on 1"]);
}

#[test]
fn one_job_in_sixteen_goes_by_its_age_so_that_the_lowest_moves() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { priority: 9, ..job(0) });
    scene.submit(Submit { priority: 0, ..job(1_000) });
    scene.pass_ms(1);
    let mut order = Vec::new();
    let mut running = 0;
    for id in 1..=40 {
        // There is always something of a higher priority.
        scene.submit(Submit { priority: 9, ..job(2 * id) });
        scene.submit(Submit { priority: 9, ..job(2 * id + 1) });
        running = runs(&scene.done(1, running))[0].replace(" on 1", "").parse().unwrap();
        order.push(running);
    }
    assert_eq!(order.iter().position(|id| *id == 1_000), Some(15));
    assert!(order[..15].is_sorted(), "the others keep their order: {order:?}");
}
