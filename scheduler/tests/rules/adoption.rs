//! Runs that go on when another server takes over, and jobs that wait for the workers that have them.

use std::sync::Arc;
use std::time::Duration;

use acequia_scheduler::{
    Action, Config, Event, Found, Hold, JobFilter, JobState, LaneKey, LaneOffer, LiveState,
    Measure, Recovered, SessionId, VoidReason,
};
use acequia_wire::client::{OnDisconnect, Submit};

use crate::scene::{Scene, job, job_id, queue, recovered, runs};

const WAIT_MS: u64 = 2_000;

fn config() -> Config {
    Config { seed: 1, adoption: Duration::from_millis(WAIT_MS), ..Config::default() }
}

/// A server that has taken over these jobs. Session 1, of client 1, came with them and is told of
/// them; session 2, of client 2, is told of none.
fn took_over(jobs: impl IntoIterator<Item = Recovered>) -> Scene {
    with(config(), jobs)
}

fn with(config: Config, jobs: impl IntoIterator<Item = Recovered>) -> Scene {
    let mut scene = Scene::of(config);
    for job in jobs {
        let session = Some(SessionId(1));
        assert!(scene.handle(Event::Recovered(Recovered { session, ..job })).is_empty());
    }
    scene.open(2, 2);
    scene
}

fn some(ids: impl IntoIterator<Item = u32>) -> impl Iterator<Item = Recovered> {
    ids.into_iter().map(|id| recovered(id, job(id)))
}

fn over(scene: &mut Scene) -> Vec<String> {
    scene.handle(Event::AdoptionOver)
}

#[test]
fn jobs_that_come_back_wait_for_their_workers_and_new_ones_run() {
    let mut scene = took_over(some([1, 2]));
    assert!(scene.lane(1, 4).is_empty());
    assert_eq!(runs(&scene.submit(job(3))), ["3 on 1"]);
    assert_eq!(scene.next_ms(), Some(WAIT_MS));
    assert!(scene.pass_ms(WAIT_MS - 1).is_empty());
    assert_eq!(runs(&scene.pass_ms(1)), ["1 on 1", "2 on 1"]);
    assert_eq!(scene.next_ms(), None);
}

#[test]
fn a_server_that_does_not_wait_starts_them_at_once() {
    let mut scene = with(Config { seed: 1, ..Config::default() }, some([1]));
    assert_eq!(runs(&scene.lane(1, 1)), ["1 on 1"]);
    assert!(over(&mut scene).is_empty());
}

#[test]
fn a_run_goes_on_and_its_worker_is_sent_nothing() {
    let mut scene = took_over(some([1]));
    assert!(scene.lane_holds(1, 1, &[(1, 3)]).is_empty());
    let Some(Found::Live(live)) = scene.find(1) else { panic!("it is live") };
    let since = scene.now();
    assert_eq!(live.state, LiveState::Running { worker: "w1".into(), since });
    assert_eq!((live.runs, live.failures, live.losses), (3, 0, 0));
    assert!(over(&mut scene).is_empty(), "and it waits no longer");
    // Who has seen it start may be told so again, who has not must be.
    assert_eq!(scene.progress(1, 1), ["1 started: 3 by w1", "1 progress"]);
    assert_eq!(scene.chunk(1, 1, "1"), ["1 chunk 1"]);
    assert_eq!(scene.done(1, 1), ["1 done", "settle 1"]);
}

#[test]
fn a_run_that_goes_on_is_not_counted_as_one_that_begins() {
    let mut scene = took_over(some([1]));
    let holds = vec![Hold { job: job_id(1), attempt: 1, chunks: 0 }];
    let offer = LaneOffer { name: "w".into(), slots: 1, queues: vec![queue("default")], holds };
    let mut actions = Vec::new();
    let (now, lane) = (scene.now(), LaneKey(1));
    scene.scheduler.handle(now, Event::LaneReady { lane, offer }, &mut actions);
    assert_eq!(actions, []);
    assert_eq!(scene.scheduler.stats(now).queues[0].running, 1);
    scene.lane_ends(1);
    let lane = Event::LaneReady {
        lane: LaneKey(2),
        offer: LaneOffer {
            name: "w".into(),
            slots: 1,
            queues: vec![queue("default")],
            holds: Vec::new(),
        },
    };
    scene.scheduler.handle(now, lane, &mut actions);
    let begins = |of: &Action| matches!(of, Action::Measure(Measure::Started { .. }));
    assert_eq!(actions.iter().filter(|of| begins(of)).count(), 1, "the next one is");
}

