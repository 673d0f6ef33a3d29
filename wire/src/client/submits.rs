//! Submits of callers that say nothing else, as those over HTTP.

use std::borrow::Cow;

use bytes::Bytes;
use bytestring::ByteString;
use serde_json::Number;

use super::fields::{Fields, Given, Key};
use super::op::{Refusal, Submit};
use super::op_json;
use crate::content::Payload;
use crate::id::CorrelationId;
use crate::limits::Limits;
use crate::number;

/// What a text in JSON holds.
#[derive(Debug)]
pub enum Submits {
    /// An object: one submit.
    One(Box<Result<Submit, Refusal>>),
    /// An array of submits, each of which is taken or refused by itself.
    Many(Vec<Result<Submit, Refusal>>),
}

impl Submits {
    /// Reads `json`. Of each submit `op` may be left out, and `id`, which is then its place, counted
    /// from 0.
    ///
    /// # Errors
    /// If it is neither, or more submits than a message may hold ops.
    pub fn decode(json: Bytes, limits: &Limits) -> Result<Self, Refusal> {
        let text: ByteString = op_json::text(json)?;
        let is_array = text.trim_ascii_start().starts_with('[');
        let submits = (0..).zip(op_json::places(&text)?).map(|(nth, place)| {
            op_json::read(&text, place)?.take_submit_only(CorrelationId::Int(nth), limits)
        });
        if is_array {
            return Ok(Self::Many(submits.collect()));
        }
        let nothing = || Err(Refusal::bad_request("there is no job in it"));
        Ok(Self::One(Box::new(submits.last().unwrap_or_else(nothing))))
    }
}

/// The fields of a submit beside its payload, each as a text, of which numbers are made where there
/// are to be numbers.
#[derive(Debug, Default)]
pub struct SubmitFields<'a>(Fields<'a>);

impl<'a> SubmitFields<'a> {
    /// Sets a field. One that no submit has, or that is no text here, makes the submit a refusal.
    pub fn set(&mut self, name: &str, value: impl Into<Cow<'a, str>>) {
        let value = value.into();
        let Some(key) = Key::of(name).filter(|key| *key != Key::Payload) else {
            return self.0.note_unknown(name);
        };
        let is_number = key.is_number() && serde_json::from_str::<Number>(&value).is_ok();
        let number = is_number.then(|| number::json_integer(&value)).flatten();
        self.0.set(key, number.map_or(Given::Text(value), Given::Int));
    }

    /// The submit that they make.
    ///
    /// # Errors
    /// If they do not make one; the refusal names the field.
    pub fn submit(
        mut self,
        id: CorrelationId,
        payload: Payload,
        limits: &Limits,
    ) -> Result<Submit, Refusal> {
        self.0.set_payload(Ok(payload));
        self.0.take_submit_only(id, limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::ContentType;

    fn many(json: &'static str) -> Vec<Result<Submit, Refusal>> {
        match Submits::decode(json.into(), &Limits::default()) {
            Ok(Submits::Many(many)) => many,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn submits_have_their_places_for_names_if_they_have_no_others() {
        let all = many(r#"[{"payload":1},{"id":"mine","payload":2},{"op":"submit","payload":3}]"#);
        let ids: Vec<_> = all.into_iter().map(|submit| submit.expect("it is one").id).collect();
        assert_eq!(
            ids,
            [CorrelationId::Int(0), CorrelationId::Text("mine".into()), CorrelationId::Int(2)]
        );
    }

    #[test]
    fn a_bad_one_does_not_disturb_the_others() {
        let all = many(r#"[{"payload":1,"prio":1},7,{"payload":2},{"op":"ack","seq":1}]"#);
        let says = |nth: usize| all[nth].as_ref().expect_err("it is bad").message.clone();
        assert_eq!(says(0), "`submit` has no key `prio`");
        assert!(says(1).contains("an op is a map, not a number"), "{}", says(1));
        assert!(all[2].is_ok());
        assert!(says(3).contains("only a `submit`") || says(3).contains("`ack` has no key"));
    }

    #[test]
    fn what_is_no_json_is_refused_as_a_whole() {
        for bad in ["", "{", "[1", "[{},]"] {
            let decoded = Submits::decode(bad.into(), &Limits::default());
            let is_refused = match decoded {
                Err(_) => true,
                Ok(Submits::One(one)) => one.is_err(),
                Ok(Submits::Many(_)) => false,
            };
            assert!(is_refused, "{bad:?}");
        }
    }

    #[test]
    fn fields_are_read_as_those_of_an_op() {
        let payload = || Payload::new(ContentType::Text, "x".into()).expect("text");
        let submit = |fields: &[(&str, &'static str)]| {
            let mut all = SubmitFields::default();
            fields.iter().for_each(|(name, value)| all.set(name, *value));
            all.submit(CorrelationId::Int(0), payload(), &Limits::default())
        };
        let good = submit(&[("priority", "7"), ("queue", "q"), ("key", "8"), ("id", "17")]);
        let good = good.expect("it is one");
        assert_eq!((good.priority, good.key.as_deref()), (7, Some("8")));
        assert_eq!(good.id, CorrelationId::Text("17".into()));
        for (name, value, says) in [
            ("priority", "10", "`priority` is 10; it must be from 0 to 9"),
            ("priority", "high", "`priority` must be an integer"),
            ("ttl_ms", "AAA", "`ttl_ms` must be an integer"),
            ("ttl_ms", "1 2", "`ttl_ms` must be an integer"),
            ("ttl_ms", "", "`ttl_ms` must be an integer"),
            ("ttl_ms", "0.5", "`ttl_ms` must be an integer"),
            ("prio", "1", "`submit` has no key `prio`"),
            ("payload", "1", "`submit` has no key `payload`"),
            ("seq", "1", "`submit` has no key `seq`"),
        ] {
            assert_eq!(submit(&[(name, value)]).expect_err(says).message, says);
        }
    }
}
