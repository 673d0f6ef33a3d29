//! Jobs that failed are kept, until they run again, are dropped or have to leave.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use acequia_scheduler::{
    Action, ClientId, Config, DeadLetter, Event, Found, NotRedriven, Retained, Scheduler, Ticket,
    Time,
};
use acequia_wire::client::{JobEvent, OnDisconnect, Submit};
use acequia_wire::{Body, Limits};

use crate::scene::{Scene, job, job_id, queue, runs};

fn keyed(id: u32) -> Submit {
    Submit { key: Some("k".into()), ..job(id) }
}

/// A scene with a lane of many slots in which these jobs have failed.
fn failed(config: Config, specs: impl IntoIterator<Item = Submit>) -> Scene {
    let mut scene = Scene::of(config);
    scene.lane_of(1, 99, &["default", "other"]);
    for (id, spec) in (1..).zip(specs) {
        scene.submit(spec);
        scene.fail(1, id, false);
    }
    scene
}

#[test]
fn a_letter_has_all_of_its_job_and_why_it_failed() {
    let mut scene = Scene::new();
    let submitted = scene.now();
    let spec = Submit {
        delay_ms: 10,
        attempts: 2,
        on_disconnect: OnDisconnect::Cancel,
        batch: Some("b".into()),
        ..keyed(1)
    };
    scene.submit(spec.clone());
    scene.pass_ms(10);
    scene.lane(1, 1);
    scene.lane_ends(1);
    scene.lane(2, 1);
    scene.fail(2, 1, true);
    assert_eq!(scene.dead(), [0; 0], "another attempt is left");
    scene.pass_ms(scene.next_ms().unwrap());
    scene.fail(2, 1, true);
    assert_eq!(scene.dead(), [1]);
    let expected = DeadLetter {
        ticket: Ticket(2),
        job: job_id(1),
        client: ClientId(1),
        spec: Arc::new(Submit { delay_ms: 0, on_disconnect: OnDisconnect::Keep, ..spec }),
        submitted,
        failed: scene.now(),
        code: acequia_wire::code::FailCode::of_worker("dry".to_owned()),
        message: "no water".into(),
        runs: 3,
        failures: 2,
        losses: 1,
    };
    assert_eq!(scene.scheduler.dead_letter(job_id(1)).map(|of| &**of), Some(&expected));
}

#[test]
fn whatever_ends_as_failed_is_kept_and_nothing_else() {
    let mut scene = Scene::new();
    scene.submit(Submit { ttl_ms: Some(5), ..job(1) });
    scene.pass_ms(5);
    assert_eq!(scene.dead(), [1], "it has expired");
    scene.lane(1, 9);
    scene.submit(Submit { timeout_ms: Some(5), ..job(2) });
    scene.pass_ms(5);
    scene.submit(job(3));
    scene.done_with(1, 3, Body::new(None, "{not JSON".into()));
    scene.submit(job(4));
    scene.done(1, 4);
    scene.submit(job(5));
    scene.cancel(5);
    scene.submit(job(6));
    scene.chunk(1, 6, "{not JSON");
    assert_eq!(scene.dead(), [1, 2, 3, 6]);
    let failures = scene.letters.values().map(|of| (of.runs, of.failures));
    assert_eq!(failures.collect::<Vec<_>>(), [(0, 0), (1, 1), (1, 1), (1, 1)]);
}

#[test]
fn a_redriven_job_runs_again_as_a_new_one() {
    let spec = Submit { delay_ms: 10, ttl_ms: Some(50), attempts: 2, ..job(1) };
    let mut scene = Scene::new();
    scene.submit(spec);
    scene.close(1);
    scene.pass_ms(50);
    assert_eq!(scene.dead(), [1]);
    scene.pass_ms(20);
    // The end of the letter and the record of the job come together.
    assert_eq!(scene.redrive(1, 2), ["record 2"]);
    assert_eq!(scene.dead(), [0; 0]);
    assert_eq!(scene.next_ms(), Some(50), "its time to live begins anew");
    assert_eq!(runs(&scene.lane(1, 1)), ["2 on 1"]);
    scene.fail(1, 2, true);
    let Some(Found::Live(live)) = scene.find(2) else { panic!("an attempt is left") };
    assert_eq!((live.client, live.runs, live.failures, live.losses), (ClientId(1), 1, 1, 0));
    scene.pass_ms(scene.next_ms().unwrap());
    assert_eq!(scene.fail(1, 2, true), ["settle 2"], "and nobody is told");
    assert_eq!(scene.dead(), [2]);
}