#[test]
fn a_last_word_that_is_said_again_counts_once() {
    let mut scene = took_over(some([1, 2]));
    scene.lane_holds(1, 2, &[(1, 1), (2, 1)]);
    assert_eq!(scene.done(1, 1), ["1 started: 1 by w1", "1 done", "settle 1"]);
    assert_eq!(scene.done(1, 1), ["dropped not_held"]);
    assert_eq!(scene.fail(1, 2, false), ["2 started: 1 by w1", "2 failed 1: dry", "settle 2"]);
    assert!(over(&mut scene).is_empty());
}

#[test]
fn the_wait_begins_when_all_is_back() {
    let mut scene = Scene::of(config());
    scene.handle(Event::Recovered(recovered(1, job(1))));
    scene.wait_ms(10 * WAIT_MS);
    scene.handle(Event::Recovered(recovered(2, job(2))));
    // Nobody has been heard yet.
    scene.absent(1);
    assert_eq!(scene.next_ms(), None);
    scene.wait_ms(10 * WAIT_MS);
    assert!(scene.lane(1, 2).is_empty());
    assert_eq!(scene.next_ms(), Some(WAIT_MS));
}

#[test]
fn time_in_which_no_worker_could_be_heard_is_no_part_of_the_wait() {
    let mut scene = took_over(some([1]));
    scene.lane(1, 1);
    scene.wait_ms(WAIT_MS + 500);
    let gap = Duration::from_millis(WAIT_MS + 500);
    assert!(scene.handle(Event::StoodStill { gap }).is_empty());
    assert!(scene.pass_ms(WAIT_MS - 1).is_empty());
    assert_eq!(runs(&scene.pass_ms(1)), ["1 on 1"]);
}

/// Jobs of two clients with several priorities, some of which are delayed.
fn mixed() -> Vec<Recovered> {
    let of = |id: u32| {
        let client = acequia_scheduler::ClientId(u64::from(id % 3));
        let priority = u8::try_from(id % 2).unwrap();
        let delay_ms = if id.is_multiple_of(5) { 1_500 } else { 0 };
        Recovered { client, ..recovered(id, Submit { priority, delay_ms, ..job(id) }) }
    };
    (1..=40).map(of).collect()
}

/// Which jobs run in which order on a lane of one slot that has just got the first.
fn order(scene: &mut Scene, lane: u64, began: &[String]) -> Vec<String> {
    let mut order = Vec::new();
    let mut next = runs(began).first().map(|run| run.to_string());
    while let Some(run) = next {
        let id = run.split(' ').next().unwrap().parse().unwrap();
        next = runs(&scene.done(lane, id)).first().map(|run| run.to_string());
        order.push(run);
    }
    order
}

#[test]
fn what_waited_in_vain_goes_on_as_if_it_had_come_back_only_then() {
    let as_now = |config: Config, end: fn(&mut Scene) -> Vec<String>| {
        let mut scene = Scene::empty(config);
        for job in mixed() {
            scene.handle(Event::Recovered(job));
        }
        scene.handle(Event::Tick);
        // The delayed ones are due meanwhile.
        scene.pass_ms(1_000);
        let began = if config.adoption.is_zero() {
            scene.lane(1, 1)
        } else {
            assert!(scene.lane(1, 1).is_empty());
            end(&mut scene)
        };
        order(&mut scene, 1, &began)
    };
    let today = as_now(Config { seed: 1, ..Config::default() }, over);
    assert_eq!(today.len(), 40);
    assert_eq!(as_now(config(), over), today);
    assert_eq!(as_now(config(), |scene| scene.pass_ms(WAIT_MS)), today);
}

