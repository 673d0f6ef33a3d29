//! The batches whose end somebody waits for.

use std::collections::BTreeMap;

use acequia_wire::CorrelationId;
use acequia_wire::client::{Batch, Op, Watched};
use acequia_wire::code::RejectCode;

use super::again::Again;
use super::end::End;
use super::out::{Effect, Out};
use super::refusal::Refusal;
use super::time::{AGAIN_MS, Ms};

/// By name; each with the id of its op, for an answer that is an error.
#[derive(Debug, Default)]
pub(super) struct Batches {
    awaited: BTreeMap<Box<str>, i64>,
}

impl Batches {
    /// `is_open`: what it may be about is said, so that it can be asked for.
    pub(super) fn add(&mut self, id: i64, name: Box<str>, is_open: bool, out: &mut Out) {
        if self.awaited.contains_key(&name) {
            return;
        }
        if is_open {
            ask(id, &name, out);
        }
        self.awaited.insert(name, id);
    }

    /// Asks for all, once what they may be about is said.
    pub(super) fn ask(&self, out: &mut Out) {
        self.awaited.iter().for_each(|(name, id)| ask(*id, name, out));
    }

    pub(super) fn again(&self, id: i64, out: &mut Out) {
        if let Some(name) = self.name_of(id) {
            ask(id, name, out);
        }
    }

    pub(super) fn ended(&mut self, batch: Batch, out: &mut Out) {
        if let Some((name, _)) = self.awaited.remove_entry(&batch.name) {
            out.effects.push(Effect::Batch(name, Ok(batch)));
        }
    }

    pub(super) fn has(&self, id: i64) -> bool {
        self.name_of(id).is_some()
    }

    pub(super) fn refused(&mut self, id: i64, refusal: Refusal, now: Ms, out: &mut Out) {
        if refusal.is(RejectCode::RateLimited) {
            return out.again.at(now + AGAIN_MS, Again::Batch(id));
        }
        if let Some(name) = self.name_of(id).map(Box::<str>::from) {
            self.awaited.remove(&name);
            out.effects.push(Effect::Batch(name, Err(refusal.into_error())));
        }
    }

    pub(super) fn end_all(&mut self, end: End, out: &mut Out) {
        for name in std::mem::take(&mut self.awaited).into_keys() {
            out.effects.push(Effect::Batch(name, Err(end.of_job(true))));
        }
    }

    fn name_of(&self, id: i64) -> Option<&str> {
        self.awaited.iter().find_map(|(name, known)| (*known == id).then_some(&**name))
    }
}

fn ask(id: i64, name: &str, out: &mut Out) {
    let what = Watched::Batch(name.into());
    out.outbox.op(&Op::Watch { id: CorrelationId::Int(id), what });
}
