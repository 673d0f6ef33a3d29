//! Runs from before a takeover whose jobs the journal did not have, and whose submits are said again.

use std::time::Duration;

use acequia_scheduler::{
    Config, Event, Found, Hold, LaneKey, LaneOffer, LiveState, SessionId, VoidReason,
};
use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::{Body, Limits};

use crate::scene::{Scene, job, job_id, queue, recovered, runs};

const WAIT_MS: u64 = 2_000;

/// A server that has taken over a journal without a job.
fn took_over() -> Scene {
    with(Limits::default())
}

fn with(limits: Limits) -> Scene {
    Scene::of(Config {
        seed: 1,
        limits,
        adoption: Duration::from_millis(WAIT_MS),
        ..Config::default()
    })
}

fn over(scene: &mut Scene) -> Vec<String> {
    scene.handle(Event::AdoptionOver)
}

fn busy(scene: &Scene) -> usize {
    scene.scheduler.lane(LaneKey(1)).unwrap().stats.busy
}

#[test]
fn a_run_goes_on_when_its_submit_is_said_again() {
    let mut scene = took_over();
    assert!(scene.lane_holds(1, 1, &[(1, 3)]).is_empty());
    assert_eq!(busy(&scene), 1);
    assert!(runs(&scene.submit(job(2))).is_empty(), "its slot is taken");
    assert_eq!(scene.submit(job(1)), ["record 1"]);
    let Some(Found::Live(live)) = scene.find(1) else { panic!("it is live") };
    let since = scene.now();
    assert_eq!(live.state, LiveState::Running { worker: "w1".into(), since });
    assert_eq!(live.runs, 3);
    assert!(over(&mut scene).is_empty());
    assert_eq!(scene.durable(2), ["2 accepted", "1 accepted", "1 started: 3 by w1"]);
    assert_eq!(scene.done(1, 1), ["1 done", "settle 1", "run 2 on 1", "2 started: 1 by w1"]);
}

#[test]
fn the_last_word_waits_for_the_submit_and_its_slot_does_not() {
    let mut scene = took_over();
    scene.lane_holds(1, 1, &[(1, 1)]);
    assert!(scene.done(1, 1).is_empty());
    assert_eq!(busy(&scene), 0);
    assert_eq!(scene.done(1, 1), ["dropped not_held"], "once");
    assert_eq!(runs(&scene.submit(job(2))), ["2 on 1"]);
    assert_eq!(scene.submit(job(1)), ["record 1", "1 started: 1 by w1", "1 done", "settle 1"]);
    assert_eq!(busy(&scene), 1);
    assert_eq!(scene.scheduler.lane(LaneKey(1)).unwrap().done, 1);
    assert_eq!(scene.done(1, 2)[1..], ["2 done", "settle 2"]);
    assert!(over(&mut scene).is_empty());
}

#[test]
fn a_slot_that_a_last_word_frees_is_filled() {
    let mut scene = took_over();
    scene.lane_holds(1, 1, &[(1, 1)]);
    scene.submit(job(2));
    assert_eq!(scene.done(1, 1), ["run 2 on 1"]);
}

#[test]
fn a_failure_waits_for_the_submit_too() {
    let often = |id| Submit { attempts: 3, ..job(id) };
    let mut scene = took_over();
    scene.lane_holds(1, 3, &[(1, 1), (2, 2), (3, 1)]);
    assert!(scene.fail(1, 1, false).is_empty());
    assert!(scene.fail(1, 2, true).is_empty());
    assert!(scene.bad_message(1, 3, true).is_empty());
    assert_eq!(
        scene.submit(often(1)),
        ["record 1", "1 started: 1 by w1", "1 failed 1: dry", "settle 1"]
    );
    assert_eq!(scene.submit(often(2)), ["record 2", "2 started: 2 by w1", "2 retrying: dry"]);
    assert!(scene.journal[0].starts_with("2 (2, 1, 0) Some"), "{:?}", scene.journal);
    assert_eq!(scene.submit(often(3))[2..], ["3 failed 1: bad_message", "settle 3"]);
    let in_ms = scene.next_ms().unwrap();
    assert_eq!(scene.pass_ms(in_ms), ["run 2 on 1"], "and it runs again");
}

#[test]
fn a_result_that_is_none_is_found_out_by_the_job() {
    let mut scene = took_over();
    scene.lane_holds(1, 1, &[(1, 1)]);
    assert!(scene.done_with(1, 1, Body::new(None, "{mud".into())).is_empty());
    assert_eq!(scene.submit(job(1))[2..], ["1 failed 1: bad_result", "settle 1"]);
}

