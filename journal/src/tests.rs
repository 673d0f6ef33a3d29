//! The store against disks that lose power, fail, are full or were tampered with.

mod compaction;
mod damage;
mod earlier;
mod ending;
mod failing_disk;
mod files;
mod letters;
mod power_loss;
mod retention;
pub(crate) mod rng;
mod script;
mod shared;
mod sim_disk;
mod writing;
