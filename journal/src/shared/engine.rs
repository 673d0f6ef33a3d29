//! The database while it is written: group after group, each of them once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::batches::Batches;
use super::changes::{Changes, Found, Overlay, Rows};
use super::connection::{Line, Reactor};
use super::contents::Tables;
use super::database::Database;
use super::group::{self, Fence, Place, Statement};
use super::refusal::{Kind, Refusal};
use super::schema;
use crate::backend::{Backend, Contents};
use crate::clock::Stamp;
use crate::codec::Block;
use crate::error::{CannotOpen, Fault, ReadError};
use crate::group::Group;
use crate::lease::{LEASE_MS, Pen, Said, Step, Verdict};
use crate::options::{Compaction, Options};
use crate::outcomes;
use crate::shelf::Shelf;

/// How long the end of a copy may take.
const COPY_TIME_MAX: Duration = Duration::from_secs(600);
/// How long a group may take.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Steps that one group may take at once. It takes two, or four where an answer was lost.
const STEPS_MAX: usize = 20;
/// Groups whose numbers are kept. Only the last is ever looked for.
const GROUPS_KEPT: u64 = 1_000;

/// A group that is being written.
#[derive(Debug)]
struct Pending {
    place: Place,
    changes: Changes,
    /// Whether anybody waits for it: else it only has something leave.
    is_awaited: bool,
}

/// A district of the database, which this server owns.
#[derive(Debug)]
pub(crate) struct Engine {
    reactor: Reactor,
    line: Line,
    options: Options,
    fence: Fence,
    pen: Pen,
    pending: Option<Pending>,
    /// `None` where a group could not be made: it is read anew then.
    shelf: Option<Shelf>,
    highest_ticket: u64,
    /// Whether there may be counts of jobs.
    has_counts: bool,
    /// Groups with lower numbers are gone.
    pruned: u64,
    syncs: Arc<AtomicU64>,
}

impl Engine {
    /// Opens the journal of a server that has just taken over.
    pub(crate) fn open(
        database: Database,
        district: i32,
        owner: u128,
        epoch: u64,
        options: Options,
    ) -> Result<Self, CannotOpen> {
        let reactor = Reactor::new().map_err(CannotOpen::Io)?;
        let fence = Fence { district, epoch: epoch.cast_signed(), owner: Uuid::from_u128(owner) };
        let mut engine = Self {
            reactor,
            line: Line::new(database),
            options,
            fence,
            pen: Pen::new(epoch, owner, 0),
            pending: None,
            shelf: None,
            highest_ticket: 0,
            has_counts: true,
            pruned: 0,
            syncs: Arc::default(),
        };
        let refused = |refusal: Refusal| CannotOpen::Database(refusal.why);
        let groups = match engine.look().map_err(refused)? {
            Some(Said::Row { groups, .. }) => groups,
            _ => 0,
        };
        engine.pen = Pen::new(epoch, owner, groups);
        let (shelf, highest_ticket) = engine.read_shelf().map_err(|fault| match fault {
            Fault::Record(bad) => CannotOpen::Damaged(format!("a record of outcomes: {bad}")),
            fault => CannotOpen::Database(fault.to_string()),
        })?;
        engine.shelf = Some(shelf);
        // Each group has it, also one without a ticket: those before it are taken away some day.
        engine.highest_ticket = highest_ticket;
        Ok(engine)
    }

    /// What is known of the outcomes in the database, and the highest ticket there.
    fn read_shelf(&self) -> Result<(Shelf, u64), Fault> {
        let unread = |error: ReadError| Fault::Database(error.to_string());
        let tables = self.tables(0).map_err(unread)?;
        let mut shelf = Shelf::default();
        for row in tables.blocks().map_err(unread)? {
            let (key, record) = row.map_err(unread)?;
            shelf.set(key, Some(Block::contents(&record).map_err(Fault::Record)?));
        }
        Ok((shelf, tables.sizes().highest_ticket))
    }

