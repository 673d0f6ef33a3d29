//! What came of one part.

use serde_json::Value;

use crate::aim::Aim;

/// A part, measured.
pub(super) struct Part {
    /// Its key in JSON.
    pub(super) key: &'static str,
    pub(super) json: Value,
    /// What was done, and what else is to be known, for people.
    pub(super) lines: Vec<String>,
    pub(super) aims: Vec<Aim>,
}
