//! What the sizer does, event by event.

use std::time::Duration;

use super::*;

const RULES: Rules = Rules {
    bounds: Bounds { min: 0, max: 6 },
    idle: Duration::from_secs(10),
    grace: Duration::from_secs(30),
    slots: 1,
};

fn s(seconds: u64) -> Time {
    Duration::from_secs(seconds)
}

fn ms(millis: u64) -> Time {
    Duration::from_millis(millis)
}

fn id(n: u64) -> ProcessId {
    ProcessId(n)
}

/// The lane of a process, with the process's number for its name.
fn lane(process: u64, busy: u32, state: LaneState) -> Lane {
    let (void, void_since) = (0, None);
    Lane {
        process: id(process),
        worker: process,
        slots: 1,
        busy,
        void,
        void_since,
        ended: 0,
        state,
    }
}

fn ready(process: u64, busy: u32) -> Lane {
    lane(process, busy, LaneState::Ready)
}

struct Pool(Sizer);

impl Pool {
    fn new(bounds: Bounds) -> Self {
        Self(Sizer::new(Rules { bounds, ..RULES }))
    }

    fn on(&mut self, now: Time, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.0.handle(now, event, &mut actions);
        actions
    }

    fn see(&mut self, now: Time, waiting: u64, lanes: &[Lane]) -> Vec<Action> {
        let lanes = lanes.to_vec();
        self.on(now, Event::Observed(Observation { asked: now, waiting, lanes }))
    }

    fn end(&mut self, now: Time, process: u64, success: bool) -> Vec<Action> {
        let end = End { success, why: "exit status: 1".to_owned() };
        self.on(now, Event::Ended { process: id(process), end })
    }
}

fn starts(actions: &[Action]) -> Vec<(u64, usize)> {
    let start = |action: &Action| match action {
        Action::Start { process, place } => Some((process.0, *place)),
        _ => None,
    };
    assert!(actions.iter().all(|action| start(action).is_some()), "{actions:?}");
    actions.iter().filter_map(start).collect()
}

fn terminate(process: u64) -> Action {
    Action::Terminate { process: id(process) }
}

fn drain(worker: u64) -> Action {
    Action::Drain { worker }
}

#[test]
fn nothing_is_started_before_the_server_was_seen() {
    let mut pool = Pool::new(Bounds { min: 2, max: 6 });
    assert_eq!(pool.on(s(0), Event::Tick), []);
    assert_eq!(pool.on(s(1), Event::Away { gone: true }), []);
    assert_eq!(pool.on(s(1), Event::Scaled(Bounds { min: 3, max: 6 })), []);
    assert_eq!(starts(&pool.see(s(2), 0, &[])), [(0, 0), (1, 1), (2, 2)]);
}

#[test]
fn jobs_that_wait_have_processes_started_at_once_and_once() {
    let mut pool = Pool::new(RULES.bounds);
    assert_eq!(pool.see(s(0), 0, &[]), []);
    assert_eq!(starts(&pool.see(s(1), 2, &[])), [(0, 0), (1, 1)]);
    // They start: nothing more for the same jobs.
    assert_eq!(pool.see(ms(1_100), 2, &[]), []);
    assert_eq!(starts(&pool.see(ms(1_200), 300, &[])).len(), 4);
    assert_eq!(pool.0.counts(), Counts { processes: 6, starting: 6, stopping: 0 });
    assert!(pool.0.is_changing());
    let lanes: Vec<_> = (0..6).map(|n| ready(n, 1)).collect();
    assert_eq!(pool.see(s(2), 294, &lanes), []);
    assert_eq!(pool.0.counts(), Counts { processes: 6, starting: 0, stopping: 0 });
    assert!(!pool.0.is_changing(), "more wait, but there may be no more processes");
}

#[test]
fn slots_of_a_process_are_learnt_from_its_lanes() {
    let mut pool = Pool::new(RULES.bounds);
    assert_eq!(starts(&pool.see(s(0), 1, &[])).len(), 1);
    let four = |worker, busy| Lane { worker, slots: 4, ..ready(0, busy) };
    // Two lanes of four slots each are eight slots.
    assert_eq!(pool.see(s(1), 0, &[four(7, 1), four(8, 0)]), []);
    assert_eq!(starts(&pool.see(s(2), 9, &[four(7, 4), four(8, 4)])).len(), 2);
}

