//! What the journal is told, and what a server does with it that starts again.

use std::sync::Arc;
use std::time::Duration;

use acequia_scheduler::{ClientId, Config, Event, Recovered, Retained, SessionId, Time};
use acequia_wire::client::{JobEvent, OnDisconnect, Submit};

use crate::scene::{Scene, job, job_id, recovered, runs};

fn empty() -> Scene {
    Scene::empty(Config { seed: 1, ..Config::default() })
}

#[test]
fn retries_and_losses_are_written_down() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { attempts: 3, ..job(1) });
    scene.fail(1, 1, true);
    let in_ms = scene.next_ms().unwrap();
    assert_eq!(scene.journal, [format!("1 (1, 1, 0) Some({in_ms})")]);
    scene.pass_ms(in_ms);
    scene.lane_ends(1);
    assert_eq!(scene.journal[1], "1 (2, 1, 1) None");
}

#[test]
fn jobs_come_back_in_their_order_and_go_on_where_they_were() {
    let mut scene = empty();
    let twice = Submit { attempts: 2, ..job(1) };
    let failed = Recovered { runs: 4, failures: 1, losses: 3, ..recovered(1, twice) };
    assert!(scene.handle(Event::Recovered(failed)).is_empty());
    assert!(scene.handle(Event::Recovered(recovered(2, job(2)))).is_empty());
    scene.open(1, 1);
    // Their tickets are taken.
    scene.submit(job(3));
    assert!(scene.durable(2).is_empty());
    assert_eq!(scene.durable(3), ["3 accepted"]);
    assert_eq!(runs(&scene.lane(1, 1)), ["1 on 1"]);
    assert_eq!(scene.fail(1, 1, true), ["settle 1", "run 2 on 1"], "its attempts are used up");
    assert_eq!(scene.lane_ends(1), [""; 0], "and nobody is told");
    assert_eq!(scene.journal, ["2 (1, 0, 1) None"]);
}

#[test]
fn a_job_that_was_lost_three_times_before_is_lost_for_good() {
    let mut scene = empty();
    scene.handle(Event::Recovered(Recovered { runs: 3, losses: 3, ..recovered(1, job(1)) }));
    scene.lane(1, 1);
    assert_eq!(scene.lane_ends(1), ["settle 1"]);
}

#[test]
fn delays_and_times_to_live_go_on() {
    let mut scene = empty();
    let spec = Submit { delay_ms: 1_500, ..job(1) };
    scene.handle(Event::Recovered(recovered(1, spec)));
    let not_before = Some(scene.now() + Duration::from_millis(700));
    scene.handle(Event::Recovered(Recovered { not_before, ..recovered(2, job(2)) }));
    let late = Submit { ttl_ms: Some(1_600), ..job(3) };
    scene.handle(Event::Recovered(Recovered { runs: 1, ..recovered(4, late.clone()) }));
    scene.handle(Event::Recovered(recovered(3, late)));
    scene.handle(Event::Recovered(recovered(5, Submit { ttl_ms: Some(10), ..job(5) })));
    assert_eq!(scene.pass_ms(0), ["settle 5"], "its time was over before");
    assert_eq!(scene.next_ms(), Some(500));
    scene.pass_ms(500);
    assert_eq!(scene.next_ms(), Some(100));
    assert_eq!(scene.pass_ms(100), ["settle 3"], "and not the one that had started");
    assert_eq!(scene.next_ms(), Some(100));
    scene.pass_ms(100);
    assert_eq!(runs(&scene.lane(1, 9)).len(), 3);
}

#[test]
fn a_recovered_job_is_found_by_its_key() {
    let mut scene = empty();
    let spec = Submit { key: Some("k".into()), ..job(1) };
    scene.handle(Event::Recovered(recovered(1, spec.clone())));
    scene.open(1, 1);
    let again = Submit { id: acequia_wire::CorrelationId::Int(7), ..spec };
    assert_eq!(scene.submit(again), ["7 of 1 accepted"]);
    scene.lane(1, 1);
    assert_eq!(scene.done(1, 1)[..], ["7 of 1 done", "settle 1"]);
}