#[test]
fn what_else_is_said_before_the_submit_is_dropped_and_chunks_are_counted() {
    let mut scene = took_over();
    let holds = vec![Hold { job: job_id(1), attempt: 1, chunks: 2 }];
    let offer = LaneOffer { name: "w1".into(), slots: 2, queues: vec![queue("default")], holds };
    scene.handle(Event::LaneReady { lane: LaneKey(1), offer });
    assert_eq!(scene.progress(1, 1), ["dropped late"]);
    assert_eq!(scene.chunk(1, 1, "3"), ["dropped late"]);
    assert_eq!(scene.bad_message(1, 1, false), ["dropped late"]);
    // Of another lane it is none of this run.
    scene.lane(2, 1);
    assert_eq!(scene.chunk(2, 1, "3"), ["dropped not_held"]);
    scene.submit(job(1));
    assert_eq!(scene.chunk(1, 1, "4"), ["1 started: 1 by w1", "1 chunk 4"]);
    assert_eq!(scene.done(1, 1), ["1 done", "settle 1"]);
}

#[test]
fn when_the_wait_is_over_nobody_claims_a_run() {
    for ends in [over, |scene: &mut Scene| scene.pass_ms(WAIT_MS)] {
        let mut scene = took_over();
        scene.lane_holds(1, 3, &[(1, 1), (2, 1), (3, 1)]);
        scene.done(1, 2);
        assert_eq!(scene.next_ms(), Some(WAIT_MS));
        assert_eq!(ends(&mut scene), ["void 1 on 1", "dropped late", "void 3 on 1"]);
        let lane = scene.scheduler.lane(LaneKey(1)).unwrap();
        assert_eq!((lane.stats.busy, lane.held[0].why), (2, VoidReason::Takeover));
        // It runs, but where it is void.
        assert_eq!(scene.submit(job(1)), ["record 1"]);
        assert_eq!(scene.submit(job(2)), ["record 2", "run 2 on 1"]);
        assert_eq!(runs(&scene.lane(2, 1)), ["1 on 2"]);
        assert_eq!(scene.done(1, 1), ["dropped late"]);
    }
}

#[test]
fn a_void_run_that_nobody_claimed_is_reminded_of() {
    let mut scene = took_over();
    scene.lane_holds(1, 1, &[(1, 1)]);
    assert_eq!(scene.pass_ms(WAIT_MS), ["void 1 on 1"]);
    let remind_ms = u64::try_from(Config::REMIND_AFTER.as_millis()).unwrap();
    assert_eq!(scene.next_ms(), Some(remind_ms));
    assert_eq!(scene.pass_ms(remind_ms), ["remind 1 of 1"]);
}

#[test]
fn a_lane_that_ends_takes_its_runs_and_words_along() {
    let mut scene = took_over();
    scene.lane_holds(1, 2, &[(1, 1), (2, 1)]);
    scene.done(1, 2);
    assert_eq!(scene.lane_ends(1), ["dropped late"]);
    assert_eq!(runs(&scene.lane(2, 2)), [""; 0]);
    assert_eq!(runs(&scene.submit(job(1))), ["1 on 2"]);
    assert_eq!(runs(&scene.submit(job(2))), ["2 on 2"]);
    assert!(over(&mut scene).is_empty());
}

#[test]
fn the_first_lane_that_names_a_job_has_it() {
    let mut scene = took_over();
    assert!(scene.lane_holds(1, 1, &[(1, 1), (1, 2)]).is_empty(), "twice is once");
    assert_eq!(scene.lane_holds(2, 1, &[(1, 1)]), ["void 1 on 2"]);
    assert_eq!(scene.submit(job(1)), ["record 1"]);
    assert_eq!(scene.done(2, 1), ["dropped late"]);
    assert_eq!(scene.done(1, 1)[1..], ["1 done", "settle 1"]);

    let mut scene = took_over();
    scene.lane_holds(1, 1, &[(1, 1)]);
    scene.done(1, 1);
    assert_eq!(scene.lane_holds(2, 1, &[(1, 1)]), ["void 1 on 2"], "also if it is through");
    assert_eq!(scene.submit(job(1))[2..], ["1 done", "settle 1"]);
}

#[test]
fn a_submit_that_is_refused_claims_nothing() {
    let mut scene = with(Limits { client_jobs: 1, ..Limits::default() });
    scene.open(2, 2);
    scene.submit(job(9));
    scene.lane_holds(1, 1, &[(1, 1)]);
    assert_eq!(scene.submit(job(1)), ["1 rejected: too_many_jobs"]);
    assert_eq!(busy(&scene), 1);
    scene.cancel(9);
    assert_eq!(scene.submit(job(1)), ["record 1"]);
    assert_eq!(scene.done(1, 1)[1..], ["1 done", "settle 1"]);
}

#[test]
fn a_submit_whose_key_is_another_jobs_claims_nothing() {
    let keyed = |id| Submit { key: Some("k".into()), ..job(id) };
    let mut scene = took_over();
    scene.submit(keyed(9));
    scene.durable(1);
    scene.lane_holds(1, 1, &[(1, 1)]);
    assert_eq!(scene.submit(keyed(1)), ["1 of 9 accepted"]);
    assert_eq!(over(&mut scene), ["void 1 on 1"]);
}