    /// All that there is, over a connection of its own.
    fn tables(&self, kept: usize) -> Result<Tables<'_>, ReadError> {
        let line = Line::new(self.line.database().clone());
        Tables::open(&self.reactor, line, self.fence.district, kept)
    }

    /// Makes the group that is to be written. The shelf is as it will be with it.
    fn prepare(&mut self, group: &Group, now: &Stamp) -> Result<(), Fault> {
        let mut shelf = match self.shelf.take() {
            Some(shelf) => shelf,
            None => self.read_shelf()?.0,
        };
        let mut changes = Changes::of(group, self.has_counts);
        let retention = self.options.retention;
        if outcomes::has_changes(group, &shelf, &retention, now.time_ms) {
            let mut overlay = Overlay {
                fetch: &mut |keys| self.fetch(keys),
                read: BTreeMap::new(),
                changed: BTreeMap::new(),
            };
            outcomes::write(&mut overlay, group, &mut shelf, &retention, now.time_ms)?;
            changes.outcomes = Rows::of_blocks(overlay.changed);
        }
        self.shelf = Some(shelf);
        self.has_counts |= !changes.counts.keys.is_empty();
        self.highest_ticket = self.highest_ticket.max(group.up_to.unwrap_or(0));
        if !changes.is_empty() {
            let place = Place {
                nth: self.pen.nth().cast_signed(),
                highest_ticket: self.highest_ticket.cast_signed(),
            };
            let is_awaited = group.has_writes();
            self.pending = Some(Pending { place, changes, is_awaited });
        }
        Ok(())
    }

    /// Blocks of outcomes as they are in the database.
    fn fetch(&mut self, keys: &[i64]) -> Result<Found, Fault> {
        let sql =
            "SELECT place, record FROM acequia.outcomes WHERE district = $1 AND place = ANY ($2)";
        let params: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.fence.district, Type::INT4), (&keys, Type::INT8_ARRAY)];
        let asked = self.line.ask(TIME_MAX, async |client| client.query_typed(sql, &params).await);
        let rows = self.reactor.block_on(asked).map_err(|refusal| Fault::Database(refusal.why))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Runs a part of a transaction: if the connection breaks, all of it is gone.
    fn run(&mut self, sql: &'static str) -> Result<(), Fault> {
        let asked = self.line.ask(COPY_TIME_MAX, async |client| client.batch_execute(sql).await);
        self.reactor.block_on(asked).map_err(|refusal| Fault::Database(refusal.why))
    }

    /// Writes changes as the next group of a transaction.
    fn add(&mut self, changes: Changes) -> Result<(), Fault> {
        let place = Place {
            nth: self.pen.nth().cast_signed(),
            highest_ticket: self.highest_ticket.cast_signed(),
        };
        self.pending = Some(Pending { place, changes, is_awaited: true });
        let sent = self.send();
        self.pending = None;
        match sent.map_err(|refusal| Fault::Database(refusal.why))? {
            Said::Written => {
                self.pen.hear(Said::Written);
                Ok(())
            }
            _ => Err(Fault::Fenced),
        }
    }

    /// What is in a database, and the server that works with it; if there is a journal of this name.
    pub(crate) fn look_at<'a>(
        reactor: &'a Reactor,
        database: &Database,
        name: &str,
    ) -> Result<Option<(Tables<'a>, Option<String>)>, CannotOpen> {
        let refused = |refusal: Refusal| CannotOpen::Database(refusal.why);
        let mut line = Line::new(database.clone());
        let found = reactor.block_on(schema::find(&mut line, name)).map_err(refused)?;
        let Some((district, owner)) = found else { return Ok(None) };
        let unread = |error: ReadError| CannotOpen::Database(error.to_string());
        Ok(Some((Tables::open(reactor, line, district, 0).map_err(unread)?, owner)))
    }

    /// Goes from step to step until the group that is being written, if there is one, is there.
    fn settle(&mut self) -> Result<(), Fault> {
        for _ in 0..STEPS_MAX {
            let (said, refusal) = match (self.pen.step(), &self.pending) {
                (Step::Send, None) => return Ok(()),
                (Step::Send, Some(_)) => self.send(),
                (Step::Confirm, _) => self.confirm(),
                (Step::Look, _) => self
                    .look()
                    .map(|row| row.unwrap_or(Said::Row { epoch: 0, owner: 0, groups: 0 })),
            }
            .map_or_else(|refusal| (said(&refusal), refusal.why), |said| (said, String::new()));
            match self.pen.hear(said) {
                Verdict::Durable => {
                    self.pending = None;
                    self.syncs.fetch_add(1, Ordering::Relaxed);
                    self.prune();
                    return Ok(());
                }
                Verdict::GoOn => {}
                Verdict::Wait => return Err(Fault::Database(refusal)),
                Verdict::Fenced => return Err(Fault::Fenced),
                Verdict::WentBack { what } => return Err(Fault::WentBack(what)),
            }
        }
        Err(Fault::Database("the database says one thing and then another".to_owned()))
    }

    fn send(&mut self) -> Result<Said, Refusal> {
        let Some(Pending { place, changes, .. }) = &self.pending else { return Ok(Said::HeldOff) };
        let Statement { sql, params } = Statement::of(&self.fence, place, changes);
        let asked =
            self.line.ask(TIME_MAX, async |client| client.query_typed_one(&sql, &params).await);
        let row = self.reactor.block_on(asked)?;
        Ok(if row.get::<_, i64>(0) > 0 { Said::Written } else { Said::HeldOff })
    }

    fn confirm(&mut self) -> Result<Said, Refusal> {
        let (nth, lease_ms) = (self.pen.nth().cast_signed(), LEASE_MS as f64);
        let mut params = self.fence.params().to_vec();
        params.extend([(&nth as _, Type::INT8), (&lease_ms as _, Type::FLOAT8)]);
        let asked = self
            .line
            .ask(TIME_MAX, async |client| client.query_typed_one(group::CONFIRM, &params).await);
        let row = self.reactor.block_on(asked)?;
        Ok(if row.get(0) { Said::Confirmed { is_there: row.get(1) } } else { Said::HeldOff })
    }

    /// What the row says, if there is one.
    fn look(&mut self) -> Result<Option<Said>, Refusal> {
        let params: [(&(dyn ToSql + Sync), Type); 1] = [(&self.fence.district, Type::INT4)];
        let asked = self
            .line
            .ask(TIME_MAX, async |client| client.query_typed_opt(group::LOOK, &params).await);
        let row = self.reactor.block_on(asked)?;
        Ok(row.map(|row| Said::Row {
            epoch: row.get::<_, i64>(0).cast_unsigned(),
            owner: row.get::<_, Option<Uuid>>(1).map_or(0, |owner| owner.as_u128()),
            groups: row.get::<_, i64>(2).cast_unsigned(),
        }))
    }

    /// Whether this server still owns the journal, where there is nothing to write.
    fn check_fence(&mut self) -> Result<(), Fault> {
        let params = self.fence.params();
        let asked = self
            .line
            .ask(TIME_MAX, async |client| client.query_typed_opt(group::OWNS, &params).await);
        let row = self.reactor.block_on(asked).map_err(|refusal| Fault::Database(refusal.why))?;
        if row.is_some() {
            return Ok(());
        }
        self.pen.hear(Said::HeldOff);
        self.settle()
    }

    /// Takes away numbers of groups, now and then. If that fails, the next time does it.
    fn prune(&mut self) {
        let first = self.pen.nth().saturating_sub(GROUPS_KEPT);
        if first < self.pruned + GROUPS_KEPT {
            return;
        }
        self.pruned = first;
        let first = first.cast_signed();
        let params: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.fence.district, Type::INT4), (&first, Type::INT8)];
        let asked = self
            .line
            .ask(TIME_MAX, async |client| client.execute_typed(group::PRUNE, &params).await);
        _ = self.reactor.block_on(asked);
    }
}

