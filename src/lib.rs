//! Acequia: jobs from a browser to a pool of workers in any language, and their results live back.
//!
//! A Rust program embeds the whole server:
//!
//! ```no_run
//! use acequia::{Config, Server};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::bind(Config::default()).await?;
//! println!("{}", server.addresses());
//! server.run(async { _ = tokio::signal::ctrl_c().await }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! `ARCHITECTURE.md` has the picture; the stages are crates of their own.

mod access;
mod addresses;
mod clock;
mod config;
mod demo;
mod http;
mod metrics;
mod parts;
mod pipeline;
mod reload;
mod schema;
mod server;
#[cfg(feature = "otlp")]
mod spans;

pub use access::{
    AllowedOrigin, BadKeys, BadOrigin, BadOwnName, BadSecret, BadTrustedProxy, ClientTokens,
    KeySource, OwnName, Secret, TrustedProxy,
};
pub use acequia_client as client;
pub use acequia_tls::{BadTls, TlsFiles};
pub use addresses::Addresses;
pub use config::{Config, StartError};
pub use demo::{Demo, Kill};
pub use parts::Broken;
pub use server::Server;
#[cfg(feature = "otlp")]
pub use spans::{BadOtlpEndpoint, OtlpEndpoint};

// What an embedding program needs to fill in a `Config`.
pub use acequia_gate::{Endpoint, SocketAccess};
pub use acequia_wire::{Limits, TraceRatio};