#[test]
fn a_job_that_is_not_due_yet_or_would_expire_goes_on_all_the_same() {
    let mut scene = took_over();
    scene.lane_holds(1, 2, &[(1, 1), (2, 2)]);
    assert_eq!(scene.submit(Submit { delay_ms: 5_000, ..job(1) }), ["record 1"]);
    assert_eq!(scene.submit(Submit { ttl_ms: Some(5_000), ..job(2) }), ["record 2"]);
    assert_eq!(scene.journal, ["2 (2, 0, 0) None"], "what has begun does not expire");
    over(&mut scene);
    assert!(scene.pass_ms(10_000).is_empty());
    assert_eq!(scene.done(1, 1)[1..], ["1 done", "settle 1"]);
    assert_eq!(scene.done(1, 2)[1..], ["2 done", "settle 2"]);
}

#[test]
fn its_timeout_and_its_lease_count_from_the_submit() {
    let mut scene = took_over();
    scene.lane_holds(1, 1, &[(1, 1)]);
    scene.beat(1);
    scene.wait_ms(1_000);
    scene.submit(Submit { timeout_ms: Some(60_000), ..job(1) });
    over(&mut scene);
    let lease_ms = u64::try_from(Config::LEASE.as_millis()).unwrap();
    assert!(scene.pass_ms(lease_ms - 1).is_empty());
    assert_eq!(scene.pass_ms(1), ["void 1 on 1", "1 retrying: worker_lost"]);

    let mut scene = took_over();
    scene.lane_holds(1, 1, &[(1, 1)]);
    scene.wait_ms(1_000);
    scene.submit(Submit { timeout_ms: Some(300), ..job(1) });
    over(&mut scene);
    assert!(scene.pass_ms(299).is_empty());
    assert_eq!(scene.pass_ms(1)[0], "void 1 on 1");
}

#[test]
fn a_job_that_goes_on_is_as_any_when_its_lane_ends_or_nobody_wants_it() {
    let mut scene = took_over();
    scene.lane_holds(1, 1, &[(1, 1)]);
    scene.submit(job(1));
    scene.lane(2, 1);
    let lost = scene.lane_ends(1);
    assert_eq!(lost, ["1 retrying: worker_lost", "run 1 on 2"]);

    let mut scene = took_over();
    scene.lane_holds(1, 1, &[(1, 1)]);
    scene.submit(Submit { on_disconnect: OnDisconnect::Cancel, ..job(1) });
    let told = scene.handle(Event::SessionClosed { session: SessionId(1) });
    assert_eq!(told, ["void 1 on 1", "settle 1"]);
}

#[test]
fn the_wait_is_on_from_the_start_whatever_the_journal_has() {
    // Nobody comes for long, and only then a worker does.
    let mut scene = took_over();
    scene.wait_ms(100 * WAIT_MS);
    scene.open(2, 2);
    assert_eq!(scene.next_ms(), None);
    scene.wait_ms(100 * WAIT_MS);
    scene.lane_holds(1, 1, &[(1, 1)]);
    assert_eq!(scene.next_ms(), Some(WAIT_MS));
    assert!(scene.pass_ms(WAIT_MS - 1).is_empty());
    assert_eq!(scene.submit(job(1)), ["record 1"]);

    // Beside jobs that it has.
    let mut scene = took_over();
    scene.handle(Event::Recovered(recovered(1, job(1))));
    assert!(scene.lane_holds(1, 2, &[(1, 1), (2, 1)]).is_empty());
    assert_eq!(scene.submit(job(2)), ["record 2"]);
    assert_eq!(scene.done(1, 2)[1..], ["2 done", "settle 2"]);
}

#[test]
fn time_in_which_nobody_could_be_heard_is_no_part_of_the_wait() {
    let mut scene = took_over();
    scene.lane_holds(1, 1, &[(1, 1)]);
    scene.wait_ms(5 * WAIT_MS);
    scene.handle(Event::StoodStill { gap: Duration::from_millis(5 * WAIT_MS) });
    assert_eq!(scene.next_ms(), Some(WAIT_MS));
    assert_eq!(scene.submit(job(1)), ["record 1"]);
}

#[test]
fn a_server_that_drains_waits_for_a_run_that_nobody_claims() {
    let mut scene = took_over();
    scene.lane_holds(1, 1, &[(1, 1)]);
    assert_eq!(scene.drain(), ["bye 1"]);
    assert!(!scene.scheduler.is_idle());
    assert_eq!(scene.submit(job(1)), ["1 rejected: draining"]);
    scene.done(1, 1);
    assert!(scene.scheduler.is_idle());
}
