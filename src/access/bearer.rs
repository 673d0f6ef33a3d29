//! The token that a request names.

use axum::http::{HeaderMap, header};

/// The token of `Authorization: Bearer TOKEN`. `None` if there is no such header, if there are
/// several, or if it is of another scheme.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().expect("a header"));
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn one_bearer_token_is_one() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(given(&[value]).as_deref(), Some("abc"), "{value}");
        }
        for values in [&[][..], &["Bearer"], &["Basic abc"], &["abc"], &["Bearer a", "Bearer a"]] {
            assert_eq!(given(values), None, "{values:?}");
        }
    }
}