#[test]
fn it_goes_before_what_has_come_to_wait_meanwhile() {
    let mut scene = took_over(some([1, 2]));
    scene.lane(1, 1);
    scene.submit(job(3));
    // One of the same client, one of another, and one of a higher priority.
    scene.submit(job(4));
    scene.submit_as(2, job(5));
    scene.submit_as(2, job(6));
    scene.submit_as(2, Submit { priority: 9, ..job(7) });
    assert!(over(&mut scene).is_empty(), "the slot is taken");
    let next = scene.done(1, 3);
    assert_eq!(
        order(&mut scene, 1, &next),
        ["7 on 1", "1 on 1", "5 on 1", "2 on 1", "6 on 1", "4 on 1"]
    );
}

#[test]
fn new_jobs_take_their_turns_while_others_wait() {
    let mut scene = took_over(some([1, 2]));
    scene.lane(1, 1);
    scene.submit(job(3));
    (4..=6).for_each(|id| _ = scene.submit(job(id)));
    scene.submit_as(2, job(7));
    let next = scene.done(1, 3);
    assert_eq!(order(&mut scene, 1, &next), ["4 on 1", "7 on 1", "5 on 1", "6 on 1"]);
}

#[test]
fn when_the_wait_is_over_the_least_loaded_lanes_are_filled_first() {
    let mut scene = took_over(some(1..=6));
    scene.lane(1, 4);
    scene.lane(2, 2);
    scene.lane_of(3, 5, &["other"]);
    let mut began: Vec<String> =
        runs(&over(&mut scene)).iter().map(|run| run.to_string()).collect();
    began.sort();
    assert_eq!(began, ["1 on 1", "2 on 2", "3 on 1", "4 on 2", "5 on 1", "6 on 1"]);
}

#[test]
fn a_lane_that_may_not_run_what_waits_is_in_nobodys_way() {
    let mut scene = took_over([Recovered { runs: 1, losses: 1, ..recovered(1, job(1)) }]);
    scene.lane(1, 2);
    assert_eq!(runs(&scene.submit(job(2))), ["2 on 1"]);
    // It has less to do, and holds a run of the job that is over.
    assert_eq!(scene.lane_holds(2, 8, &[(1, 1)]), ["void 1 on 2"]);
    assert_eq!(runs(&over(&mut scene)), ["1 on 1"]);
}

