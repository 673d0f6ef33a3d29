//! Where this is, and where from here the server is.

use std::net::IpAddr;

use acequia_gate::Endpoint;
use anyhow::bail;

/// What this machine calls itself.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// An endpoint of the server at `server`, `HOST:PORT`, as it is dialled from here.
pub(crate) fn from_here(flag: &str, there: Endpoint, server: &str) -> anyhow::Result<Endpoint> {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = is_loopback(host);
    match there {
        Endpoint::Tcp { host: bound, port } if is_any(&bound) => {
            Ok(Endpoint::Tcp { host: host.to_owned(), port })
        }
        Endpoint::Tcp { host: ref bound, .. } if is_here || !is_loopback(bound) => Ok(there),
        // By way of a socket only workers of the same machine come in.
        Endpoint::Ipc { .. } | Endpoint::Abstract { .. } if is_here => Ok(there),
        there => bail!(
            "the server on {server} has its endpoint {there} for workers of its own machine only; \
             name the one that they reach from here with {flag}"
        ),
    }
}

fn is_any(host: &str) -> bool {
    host == "*" || host.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialled(there: &str, server: &str) -> Option<String> {
        let there = there.parse().expect("an endpoint");
        from_here("--jobs", there, server).ok().map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn endpoints_are_dialled_where_the_server_is() {
        for (there, server, from_here) in [
            ("tcp://127.0.0.1:5557", "127.0.0.1:8080", Some("tcp://127.0.0.1:5557")),
            ("tcp://127.0.0.1:5557", "localhost:8080", Some("tcp://127.0.0.1:5557")),
            ("tcp://0.0.0.0:5557", "jobs.example:8080", Some("tcp://jobs.example:5557")),
            ("tcp://[::]:5557", "[2001:db8::1]:8080", Some("tcp://[2001:db8::1]:5557")),
            ("tcp://10.0.0.5:5557", "jobs.example:8080", Some("tcp://10.0.0.5:5557")),
            ("tcp://127.0.0.1:5557", "jobs.example:8080", None),
            ("ipc:///run/jobs.sock", "[::1]:8080", Some("ipc:///run/jobs.sock")),
            ("ipc:///run/jobs.sock", "jobs.example:8080", None),
        ] {
            assert_eq!(dialled(there, server).as_deref(), from_here, "{there} of {server}");
        }
    }
}
