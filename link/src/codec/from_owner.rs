//! The frames of the owner. No kind is one of a door's, so that neither is taken for the other.
//!
//! ```text
//!  65 Events      connection │ first_seq? │ event …
//!  66 WantEmpty   connection
//!  67 Backlog     connection │ bytes
//!  68 Close       connection │ code │ superseded │ reason │ last?
//!  69 Overflow    connection
//!  70 Run         lane │ job
//!  71 Cancel      lane │ job id
//!  72 Bye         lane │ reason
//!  73 End         lane
//!  74 Hold        lane
//!  75 LetGo       lane
//!  76 Durable     mark
//!  77 Beat
//!  78 Leave       reason
//! ```

use acequia_wire::record::BadRecord;

use super::bad_frame::{BadFields, BadFrame};
use super::encoder::Encoder;
use super::sealed::Codec;
use super::source::Source;
use super::{event, run};
use crate::frame::FromOwner;

const EVENTS: u8 = 65;
const WANT_EMPTY: u8 = 66;
const BACKLOG: u8 = 67;
const CLOSE: u8 = 68;
const OVERFLOW: u8 = 69;
const RUN: u8 = 70;
const CANCEL: u8 = 71;
const BYE: u8 = 72;
const END: u8 = 73;
const HOLD: u8 = 74;
const LET_GO: u8 = 75;
const DURABLE: u8 = 76;
const BEAT: u8 = 77;
const LEAVE: u8 = 78;

impl Codec for FromOwner {
    const KINDS: &'static [(u8, &'static str)] = &[
        (EVENTS, "Events"),
        (WANT_EMPTY, "WantEmpty"),
        (BACKLOG, "Backlog"),
        (CLOSE, "Close"),
        (OVERFLOW, "Overflow"),
        (RUN, "Run"),
        (CANCEL, "Cancel"),
        (BYE, "Bye"),
        (END, "End"),
        (HOLD, "Hold"),
        (LET_GO, "LetGo"),
        (DURABLE, "Durable"),
        (BEAT, "Beat"),
        (LEAVE, "Leave"),
    ];

    fn encode(&self, to: &mut Encoder) -> Result<(), BadFrame> {
        match self {
            Self::Events { connection, first_seq, events } => {
                let head = |to: &mut Encoder, before: usize| {
                    to.out().number(*connection);
                    let first = first_seq.map(|first| first.wrapping_add(before as u64));
                    to.optional(first, |to, first| to.out().number(first));
                };
                to.many(EVENTS, head, events, |to, each| event::put(each, to))
            }
            Self::WantEmpty { connection } => number(WANT_EMPTY, *connection, to),
            Self::Backlog { connection, bytes } => to.one(BACKLOG, |to| {
                to.out().number(*connection);
                to.out().number(*bytes);
            }),
            Self::Close { connection, last, code, reason, superseded } => to.one(CLOSE, |to| {
                to.out().number(*connection);
                to.out().number((*code).into());
                to.truth(*superseded);
                to.out().text(reason);
                to.optional(last.as_deref(), |to, last| event::put(last, to));
            }),
            Self::Overflow { connection } => number(OVERFLOW, *connection, to),
            Self::Run { lane, job } => to.one(RUN, |to| {
                to.out().number(*lane);
                run::put(job, to);
            }),
            Self::Cancel { lane, job } => to.one(CANCEL, |to| {
                to.out().number(*lane);
                to.out().rest(job.as_bytes());
            }),
            Self::Bye { lane, reason } => to.one(BYE, |to| {
                to.out().number(*lane);
                to.out().text(reason);
            }),
            Self::End { lane } => number(END, *lane, to),
            Self::Hold { lane } => number(HOLD, *lane, to),
            Self::LetGo { lane } => number(LET_GO, *lane, to),
            Self::Durable { mark } => number(DURABLE, *mark, to),
            Self::Beat => to.one(BEAT, |_| ()),
            Self::Leave { reason } => to.one(LEAVE, |to| to.out().text(reason)),
        }
    }

    // In the order of the frame: the fields of a struct expression are evaluated as they stand.
    fn decode(kind: u8, from: &mut Source<'_>) -> Result<Self, BadFields> {
        Ok(match kind {
            EVENTS => Self::Events {
                connection: from.fields.number()?,
                first_seq: from.optional("first_seq", |from| from.fields.number())?,
                events: from.all(event::take)?,
            },
            WANT_EMPTY => Self::WantEmpty { connection: from.fields.number()? },
            BACKLOG => {
                Self::Backlog { connection: from.fields.number()?, bytes: from.fields.number()? }
            }
            CLOSE => Self::Close {
                connection: from.fields.number()?,
                code: from.number_u16()?,
                superseded: from.truth("superseded")?,
                reason: from.words()?,
                last: from.optional("last", event::take)?.map(Box::new),
            },
            OVERFLOW => Self::Overflow { connection: from.fields.number()? },
            RUN => Self::Run { lane: from.fields.number()?, job: run::take(from)? },
            CANCEL => Self::Cancel { lane: from.fields.number()?, job: from.fields.job()? },
            BYE => Self::Bye { lane: from.fields.number()?, reason: from.words()? },
            END => Self::End { lane: from.fields.number()? },
            HOLD => Self::Hold { lane: from.fields.number()? },
            LET_GO => Self::LetGo { lane: from.fields.number()? },
            DURABLE => Self::Durable { mark: from.fields.number()? },
            BEAT => Self::Beat,
            LEAVE => Self::Leave { reason: from.words()? },
            value => return Err(BadRecord::Unknown { field: "kind", value }.into()),
        })
    }
}

/// A frame that is only a number.
fn number(kind: u8, number: u64, to: &mut Encoder) -> Result<(), BadFrame> {
    to.one(kind, |to| to.out().number(number))
}
