//! The header of the PROXY protocol, versions 1 and 2, with which a proxy begins a connection.

use std::io;
use std::net::IpAddr;

use proxy_header::{Error, ParseConfig, ProxyHeader};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// Bytes of a header: addresses and what proxies add of TLS, names and ids. The protocol allows 64 KiB
/// of the latter, which nobody sends.
const BYTES_MAX: usize = 4 << 10;

/// A connection that does not begin as it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoHeader {
    /// It ended before it began: somebody looked whether the port is open.
    #[error("it closed without sending anything")]
    Nothing,
    /// It begins with something else.
    #[error("it does not begin with a header of the PROXY protocol")]
    Other,
    /// The header is too long.
    #[error("its header of the PROXY protocol has more than {BYTES_MAX} bytes, the limit")]
    TooLong,
    /// The header has not come within the time that there is for it.
    #[error("its header of the PROXY protocol did not come within --handshake-s")]
    Late,
    /// The connection broke.
    #[error("it broke before its header of the PROXY protocol had come: {0}")]
    Broken(#[from] io::Error),
}

/// Reads the header, and nothing behind it. Returns for whom the proxy speaks; `None`: for itself, or
/// for somebody without an address.
pub(super) async fn read(stream: &mut TcpStream) -> Result<Option<IpAddr>, NoHeader> {
    let mut bytes = Vec::new();
    let mut ahead = vec![0; BYTES_MAX];
    loop {
        // Looked at only: of what is behind the header nothing may be taken.
        let before = bytes.len();
        let come = stream.peek(&mut ahead[..BYTES_MAX - before]).await?;
        if come == 0 {
            return Err(if before == 0 { NoHeader::Nothing } else { NoHeader::Other });
        }
        bytes.extend_from_slice(&ahead[..come]);
        let parsed = parse(&bytes)?;
        let end = parsed.as_ref().map_or(bytes.len(), |header| header.bytes);
        stream.read_exact(&mut ahead[..end - before]).await?;
        match parsed {
            Some(header) => return Ok(header.client.map(|client| client.to_canonical())),
            None if bytes.len() == BYTES_MAX => return Err(NoHeader::TooLong),
            None => {}
        }
    }
}

struct Header {
    bytes: usize,
    client: Option<IpAddr>,
}

/// The header with which these bytes begin; `None` if more have to come.
fn parse(bytes: &[u8]) -> Result<Option<Header>, NoHeader> {
    let config = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };
    match ProxyHeader::parse(bytes, config) {
        Ok((header, bytes)) => {
            let client = header.proxied_address().map(|addresses| addresses.source.ip());
            Ok(Some(Header { bytes, client }))
        }
        Err(Error::BufferTooShort) => Ok(None),
        Err(_) => Err(NoHeader::Other),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    const BEHIND: &[u8] = b"\x16\x03\x01 or GET / HTTP/1.1\r\n\r\n";

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [V2, &[command, family], &length, rest].concat()
    }

    /// What is read of a connection that brings these pieces, and then whatever follows until its end.
    async fn said(pieces: &[&[u8]]) -> (Result<Option<IpAddr>, NoHeader>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut proxy = TcpStream::connect(address).await.expect("a connection");
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let speak = async {
            for piece in pieces {
                proxy.write_all(piece).await.expect("written");
                tokio::task::yield_now().await;
            }
            proxy.shutdown().await.expect("the end");
        };
        let (header, ()) = tokio::join!(read(&mut stream), speak);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("the rest");
        (header, rest)
    }

    #[tokio::test]
    async fn the_client_is_named_and_nothing_more_is_read() {
        let of_four = [192, 0, 2, 7, 10, 0, 0, 1, 0, 80, 1, 187];
        let with_more = [&of_four[..], &[0x04, 0, 2, 1, 2]].concat();
        let mut of_six = [0_u8; 36];
        of_six[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        for (header, client) in [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n".to_vec(), Some("192.0.2.7")),
            (b"PROXY TCP6 2001:db8::7 ::1 4711 443\r\n".to_vec(), Some("2001:db8::7")),
            (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 4711 443\r\n".to_vec(), Some("192.0.2.7")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (v2(0x21, 0x11, &of_four), Some("192.0.2.7")),
            (v2(0x21, 0x11, &with_more), Some("192.0.2.7")),
            (v2(0x21, 0x21, &of_six), Some("2001:db8::")),
            (v2(0x20, 0x11, &of_four), None),
            (v2(0x20, 0, &[]), None),
            (v2(0x21, 0x31, &[0; 216]), None),
        ] {
            let client = client.map(|text| text.parse().expect("an address"));
            let whole = [&header[..], BEHIND].concat();
            let bytewise: Vec<&[u8]> = whole.chunks(1).collect();
            for pieces in [vec![&whole[..]], vec![&header[..], BEHIND], bytewise] {
                let (found, rest) = said(&pieces).await;
                assert_eq!(found.expect("a header"), client, "{header:?}");
                assert_eq!(rest, BEHIND, "{header:?}");
            }
        }
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        let long = v2(0x21, 0, &[0; BYTES_MAX]);
        for (bytes, told) in [
            (&b""[..], "without sending anything"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "does not begin"),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "does not begin"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 443", "does not begin"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n", "does not begin"),
            (b"PROXY TCP4 192.0.2.700 10.0.0.1 4711 443\r\n", "does not begin"),
            (b"PROXY TCP4 2001:db8::7 ::1 4711 443\r\n", "does not begin"),
            (b"PROXY HTTP 192.0.2.7\r\n", "does not begin"),
            (&[b"PROXY UNKNOWN"[..].to_vec(), vec![b'x'; 200]].concat(), "does not begin"),
            (&v2(0x31, 0x11, &[0; 12]), "does not begin"),
            (&v2(0x21, 0x11, &[0; 11]), "does not begin"),
            (&long, "more than 4096 bytes"),
        ] {
            let error = said(&[bytes]).await.0.expect_err("no header").to_string();
            assert!(error.contains(told), "{bytes:?}: {error}");
        }
    }
}