#[test]
fn who_is_too_many_for_long_is_drained_and_then_stopped() {
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 3, &[]);
    let busy = [ready(0, 1), ready(1, 1), ready(2, 1)];
    assert_eq!(pool.see(s(1), 0, &busy), []);
    let fewer = [ready(0, 0), ready(1, 1), ready(2, 0)];
    assert_eq!(pool.see(s(2), 0, &fewer), []);
    assert_eq!(pool.see(s(11), 0, &fewer), [], "two were needed within the last ten seconds");
    assert_eq!(pool.see(ms(11_001), 0, &fewer), [drain(2), drain(0)], "the newest first");
    // It got a job just before it was drained, and is to end it.
    let drains = |busy| lane(0, busy, LaneState::Draining);
    let two = lane(2, 0, LaneState::Draining);
    assert_eq!(pool.see(s(12), 0, &[drains(1), ready(1, 1), two]), [terminate(2)]);
    assert_eq!(pool.end(s(13), 2, true), []);
    assert_eq!(pool.see(s(500), 0, &[drains(1), ready(1, 1)]), [], "for as long as it takes");
    assert!(!pool.0.is_changing());
    assert_eq!(pool.see(s(501), 0, &[drains(0), ready(1, 1)]), [terminate(0)]);
    assert_eq!(pool.on(s(530), Event::Tick), []);
    assert_eq!(pool.on(s(531), Event::Tick), [Action::Kill { process: id(0) }]);
    assert_eq!(pool.end(s(532), 0, false), [], "nobody is missed who was told to go");
}

#[test]
fn a_drain_that_the_server_did_not_hear_is_told_again() {
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 1, &[]);
    pool.see(s(1), 0, &[ready(0, 0)]);
    assert_eq!(pool.see(s(20), 0, &[ready(0, 0)]), [drain(0)]);
    assert_eq!(pool.on(s(21), Event::Away { gone: true }), []);
    // The server is back, and the process has a new lane there, with a job even.
    let new = Lane { worker: 9, ..ready(0, 1) };
    assert_eq!(pool.see(s(22), 0, &[new]), [drain(9)]);
    let new = Lane { state: LaneState::Draining, ..new };
    assert_eq!(pool.see(s(23), 0, &[new]), []);
    assert_eq!(pool.see(s(24), 0, &[Lane { busy: 0, ..new }]), [terminate(0)]);
}

#[test]
fn one_that_starts_is_not_stopped_while_it_may_get_a_lane_and_a_job() {
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 1, &[]);
    assert_eq!(pool.on(ms(100), Event::Stop), []);
    assert_eq!(pool.see(ms(200), 1, &[]), []);
    assert_eq!(pool.see(ms(300), 0, &[ready(0, 1)]), [drain(0)]);
    let drains = |busy| [lane(0, busy, LaneState::Draining)];
    assert_eq!(pool.see(ms(400), 0, &drains(1)), []);
    assert_eq!(pool.see(ms(500), 0, &drains(0)), [terminate(0)]);
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 1, &[]);
    pool.on(ms(100), Event::Stop);
    assert_eq!(pool.see(s(3), 1, &[]), [terminate(0)], "it takes too long");
}

#[test]
fn an_observation_from_before_the_stop_stops_nobody() {
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 1, &[]);
    pool.see(s(5), 0, &[ready(0, 1)]);
    assert_eq!(pool.on(s(6), Event::Stop), [drain(0)]);
    let old = Observation { asked: ms(5_900), waiting: 0, lanes: vec![] };
    assert_eq!(pool.on(ms(6_100), Event::Observed(old)), []);
    assert!(!pool.0.is_over());
}

#[test]
fn a_stop_waits_for_jobs_as_long_as_the_grace_time() {
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 1, &[]);
    pool.see(s(5), 0, &[ready(0, 1)]);
    assert_eq!(pool.on(s(6), Event::Stop), [drain(0)]);
    assert_eq!(pool.see(s(35), 0, &[lane(0, 1, LaneState::Draining)]), []);
    assert_eq!(pool.on(s(36), Event::Tick), [terminate(0)]);
    assert_eq!(pool.on(s(66), Event::Tick), [Action::Kill { process: id(0) }]);
    assert_eq!(pool.end(s(67), 0, false), []);
    assert!(pool.0.is_over());
}

