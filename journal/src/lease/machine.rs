//! A server's view of the row that says who owns the journal.

/// How long an owner may be silent before another takes over.
pub(crate) const LEASE_MS: u64 = 5_000;
/// How often an owner renews its lease.
const RENEW_EVERY_MS: u64 = 1_000;
/// How long it waits after a renewal that failed.
const RENEW_AGAIN_MS: u64 = 200;
/// How often a server that stands by looks at the row, and whether the owner is there.
const LOOK_EVERY_MS: u64 = 250;

/// What the row says, as one statement saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) epoch: u64,
    /// The owner's number; 0 before there was one.
    pub(crate) owner: u128,
    /// Where the owner is reached.
    pub(crate) address: String,
    /// Whether its lease has run out, by the clock of the database.
    pub(crate) has_lapsed: bool,
}

/// What is to be asked of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// What the row says.
    Look,
    /// To become the owner, if the epoch is still the one that was seen; and if the lease has
    /// lapsed, unless the owner is known to be dead.
    Take { seen: u64, is_dead: bool },
    /// To own it for longer, if the row names this server and its epoch.
    Renew { epoch: u64 },
    /// To own it no longer, so that another need not wait.
    Release { epoch: u64 },
}

/// What the database said to the last [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Row(Row),
    /// `None` if the row had changed, or the lease has not lapsed.
    Taken(Option<Taken>),
    /// Whether the row still names this server.
    Renewed(bool),
    Released,
    /// It is not known what became of it: there was no answer in time, or an error.
    Failed,
}

/// What a new owner begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) epoch: u64,
    /// The time of the database, in microseconds since 1970; higher than any that an owner before
    /// began with or renewed at.
    pub(crate) floor_us: u64,
}

/// What a server may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It waits. Nothing is known of the owner before the first look.
    Standby { owner: Option<String>, epoch: u64 },
    /// It owns the journal.
    Owner(Taken),
    /// It has owned the journal, and another may now.
    Over,
    /// The database has gone back behind what it had said: commits are lost. Nobody is to go on
    /// from there before somebody has looked at it.
    WentBack { what: String },
}

/// A server's view of the row, and what it does about it. Its times are those of a clock of its own
/// that never goes back and goes on while the machine sleeps, in milliseconds.
#[derive(Debug)]
pub(crate) struct Lease {
    /// This server's number.
    me: u128,
    standing: Standing,
    /// When something is to be asked.
    due_ms: u64,
    /// What was asked and is not answered, and when.
    asked: Option<(Ask, u64)>,
    /// The row as it was seen last, while standing by.
    seen: Option<Row>,
    /// The highest epoch that this server has owned. What it has only seen others own may not have been
    /// replicated, and is lost rightly if the database fails over.
    highest: u64,
    /// The owner whom this server has reached, and whom it cannot reach any more.
    reached: Option<u128>,
    is_dead: bool,
    /// Until when nobody can have taken over who waits for the lease.
    held_until_ms: u64,
    /// When it was told that this server is the owner.
    taken_at_ms: u64,
    /// It only wants to know who the owner is.
    only_looks: bool,
}

impl Lease {
    pub(crate) fn new(me: u128, now_ms: u64) -> Self {
        Self {
            me,
            standing: Standing::Standby { owner: None, epoch: 0 },
            due_ms: now_ms,
            asked: None,
            seen: None,
            highest: 0,
            reached: None,
            is_dead: false,
            held_until_ms: 0,
            taken_at_ms: 0,
            only_looks: false,
        }
    }

    /// That of a server which never owns the journal.
    pub(crate) fn only_looking(me: u128, now_ms: u64) -> Self {
        Self { only_looks: true, ..Self::new(me, now_ms) }
    }

    /// Stands by once more, as another.
    pub(crate) fn begin_again(&mut self, me: u128, now_ms: u64) {
        let (highest, only_looks) = (self.highest, self.only_looks);
        *self = Self { highest, only_looks, ..Self::new(me, now_ms) };
    }

    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The highest epoch that this server has owned.
    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    /// When it was told that this server is the owner.
    pub(crate) fn taken_at_ms(&self) -> u64 {
        self.taken_at_ms
    }

    /// Until when this server's lease holds.
    pub(crate) fn held_until_ms(&self) -> u64 {
        self.held_until_ms
    }

    /// When [`next`](Self::next) has something to ask, if nothing else happens.
    pub(crate) fn due_ms(&self) -> u64 {
        self.due_ms
    }

