//! What a worker offers.
//!
//! ```text
//!  name │ slots │ number of queues │ queue … │ peer │ (job │ attempt │ chunks) … to the end
//!
//!  peer   0 unknown
//!         1 TCP, 4 bytes of address, port
//!         2 TCP, 16 bytes of address, port, flow, scope
//!         3 IPC
//!         4 IPC, process
//! ```

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use acequia_wire::record::BadRecord;

use super::bad_frame::BadFields;
use super::encoder::Encoder;
use super::source::Source;
use crate::frame::{Hold, LinkPeer, Offer};

mod tag {
    pub(super) const UNKNOWN: u8 = 0;
    pub(super) const TCP_V4: u8 = 1;
    pub(super) const TCP_V6: u8 = 2;
    pub(super) const IPC: u8 = 3;
    pub(super) const IPC_OF: u8 = 4;
}

pub(super) fn put(offer: &Offer, to: &mut Encoder) {
    let Offer { name, slots, queues, peer, holds } = offer;
    to.out().text(name);
    to.out().number((*slots).into());
    to.out().len(queues.len());
    for queue in queues {
        to.out().text(queue.as_str());
    }
    put_peer(*peer, to);
    for Hold { job, attempt, chunks } in holds {
        to.out().rest(job.as_bytes());
        to.out().number((*attempt).into());
        to.out().number((*chunks).into());
    }
}

pub(super) fn take(from: &mut Source<'_>) -> Result<Offer, BadFields> {
    // In the order of the frame: the fields of a struct expression are evaluated as they stand.
    Ok(Offer {
        name: from.words()?,
        slots: from.fields.number_u32()?,
        queues: from.counted(|from| from.names.queue(from.fields.text()?))?,
        peer: take_peer(from)?,
        holds: from.all(|from| {
            let (job, attempt) = (from.fields.job()?, from.fields.number_u32()?);
            Ok(Hold { job, attempt, chunks: from.fields.number_u32()? })
        })?,
    })
}

fn put_peer(peer: Option<LinkPeer>, to: &mut Encoder) {
    match peer {
        None => to.out().byte(tag::UNKNOWN),
        Some(LinkPeer::Tcp(SocketAddr::V4(address))) => {
            to.out().byte(tag::TCP_V4);
            to.out().rest(&address.ip().octets());
            to.out().number(address.port().into());
        }
        Some(LinkPeer::Tcp(SocketAddr::V6(address))) => {
            to.out().byte(tag::TCP_V6);
            to.out().rest(&address.ip().octets());
            to.out().number(address.port().into());
            to.out().number(address.flowinfo().into());
            to.out().number(address.scope_id().into());
        }
        Some(LinkPeer::Ipc { pid: None }) => to.out().byte(tag::IPC),
        Some(LinkPeer::Ipc { pid: Some(pid) }) => {
            to.out().byte(tag::IPC_OF);
            to.out().signed(pid.into());
        }
    }
}

fn take_peer(from: &mut Source<'_>) -> Result<Option<LinkPeer>, BadRecord> {
    Ok(Some(match from.fields.byte()? {
        tag::UNKNOWN => return Ok(None),
        tag::TCP_V4 => {
            let ip = Ipv4Addr::from(from.fields.array()?);
            LinkPeer::Tcp(SocketAddrV4::new(ip, from.number_u16()?).into())
        }
        tag::TCP_V6 => {
            let (ip, port) = (Ipv6Addr::from(from.fields.array::<16>()?), from.number_u16()?);
            let (flow, scope) = (from.fields.number_u32()?, from.fields.number_u32()?);
            LinkPeer::Tcp(SocketAddrV6::new(ip, port, flow, scope).into())
        }
        tag::IPC => LinkPeer::Ipc { pid: None },
        tag::IPC_OF => {
            let pid = i32::try_from(from.fields.signed()?).map_err(|_| BadRecord::Number)?;
            LinkPeer::Ipc { pid: Some(pid) }
        }
        value => return Err(BadRecord::Unknown { field: "peer", value }),
    }))
}