#[test]
fn a_stop_without_a_server_waits_for_nobody() {
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 1, &[]);
    pool.see(s(5), 0, &[ready(0, 1)]);
    pool.on(s(6), Event::Stop);
    assert_eq!(pool.on(s(7), Event::Away { gone: false }), [], "it may only be slow");
    assert_eq!(pool.on(s(8), Event::Away { gone: true }), [terminate(0)]);
}

#[test]
fn a_server_that_was_away_says_nothing_about_what_was_needed() {
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 2, &[]);
    let idle = [ready(0, 0), ready(1, 0)];
    pool.see(s(1), 0, &[ready(0, 1), ready(1, 1)]);
    assert_eq!(pool.on(s(2), Event::Away { gone: true }), []);
    assert_eq!(pool.on(s(500), Event::Away { gone: true }), []);
    assert_eq!(pool.see(s(501), 0, &idle), []);
    assert_eq!(pool.see(s(511), 0, &idle), []);
    assert_eq!(pool.see(ms(511_001), 0, &idle), [drain(1), drain(0)]);
}

#[test]
fn who_dies_is_replaced_also_while_the_server_is_away() {
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 2, &[]);
    pool.see(s(1), 0, &[ready(0, 1), ready(1, 1)]);
    pool.on(s(2), Event::Away { gone: true });
    assert_eq!(pool.end(s(3), 0, false), [], "after a pause");
    assert!(pool.0.is_changing());
    assert_eq!(starts(&pool.on(ms(3_100), Event::Tick)), [(2, 0)]);
    // A failure in the same place again: a longer pause, in spite of all the free places.
    assert_eq!(pool.end(s(4), 2, false), []);
    assert_eq!(pool.on(ms(4_199), Event::Tick), []);
    assert_eq!(starts(&pool.on(ms(4_200), Event::Tick)), [(3, 0)]);
}

#[test]
fn who_ends_well_after_its_work_is_replaced_at_once() {
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 1, &[]);
    pool.see(s(1), 0, &[ready(0, 1)]);
    assert_eq!(starts(&pool.end(s(3), 0, true)), [(1, 0)]);
}

#[test]
fn who_is_drained_by_an_operator_is_stopped_and_replaced() {
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 1, &[]);
    let drained = |busy| lane(0, busy, LaneState::Draining);
    assert_eq!(starts(&pool.see(s(1), 1, &[drained(1)])), [(1, 1)]);
    assert_eq!(pool.see(s(2), 0, &[drained(0), ready(1, 1)]), [terminate(0)]);
}

#[test]
fn one_that_hangs_is_not_counted_on_and_not_stopped() {
    let mut pool = Pool::new(Bounds { min: 0, max: 2 });
    pool.see(s(0), 1, &[]);
    let silent = lane(0, 1, LaneState::Silent);
    assert_eq!(starts(&pool.see(s(1), 1, &[silent])), [(1, 1)]);
    assert_eq!(pool.see(s(2), 5, &[silent, ready(1, 1)]), [], "it still has its place");
}

#[test]
fn a_program_that_only_dies_is_left_alone_and_then_tried_with_one() {
    let mut pool = Pool::new(RULES.bounds);
    let mut now = s(0);
    let mut next = 0;
    let mut rounds = Vec::new();
    while pool.0.failing(now).is_none() {
        let started = starts(&pool.see(now, 100, &[])).len() as u64;
        rounds.extend((started > 0).then_some(started));
        now += ms(50);
        for process in next..next + started {
            pool.end(now, process, false);
        }
        next += started;
        assert!(now < s(10));
    }
    assert_eq!(rounds, [6; 5]);
    let said = pool.0.failing(now).expect("it fails");
    assert!(said.contains("exit status: 1") && said.contains("left alone for 30 s more"), "{said}");
    assert_eq!(pool.see(now + s(29), 100, &[]), []);
    assert!(!pool.0.is_changing(), "nothing will be otherwise for a while");
    assert_eq!(starts(&pool.see(now + s(31), 100, &[])).len(), 1);
    assert_eq!(pool.see(now + s(32), 100, &[]), [], "one at a time");
    assert_eq!(starts(&pool.see(now + s(33), 99, &[ready(next, 1)])).len(), 5, "it works again");
    assert_eq!(pool.0.failing(now + s(33)), None);
}