    /// The next thing to ask, if it is time. It has to be answered before the next one.
    pub(crate) fn next(&mut self, now_ms: u64) -> Option<Ask> {
        if self.asked.is_some() || now_ms < self.due_ms {
            return None;
        }
        let ask = match &self.standing {
            Standing::Standby { .. } if self.only_looks => Ask::Look,
            Standing::Standby { .. } => match &self.seen {
                // Whoever finds itself in the row has not heard that it took over, and begins anew.
                Some(row) if row.owner == self.me => Ask::Take { seen: row.epoch, is_dead: true },
                Some(row) if row.has_lapsed || self.is_dead => {
                    Ask::Take { seen: row.epoch, is_dead: self.is_dead }
                }
                _ => Ask::Look,
            },
            Standing::Owner(taken) => Ask::Renew { epoch: taken.epoch },
            Standing::Over | Standing::WentBack { .. } => return None,
        };
        self.asked = Some((ask, now_ms));
        Some(ask)
    }

    /// The owner's address was tried: whether somebody is there, or the connection was refused.
    pub(crate) fn tried(&mut self, owner: u128, is_there: bool, now_ms: u64) {
        let is_known = self.seen.as_ref().is_some_and(|row| row.owner == owner);
        if is_there {
            self.reached = Some(owner);
        } else if is_known && self.reached == Some(owner) && !self.is_dead {
            // Whom this server has never reached may well be alive where others reach it.
            self.is_dead = true;
            self.due_ms = now_ms;
        }
    }

    /// The database has answered what was asked last.
    pub(crate) fn hear(&mut self, answer: Answer, now_ms: u64) {
        let Some((ask, asked_ms)) = self.asked.take() else { return };
        match (ask, answer) {
            (Ask::Look, Answer::Row(row)) => self.see(row, now_ms),
            (Ask::Take { .. }, Answer::Taken(Some(taken))) => {
                self.held_until_ms = asked_ms + LEASE_MS;
                self.due_ms = now_ms + RENEW_EVERY_MS;
                self.highest = taken.epoch;
                self.taken_at_ms = now_ms;
                self.standing = Standing::Owner(taken);
            }
            (Ask::Renew { .. }, Answer::Renewed(true)) => {
                self.held_until_ms = asked_ms + LEASE_MS;
                self.due_ms = now_ms + RENEW_EVERY_MS;
            }
            (Ask::Renew { .. }, Answer::Renewed(false)) => self.lose(),
            (Ask::Renew { .. }, _) => self.due_ms = now_ms + RENEW_AGAIN_MS,
            // What was seen is not so any more, or it is not known what came of it.
            (Ask::Take { .. } | Ask::Look, _) => {
                self.seen = None;
                self.is_dead = false;
                self.due_ms = now_ms + LOOK_EVERY_MS;
            }
            (Ask::Release { .. }, _) => {}
        }
    }

    fn see(&mut self, row: Row, now_ms: u64) {
        if row.epoch < self.highest {
            let what = format!("it has epoch {} and had {}", row.epoch, self.highest);
            self.standing = Standing::WentBack { what };
            return;
        }
        let is_free = row.has_lapsed || row.owner == self.me;
        let owner = (!is_free && row.owner != 0).then(|| row.address.clone());
        self.standing = Standing::Standby { owner, epoch: row.epoch };
        // Of another one nothing is known.
        self.is_dead &= self.seen.as_ref().is_some_and(|seen| seen.owner == row.owner);
        self.seen = Some(row);
        let is_next = (is_free || self.is_dead) && !self.only_looks;
        self.due_ms = if is_next { now_ms } else { now_ms + LOOK_EVERY_MS };
    }

    /// Somebody else has found out that this server's epoch is over.
    pub(crate) fn lose(&mut self) {
        if let Standing::Owner(_) = self.standing {
            self.standing = Standing::Over;
            self.held_until_ms = 0;
        }
    }

    /// Commits were lost that this server had been told of.
    pub(crate) fn went_back(&mut self, what: String) {
        self.standing = Standing::WentBack { what };
    }

    /// This server stops. What is to be asked, if it owns the journal.
    pub(crate) fn release(&mut self, now_ms: u64) -> Option<Ask> {
        let Standing::Owner(taken) = self.standing else { return None };
        self.standing = Standing::Over;
        let ask = Ask::Release { epoch: taken.epoch };
        self.asked = Some((ask, now_ms));
        Some(ask)
    }

    /// Whom to look for, and where: the owner that this server waits for.
    pub(crate) fn awaited(&self) -> Option<(u128, &str)> {
        let row = self.seen.as_ref()?;
        let is_other = row.owner != 0 && row.owner != self.me;
        (is_other && !self.is_dead).then_some((row.owner, &row.address))
    }
}