#[test]
fn a_job_that_waits_for_its_worker_is_a_waiting_job() {
    let mut scene = took_over(some([1, 2]));
    scene.lane(1, 1);
    let since = scene.now();
    scene.submit(job(3));
    scene.wait_ms(500);
    scene.submit(job(4));
    let Some(Found::Live(live)) = scene.find(2) else { panic!("it is live") };
    assert_eq!((live.state, live.runs), (LiveState::Waiting { since }, 0));
    let stats = &scene.scheduler.stats(scene.now()).queues[0];
    assert_eq!((stats.waiting, stats.running, stats.delayed), (3, 1, 0));
    assert_eq!(stats.oldest, Some(Duration::from_millis(500)));
    let filter = JobFilter { state: JobState::Waiting, queue: None, client: None };
    let (mut told, mut after) = (Vec::new(), None);
    loop {
        let page = scene.scheduler.jobs(&filter, after.as_ref(), 1).unwrap();
        told.extend(page.jobs.iter().map(|of| of.job));
        after = page.end;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(told, [1, 2, 4].map(job_id));
}

#[test]
fn delays_and_times_to_live_go_on_while_jobs_wait() {
    let delayed = recovered(1, Submit { delay_ms: 1_500, ..job(1) });
    let expires = recovered(2, Submit { ttl_ms: Some(1_300), ..job(2) });
    let mut scene = took_over([delayed, expires]);
    scene.lane(1, 2);
    assert_eq!(scene.pass_ms(300), ["2 failed 0: expired", "settle 2"]);
    assert!(scene.pass_ms(200).is_empty(), "it is due, and waits for its worker");
    assert_eq!(scene.scheduler.stats(scene.now()).queues[0].waiting, 1);
    assert_eq!(runs(&scene.pass_ms(1_500)), ["1 on 1"]);
}

#[test]
fn a_job_that_is_not_due_here_goes_on_with_its_worker_all_the_same() {
    // The clock of the other server was ahead.
    let mut scene = took_over([recovered(1, Submit { delay_ms: 60_000, ..job(1) })]);
    assert!(scene.lane_holds(1, 1, &[(1, 1)]).is_empty());
    assert_eq!(scene.done(1, 1)[1..], ["1 done", "settle 1"]);
    over(&mut scene);
    assert!(scene.pass_ms(60_000).is_empty(), "it is not due once more");
}

#[test]
fn a_job_that_is_cancelled_while_it_waits_is_void_for_its_worker() {
    let mut scene = took_over(some([1, 2]));
    assert_eq!(scene.cancel(1), ["1 cancelled", "settle 1"]);
    scene.handle(Event::CancelJob { job: job_id(2) });
    assert_eq!(scene.lane_holds(1, 2, &[(1, 1), (2, 1)]), ["void 1 on 1", "void 2 on 1"]);
    assert!(runs(&scene.submit(job(3))).is_empty(), "its slots are taken");
    assert_eq!(scene.done(1, 2)[..2], ["dropped late", "run 3 on 1"]);
}

#[test]
fn nobody_may_come_back_for_a_job_that_waits() {
    let leaving = OnDisconnect::CancelAfter { ms: 100 };
    let mut scene = took_over([recovered(1, Submit { on_disconnect: leaving, ..job(1) })]);
    scene.absent(1);
    assert_eq!(scene.pass_ms(100), ["1 cancelled", "settle 1"]);
}

#[test]
fn a_run_of_no_job_is_void_until_its_worker_has_said_so() {
    let mut scene = took_over(some([]));
    over(&mut scene);
    assert_eq!(scene.lane_holds(1, 2, &[(7, 1)]), ["void 7 on 1"]);
    let lane = scene.scheduler.lane(LaneKey(1)).unwrap();
    assert_eq!((lane.stats.busy, lane.held[0].why), (1, VoidReason::Takeover));
    assert_eq!(runs(&scene.submit(job(1))), ["1 on 1"]);
    assert!(runs(&scene.submit(job(2))).is_empty());
    assert_eq!(scene.progress(1, 7), ["dropped late"]);
    assert_eq!(scene.done(1, 7)[..2], ["dropped late", "run 2 on 1"]);
}

#[test]
fn a_worker_that_does_not_give_back_a_void_run_is_reminded_and_ended() {
    let mut scene = took_over(some([]));
    over(&mut scene);
    scene.lane_holds(1, 1, &[(7, 1)]);
    let remind_ms = u64::try_from(Config::REMIND_AFTER.as_millis()).unwrap();
    assert_eq!(scene.pass_ms(remind_ms), ["remind 1 of 7"]);
    let answer_ms = u64::try_from(Config::ANSWER_WITHIN.as_millis()).unwrap();
    assert_eq!(scene.pass_ms(answer_ms), ["end 1"]);
}

#[test]
fn the_first_lane_that_names_a_job_has_it() {
    let mut scene = took_over(some([1]));
    assert!(scene.lane_holds(1, 2, &[(1, 1), (1, 1)]).is_empty(), "twice is once");
    assert_eq!(scene.lane_holds(2, 1, &[(1, 1)]), ["void 1 on 2"]);
    assert_eq!(scene.done(2, 1), ["dropped late"]);
    assert_eq!(scene.done(1, 1)[1..], ["1 done", "settle 1"]);
}

#[test]
fn a_job_does_not_run_where_a_run_of_it_is_void() {
    let mut scene = took_over(some([1]));
    scene.lane_holds(1, 1, &[(1, 1)]);
    scene.lane_holds(2, 2, &[(1, 1)]);
    assert_eq!(scene.lane_ends(1), ["1 retrying: worker_lost"]);
    assert_eq!(runs(&scene.done(2, 1)), ["1 on 2"]);
}

#[test]
fn a_run_that_is_known_to_be_over_is_void_and_a_later_one_goes_on() {
    // The second run was lost in silence and went to another worker, which the journal knows not.
    let was_lost = || Recovered { runs: 2, losses: 1, ..recovered(1, job(1)) };
    let mut scene = took_over([was_lost()]);
    assert_eq!(scene.lane_holds(1, 1, &[(1, 2)]), ["void 1 on 1"]);
    assert!(scene.lane_holds(2, 1, &[(1, 3)]).is_empty());
    assert_eq!(scene.done(2, 1), ["1 started: 3 by w2", "1 done", "settle 1"]);

    let mut scene = took_over([was_lost()]);
    scene.lane_holds(1, 1, &[(1, 2)]);
    scene.lane(2, 1);
    assert_eq!(runs(&over(&mut scene)), ["1 on 2"], "nobody had the third");
}

#[test]
fn a_worker_that_comes_late_goes_on_with_a_job_that_has_not_begun_again() {
    let mut scene = took_over(some([1, 2]));
    scene.lane(1, 1);
    assert_eq!(runs(&over(&mut scene)), ["1 on 1"]);
    assert_eq!(scene.lane_holds(2, 2, &[(2, 1), (1, 1)]), ["void 1 on 2"]);
    assert_eq!(scene.done(2, 2)[1..], ["2 done", "settle 2"]);
    // One that began again and was lost has begun.
    assert_eq!(scene.lane_ends(1), ["1 retrying: worker_lost"]);
    assert_eq!(scene.lane_holds(3, 2, &[(1, 7)]), ["void 1 on 3"]);
}

#[test]
fn a_job_that_the_journal_did_not_have_goes_on_if_it_is_submitted_again_in_time() {
    let mut scene = took_over(some([]));
    scene.submit(job(1));
    assert_eq!(scene.lane_holds(1, 1, &[(1, 1)]), [""; 0]);
    assert_eq!(scene.durable(1), ["1 accepted", "1 started: 1 by w1"]);
    assert_eq!(scene.done(1, 1), ["1 done", "settle 1"]);
}

#[test]
fn a_worker_may_hold_more_than_its_slots_and_gets_no_more_until_one_is_free() {
    // It has said of two of them that they are done, which nobody has written.
    let mut scene = took_over(some([1, 2, 3]));
    assert!(scene.lane_holds(1, 1, &[(1, 1), (2, 1), (3, 1)]).is_empty());
    scene.submit(job(4));
    let lane = scene.scheduler.lane(LaneKey(1)).unwrap();
    assert_eq!((lane.stats.slots, lane.stats.busy), (1, 3));
    assert!(runs(&scene.done(1, 1)).is_empty());
    assert!(runs(&scene.done(1, 2)).is_empty());
    assert_eq!(runs(&scene.done(1, 3)), ["4 on 1"]);
}

#[test]
fn a_lane_that_ends_loses_what_it_went_on_with() {
    let mut scene = took_over(some([1]));
    scene.lane_holds(1, 1, &[(1, 2)]);
    scene.lane(2, 1);
    let lost = scene.lane_ends(1);
    assert_eq!(lost, ["1 retrying: worker_lost", "run 1 on 2", "1 started: 3 by w2"]);
    assert_eq!(scene.journal, ["1 (2, 0, 1) None"]);
}

#[test]
fn a_run_that_goes_on_has_its_timeout_from_then_on() {
    let mut scene = took_over([recovered(1, Submit { timeout_ms: Some(300), ..job(1) })]);
    scene.lane_holds(1, 1, &[(1, 1)]);
    assert_eq!(scene.next_ms(), Some(300));
    scene.wait_ms(299);
    assert!(scene.progress(1, 1).contains(&"1 progress".to_owned()));
    assert_eq!(scene.pass_ms(1), ["void 1 on 1", "1 failed 1: timeout", "settle 1"]);
}

#[test]
fn a_run_that_goes_on_has_its_lease_from_then_on() {
    let mut scene = took_over(some([1]));
    scene.lane_holds(1, 1, &[(1, 1)]);
    scene.beat(1);
    let lease_ms = u64::try_from(Config::LEASE.as_millis()).unwrap();
    assert!(scene.pass_ms(lease_ms - 1).is_empty());
    assert_eq!(scene.pass_ms(1), ["void 1 on 1", "1 retrying: worker_lost"]);
}

#[test]
fn the_journal_hears_of_a_run_of_a_job_that_would_expire() {
    let mut scene = took_over([recovered(1, Submit { ttl_ms: Some(1_500), ..job(1) })]);
    scene.lane_holds(1, 1, &[(1, 2)]);
    assert_eq!(scene.journal, ["1 (2, 0, 0) None"]);
    assert!(scene.pass_ms(10_000).is_empty(), "what has begun does not expire");

    // And that a run of it has begun is no reason to take it for over.
    let began = Recovered { runs: 2, ..recovered(1, Submit { ttl_ms: Some(1_500), ..job(1) }) };
    let mut scene = took_over([began]);
    assert!(scene.lane_holds(1, 1, &[(1, 2)]).is_empty());
    assert!(scene.journal.is_empty());
}

#[test]
fn runs_go_on_in_a_paused_queue_and_on_a_server_that_drains() {
    let mut scene = took_over(some([1, 2]));
    scene.handle(Event::PauseQueue { queue: queue("default") });
    assert!(scene.lane_holds(1, 2, &[(1, 1)]).is_empty());
    assert!(over(&mut scene).is_empty());
    assert_eq!(scene.done(1, 1)[1..], ["1 done", "settle 1"]);
    assert_eq!(runs(&scene.handle(Event::ResumeQueue { queue: queue("default") })), ["2 on 1"]);

    let mut scene = took_over(some([1, 2]));
    scene.drain();
    assert_eq!(scene.lane_holds(1, 2, &[(1, 1)]), ["bye 1"]);
    assert!(scene.pass_ms(WAIT_MS).is_empty());
    assert_eq!(scene.done(1, 1)[1..], ["1 done", "settle 1"]);
}

#[test]
fn a_lane_that_goes_on_with_jobs_under_suspicion_gets_no_others() {
    let suspect = |id| Recovered { runs: 2, losses: 2, ..recovered(id, job(id)) };
    let mut scene = took_over([suspect(1), suspect(2), recovered(3, job(3))]);
    scene.lane_holds(1, 4, &[(1, 3)]);
    assert!(runs(&scene.submit(job(4))).is_empty());
    // The other one shares the lane, once it waits for nobody.
    assert_eq!(runs(&over(&mut scene)), ["2 on 1"]);
    assert_eq!(runs(&scene.lane(2, 4)), ["3 on 2", "4 on 2"]);
    scene.done(1, 1);
    scene.done(1, 2);
    assert_eq!(scene.dead(), [0; 0]);
    assert_eq!(runs(&scene.submit(job(5))), ["5 on 1"]);
}

#[test]
fn whoever_watches_a_job_that_waits_is_told_as_of_any() {
    let mut scene = took_over([recovered(1, Submit { key: Some("k".into()), ..job(1) })]);
    let again = Submit { key: Some("k".into()), ..job(8) };
    assert_eq!(scene.submit(again), ["8 of 1 accepted"]);
    scene.lane_holds(1, 1, &[(1, 1)]);
    let told = scene.done(1, 1);
    assert_eq!(told[..2], ["1 started: 1 by w1", "8 of 1 started: 1 by w1"]);
    assert_eq!(told[2..], ["1 done", "8 of 1 done", "settle 1"]);
}

#[test]
fn attempts_that_no_server_gave_do_no_harm() {
    let often = |id| recovered(id, Submit { attempts: 3, ..job(id) });
    let mut scene = took_over([often(1), often(2)]);
    scene.lane_holds(1, 2, &[(1, 0), (2, u32::MAX)]);
    assert_eq!(scene.progress(1, 1), ["1 started: 1 by w1", "1 progress"]);
    assert_eq!(scene.fail(1, 2, true)[1..], ["2 retrying: dry"]);
    let in_ms = scene.next_ms().unwrap();
    let last = u32::MAX;
    assert_eq!(scene.pass_ms(in_ms), ["run 2 on 1", &format!("2 started: {last} by w1")]);
}

#[test]
fn a_second_ready_of_a_lane_holds_nothing() {
    let mut scene = took_over(some([1]));
    scene.lane(1, 1);
    assert!(scene.lane_holds(1, 1, &[(1, 1)]).is_empty());
    assert_eq!(runs(&over(&mut scene)), ["1 on 1"]);
}

#[test]
fn an_outcome_that_another_server_wrote_voids_the_run() {
    let mut before = Scene::new();
    before.lane(1, 1);
    before.submit(job(1));
    before.durable(1);
    before.done(1, 1);
    let retained = before.retained.pop().expect("an outcome");
    let mut scene = Scene::of(config());
    scene.handle(Event::RecoveredOutcome(Arc::clone(&retained)));
    assert_eq!(scene.lane_holds(1, 1, &[(1, 1)]), ["void 1 on 1"]);
    assert_eq!(scene.done(1, 1), ["dropped late"]);
}