#[test]
fn what_became_of_a_redriven_job_is_kept_and_of_the_old_one_too() {
    let mut scene = failed(Config::default(), [keyed(1)]);
    let first = scene.retained.clone();
    assert_eq!(runs(&scene.redrive(1, 2)), ["2 on 1"]);
    assert_eq!(scene.done(1, 2), ["settle 2"]);
    let Some(Found::Ended(ended)) = scene.find(2) else { panic!("it was asked for") };
    assert!(matches!(ended.outcome, JobEvent::Done { .. }));
    let Some(Found::Ended(ended)) = scene.find(1) else { panic!("its time is not over") };
    assert!(matches!(ended.outcome, JobEvent::Failed { .. }));
    assert_eq!(
        (&*ended, ended.key.as_ref()),
        (&Retained { key: None, ..(*first[0]).clone() }, None)
    );

    // Without a key too, also if it was never accepted.
    let mut scene = failed(Config::default(), [job(1)]);
    assert_eq!(scene.find(1), None);
    scene.redrive(1, 2);
    scene.done(1, 2);
    assert!(matches!(scene.find(2), Some(Found::Ended(_))));
}

#[test]
fn the_key_is_the_new_job_s() {
    let mut scene = failed(Config::default(), [keyed(1)]);
    scene.redrive(1, 2);
    assert!(scene.submit(keyed(3)).is_empty(), "it is not accepted yet");
    assert_eq!(scene.durable(4), ["3 of 2 accepted", "3 of 2 started: 1 by w1"]);
    assert_eq!(scene.done(1, 2), ["3 of 2 done", "settle 2"]);
    assert_eq!(scene.submit(keyed(4)), ["4 of 2 done"]);

    let mut scene = failed(Config::default(), [keyed(1)]);
    scene.redrive(1, 2);
    scene.submit(keyed(3));
    scene.cancel(3);
    assert_eq!(runs(&scene.submit(keyed(4))), ["4 on 1"], "nobody wanted it");
}

#[test]
fn a_letter_whose_key_is_a_live_job_s_is_not_redriven() {
    let config = Config { retained_jobs: 0, ..Config::default() };
    let mut scene = failed(config, [keyed(1), keyed(2), keyed(3)]);
    scene.redrive(1, 4);
    let live = NotRedriven::KeyIsLive { job: job_id(4) };
    assert_eq!(scene.scheduler.check_redrive(job_id(2)), Err(live));
    assert!(scene.redrive(2, 5).is_empty());
    assert_eq!(scene.dead(), [2, 3]);
    scene.done(1, 4);
    assert_eq!(scene.scheduler.check_redrive(job_id(2)), Ok(()));
}

#[test]
fn whether_a_letter_can_be_redriven_is_known_before() {
    let mut scene = failed(Config::default(), [job(1)]);
    let check = |scene: &Scene| scene.scheduler.check_redrive(job_id(1));
    assert_eq!(check(&scene), Ok(()));
    assert_eq!(scene.scheduler.check_redrive(job_id(2)), Err(NotRedriven::NotFound));
    assert!(scene.redrive(2, 3).is_empty());
    scene.handle(Event::StorageFailed);
    assert_eq!(check(&scene), Err(NotRedriven::Storage));
    assert!(scene.redrive(1, 3).is_empty());
    scene.handle(Event::StorageBack);
    scene.drain();
    assert_eq!(check(&scene), Err(NotRedriven::Draining));
    assert!(scene.redrive(1, 3).is_empty());
    assert_eq!(scene.dead(), [1]);
    scene.drop_letter(1);
    assert_eq!(check(&scene), Err(NotRedriven::NotFound));
}

#[test]
fn no_limit_of_clients_holds_a_redrive_back() {
    let limits = Limits { client_jobs: 1, waiting_jobs: 1, payloads_bytes: 3, ..Limits::default() };
    let mut scene = failed(Config { limits, ..Config::default() }, [job(1), job(2)]);
    scene.lane_drains(1);
    assert_eq!(scene.redrive(1, 3), ["record 3"]);
    assert_eq!(scene.redrive(2, 4), ["record 4"]);
    assert_eq!(scene.submit(job(5)), ["5 rejected: too_many_jobs"]);
}

#[test]
fn a_letter_is_dropped_once() {
    let mut scene = failed(Config::default(), [job(1), job(2)]);
    assert!(scene.drop_letter(1).is_empty());
    assert!(scene.drop_letter(1).is_empty());
    assert_eq!(scene.dead(), [2]);
}

#[test]
fn the_oldest_leave_by_number_and_by_size() {
    // Each weighs 512 bytes, and its payload, code and message.
    let bytes = 2 * (512 + 3 + 3 + 8);
    for config in [
        Config { dead_letters: 2, ..Config::default() },
        Config { dead_letters_bytes: bytes, ..Config::default() },
    ] {
        let scene = failed(config, (1..=4).map(job));
        assert_eq!(scene.dead(), [3, 4]);
    }
}

#[test]
fn what_is_too_large_by_itself_drives_nothing_out() {
    let config = Config { dead_letters_bytes: 600, ..Config::default() };
    let large = Submit { key: Some("k".repeat(100).into()), ..job(2) };
    assert_eq!(failed(config, [job(1), large]).dead(), [1]);
}

