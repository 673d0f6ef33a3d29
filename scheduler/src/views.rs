//! What may be asked of the scheduler, and the answers: looks at the state, which change nothing.

pub(crate) mod inspect;
pub(crate) mod lookup;
pub(crate) mod stats;
