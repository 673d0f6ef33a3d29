//! What proxies say in a request's head of those who came to them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whom each proxy named, the one next to the server first; nothing where it named no address.
/// `Forwarded` counts only without `X-Forwarded-For`.
///
/// All is read from its end, as bytes: what stands further left may be of a stranger's making, and
/// must not change how the words of a proxy behind it are read.
pub(super) fn nearest_first(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let last_first = |name: HeaderName| headers.get_all(name).into_iter().rev();
    let simple =
        last_first(X_FORWARDED_FOR).flat_map(|list| split(list.as_bytes(), b',').map(address));
    let standard = (!headers.contains_key(X_FORWARDED_FOR)).then(|| last_first(header::FORWARDED));
    let standard = standard.into_iter().flatten().map(HeaderValue::as_bytes);
    simple.chain(standard.flat_map(|list| split(list, b',').map(of_element)))
}

/// The parts of a text, the last first, without what is not in quotes and only looks like an end of one.
fn split(text: &[u8], end: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    text.rsplit(move |byte| {
        quoted ^= *byte == b'"';
        *byte == end && !quoted
    })
}

/// The address behind `for=` in an element of `Forwarded` (RFC 7239).
fn of_element(element: &[u8]) -> Option<IpAddr> {
    split(element, b';').find_map(|pair| {
        let (name, value) = pair.split_at(pair.iter().position(|byte| *byte == b'=')?);
        let value = value[1..].trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        name.trim_ascii().eq_ignore_ascii_case(b"for").then(|| address(bare.unwrap_or(value)))
    })?
}

/// An address, with a port or without.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?.trim();
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, _port) = bracketed.split_once(']')?;
        return Some(IpAddr::from(address.parse::<Ipv6Addr>().ok()?).to_canonical());
    }
    if let Some((address, _port)) = text.split_once(':')
        && let Ok(address) = address.parse::<Ipv4Addr>()
    {
        return Some(address.into());
    }
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(headers: &[(&'static str, &[u8])]) -> Vec<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value).expect("a value"));
        }
        let shown = |named: Option<IpAddr>| named.map_or("?".to_owned(), |named| named.to_string());
        nearest_first(&map).map(shown).collect()
    }

    #[test]
    fn the_last_is_the_nearest_also_over_several_headers() {
        let said: [(_, &[u8]); 2] = [
            ("x-forwarded-for", b"192.0.2.1, 192.0.2.2"),
            ("x-forwarded-for", b" 2001:db8::1,[2001:db8::2]:80 , 192.0.2.3:4711,::ffff:192.0.2.4"),
        ];
        let nearest =
            ["192.0.2.4", "192.0.2.3", "2001:db8::2", "2001:db8::1", "192.0.2.2", "192.0.2.1"];
        assert_eq!(named(&said), nearest);
        assert!(named(&[]).is_empty());
    }

    #[test]
    fn what_is_no_address_is_nobody() {
        for bad in ["unknown", "_hidden", "", "192.0.2", "[192.0.2.1]", "[::1", "jobs.example", "1"]
        {
            assert_eq!(named(&[("x-forwarded-for", bad.as_bytes())]), ["?"], "{bad}");
        }
    }

    #[test]
    fn the_standard_header_counts_where_the_other_is_not() {
        let forwarded: &[u8] =
            b"for=192.0.2.1;proto=https, by=10.0.0.1 ; For=\"[2001:db8::1]:_port\",\
            for=\"192.0.2.2:80\", host=\"a,b;for=192.0.2.9\", for=unknown";
        let nearest = ["?", "?", "192.0.2.2", "2001:db8::1", "192.0.2.1"];
        assert_eq!(named(&[("forwarded", forwarded)]), nearest);
        let both = [("forwarded", forwarded), ("x-forwarded-for", b"192.0.2.7" as &[u8])];
        assert_eq!(named(&both), ["192.0.2.7"]);
    }

    #[test]
    fn what_a_stranger_wrote_does_not_hide_what_a_proxy_added() {
        for forged in [&b"\xff\xfe"[..], b"\"", b"for=\"", b"for=\"\\", b",,;;=", b"for=x;\"a"] {
            let with = |added: &[u8]| [forged, added].concat();
            let simple = with(b", 192.0.2.1");
            assert_eq!(named(&[("x-forwarded-for", &simple)])[0], "192.0.2.1", "{forged:?}");
            let standard = with(b", for=\"[2001:db8::1]\"");
            assert_eq!(named(&[("forwarded", &standard)])[0], "2001:db8::1", "{forged:?}");
        }
    }
}
