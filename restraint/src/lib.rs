//! How the server holds back where others could make it do the same thing without end.
//!
//! [`Seldom`] says which lines of a log are written, of those that strangers can cause; and what
//! was left out. [`AcceptFailures`] says how long a loop waits that cannot accept connections.
//! [`Share`] says whether one may hold more of what all share, and [`Holders`] who holds most of it.
//!
//! Nothing here has a clock or writes: the time comes in, and the caller logs.

mod accept;
mod holders;
mod ranking;
mod seldom;
mod share;

pub use accept::{AcceptFailures, Held, PAUSE_MAX, PAUSE_MIN};
pub use holders::Holders;
pub use seldom::{LeftOut, Seldom};
pub use share::{NoShare, Share};
