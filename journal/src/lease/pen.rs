//! Writes groups so that each is there once, whatever is lost on the way.
//!
//! ```text
//!            ┌─────────────── not there: again ◀──────────────┐
//!            ▼                                                 │
//!  settled ──▶ Send(nth) ── broken, or there already ──▶ Confirm(nth) ── there ──▶ durable
//!                  │ │                                         │
//!                  │ └── written ──▶ durable                   │
//!                  └──── the fence held it off ──▶ Look ◀──────┘
//! ```
//!
//! *Confirm* renews the lease under the fence, and sees in the same statement whether the group is
//! there. It has to be one statement, which commits something:
//!
//! - A commit that waits for its replica becomes visible when its connection breaks, although it is
//!   not replicated. A later commit that is proves that it is.
//! - A group of that number may be another owner's, unless the fence holds while it is looked for.
//! - A statement that was given up may still be on its way, and arrive between the two.

/// What to ask of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To write the group under the fence, if the one before it is there.
    Send,
    /// To renew the lease under the fence, and whether the group was there at that time.
    Confirm,
    /// What the row says.
    Look,
}

/// What the database said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The group is written.
    Written,
    /// A group of that number is there, so it was not written.
    There,
    /// The lease is renewed, and whether the group was there.
    Confirmed { is_there: bool },
    /// The fence held it off, or the group before it is not there: nothing has changed.
    HeldOff,
    /// The statement was refused, since another was in its way, and has changed nothing.
    InTheWay,
    /// The statement was refused, and has changed nothing.
    Refused,
    /// What the row says, and the last group.
    Row { epoch: u64, owner: u128, groups: u64 },
    /// It is not known what became of it: there was no answer in time, or the connection broke.
    Broken,
}

/// What that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The group is durable.
    Durable,
    /// The next step is to be taken.
    GoOn,
    /// The next step is to be taken, but not at once: the database cannot do it now.
    Wait,
    /// Another server owns the journal. The group is not there, and never will be.
    Fenced,
    /// The database has gone back behind what it had confirmed.
    WentBack { what: String },
}

/// Where the writing of one group is.
#[derive(Debug)]
pub(crate) struct Pen {
    epoch: u64,
    owner: u128,
    /// Groups that are durable.
    written: u64,
    step: Step,
}

impl Pen {
    /// For an owner that took over when so many groups were written.
    pub(crate) fn new(epoch: u64, owner: u128, written: u64) -> Self {
        Self { epoch, owner, written, step: Step::Send }
    }

    /// The number of the group that is written next, or is being written.
    pub(crate) fn nth(&self) -> u64 {
        self.written + 1
    }

    pub(crate) fn step(&self) -> Step {
        self.step
    }

    pub(crate) fn hear(&mut self, said: Said) -> Verdict {
        match (self.step, said) {
            (Step::Send, Said::Written) | (Step::Confirm, Said::Confirmed { is_there: true }) => {
                self.written += 1;
                self.step = Step::Send;
                Verdict::Durable
            }
            // Whether it is ours, and replicated, is not known.
            (Step::Send, Said::There) => self.go_on(Step::Confirm),
            (Step::Confirm, Said::Confirmed { is_there: false }) => self.go_on(Step::Send),
            (Step::Send | Step::Confirm, Said::HeldOff) => self.go_on(Step::Look),
            (Step::Look, Said::Row { epoch, owner, groups }) => self.judge(epoch, owner, groups),
            (_, Said::InTheWay) => Verdict::GoOn,
            (Step::Send, Said::Broken) => {
                self.step = Step::Confirm;
                Verdict::Wait
            }
            _ => Verdict::Wait,
        }
    }

    fn go_on(&mut self, step: Step) -> Verdict {
        self.step = step;
        Verdict::GoOn
    }

    /// The fence held it off. Who is there?
    fn judge(&mut self, epoch: u64, owner: u128, groups: u64) -> Verdict {
        let is_ours = epoch == self.epoch && owner == self.owner;
        if epoch > self.epoch {
            return Verdict::Fenced;
        }
        if is_ours && groups >= self.written {
            // By now it is as it should be.
            return self.go_on(Step::Confirm);
        }
        Verdict::WentBack {
            what: format!(
                "it has epoch {epoch} and {groups} groups where epoch {} had {}",
                self.epoch, self.written
            ),
        }
    }
}