#[test]
fn an_operator_scales() {
    let mut pool = Pool::new(Bounds { min: 1, max: 2 });
    assert_eq!(starts(&pool.see(s(0), 9, &[])).len(), 2);
    assert_eq!(starts(&pool.on(s(1), Event::Scaled(Bounds { min: 3, max: 4 }))).len(), 1);
    assert_eq!(starts(&pool.see(s(2), 9, &[ready(0, 1), ready(1, 1), ready(2, 1)])).len(), 1);
    assert_eq!(pool.on(s(3), Event::Scaled(Bounds { min: 1, max: 1 })), []);
    let busy: Vec<_> = (0..4).map(|n| ready(n, u32::from(n != 1))).collect();
    let went = pool.see(s(4), 9, &busy);
    assert_eq!(went, [drain(1), drain(3), drain(2)], "they end their jobs before they go");
    assert_eq!(pool.on(s(5), Event::Scaled(Bounds { min: 0, max: 0 })), []);
    let lanes = [ready(0, 1), lane(2, 1, LaneState::Draining)];
    assert_eq!(pool.see(s(6), 9, &lanes), [terminate(1), terminate(3), drain(0)]);
}

#[test]
fn a_server_on_other_ports_has_others_serve_it() {
    let mut pool = Pool::new(Bounds { min: 2, max: 3 });
    pool.see(s(0), 0, &[]);
    pool.see(s(1), 0, &[ready(0, 0), ready(1, 0)]);
    pool.on(s(2), Event::Away { gone: true });
    let went = pool.on(s(3), Event::Moved);
    assert_eq!(went[..2], [drain(0), drain(1)]);
    assert_eq!(starts(&went[2..]), [(2, 2)], "as many as there is room for");
    assert_eq!(pool.see(s(4), 0, &[]), [terminate(0), terminate(1)]);
    assert_eq!(starts(&pool.end(s(5), 0, true)), [(3, 0)]);
}

#[test]
fn jobs_that_are_too_short_to_be_seen_keep_one_process() {
    let mut pool = Pool::new(RULES.bounds);
    pool.see(s(0), 2, &[]);
    let lanes = |ended| [Lane { ended, ..ready(0, 0) }, ready(1, 0)];
    assert_eq!(pool.see(s(1), 0, &lanes(3)), []);
    assert_eq!(pool.see(s(10), 0, &lanes(3)), []);
    assert_eq!(pool.see(s(11), 0, &lanes(4)), [drain(1)]);
    assert_eq!(pool.see(s(21), 0, &lanes(4)[..1]), [terminate(1)]);
    assert_eq!(pool.see(s(22), 0, &lanes(4)[..1]), [drain(0)]);
}

#[test]
fn a_paused_pool_of_no_jobs_keeps_its_least() {
    let mut pool = Pool::new(Bounds { min: 2, max: 6 });
    assert_eq!(starts(&pool.see(s(0), 0, &[])).len(), 2);
    assert_eq!(pool.see(s(100), 0, &[ready(0, 0), ready(1, 0)]), []);
    assert!(!pool.0.is_changing());
}

/// A lane whose slots hold so many void runs, since then by the server's clock.
fn holding(process: u64, busy: u32, void: u32, since: u64) -> Lane {
    Lane { void, void_since: Some(since), slots: 4, ..ready(process, busy) }
}

fn silent(process: u64) -> Lane {
    lane(process, 0, LaneState::Silent)
}

fn gives_up(process: u64, why: Hang) -> Action {
    Action::GiveUp { process: id(process), why }
}

/// A pool of one process, which is ready.
fn pool_of_one() -> Pool {
    let mut pool = Pool::new(Bounds { min: 1, max: 1 });
    assert_eq!(starts(&pool.see(s(0), 0, &[])), [(0, 0)]);
    assert_eq!(pool.see(s(1), 0, &[ready(0, 0)]), []);
    pool
}

