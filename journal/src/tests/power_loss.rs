//! The power goes at each operation of a run in turn, as in the tests of `SQLite`, and comes back
//! to what a disk may have made of it.

use super::rng::{Rng, seeds};
use super::script::{Content, Script, hand_over, open, start};
use super::sim_disk::{Loss, SimDisk};
use crate::notice::Notice;

const GROUPS: usize = 12;

/// How far a run came.
struct Came {
    /// Groups that were handed over.
    handed: usize,
    /// Groups that were reported durable.
    durable: usize,
}

/// Runs the script until the power goes, or to its end.
fn run(script: &Script, disk: &SimDisk) -> Came {
    let mut came = Came { handed: 0, durable: 0 };
    let Ok(store) = open(disk) else { return came };
    let (mut writer, notices) = start(store);
    for group in &script.groups {
        came.handed += 1;
        hand_over(&mut writer, group);
        match notices.recv().unwrap() {
            Notice::Durable { up_to } => {
                came.durable += 1;
                assert_eq!(up_to, script.contents[came.durable].highest_ticket);
            }
            Notice::Failed { .. } => break,
            Notice::Resumed => panic!("nothing failed before"),
            Notice::Ended { message } | Notice::Over { message, .. } => panic!("{message}"),
        }
    }
    let closed = writer.close();
    assert_eq!(closed.is_ok(), came.durable == script.groups.len());
    came
}

/// That the store on `disk` holds what it has to after a run that came so far.
fn look(script: &Script, came: &Came, disk: &SimDisk, what: &str) {
    let store = match open(disk) {
        Ok(store) => store,
        Err(error) => panic!("{what}: {error}"),
    };
    let held = Content::of(&store);
    let may = &script.contents[came.durable..=came.handed];
    assert!(
        may.contains(&held),
        "{what}: {} groups were durable and {} handed over, but the store holds {held:#?}",
        came.durable,
        came.handed
    );
}

#[test]
fn what_was_durable_is_there_and_nothing_else_wherever_the_power_goes() {
    for seed in seeds() {
        let script = Script::new(seed, GROUPS);
        let whole = SimDisk::new(Vec::new(), seed);
        assert_eq!(run(&script, &whole).durable, GROUPS, "seed {seed}");
        let operations = whole.state().operations;
        assert!(operations > 100, "the run does something");

        for cut in 1..=operations {
            let disk = SimDisk::new(Vec::new(), seed);
            disk.state().power_until = Some(cut);
            let came = run(&script, &disk);
            let mut rng = Rng::new(seed ^ cut);
            for loss in Loss::ALL {
                let what = format!("seed {seed}, power lost at {cut}, {loss:?}");
                let image = disk.after(loss, &mut rng);
                look(&script, &came, &SimDisk::new(image.clone(), seed), &what);

                // Once more, while the store is opened after the first time.
                let again = SimDisk::new(image, seed);
                let second = rng.below(20) as u64 + 1;
                again.state().power_until = Some(second);
                drop(open(&again));
                let image = again.after(loss, &mut rng);
                let what = format!("{what}, and again at {second}");
                look(&script, &came, &SimDisk::new(image, seed), &what);
            }
        }
    }
}

#[test]
fn a_run_goes_on_where_the_power_went() {
    for seed in seeds() {
        let script = Script::new(seed, GROUPS);
        let mut rng = Rng::new(seed);
        let mut disk = SimDisk::new(Vec::new(), seed);
        let mut written = 0;
        while written < GROUPS {
            disk.state().power_until = Some(rng.below(120) as u64 + 1);
            if let Ok(store) = open(&disk) {
                let (mut writer, notices) = start(store);
                while written < GROUPS {
                    hand_over(&mut writer, &script.groups[written]);
                    match notices.recv().unwrap() {
                        Notice::Durable { .. } => written += 1,
                        _ => break,
                    }
                }
                _ = writer.close();
            }
            let image = disk.after(Loss::Torn, &mut rng);
            disk = SimDisk::new(image, rng.next());
            let held = Content::of(&open(&disk).unwrap());
            let next = script.contents.get(written + 1);
            if next.is_some_and(|content| *content == held) {
                written += 1;
            }
            let content = &script.contents[written];
            assert_eq!(*content, held, "seed {seed}: {written} groups");
        }
    }
}
