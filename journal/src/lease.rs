//! Which of several servers owns a journal that all of them can reach: the rules, without IO.
//!
//! The journal has one row that says who its owner is:
//!
//! ```text
//!  epoch │ owner, a random number │ address │ lease_until │ floor_us
//! ```
//!
//! - [`Lease`] is a server's view of that row: it stands by until the owner is dead or has let its
//!   lease run out, takes over by raising the epoch, and renews what it has.
//! - [`Pen`] writes group after group under the *fence*: each names the epoch and the owner, and
//!   changes nothing where the row names others.
//!
//! A lease only says when it is time to take over. What makes that safe is the fence alone, so
//! nothing here depends on clocks that agree.

mod machine;
mod pen;
#[cfg(test)]
mod simulation;

pub(crate) use self::machine::{Answer, Ask, LEASE_MS, Lease, Row, Standing, Taken};
pub(crate) use self::pen::{Pen, Said, Step, Verdict};
