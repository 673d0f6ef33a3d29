//! How whoever operates a server that made its admin token gets at it, without being told where.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use acequia::Server;
use acequia::client::LeftNearby;

use crate::log;

/// Set by systemd where standard error is its journal, which more people may read than this user.
const OF_JOURNAL: &str = "JOURNAL_STREAM";

/// Leaves the token for programs of this user on this machine, until what is returned is dropped; and
/// tells the person who started it the dashboard's address, with the token in it.
pub(crate) fn let_in(server: &Server, by_tls: bool, log: log::Format) -> Option<LeftNearby> {
    let token = std::str::from_utf8(server.admin_token().expose()).ok()?;
    let addresses = server.addresses();
    let at = addresses.admin.unwrap_or(addresses.http);
    let left = LeftNearby::leave(at, token).inspect_err(|error| {
        tracing::warn!(
            %error,
            "`acequia top` and `acequia pool` will not find the admin token by themselves; name its file \
             to them with --admin-token-file"
        );
    });
    // Not as an event of the log, which goes further than to whoever sits here.
    if log == log::Format::Text
        && tracing::enabled!(tracing::Level::INFO)
        && std::env::var_os(OF_JOURNAL).is_none()
    {
        let scheme = if by_tls { "https" } else { "http" };
        let at = dialled(at);
        // Whoever closed it does not want to know.
        _ = writeln!(std::io::stderr(), "dashboard: {scheme}://{at}/dashboard#token={token}");
    }
    left.ok()
}

/// Where this machine itself dials what listens there.
fn dialled(mut at: SocketAddr) -> SocketAddr {
    match at.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => at.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => at.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    at
}
