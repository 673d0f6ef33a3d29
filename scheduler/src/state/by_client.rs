//! Names that mean something within one client only.

use std::hash::{Hash, Hasher};

use hashbrown::Equivalent;

use crate::ids::ClientId;

/// A client's name for something, as the key of a map.
pub(crate) type Named<S = Box<str>> = (ClientId, S);

/// The same, to look it up without a copy.
#[derive(PartialEq, Eq)]
pub(crate) struct ByClient<'a>(pub(crate) ClientId, pub(crate) &'a str);

impl Hash for ByClient<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As the pair hashes.
        (self.0, self.1).hash(state);
    }
}

impl<S: AsRef<str>> Equivalent<Named<S>> for ByClient<'_> {
    fn equivalent(&self, other: &Named<S>) -> bool {
        self.0 == other.0 && self.1 == other.1.as_ref()
    }
}
