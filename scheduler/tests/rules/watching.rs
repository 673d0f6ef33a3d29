//! A session is told of what somebody else submitted.

use acequia_scheduler::{ClientId, Config, Event, SessionId, Sight};
use acequia_wire::client::{OnDisconnect, Submit, Watched};
use acequia_wire::limits::WATCHERS_MAX;
use acequia_wire::{CorrelationId, Limits};

use crate::scene::{Scene, job, job_id};

const ALL: Sight = Sight::All { batches_of: ClientId(7) };

fn watch_as(scene: &mut Scene, session: u64, id: u32, what: Watched) -> Vec<String> {
    let (session, id) = (SessionId(session), CorrelationId::Int(id.into()));
    scene.handle(Event::Watch { session, id, what, sight: ALL })
}

fn watch(scene: &mut Scene, session: u64, id: u32, of: u32) -> Vec<String> {
    watch_as(scene, session, id, Watched::Job(job_id(of)))
}

/// A job of client 1 that has been accepted and runs, and a session 2 of client 2.
fn running(spec: Submit) -> Scene {
    let mut scene = Scene::new();
    scene.open(2, 2);
    scene.lane(1, 1);
    scene.submit(spec);
    scene.durable(1);
    scene
}

#[test]
fn whoever_looks_on_is_told_what_is_past_and_what_comes() {
    let mut scene = running(job(1));
    assert_eq!(watch(&mut scene, 2, 9, 1), ["9 of 1 accepted", "9 of 1 started: 1 by w1"]);
    assert!(watch(&mut scene, 2, 9, 1).is_empty(), "it is told already");
    let mut told = scene.done(1, 1);
    told.sort();
    assert_eq!(told, ["1 done", "9 of 1 done", "settle 1"]);
    // Its outcome is kept, and the id is free.
    assert_eq!(watch(&mut scene, 2, 9, 1), ["9 of 1 done"]);
    assert_eq!(watch(&mut scene, 2, 9, 77), ["9 error: not_found"]);
}

#[test]
fn jobs_of_others_are_not_there_for_whoever_may_only_see_its_own() {
    let mut scene = running(job(1));
    let mut own = |session, id| {
        let (session, id) = (SessionId(session), CorrelationId::Int(id));
        let what = Watched::Job(job_id(1));
        scene.handle(Event::Watch { session, id, what, sight: Sight::Own })
    };
    assert_eq!(own(2, 9), ["9 error: not_found"]);
    assert_eq!(own(1, 9), ["9 of 1 accepted", "9 of 1 started: 1 by w1"]);
    scene.done(1, 1);
    let (session, id, what) = (SessionId(2), CorrelationId::Int(9), Watched::Job(job_id(1)));
    let told = scene.handle(Event::Watch { session, id, what, sight: Sight::Own });
    assert_eq!(told, ["9 error: not_found"], "nor is its outcome");
}

#[test]
fn to_look_on_is_not_to_want() {
    let wanted = Submit { on_disconnect: OnDisconnect::CancelAfter { ms: 50 }, ..job(1) };
    let mut scene = running(wanted);
    watch(&mut scene, 2, 9, 1);
    // Its going and coming changes nothing.
    assert!(scene.absent(2).is_empty());
    assert!(scene.absent(1).is_empty());
    assert!(scene.pass_ms(30).is_empty());
    scene.back(2);
    let mut told = scene.pass_ms(20);
    told.sort();
    assert_eq!(told, ["1 cancelled", "9 of 1 cancelled", "settle 1", "void 1 on 1"]);
    // It neither keeps a job alive nor ends it.
    let mut scene = running(Submit { on_disconnect: OnDisconnect::Cancel, ..job(1) });
    watch(&mut scene, 2, 9, 1);
    assert!(scene.close(2).is_empty());
    watch(&mut scene, 1, 9, 1);
    let told = scene.close(1);
    assert_eq!(told, ["void 1 on 1", "settle 1"]);
}

#[test]
fn a_cancel_of_whoever_looks_on_is_for_all() {
    let mut scene = running(job(1));
    watch(&mut scene, 2, 9, 1);

    let mut told = scene.cancel_as(2, 9);
    told.sort();
    assert_eq!(told, ["1 cancelled", "9 of 1 cancelled", "settle 1", "void 1 on 1"]);
}

#[test]
fn what_is_watched_counts_for_whoever_watches() {
    let limits = Limits { client_jobs: 1, ..Limits::default() };
    let mut scene = Scene::with(limits);
    (2..=3).for_each(|session| scene.open(session, session));
    scene.submit(job(1));
    assert!(watch(&mut scene, 2, 9, 1).is_empty());
    assert_eq!(scene.submit_as(2, job(2)), ["2 rejected: too_many_jobs"]);
    assert_eq!(scene.submit(job(3)), ["3 rejected: too_many_jobs"], "it has one, and no more");
    scene.handle(Event::CancelJob { job: job_id(1) });
    assert_eq!(scene.submit(job(3)), ["record 3"]);
    assert_eq!(scene.submit_as(2, job(2)), ["record 2"]);
    assert_eq!(watch(&mut scene, 2, 9, 3), ["9 error: too_many_jobs"]);
    assert_eq!(watch(&mut scene, 2, 2, 3), ["2 error: duplicate_id"]);
}

#[test]
fn so_many_are_told_of_a_job_and_no_more() {
    let mut scene = Scene::of(Config::default());
    scene.open(2, 2);
    scene.submit(job(1));
    for id in 2..=u32::try_from(WATCHERS_MAX).unwrap() {
        assert!(watch(&mut scene, 2, id, 1).is_empty());
    }
    assert_eq!(watch(&mut scene, 2, 1_000, 1), ["1000 error: too_many_jobs"]);
}

#[test]
fn the_end_of_a_batch_is_told_to_whoever_watches_it() {
    let batch = || Watched::Batch("b".into());
    let mut scene = running(Submit { batch: Some("b".into()), ..job(1) });
    scene.open(3, 1);
    assert!(watch_as(&mut scene, 3, 9, batch()).is_empty());
    assert_eq!(watch_as(&mut scene, 2, 9, batch()), ["9 error: not_found"], "it is another's");
    let told = scene.done(1, 1);
    assert_eq!(told.iter().filter(|line| line.contains("batch")).count(), 2, "{told:?}");
    assert_eq!(watch_as(&mut scene, 3, 9, batch()), ["9 error: not_found"]);
    // One of those whose batches anybody may watch.
    scene.open(7, 7);
    scene.submit_as(7, Submit { batch: Some("b".into()), ..job(2) });
    assert!(watch_as(&mut scene, 2, 9, batch()).is_empty());
}
