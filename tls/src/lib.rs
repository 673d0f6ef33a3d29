//! TLS at both ends of HTTP and WebSocket: by rustls, with *ring*.

mod client;
mod pem;
mod provider;
mod server;
mod stream;

pub use client::{Roots, shake};
pub use pem::BadTls;
pub use server::TlsFiles;
pub use stream::Stream;
