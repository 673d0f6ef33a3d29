//! A journal in PostgreSQL, which several servers can reach, and one owns at a time.
//!
//! ```text
//!  Candidate, a thread ── the row: look, take, renew, release ──▶ ┌────────────┐
//!                                                                │ PostgreSQL │
//!  Engine, on the journal's thread ── one statement a group ─────▶ └────────────┘
//! ```
//!
//! Which statements are sent, and what their answers mean, is decided in [`lease`](crate::lease).
//! Nothing here keeps a transaction open or needs a session of the database: it works behind a pooler
//! that lends connections for a transaction.

mod batches;
pub(crate) mod candidate;
mod changes;
mod connected;
pub(crate) mod connection;
pub(crate) mod contents;
pub(crate) mod database;
pub(crate) mod engine;
mod group;
mod refusal;
mod row;
pub(crate) mod schema;
