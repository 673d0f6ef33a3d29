//! The frames of a door.
//!
//! ```text
//!   1 Opened     connection │ whose
//!   2 Requests   connection │ request …
//!   3 Closed     connection │ for_good
//!   4 Written    connection │ events │ bytes │ is_empty
//!   5 Mark       number
//!   6 Ready      lane │ offer
//!   7 Said       lane │ word …
//!   8 Ended      lane
//!   9 Declared
//!  10 Beat
//!  11 Again      connection │ since │ request …
//!  12 GoesOn     connection │ secret │ last
//!
//!  whose   0 its own, or 1 │ client
//! ```

use acequia_wire::record::BadRecord;

use super::bad_frame::{BadFields, BadFrame};
use super::encoder::Encoder;
use super::sealed::Codec;
use super::source::Source;
use super::{offer, request, word};
use crate::frame::{FromDoor, Whose};

const OPENED: u8 = 1;
const REQUESTS: u8 = 2;
const CLOSED: u8 = 3;
const WRITTEN: u8 = 4;
const MARK: u8 = 5;
const READY: u8 = 6;
const SAID: u8 = 7;
const ENDED: u8 = 8;
const DECLARED: u8 = 9;
const BEAT: u8 = 10;
const AGAIN: u8 = 11;
const GOES_ON: u8 = 12;

impl Codec for FromDoor {
    const KINDS: &'static [(u8, &'static str)] = &[
        (OPENED, "Opened"),
        (REQUESTS, "Requests"),
        (CLOSED, "Closed"),
        (WRITTEN, "Written"),
        (MARK, "Mark"),
        (READY, "Ready"),
        (SAID, "Said"),
        (ENDED, "Ended"),
        (DECLARED, "Declared"),
        (BEAT, "Beat"),
        (AGAIN, "Again"),
        (GOES_ON, "GoesOn"),
    ];

    fn encode(&self, to: &mut Encoder) -> Result<(), BadFrame> {
        match self {
            Self::Opened { connection, whose } => to.one(OPENED, |to| {
                to.out().number(*connection);
                put_whose(*whose, to);
            }),
            Self::Requests { connection, requests } => {
                let head = |to: &mut Encoder, _| to.out().number(*connection);
                to.many(REQUESTS, head, requests, |to, each| request::put(each, to))
            }
            Self::Again { connection, since, requests } => {
                let head = |to: &mut Encoder, _| {
                    to.out().number(*connection);
                    to.out().number(*since);
                };
                to.many(AGAIN, head, requests, |to, each| request::put(each, to))
            }
            Self::GoesOn { connection, secret, last } => to.one(GOES_ON, |to| {
                to.out().number(*connection);
                to.out().text(secret);
                to.out().number(*last);
            }),
            Self::Closed { connection, for_good } => to.one(CLOSED, |to| {
                to.out().number(*connection);
                to.truth(*for_good);
            }),
            Self::Written { connection, events, bytes, is_empty } => to.one(WRITTEN, |to| {
                for number in [connection, events, bytes] {
                    to.out().number(*number);
                }
                to.truth(*is_empty);
            }),
            Self::Mark { number } => to.one(MARK, |to| to.out().number(*number)),
            Self::Ready { lane, offer } => to.one(READY, |to| {
                to.out().number(*lane);
                offer::put(offer, to);
            }),
            Self::Said { lane, words } => {
                let head = |to: &mut Encoder, _| to.out().number(*lane);
                to.many(SAID, head, words, |to, each| word::put(each, to))
            }
            Self::Ended { lane } => to.one(ENDED, |to| to.out().number(*lane)),
            Self::Declared => to.one(DECLARED, |_| ()),
            Self::Beat => to.one(BEAT, |_| ()),
        }
    }

    // In the order of the frame: the fields of a struct expression are evaluated as they stand.
    fn decode(kind: u8, from: &mut Source<'_>) -> Result<Self, BadFields> {
        Ok(match kind {
            OPENED => Self::Opened { connection: from.fields.number()?, whose: take_whose(from)? },
            REQUESTS => Self::Requests {
                connection: from.fields.number()?,
                requests: from.all(request::take)?,
            },
            AGAIN => Self::Again {
                connection: from.fields.number()?,
                since: from.fields.number()?,
                requests: from.all(request::take)?,
            },
            GOES_ON => Self::GoesOn {
                connection: from.fields.number()?,
                secret: from.fields.text()?.to_owned(),
                last: from.fields.number()?,
            },
            CLOSED => Self::Closed {
                connection: from.fields.number()?,
                for_good: from.truth("for_good")?,
            },
            WRITTEN => Self::Written {
                connection: from.fields.number()?,
                events: from.fields.number()?,
                bytes: from.fields.number()?,
                is_empty: from.truth("is_empty")?,
            },
            MARK => Self::Mark { number: from.fields.number()? },
            READY => Self::Ready { lane: from.fields.number()?, offer: offer::take(from)? },
            SAID => Self::Said { lane: from.fields.number()?, words: from.all(word::take)? },
            ENDED => Self::Ended { lane: from.fields.number()? },
            DECLARED => Self::Declared,
            BEAT => Self::Beat,
            value => return Err(BadRecord::Unknown { field: "kind", value }.into()),
        })
    }
}

fn put_whose(whose: Whose, to: &mut Encoder) {
    let client = match whose {
        Whose::Proven(client) => Some(client),
        Whose::Own => None,
    };
    to.optional(client, |to, client| to.out().number(client));
}

fn take_whose(from: &mut Source<'_>) -> Result<Whose, BadRecord> {
    let client = from.optional("whose", |from| from.fields.number())?;
    Ok(client.map_or(Whose::Own, Whose::Proven))
}
