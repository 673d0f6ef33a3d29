//! What somebody speaks who does not get through the handshake, as far as a few bytes tell.
//!
//! Only what is known by name is repeated: what a stranger sends does not go into a log.

use std::fmt;

use crate::frames::{COMMAND_BYTES_MAX, SocketType, ready_socket_type};

const SIGNATURE_LAST_AT: usize = 9;
const REVISION_AT: usize = 10;
const MECHANISM_AT: std::ops::Range<usize> = 12..32;

/// How requests of HTTP begin, of its second version too.
const HTTP: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"PATCH ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"PRI * HTTP",
];
const MECHANISMS: [&str; 3] = ["PLAIN", "CURVE", "GSSAPI"];
const SOCKET_TYPES: [&str; 20] = [
    "PAIR", "PUB", "SUB", "XPUB", "XSUB", "REQ", "REP", "DEALER", "ROUTER", "PUSH", "PULL",
    "STREAM", "SERVER", "CLIENT", "RADIO", "DISH", "GATHER", "SCATTER", "PEER", "CHANNEL",
];

/// What it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Spoken {
    /// It said nothing.
    Nothing,
    Http,
    Tls,
    Ssh,
    /// ZMTP 1, as ZeroMQ 2 spoke it.
    Zmtp1,
    /// ZMTP 2, as ZeroMQ 3 spoke it.
    Zmtp2,
    /// The greeting of ZMTP, cut off before it says which version.
    Signature,
    /// The greeting of ZMTP 3, cut off.
    HalfGreeting,
    /// A security mechanism other than NULL, by name if it is a known one.
    Mechanism(Option<&'static str>),
    /// A good greeting, and then nothing or half a READY.
    HalfReady,
    /// A READY of this socket type, if it is a known one.
    Socket(Option<&'static str>),
    /// A greeting, and then something other than a READY.
    NoReady,
    /// Something else.
    Unknown,
}

impl Spoken {
    /// What begins with these bytes, where a greeting should be.
    pub(crate) fn of_greeting(bytes: &[u8]) -> Self {
        match bytes {
            [] => Self::Nothing,
            [0xFF, ..] => Self::of_zmtp(bytes),
            [0x16, 0x03, ..] => Self::Tls,
            [b'S', b'S', b'H', b'-', ..] => Self::Ssh,
            // The length and the flags of an anonymous identity.
            [0x01, 0x00, ..] => Self::Zmtp1,
            _ if HTTP.iter().any(|method| bytes.starts_with(method)) => Self::Http,
            _ => Self::Unknown,
        }
    }

    /// What begins with these bytes, behind a good greeting.
    pub(crate) fn of_command(bytes: &[u8]) -> Self {
        let body = match bytes {
            [] => return Self::HalfReady,
            [4, length, body @ ..] => body.get(..usize::from(*length)),
            [6, rest @ ..] => rest.split_first_chunk().and_then(|(length, body)| {
                let length = u64::from_be_bytes(*length).min(COMMAND_BYTES_MAX + 1);
                body.get(..length as usize)
            }),
            _ => return Self::NoReady,
        };
        match body.map(ready_socket_type) {
            None => Self::HalfReady,
            Some(None) => Self::NoReady,
            Some(Some(name)) => Self::Socket(known(&SOCKET_TYPES, name)),
        }
    }

    fn of_zmtp(bytes: &[u8]) -> Self {
        if bytes.get(SIGNATURE_LAST_AT).is_some_and(|last| *last != 0x7F) {
            return Self::Unknown;
        }
        match (bytes.get(REVISION_AT), bytes.get(MECHANISM_AT)) {
            (None, _) => Self::Signature,
            (Some(0), _) => Self::Zmtp1,
            (Some(1 | 2), _) => Self::Zmtp2,
            (Some(_), None) => Self::HalfGreeting,
            (Some(_), Some(padded)) => {
                let end = padded.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                match &padded[..end] {
                    b"NULL" => Self::HalfGreeting,
                    name => Self::Mechanism(known(&MECHANISMS, name)),
                }
            }
        }
    }

    /// What it is and what to do about it, on a port for workers with a socket of this type.
    pub(crate) fn on(self, worker: SocketType) -> impl fmt::Display {
        OnPort { spoken: self, worker }
    }
}

fn known(names: &[&'static str], name: &[u8]) -> Option<&'static str> {
    names.iter().copied().find(|known| known.as_bytes() == name)
}

struct OnPort {
    spoken: Spoken,
    worker: SocketType,
}

impl fmt::Display for OnPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (port, own, other) = match self.worker {
            SocketType::Pull => ("jobs", "PULL", "results"),
            SocketType::Push => ("results", "PUSH", "jobs"),
        };
        match self.spoken {
            Spoken::Nothing => write!(f, "it said nothing: is it a ZeroMQ socket at all?"),
            Spoken::Http => write!(
                f,
                "it speaks HTTP, and this is the port where workers connect by ZeroMQ: use the \
                 server's HTTP port"
            ),
            Spoken::Tls => write!(
                f,
                "it speaks TLS, and this is the port where workers connect by plain ZeroMQ: use \
                 the server's HTTP port, or a tunnel that ends TLS before this port"
            ),
            Spoken::Ssh => write!(f, "it speaks SSH: it has the wrong port"),
            Spoken::Zmtp1 => write!(
                f,
                "it speaks ZMTP 1, as ZeroMQ 2 did, and this server speaks ZMTP 3: use libzmq 4 \
                 or a library that speaks ZMTP 3"
            ),
            Spoken::Zmtp2 => write!(
                f,
                "it speaks ZMTP 2, as ZeroMQ 3 and JeroMQ before 0.5 do, and this server speaks ZMTP 3: \
                 use libzmq 4, JeroMQ 0.5 or another library that speaks ZMTP 3"
            ),
            Spoken::Signature | Spoken::HalfGreeting => write!(
                f,
                "it left in the middle of the greeting, as ZeroMQ does that is set to another \
                 mechanism than NULL or has the wrong port: use no CURVE, PLAIN or GSSAPI, and \
                 connect a {own} here"
            ),
            Spoken::Mechanism(Some(name)) => write!(
                f,
                "it asks for the mechanism {name}, and this server takes NULL: connect without \
                 {name}, and through a tunnel where the network is not trusted"
            ),
            Spoken::Mechanism(None) => write!(
                f,
                "it asks for a mechanism other than NULL, which is all that this server takes: \
                 connect without it"
            ),
            Spoken::HalfReady => write!(
                f,
                "it greeted and did not say READY: connect a {own} of a library that speaks ZMTP 3"
            ),
            Spoken::Socket(Some(name @ ("PULL" | "PUSH"))) => write!(
                f,
                "it is a {name}, and the {port} port takes a {own}: a {name} connects to the \
                 {other} port, so the two ports may be mixed up"
            ),
            Spoken::Socket(Some(name)) => {
                write!(f, "it is a {name}, and the {port} port takes a {own}: connect a {own}")
            }
            Spoken::Socket(None) => {
                write!(f, "it is a socket of a type that ZeroMQ does not know: connect a {own}")
            }
            Spoken::NoReady => write!(
                f,
                "it greeted and then said something other than a READY: connect a {own} of a \
                 library that speaks ZMTP 3"
            ),
            Spoken::Unknown => write!(
                f,
                "it speaks something that is not ZMTP: connect a ZeroMQ {own} here, and anything \
                 else elsewhere"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(version: u8, mechanism: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        (bytes[0], bytes[9], bytes[10]) = (0xFF, 0x7F, version);
        bytes[12..12 + mechanism.len()].copy_from_slice(mechanism);
        bytes
    }

    #[test]
    fn protocols_are_known_by_their_first_bytes() {
        for (bytes, spoken) in [
            (&b""[..], Spoken::Nothing),
            (b"GET / HTTP/1.1\r\n", Spoken::Http),
            (b"PRI * HTTP/2.0\r\n", Spoken::Http),
            (b"\x16\x03\x01\x02\0\x01", Spoken::Tls),
            (b"SSH-2.0-x", Spoken::Ssh),
            (b"\x01\0", Spoken::Zmtp1),
            (b"\xff\0\0\0\0\0\0\0\x01\x7f", Spoken::Signature),
            (b"\xff\0\0\0\0\0\0\0\x01\x7f\0", Spoken::Zmtp1),
            (b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x07\0\0", Spoken::Zmtp2),
            (b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL", Spoken::HalfGreeting),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", Spoken::Unknown),
            (b"*1\r\n$4\r\nPING\r\n", Spoken::Unknown),
        ] {
            assert_eq!(Spoken::of_greeting(bytes), spoken, "{bytes:?}");
        }
    }

    #[test]
    fn mechanisms_and_socket_types_are_named_if_they_are_known() {
        let mechanism = |name: &[u8]| Spoken::of_greeting(&greeting(3, name));
        assert_eq!(mechanism(b"CURVE"), Spoken::Mechanism(Some("CURVE")));
        assert_eq!(mechanism(b"a secret"), Spoken::Mechanism(None));
        assert_eq!(mechanism(b"NULL"), Spoken::HalfGreeting);
        let ready = |name: &[u8]| {
            let mut body = b"\x05READY\x0bSocket-Type\0\0\0".to_vec();
            body.push(name.len() as u8);
            body.extend_from_slice(name);
            Spoken::of_command(&[&[4, body.len() as u8], &body[..]].concat())
        };
        assert_eq!(ready(b"SUB"), Spoken::Socket(Some("SUB")));
        assert_eq!(ready(b"a secret"), Spoken::Socket(None));
        assert_eq!(Spoken::of_command(b""), Spoken::HalfReady);
        assert_eq!(Spoken::of_command(b"\x04\x20\x05READY"), Spoken::HalfReady);
        assert_eq!(Spoken::of_command(b"\x06\xff\xff\xff\xff\xff\xff\xff\xff"), Spoken::HalfReady);
        assert_eq!(Spoken::of_command(b"\x04\x06\x05ERROR"), Spoken::NoReady);
        assert_eq!(Spoken::of_command(b"\0\x01x"), Spoken::NoReady);
    }

    #[test]
    fn a_mix_up_of_the_ports_is_called_that() {
        let told = Spoken::Socket(Some("PUSH")).on(SocketType::Pull).to_string();
        assert!(told.contains("jobs port takes a PULL") && told.contains("mixed up"), "{told}");
    }
}
