//! Spans of traced jobs, for an OpenTelemetry collector.
//!
//! The pipeline and the writers of sessions tell what is over, and never wait: what does not fit
//! into the channel is counted and forgotten. A task of its own makes spans of it and sends them.
//!
//! ```text
//!  pipeline ──┐
//!             ├──▶ Spans, bounded ──▶ Exporter ──▶ collector
//!  writers  ──┘
//! ```

mod data;
mod endpoint;
mod exporter;
mod told;

pub use self::endpoint::{BadOtlpEndpoint, OtlpEndpoint};
pub(crate) use self::exporter::Exporter;
pub(crate) use self::told::Spans;