#[test]
fn none_are_kept_if_none_may_be() {
    for config in [
        Config { dead_letters: 0, ..Config::default() },
        Config { dead_letters_bytes: 0, ..Config::default() },
    ] {
        let mut scene = failed(config, [job(1)]);
        assert_eq!(scene.dead(), [0; 0]);
        scene.submit(job(2));
        assert!(scene.durable(1).is_empty(), "it takes no ticket");
        assert_eq!(scene.durable(2)[0], "2 accepted");
    }
}

#[test]
fn pages_go_on_where_the_last_ended_whoever_has_left() {
    let of = |id, name: &str| Submit { queue: queue(name), ..job(id) };
    let specs = (1..=9).map(|id| of(id, if id % 3 == 0 { "other" } else { "default" }));
    let mut scene = failed(Config::default(), specs);
    let page = |scene: &Scene, queue: Option<&str>, after: Option<Ticket>| {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let letters = scene.scheduler.dead_letters(queue, (after, Bound::Unbounded));
        let page: Vec<_> = letters.take(2).cloned().collect();
        let jobs = (1..=9).filter(|id| page.iter().any(|of| of.job == job_id(*id)));
        (jobs.collect::<Vec<_>>(), page.last().map(|last| last.ticket))
    };
    let (jobs, end) = page(&scene, None, None);
    assert_eq!(jobs, [1, 2]);
    scene.drop_letter(2);
    scene.drop_letter(3);
    let (jobs, _) = page(&scene, None, end);
    assert_eq!(jobs, [4, 5]);
    let (jobs, end) = page(&scene, Some("other"), None);
    assert_eq!(jobs, [6, 9]);
    assert_eq!(page(&scene, Some("other"), end), (vec![], None));
    assert_eq!(page(&scene, Some("none"), None), (vec![], None));

    let newest = scene.scheduler.dead_letters(Some("default"), ..).next_back().unwrap();
    assert_eq!(newest.job, job_id(8));
    let stats = scene.scheduler.stats(scene.now());
    let of = vec![(queue("default"), 5), (queue("other"), 2)];
    assert_eq!((stats.dead_letters, stats.dead_letters_of), (7, of));
}

#[test]
fn letters_come_back_after_a_restart() {
    let before = failed(Config::default(), [job(1), keyed(2), job(3)]);
    let mut scene = Scene::empty(Config { dead_letters: 2, ..Config::default() });
    for letter in before.letters.values() {
        scene.handle(Event::RecoveredDeadLetter(letter.clone()));
    }
    assert_eq!(scene.dead(), [2, 3], "fewer may be kept now");
    // Their tickets are taken.
    let (_, last) = before.letters.last_key_value().unwrap();
    assert_eq!(scene.redrive(2, 4), ["record 4"]);
    assert!(scene.durable(last.ticket.0).is_empty());
    scene.open(1, 1);
    assert_eq!(scene.submit(keyed(5)), [""; 0]);
    assert_eq!(scene.durable(last.ticket.0 + 1), ["5 of 4 accepted"]);

    let mut none = Scene::empty(Config { dead_letters: 0, ..Config::default() });
    for letter in before.letters.values() {
        none.handle(Event::RecoveredDeadLetter(letter.clone()));
    }
    assert_eq!(none.dead(), [0; 0]);
}

#[test]
fn a_letter_from_a_clock_that_was_ahead_failed_now() {
    let before = failed(Config::default(), [job(1)]);
    let letter = before.letters.values().next().unwrap();
    let mut scheduler = Scheduler::new(Config::default());
    let now = Time::from_millis(1);
    scheduler.handle(now, Event::RecoveredDeadLetter(letter.clone()), &mut Vec::new());
    let back = scheduler.dead_letter(job_id(1)).unwrap();
    assert_eq!((back.submitted, back.failed), (now, now));
}

#[test]
fn a_letter_holds_no_memory_of_what_its_job_came_in_with() {
    let mut scheduler = Scheduler::new(Config::default());
    let message: bytes::Bytes = b"a long message [1] of many ops".to_vec().into();
    let mut spec = Submit { ttl_ms: Some(1), ..job(1) };
    let slice = message.slice(15..18);
    spec.payload = acequia_wire::Payload::new(acequia_wire::ContentType::Json, slice).unwrap();
    let mut out = Vec::new();
    let (session, client) = (acequia_scheduler::SessionId(1), ClientId(1));
    let now = Time::default();
    scheduler.handle(now, Event::SessionOpened { session, client }, &mut out);
    let submit = Event::Submit { session, job: job_id(1), spec: Arc::new(spec) };
    scheduler.handle(now, submit, &mut out);
    scheduler.handle(Time::from_millis(1), Event::Tick, &mut out);
    assert!(out.iter().any(|action| matches!(action, Action::Bury { .. })));
    drop(out);
    assert!(message.is_unique());
    let letters: BTreeMap<_, _> =
        scheduler.dead_letters(None, ..).map(|of| (of.job, of.spec.payload.bytes())).collect();
    assert_eq!(letters[&job_id(1)], "[1]");
}
