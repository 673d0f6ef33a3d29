//! What a journal lies on. There are two: [`local`](crate::local), one file, and
//! [`shared`](crate::shared), a database that several servers can reach.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::clock::Stamp;
use crate::entry::{BatchEnd, Counts, Session, Tally};
use crate::error::{Fault, ReadError};
use crate::group::Group;
use crate::options::Compaction;

/// Groups are written to it, one after the other, by one thread.
pub(crate) trait Backend: Debug + Send {
    /// All that it holds. Only before the first write.
    fn contents(&self) -> Result<Box<dyn Contents + '_>, ReadError>;

    /// Writes a group and waits until it is durable; what is too old leaves with it. After a fault it is
    /// in doubt whether the group is there, so this is found out first when it is called again: a group is
    /// there once, and as a whole, whatever has failed in between.
    fn write(&mut self, group: &Group, now: &Stamp) -> Result<(), Fault>;

    /// Takes in all that another journal holds, at once or not at all. It is empty itself, and its time goes
    /// on from here.
    fn fill(&mut self, from: &dyn Contents, time_ms: u64) -> Result<(), Fault>;

    /// Whether others may take it over. Then also a group that changes nothing is written: before anybody is
    /// told of what has ended with it, it has to be known that it is still this server's.
    fn is_shared(&self) -> bool;

    /// When the last group was written, if that says how the clock of the system stood.
    fn written(&self) -> Option<&Stamp>;

    /// When outcomes leave for their age, in milliseconds of the journal's time.
    fn leave_at_ms(&self) -> Option<u64>;

    /// Counts how often it was made sure that all is durable.
    fn syncs(&self) -> Arc<AtomicU64>;

    /// When it is to be made smaller, if it does not stay small by itself.
    fn compaction(&self) -> Option<&Compaction>;

    /// Makes it smaller if that does not take long. Where it fails, the next write says why.
    fn compact_if_quick(&mut self);

    /// Ends all use of it. What is durable stays so.
    fn let_go(&mut self);
}

/// What there is to read.
pub(crate) type Rows<'a, T> = Box<dyn Iterator<Item = Result<T, ReadError>> + 'a>;

/// All that a journal holds, as it was written. It is read while it is asked for, so memory does not
/// grow with it.
pub(crate) trait Contents: Debug {
    fn sizes(&self) -> &Sizes;

    /// Records of live jobs, by ticket.
    fn jobs(&self) -> Result<Rows<'_, (u64, Vec<u8>)>, ReadError>;

    /// What live jobs have been through, by ticket; of those that have been through something.
    fn counts(&self) -> Result<Rows<'_, (u64, Counts)>, ReadError>;

    /// Records of dead letters, by ticket.
    fn dead_letters(&self) -> Result<Rows<'_, (u64, Vec<u8>)>, ReadError>;

    /// Sessions, by name.
    fn sessions(&self) -> Result<Rows<'_, Session>, ReadError>;

    /// What became of batches.
    fn tallies(&self) -> Result<Rows<'_, Tally>, ReadError>;

    /// Ends of batches, by session and number.
    fn batch_ends(&self) -> Result<Rows<'_, BatchEnd>, ReadError>;

    /// Names of queues that are paused.
    fn paused(&self) -> Result<Rows<'_, String>, ReadError>;

    /// Blocks of outcomes, the oldest first, by the place of the first of each.
    fn blocks(&self) -> Result<Rows<'_, (u64, Vec<u8>)>, ReadError>;
}

/// How much there is, and the highest number of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Live jobs.
    pub(crate) live: u64,
    /// Dead letters.
    pub(crate) buried: u64,
    /// Outcomes, and names of such that were given up.
    pub(crate) kept: usize,
    /// The highest ticket that was ever written.
    pub(crate) highest_ticket: u64,
}
