//! Whole lives of the scheduler from a seed, watched by a model that knows only what went in and
//! what came out.
//!
//! `ACEQUIA_SIM_SEED` replays the one world of that seed, `ACEQUIA_SIM_RUNS` sets how many small
//! worlds are tried. A world that goes wrong prints its seed and its last events.

mod adoption;
mod compare;
mod consistent;
mod doors;
mod expect;
mod habits;
mod journal;
mod letters;
mod model;
mod pages;
mod parts;
mod plan;
mod proof;
mod random;
mod resubmits;
mod see;
mod submits;
mod turns;
mod world;

use plan::Plan;
use proof::Seen;
use world::World;

/// Enough for a quick test run; bugs that need luck are hunted with `ACEQUIA_SIM_RUNS`.
const RUNS_DEFAULT: u64 = 500;
/// Seeds from here on are worlds of hundreds of clients and workers.
const LARGE_SEEDS_FROM: u64 = 1 << 40;

fn number_from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect(name))
}

fn live(seed: u64) -> World {
    let plan = match seed {
        LARGE_SEEDS_FROM.. => Plan::large(seed),
        _ if seed.is_multiple_of(3) => Plan::cluster(seed),
        _ => Plan::small(seed),
    };
    let mut world = World::new(seed, plan);
    world.live();
    world.end();
    world
}

#[test]
fn small_worlds_keep_the_rules() {
    if let Some(seed) = number_from_env("ACEQUIA_SIM_SEED") {
        live(seed);
        return;
    }
    let runs = number_from_env("ACEQUIA_SIM_RUNS").unwrap_or(RUNS_DEFAULT);
    let mut seen = Seen::default();
    for seed in 0..runs {
        seen.add(&mut live(seed).proof.seen);
    }
    assert!(runs < RUNS_DEFAULT || seen.is_all(), "what is to be proved happens: {seen:?}");
}

#[test]
fn large_worlds_keep_the_rules() {
    if number_from_env("ACEQUIA_SIM_SEED").is_some() {
        return;
    }
    let runs = number_from_env("ACEQUIA_SIM_RUNS").unwrap_or(RUNS_DEFAULT);
    for nth in 0..runs.div_ceil(1_000) {
        live(LARGE_SEEDS_FROM + nth);
    }
}

#[test]
fn the_same_seed_lives_the_same_life() {
    for seed in [1, 2, 3, 5, 8, 13, 21, 34] {
        let [first, second] = [(); 2].map(|()| live(seed).digest());
        assert_eq!(first, second, "seed {seed}");
    }
}