#[test]
fn an_outcome_that_was_retained_answers_for_as_long_as_was_left() {
    let spec = |id| Submit { key: Some("k".into()), ..job(id) };
    let mut before = Scene::new();
    before.lane(1, 1);
    before.submit(spec(1));
    before.done(1, 1);
    let retained = before.retained.pop().expect("an outcome");
    assert_eq!((retained.client, retained.key.as_deref()), (ClientId(1), Some("k")));
    assert_eq!((retained.job, retained.ended), (job_id(1), before.now()));

    let mut scene = empty();
    let recovered = |ended| {
        let retained = Retained { ended, ..(*retained).clone() };
        Event::RecoveredOutcome(Arc::new(retained))
    };
    let retention_ms = u64::try_from(Config::RETENTION.as_millis()).unwrap();
    // A second of it has passed.
    scene.handle(recovered(Time::default()));
    scene.open(1, 1);
    assert_eq!(scene.submit(spec(2)), ["2 of 1 done"]);
    scene.pass_ms(retention_ms - 1_000);
    assert_eq!(scene.submit(spec(2)), ["record 2"]);

    let mut late = empty();
    late.pass_ms(retention_ms);
    late.handle(recovered(Time::default()));
    assert_eq!(late.next_ms(), None);
}

#[test]
fn while_records_cannot_be_written_nothing_new_is_taken_and_all_else_goes_on() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    let keyed = |id| Submit { key: Some("k".into()), ..job(id) };
    scene.submit(keyed(1));
    scene.handle(Event::StorageFailed);
    assert_eq!(scene.submit(job(2)), ["2 rejected: storage"]);
    assert_eq!(scene.submit(keyed(3)), [""; 0], "nothing is to be written for it");
    assert_eq!(scene.done(1, 1).len(), 5);
    scene.handle(Event::StorageBack);
    assert_eq!(runs(&scene.submit(job(2))), ["2 on 1"]);
}

#[test]
fn the_outcome_of_a_job_that_was_accepted_is_kept_however_it_ended() {
    let mut scene = Scene::new();
    scene.lane(1, 2);
    let keyed = |id| Submit { key: Some("k".into()), ..job(id) };
    for spec in [job(1), keyed(2), job(3), job(4)] {
        scene.submit(spec);
    }
    scene.durable(3);
    scene.done(1, 1);
    scene.cancel(2);
    scene.fail(1, 2, false);
    scene.fail(1, 3, false);
    scene.done(1, 4);
    let kept: Vec<_> = scene.retained.iter().map(|of| (of.job, of.key.clone())).collect();
    assert_eq!(kept, [1, 2, 3].map(|id| (job_id(id), None)), "the last was not accepted");
    let outcomes: Vec<_> = scene.retained.iter().map(|of| &of.outcome).collect();
    assert!(matches!(
        outcomes[..],
        [JobEvent::Done { .. }, JobEvent::Cancelled, JobEvent::Failed { .. }]
    ));
}

#[test]
fn a_clock_that_was_ahead_before_the_restart_holds_nothing_back() {
    let mut scene = empty();
    let ahead = scene.now() + Duration::from_secs(1_000_000);
    let late = Recovered { submitted: ahead, ..recovered(1, job(1)) };
    scene.handle(Event::Recovered(late));
    let retried = Recovered { runs: 1, not_before: Some(ahead), ..recovered(2, job(2)) };
    scene.handle(Event::Recovered(retried));
    assert_eq!(runs(&scene.lane(1, 1)), ["1 on 1"]);
    assert_eq!(scene.next_ms(), Some(75_000), "no retry waits longer");
}

