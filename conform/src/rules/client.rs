//! What a client library can break.
use crate::rule::Rule;
pub(crate) const CLIENT: &[Rule] = &[];
