//! How the server holds back where others could make it do the same thing without end.
//!
//! [`Seldom`] says which lines of a log are written, of those that strangers can cause; and what
//! was left out. [`AcceptFailures`] says how long a loop waits that cannot accept connections.
//!
//! Nothing here has a clock or writes: the time comes in, and the caller logs.

mod accept;
mod seldom;

pub use accept::{AcceptFailures, Held, PAUSE_MAX, PAUSE_MIN};
pub use seldom::{LeftOut, Seldom};