#[test]
fn one_that_keeps_the_slot_of_a_void_run_is_replaced() {
    let mut pool = pool_of_one();
    let held = holding(0, 1, 1, 50);
    assert_eq!(pool.see(s(2), 1, &[held]), []);
    assert_eq!(pool.see(ms(11_999), 1, &[held]), []);
    assert_eq!(pool.see(s(12), 1, &[held]), [gives_up(0, Hang::Void), drain(0)]);
    let drains = Lane { state: LaneState::Draining, ..held };
    assert_eq!(pool.see(s(13), 1, &[drains]), [terminate(0)]);
    assert_eq!(pool.on(s(43), Event::Tick), [Action::Kill { process: id(0) }]);
    assert_eq!(starts(&pool.end(s(44), 0, false)), [(1, 0)]);
}

#[test]
fn its_other_jobs_end_first() {
    let mut pool = pool_of_one();
    let held = holding(0, 3, 1, 50);
    pool.see(s(2), 0, &[held]);
    assert_eq!(pool.see(s(12), 0, &[held]), [gives_up(0, Hang::Void), drain(0)]);
    let drains = |busy| Lane { state: LaneState::Draining, busy, ..held };
    assert_eq!(pool.see(s(13), 0, &[drains(3)]), []);
    assert_eq!(pool.see(s(300), 0, &[drains(2)]), []);
    assert_eq!(pool.see(s(301), 0, &[drains(1)]), [terminate(0)]);
}

#[test]
fn void_runs_that_come_and_go_are_no_hang() {
    let mut pool = pool_of_one();
    for at in 2..100 {
        assert_eq!(pool.see(s(at), 0, &[holding(0, 1, 1, at / 5)]), [], "{at}");
    }
}

#[test]
fn one_that_is_silent_is_told_to_go_at_once_and_comes_back_if_it_is_heard() {
    let mut pool = pool_of_one();
    pool.see(s(2), 1, &[silent(0)]);
    assert_eq!(pool.see(s(11), 0, &[ready(0, 1)]), []);
    pool.see(s(12), 1, &[silent(0)]);
    assert_eq!(pool.see(s(21), 1, &[silent(0)]), []);
    assert_eq!(pool.see(s(22), 1, &[silent(0)]), [gives_up(0, Hang::Silent), terminate(0)]);
}

#[test]
fn one_that_was_ready_and_has_no_lane_any_more_is_replaced() {
    let mut pool = pool_of_one();
    pool.see(s(2), 0, &[]);
    assert_eq!(pool.see(s(31), 0, &[]), []);
    assert_eq!(pool.see(s(32), 0, &[]), [gives_up(0, Hang::Gone), terminate(0)]);
    // Void runs are what a server ends a lane for: from the first sign on.
    let mut pool = pool_of_one();
    pool.see(s(2), 0, &[holding(0, 1, 1, 50)]);
    pool.see(s(8), 0, &[]);
    assert_eq!(pool.see(s(12), 0, &[]), [gives_up(0, Hang::Gone), terminate(0)]);
}

#[test]
fn what_nobody_sees_is_held_against_nobody() {
    let mut pool = pool_of_one();
    pool.see(s(2), 0, &[]);
    pool.on(s(3), Event::Away { gone: true });
    assert_eq!(pool.see(s(60), 0, &[]), []);
    assert_eq!(pool.see(s(61), 0, &[ready(0, 0)]), []);
}

#[test]
fn one_that_drains_and_hangs_goes_as_well() {
    let mut pool = Pool::new(Bounds { min: 0, max: 1 });
    pool.see(s(0), 1, &[]);
    pool.see(s(1), 0, &[ready(0, 1)]);
    pool.on(s(2), Event::Scaled(Bounds { min: 0, max: 0 }));
    assert_eq!(pool.see(s(2), 0, &[ready(0, 1)]), [drain(0)]);
    pool.see(s(3), 0, &[silent(0)]);
    assert_eq!(pool.see(s(13), 0, &[silent(0)]), [terminate(0)]);
}