#[test]
fn a_session_that_goes_on_is_told_of_its_jobs() {
    let mut scene = empty();
    scene.open(7, 1);
    let mine = |id, spec| Recovered { session: Some(SessionId(7)), ..recovered(id, spec) };
    let leaving = Submit { on_disconnect: OnDisconnect::Cancel, ..job(3) };
    for recovered in [mine(1, job(1)), recovered(2, job(2)), mine(3, leaving)] {
        assert!(scene.handle(Event::Recovered(recovered)).is_empty());
    }
    assert_eq!(scene.submit_named(7, 9, job(1)), ["1 rejected: duplicate_id"]);
    let began = scene.lane(1, 1);
    assert_eq!(began, ["run 1 on 1", "1 started: 1 by w1"]);
    assert_eq!(scene.done(1, 1)[..2], ["1 done", "settle 1"]);
    assert_eq!(scene.retained.last().and_then(|of| of.session), Some(SessionId(7)));
    assert_eq!(scene.close(7), ["settle 3"], "it was to end with its session");
}

#[test]
fn what_has_begun_once_does_not_expire_after_a_restart() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(Submit { ttl_ms: Some(100), ..job(1) });
    scene.submit(Submit { ttl_ms: Some(100), ..job(2) });
    assert_eq!(scene.journal, ["1 (1, 0, 0) None"], "and nothing is written of what waits");
    scene.pass_ms(99);
    scene.done(1, 1);
    assert_eq!(scene.journal.pop(), Some("2 (1, 0, 0) None".to_owned()));

    let mut scene = empty();
    let spec = Submit { ttl_ms: Some(100), ..job(2) };
    scene.handle(Event::Recovered(Recovered { runs: 1, ..recovered(2, spec) }));
    assert!(scene.pass_ms(1_000_000).is_empty());
    assert_eq!(runs(&scene.lane(1, 1)), ["2 on 1"]);
}

#[test]
fn a_batch_counts_what_ended_before_a_restart_too() {
    let of_batch = |id| Submit { batch: Some("night".into()), ..job(id) };
    let mut scene = Scene::new();
    scene.lane(1, 2);
    scene.open(2, 1);
    scene.submit_as(2, of_batch(1));
    (2..=5).for_each(|id| _ = scene.submit(of_batch(id)));
    scene.done(1, 1);
    scene.fail(1, 2, false);
    scene.cancel(3);
    let night = scene.tallies["night"].clone();
    assert_eq!((night.ended, night.began), ([1, 1, 1], scene.now()));

    let mut scene = empty();
    scene.open(1, 1);
    scene.open(2, 1);
    for id in 4..=5 {
        let session = Some(SessionId(1));
        scene.handle(Event::Recovered(Recovered { session, ..recovered(id, of_batch(id)) }));
    }
    scene.handle(Event::RecoveredTally(night.clone()));
    scene.lane(1, 2);
    scene.done(1, 4);
    let told = scene.done(1, 5);
    let ms = (scene.now() - Time::default()).as_millis();
    // Session 2 has no live job of it, and waits for its end all the same.
    let batch = format!("batch night: 5 = 3 + 1 + 1 in {ms} ms");
    assert_eq!(told[2..], [batch.clone(), batch]);
    assert!(scene.tallies.is_empty());

    let mut scene = empty();
    assert!(scene.handle(Event::RecoveredTally(night)).is_empty(), "none of it is live");
    assert!(scene.tallies.is_empty());
}

#[test]
fn a_session_has_no_two_jobs_of_one_name_after_a_restart() {
    // It had submitted a key twice, cancelled the first, which went on for the second, and called
    // another job as it had called that one.
    let mut scene = empty();
    scene.open(7, 1);
    let called = |id, spec: Submit| {
        let spec = Submit { id: acequia_wire::CorrelationId::Int(9), ..spec };
        Event::Recovered(Recovered { session: Some(SessionId(7)), ..recovered(id, spec) })
    };
    let keyed = Submit { key: Some("k".into()), on_disconnect: OnDisconnect::Cancel, ..job(1) };
    scene.handle(called(1, keyed.clone()));
    scene.handle(called(2, job(2)));
    assert_eq!(scene.cancel_as(7, 9), ["9 of 2 cancelled", "settle 2"]);
    assert_eq!(scene.submit_as(7, Submit { id: job(5).id, ..keyed }), ["5 of 1 accepted"]);
    assert_eq!(runs(&scene.lane(1, 2)), ["1 on 1"]);
}
