//! What is asked in a query, and what is wrong with it in words.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::Parameter;

/// A query as it came.
pub(super) type Given<T> = Result<Query<T>, QueryRejection>;

/// What a query asks for, or what is wrong with it.
pub(super) fn read<T: IntoParams>(query: Given<T>) -> Result<T, String> {
    query.map(|Query(given)| given).map_err(|error| {
        let wrong = in_words(&error.body_text());
        format!("query: {wrong}; it takes {}", parameters::<T>())
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

#[cfg(test)]
mod tests {
    use axum::http::Uri;
    use serde::Deserialize;
    use utoipa::ToSchema;

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
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<usize>,
    }

    fn refused(query: &str) -> String {
        let uri: Uri = format!("/?{query}").parse().expect("a URI");
        read(Query::<Asked>::try_from_uri(&uri)).expect_err("it is bad")
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
