//! Where the server listens for clients: at an address, and at sockets beside it.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use acequia::SocketAccess;
use anyhow::bail;

/// What a socket begins with.
const SOCKET: &str = "unix:";

/// One of the places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// `HOST:PORT`, which is looked at when it is listened at.
    Address(String),
    /// `unix:PATH`.
    Socket(PathBuf),
}

impl FromStr for Listen {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix(SOCKET) {
            Some(path) => Self::Socket(path.into()),
            None => Self::Address(text.to_owned()),
        })
    }
}

/// The address, and the sockets.
pub(crate) fn split(all: Vec<Listen>) -> anyhow::Result<(String, Vec<PathBuf>)> {
    let (mut addresses, mut sockets) = (Vec::new(), Vec::new());
    for listen in all {
        match listen {
            Listen::Address(address) => addresses.push(address),
            Listen::Socket(path) if path.as_os_str().is_empty() => {
                bail!("--listen {SOCKET}: there is no path; write {SOCKET}/run/acequia/http.sock")
            }
            // Anybody may connect to those, whatever --listen-access says.
            Listen::Socket(path) if path.to_string_lossy().starts_with(['@', '\0']) => bail!(
                "--listen {SOCKET}{}: abstract sockets have no file that says who may connect; give a path",
                path.display()
            ),
            Listen::Socket(path) => sockets.push(path),
        }
    }
    let count = addresses.len();
    match <[String; 1]>::try_from(addresses) {
        Ok([address]) => Ok((address, sockets)),
        Err(_) => bail!(
            "--listen: there are {count} addresses HOST:PORT, and there has to be one, beside any number of \
             {SOCKET}PATH; 127.0.0.1:0 is a port of this machine alone that the system chooses, and a host \
             name is listened at by all of its addresses"
        ),
    }
}

/// Who may connect to sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ListenAccess {
    Owner,
    Group,
    All,
}

impl From<ListenAccess> for SocketAccess {
    fn from(access: ListenAccess) -> Self {
        match access {
            ListenAccess::Owner => Self::Owner,
            ListenAccess::Group => Self::Group,
            ListenAccess::All => Self::All,
        }
    }
}
