//! Clients that are away for a while.

use acequia_wire::client::{OnDisconnect, Submit};

use crate::scene::{Scene, job};

const SOON: OnDisconnect = OnDisconnect::CancelAfter { ms: 100 };

fn after(id: u32, on_disconnect: OnDisconnect) -> Submit {
    Submit { on_disconnect, ..job(id) }
}

fn ends(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().filter(|line| line.ends_with("cancelled")).collect()
}

#[test]
fn jobs_wait_for_a_client_that_is_away_for_as_long_as_they_were_told() {
    let mut scene = Scene::new();
    scene.submit(after(1, OnDisconnect::Keep));
    scene.submit(after(2, SOON));
    scene.submit(after(3, OnDisconnect::Cancel));
    assert_eq!(ends(scene.absent(1)), ["3 cancelled"]);
    assert_eq!(ends(scene.absent(1)), [""; 0], "it is no more away than it was");
    assert_eq!(scene.pass_ms(99), [""; 0]);
    assert_eq!(ends(scene.pass_ms(1)), ["2 cancelled"]);
    scene.lane(1, 1);
    assert_eq!(ends(scene.done(1, 1)), [""; 0]);
}

#[test]
fn a_client_that_is_back_in_time_finds_its_jobs() {
    let mut scene = Scene::new();
    scene.submit(after(1, SOON));
    scene.absent(1);
    scene.pass_ms(99);
    scene.back(1);
    assert_eq!(scene.pass_ms(1_000), [""; 0]);
    scene.absent(1);
    assert_eq!(scene.pass_ms(99), [""; 0], "it counts from anew");
    assert_eq!(ends(scene.pass_ms(1)), ["1 cancelled"]);
}

#[test]
fn jobs_wait_for_a_client_whose_session_is_over() {
    let mut scene = Scene::new();
    scene.lane(1, 1);
    scene.submit(after(1, SOON));
    scene.submit(after(2, SOON));
    assert_eq!(scene.close(1), [""; 0]);
    assert_eq!(scene.done(1, 1)[0], "settle 1");
    assert_eq!(scene.pass_ms(100), ["void 2 on 1", "settle 2"], "nobody is left to be told");
}

#[test]
fn an_absence_that_becomes_an_end_does_not_count_twice() {
    let mut scene = Scene::new();
    scene.submit(after(1, SOON));
    scene.absent(1);
    scene.pass_ms(60);
    scene.close(1);
    assert_eq!(scene.pass_ms(39), [""; 0]);
    assert_eq!(scene.pass_ms(1), ["settle 1"]);
}

#[test]
fn a_job_of_several_waits_for_the_most_patient_once_all_are_gone() {
    let keyed = |id, on_disconnect| Submit { key: Some("k".into()), ..after(id, on_disconnect) };
    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.submit(keyed(1, SOON));
    scene.submit_as(2, keyed(2, OnDisconnect::Cancel));
    assert_eq!(scene.absent(1), [""; 0], "another is there");
    assert_eq!(scene.pass_ms(1_000), [""; 0]);
    assert_eq!(scene.close(2), [""; 0], "the first is to be waited for");
    assert_eq!(ends(scene.pass_ms(100)), ["1 cancelled"]);
}

#[test]
fn whoever_joins_a_forsaken_job_has_it_go_on() {
    let keyed = |id, on_disconnect| Submit { key: Some("k".into()), ..after(id, on_disconnect) };
    let mut scene = Scene::new();
    scene.open(2, 1);
    scene.submit(keyed(1, SOON));
    scene.absent(1);
    scene.submit_as(2, keyed(2, OnDisconnect::Keep));
    assert_eq!(scene.pass_ms(1_000), [""; 0]);
    // It does not want it any more, and the other is away.
    scene.cancel_as(2, 2);
    assert_eq!(ends(scene.pass_ms(100)), ["1 cancelled"]);
}
