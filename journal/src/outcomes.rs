//! How outcomes come, are given up and leave, with a group.
//!
//! Which of them are given up is not decided here: whoever keeps them in memory does so, and says it.
//! So what is there after a restart is what was there before. Here are decided only what stays longer
//! than it is kept in memory, for sessions that may come back for it, and the names of what was given
//! up. As everywhere, the client that has most of them gives way.

use std::collections::BTreeMap;

use acequia_wire::JobId;
use rustc_hash::FxHashMap;

use crate::codec::{Block, Builder, Contents, Fate, Glance};
use crate::error::Fault;
use crate::group::{GivenUp, Group};
use crate::options::Retention;
use crate::shelf::Shelf;

/// Where the blocks of outcomes are, each under the place of its first outcome.
pub(crate) trait Blocks {
    /// These are going to be read.
    fn expect(&mut self, keys: impl Iterator<Item = u64>) -> Result<(), Fault>;

    /// Looks at a block, if it is there.
    fn read<T>(&mut self, key: u64, look: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, Fault>;

    fn put(&mut self, key: u64, block: &[u8]) -> Result<(), Fault>;

    fn remove(&mut self, key: u64) -> Result<(), Fault>;

    /// Removes these, which are the oldest there are, in their order.
    fn remove_oldest(&mut self, keys: &[u64]) -> Result<(), Fault>;
}

/// Whether anything comes, is given up or leaves with this group.
pub(crate) fn has_changes(
    group: &Group,
    shelf: &Shelf,
    retention: &Retention,
    now_ms: u64,
) -> bool {
    !group.outcomes.is_empty()
        || !group.given_up.is_empty()
        || shelf.in_the_way(retention, now_ms).is_some()
        || !shelf.expired(retention, now_ms).is_empty()
}

/// Has the outcomes of a group come, those that it gives up be given up, and those leave that are
/// too old. The shelf goes along; if that fails or is not kept, the shelf has to be read anew.
pub(crate) fn write(
    blocks: impl Blocks,
    group: &Group,
    shelf: &mut Shelf,
    retention: &Retention,
    now_ms: u64,
) -> Result<(), Fault> {
    let expired = shelf.expired(retention, now_ms);
    let mut outcomes = Outcomes { blocks, shelf };
    outcomes.expire(&expired)?;
    outcomes.give_up(&group.given_up)?;
    outcomes.come(group, retention.sessions_ms)?;
    outcomes.make_room(retention, now_ms)?;
    outcomes.drop_names(retention.outcomes_max)
}

/// The blocks, and what is known of them.
struct Outcomes<'a, B> {
    blocks: B,
    shelf: &'a mut Shelf,
}

impl<B: Blocks> Outcomes<'_, B> {
    /// The oldest blocks leave, which are these.
    fn expire(&mut self, blocks: &[u64]) -> Result<(), Fault> {
        if blocks.is_empty() {
            return Ok(());
        }
        self.blocks.remove_oldest(blocks)?;
        blocks.iter().for_each(|key| self.shelf.set(*key, None));
        Ok(())
    }

    fn give_up(&mut self, all: &[GivenUp]) -> Result<(), Fault> {
        let mut all = all.to_vec();
        all.sort_unstable_by_key(|of| of.ticket);
        let shelf = &self.shelf;
        self.blocks.expect(all.iter().filter_map(|of| shelf.block_of(of.ticket).0))?;
        let mut rest = &all[..];
        while let Some(first) = rest.first() {
            let (key, next) = self.shelf.block_of(first.ticket);
            let end = rest.partition_point(|of| next.is_none_or(|next| of.ticket < next));
            let (jobs, others) = rest.split_at(end);
            rest = others;
            if let Some(key) = key {
                self.give_up_of(key, jobs)?;
            }
        }
        Ok(())
    }

    /// These outcomes of a block are given up. Some of them may have been, if the group comes once
    /// more.
    fn give_up_of(&mut self, key: u64, jobs: &[GivenUp]) -> Result<(), Fault> {
        let jobs: FxHashMap<JobId, bool> = jobs.iter().map(|of| (of.job, of.is_missed)).collect();
        self.write_anew(key, |of| match jobs.get(&of.job) {
            Some(true) => Fate::GivenUp,
            Some(false) if !of.is_given_up => Fate::Leaves,
            _ => Fate::Stays,
        })
    }

    fn come(&mut self, group: &Group, sessions_ms: u64) -> Result<(), Fault> {
        let (mut builder, mut block) = (Builder::default(), Vec::new());
        let mut all = group.outcomes.iter().peekable();
        let mut first = None;
        while let Some((ticket, kept)) = all.next() {
            let key = *first.get_or_insert(*ticket);
            builder.push(kept, sessions_ms);
            if builder.is_full() || all.peek().is_none() {
                block.clear();
                let contents = builder.finish(&mut block);
                self.insert(key, &block, contents)?;
                first = None;
            }
        }
        Ok(())
    }

    /// What stays for sessions alone leaves early where it would be too much, but for its names.
    fn make_room(&mut self, retention: &Retention, now_ms: u64) -> Result<(), Fault> {
        while let Some(key) = self.shelf.in_the_way(retention, now_ms) {
            self.write_anew(key, |of| match of.session {
                _ if of.is_given_up => Fate::Stays,
                0 => Fate::Leaves,
                _ => Fate::GivenUp,
            })?;
        }
        Ok(())
    }

    fn drop_names(&mut self, names_max: usize) -> Result<(), Fault> {
        let mut by_block: BTreeMap<u64, FxHashMap<u64, usize>> = BTreeMap::new();
        while let Some((key, client)) = self.shelf.take_name_over(names_max) {
            *by_block.entry(key).or_default().entry(client).or_default() += 1;
        }
        for (key, mut clients) in by_block {
            if self.shelf.is_empty(key) {
                self.remove(key)?;
                continue;
            }
            self.write_anew(key, |of| match clients.get_mut(&of.client) {
                Some(left) if of.is_given_up && *left > 0 => {
                    *left -= 1;
                    Fate::Leaves
                }
                _ => Fate::Stays,
            })?;
        }
        Ok(())
    }

    /// Each outcome of a block gets its fate.
    fn write_anew(&mut self, key: u64, fate: impl FnMut(&Glance) -> Fate) -> Result<(), Fault> {
        let mut block = Vec::new();
        let contents = self.blocks.read(key, |record| {
            Block::read(record).and_then(|all| all.write_anew(fate, &mut block))
        })?;
        // If there is none, this group was written before.
        match contents.transpose().map_err(Fault::Record)?.flatten() {
            Some(contents) => self.insert(key, &block, contents),
            None => self.remove(key),
        }
    }

    fn insert(&mut self, key: u64, block: &[u8], contents: Contents) -> Result<(), Fault> {
        self.blocks.put(key, block)?;
        self.shelf.set(key, Some(contents));
        Ok(())
    }

    fn remove(&mut self, key: u64) -> Result<(), Fault> {
        self.blocks.remove(key)?;
        self.shelf.set(key, None);
        Ok(())
    }
}
