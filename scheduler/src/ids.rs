//! How sessions, clients, lanes and records are named.

/// A session, named by whoever opens it; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// A client: whose turn it is. Several sessions may be of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// A lane, named by whoever accepts it; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneKey(pub u64);

/// The place of a record in the journal, of a job's or a dead letter's: records become durable in
/// the order of tickets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

impl Ticket {
    /// That of the record after this one.
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
