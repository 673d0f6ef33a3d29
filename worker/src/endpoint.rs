//! The check that a text is an endpoint that can be dialled.

use zeromq::{Endpoint, Host};

use crate::error::WorkerError;

/// Checks the endpoint that the option `name` gave.
pub(crate) fn check(name: &'static str, url: &str) -> Result<(), WorkerError> {
    let bad = |why: String| WorkerError::Endpoint { name, url: url.to_owned(), why };
    match url.parse::<Endpoint>().map_err(|error| bad(error.to_string()))? {
        Endpoint::Tcp(_, 0) => Err(bad("port 0 cannot be dialled".to_owned())),
        Endpoint::Tcp(Host::Domain(host), _) if host == "*" => {
            Err(bad("`*` is an address to listen on, not to dial".to_owned()))
        }
        _ => Ok(()),
    }
}
