//! Where a job is, or what became of it, is found by its id.

use acequia_scheduler::{ClientId, Config, Event, Found, LiveJob, LiveState, SessionId, Time};
use acequia_wire::CorrelationId;
use acequia_wire::client::{JobEvent, Submit};

use crate::scene::{Scene, job, job_id, queue};

fn live(scene: &Scene, id: u32) -> LiveJob {
    match scene.find(id) {
        Some(Found::Live(live)) => live,
        other => panic!("{other:?} is not live"),
    }
}

#[test]
fn a_live_job_is_found_in_each_of_its_states() {
    let mut scene = Scene::new();
    let began = scene.now();
    scene.submit(Submit { attempts: 2, queue: queue("slow"), delay_ms: 30, ..job(1) });
    let until = Time::from_millis(began.as_millis() + 30);
    let mut expected = LiveJob {
        job: job_id(1),
        id: CorrelationId::Int(1),
        priority: 4,
        queue: queue("slow"),
        client: ClientId(1),
        submitted: began,
        runs: 0,
        failures: 0,
        losses: 0,
        state: LiveState::Delayed { until },
        traceparent: None,
    };
    assert_eq!(live(&scene, 1), expected);

    scene.pass_ms(30);
    expected.state = LiveState::Waiting { since: until };
    assert_eq!(live(&scene, 1), expected);

    scene.pass_ms(10);
    scene.lane_of(1, 1, &["slow"]);
    expected.state = LiveState::Running { worker: "w1".into(), since: scene.now() };
    expected.runs = 1;
    assert_eq!(live(&scene, 1), expected);

    scene.lane_ends(1);
    expected.state = LiveState::Waiting { since: scene.now() };
    expected.losses = 1;
    assert_eq!(live(&scene, 1), expected);

    scene.lane_of(2, 1, &["slow"]);
    scene.fail(2, 1, true);
    let again = live(&scene, 1);
    assert_eq!((again.runs, again.failures, again.losses), (2, 1, 1));
    assert!(matches!(again.state, LiveState::Delayed { until } if until > scene.now()));
}

#[test]
fn what_became_of_a_job_is_found_while_its_outcome_is_kept() {
    let mut scene = Scene::new();
    scene.lane(1, 3);
    for id in 1..=3 {
        scene.submit(job(id));
    }
    scene.durable(2);
    scene.done(1, 1);
    scene.fail(1, 2, false);
    scene.done(1, 3);
    for (id, retained) in [1, 2].into_iter().zip(scene.retained.clone()) {
        assert_eq!(retained.job, job_id(id));
        assert_eq!(scene.find(id), Some(Found::Ended(retained)));
    }
    assert_eq!(scene.find(3), None, "it was not accepted");
    assert_eq!(scene.find(4), None, "it never was");

    let retention_ms = u64::try_from(Config::RETENTION.as_millis()).unwrap();
    scene.wait_ms(retention_ms - 1);
    assert!(matches!(
        scene.find(1),
        Some(Found::Ended(of)) if matches!(of.outcome, JobEvent::Done { .. })
    ));
    scene.wait_ms(1);
    assert_eq!(scene.find(1), None, "also before the tick");
}

#[test]
fn a_job_that_takes_the_place_of_another_is_not_taken_for_it() {
    let mut scene = Scene::new();
    scene.submit(job(1));
    scene.submit(job(2));
    scene.cancel(1);
    scene.submit(job(3));
    assert_eq!(scene.find(1), None);
    assert!(scene.find(2).is_some() && scene.find(3).is_some());
}

#[test]
fn outcomes_are_kept_for_whoever_asks_later_also_of_jobs_that_were_not_accepted() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.submit(job(1));
    scene.done(1, 1);
    assert_eq!(scene.find(1), None, "its client never heard of its name but with its outcome");
    scene.handle(Event::SessionAsksLater { session: SessionId(1) });
    scene.submit(job(2));
    scene.done(1, 2);
    assert!(matches!(scene.find(2), Some(Found::Ended(_))));
}