/// What a refusal says of the statement.
fn said(refusal: &Refusal) -> Said {
    match refusal.kind {
        Kind::There => Said::There,
        Kind::Conflict => Said::InTheWay,
        Kind::RolledBack => Said::Refused,
        Kind::Lasting | Kind::Broken => Said::Broken,
    }
}

impl Backend for Engine {
    fn contents(&self) -> Result<Box<dyn Contents + '_>, ReadError> {
        let kept = self.shelf.as_ref().map_or(0, Shelf::len);
        Ok(Box::new(self.tables(kept)?))
    }

    fn write(&mut self, group: &Group, now: &Stamp) -> Result<(), Fault> {
        if let Some(pending) = &self.pending {
            let is_this_group = pending.is_awaited;
            self.settle()?;
            if is_this_group {
                return Ok(());
            }
        }
        self.prepare(group, now)?;
        if self.pending.is_some() { self.settle() } else { self.check_fence() }
    }

    fn fill(&mut self, from: &dyn Contents, time_ms: u64) -> Result<(), Fault> {
        let unread = |error: ReadError| Fault::Source(error.to_string());
        self.highest_ticket = from.sizes().highest_ticket;
        self.run("BEGIN")?;
        for batch in Batches::of(from).map_err(unread)? {
            let changes = batch.map_err(unread)?;
            self.add(changes)?;
        }
        let floor_us = time_ms.saturating_mul(1_000).cast_signed();
        let raise =
            "UPDATE acequia.cluster SET floor_us = greatest(floor_us, $2) WHERE district = $1";
        let params: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.fence.district, Type::INT4), (&floor_us, Type::INT8)];
        let asked =
            self.line.ask(TIME_MAX, async |client| client.execute_typed(raise, &params).await);
        self.reactor.block_on(asked).map_err(|refusal| Fault::Database(refusal.why))?;
        self.run("COMMIT")?;
        self.shelf = Some(self.read_shelf()?.0);
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn written(&self) -> Option<&Stamp> {
        // Its time is not that of this machine.
        None
    }

    fn leave_at_ms(&self) -> Option<u64> {
        self.shelf.as_ref()?.leave_at_ms(&self.options.retention)
    }

    fn syncs(&self) -> Arc<AtomicU64> {
        self.syncs.clone()
    }

    fn compaction(&self) -> Option<&Compaction> {
        // PostgreSQL looks after that itself.
        None
    }

    fn compact_if_quick(&mut self) {}

    fn let_go(&mut self) {
        self.line.hang_up();
    }
}
