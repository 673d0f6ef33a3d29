//! What all calls have in common: how they are asked, refused and answered.

use std::collections::BTreeMap;

use acequia_wire::QueueName;
use acequia_wire::code::RejectCode;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::{Content, Ref, RefOr, Required, Response as Described, ResponseBuilder};
use utoipa::{IntoParams, ToSchema};

use crate::http::door::Door;
use crate::pipeline::desk::{Call, Desk};
use crate::pipeline::{Input, ask};
use crate::schema;

/// Entries on a page, unless asked for fewer or more.
const PAGE: usize = 100;
/// Entries on a page at most.
pub(super) const PAGE_MAX: usize = 1_000;
/// Bytes of a call's body.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;

/// What the document says of the answers that many calls have.
pub(super) const ANSWERED: &str = "What was asked for";
pub(super) const NOT_THERE: &str = "It is not there";
pub(super) const NOT_NOW: &str = "It cannot be done now";

schema::described! {
    /// How many entries a page is to have.
    PageLimit = schema::up_to(PAGE_MAX as u64).minimum(Some(1)).default(Some(PAGE.into()));
}

/// What a call is refused with.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct Refused {
    #[serde(skip)]
    status: StatusCode,
    /// A word for programs.
    code: &'static str,
    /// What is wrong, and what to do, for people.
    message: String,
}

/// What the document says of how any call may be refused.
pub(super) fn any_refused() -> BTreeMap<String, RefOr<Described>> {
    let told = |(status, why): (StatusCode, &str)| {
        let body = Content::new(Some(Ref::from_schema_name(Refused::name())));
        let described = ResponseBuilder::new().description(why).content("application/json", body);
        (status.as_str().to_owned(), described.into())
    };
    let all = [
        (StatusCode::BAD_REQUEST, "The request is not understood; the message names what is wrong"),
        (StatusCode::UNAUTHORIZED, "The admin token is not named"),
        (StatusCode::SERVICE_UNAVAILABLE, "The server stops, is stuck or cannot write its journal"),
    ];
    all.map(told).into()
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, RejectCode::BadRequest.as_str(), message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, as_json(&self)).into_response()
    }
}

/// An answer, or why there is none.
pub(super) type Answer = Result<Response, Refused>;

pub(super) fn as_json(body: &impl serde::Serialize) -> Response {
    // What is answered here are maps with texts for keys, which are always written.
    json_text(serde_json::to_string(body).unwrap_or_default())
}

pub(super) fn json_text(text: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Asks the pipeline, and waits for its answer.
pub(super) async fn at_desk<T: Send + 'static>(
    door: &Door,
    question: impl FnOnce(&mut Desk<'_>) -> T + Send + 'static,
) -> Result<T, Refused> {
    let answered = ask(&door.inbox, |answer| Input::Desk(Call::new(question, answer))).await;
    answered.ok_or_else(|| unavailable(RejectCode::Draining, "the server stops or is stuck"))
}

pub(super) fn unavailable(code: RejectCode, message: impl Into<String>) -> Refused {
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, code.as_str(), message)
}

pub(super) type Given<T> = Result<Query<T>, QueryRejection>;

pub(super) fn given<T: IntoParams>(query: Given<T>) -> Result<T, Refused> {
    query.map(|Query(given)| given).map_err(|error| {
        let wrong = in_words(&error.body_text());
        Refused::bad_request(format!("query: {wrong}; it takes {}", parameters::<T>()))
    })
}

/// What is wrong with a query or a body, for whoever wrote it: they know of no fields and no variants.
pub(super) fn in_words(wrong: &str) -> String {
    let wrong = wrong.strip_prefix("Failed to deserialize query string: ").unwrap_or(wrong);
    // What may be there instead is told anyway.
    let wrong = wrong.split(", expected one of").next().unwrap_or(wrong);
    let wrong = wrong.split(", expected `").next().unwrap_or(wrong);
    [
        ("missing field", "there is no"),
        ("unknown field", "nothing is called"),
        ("duplicate field", "there is twice"),
        ("unknown variant", "it cannot be"),
        ("invalid digit found in string", "it is a whole number"),
        ("cannot parse integer from empty string", "it is a whole number"),
        ("expected usize", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected u64", "expected a whole number"),
    ]
    .iter()
    .fold(wrong.to_owned(), |wrong, (theirs, ours)| wrong.replace(theirs, ours))
}

/// The parameters of a query, with what each may be, as the document has them.
fn parameters<T: IntoParams>() -> String {
    let told = |parameter: Parameter| {
        let schema = parameter.schema.and_then(|schema| serde_json::to_value(schema).ok());
        let schema = schema.unwrap_or_default();
        let values = schema["enum"].as_array().map(|values| {
            let values: Vec<_> = values.iter().filter_map(serde_json::Value::as_str).collect();
            values.join("|")
        });
        let range =
            || Some(format!("{} to {}", schema["minimum"].as_u64()?, schema["maximum"].as_u64()?));
        let what = values.or_else(range).map_or_else(String::new, |what| format!("={what}"));
        let needed = if parameter.required == Required::True { "" } else { " (optional)" };
        format!("`{}{what}`{needed}", parameter.name)
    };
    let all: Vec<_> = T::into_params(|| None).into_iter().map(told).collect();
    all.join(", ")
}

pub(super) fn limit(asked: Option<usize>) -> Result<usize, Refused> {
    let limit = asked.unwrap_or(PAGE);
    let bad = || Refused::bad_request(format!("limit {limit}: it is 1 to {PAGE_MAX}"));
    (1..=PAGE_MAX).contains(&limit).then_some(limit).ok_or_else(bad)
}

pub(super) fn queue_name(text: &str) -> Result<QueueName, Refused> {
    text.parse().map_err(|error| Refused::bad_request(format!("queue {text:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(rename_all = "lowercase")]
    enum Place {
        Here,
        There,
    }

    #[derive(Debug, Deserialize, IntoParams)]
    #[serde(deny_unknown_fields)]
    #[into_params(parameter_in = Query)]
    #[expect(dead_code, reason = "it is only read")]
    struct Asked {
        #[param(inline)]
        place: Place,
        #[param(inline, value_type = Option<PageLimit>)]
        limit: Option<usize>,
    }

    fn refused(query: &str) -> String {
        let uri: Uri = format!("/?{query}").parse().expect("a URI");
        given(Query::<Asked>::try_from_uri(&uri)).expect_err("it is bad").message
    }

    #[test]
    fn what_is_wrong_with_a_query_is_told_with_what_is_right() {
        let right = "; it takes `place=here|there`, `limit=1 to 1000` (optional)";
        for (query, wrong) in [
            ("", "query: there is no `place`"),
            ("place=nowhere", "query: place: it cannot be `nowhere`"),
            ("place=here&limit=many", "query: limit: it is a whole number"),
            ("place=here&limit=", "query: limit: it is a whole number"),
            ("place=here&colour=red", "query: colour: nothing is called `colour`"),
        ] {
            let said = refused(query);
            assert_eq!(said, format!("{wrong}{right}"), "{query}");
        }
    }
}
