//! A small client of the WebSocket protocol: what `acequia submit` and `acequia bench` need; one of the
//! admin calls, which `acequia pool` and `acequia top` make; and [`publish`], for `acequia publish`.
//!
//! ```no_run
//! use acequia_client::{Client, ServerUrl};
//! use acequia_wire::client::{Encoding, HelloOp, Op};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let server: ServerUrl = "ws://127.0.0.1:8080/v1/ws".parse()?;
//! let mut client = Client::connect(&server, Encoding::Json).await?;
//! client.send(&Op::Hello(HelloOp::default())).await?;
//! let welcome = client.recv().await?;
//! # Ok(())
//! # }
//! ```
//!
//! It keeps no jobs and does not reconnect: a caller sends ops and reads events, in the order of
//! the wire.

mod admin;
mod asked_for;
mod call;
mod client;
mod connect;
mod live;
mod nearby;
mod publish;
mod url;

pub use acequia_tls::BadTls;
pub use admin::{AdminClient, InProcess};
pub use call::{ANSWER_BYTES_MAX, CallError};
pub use client::{Client, ClientError, Frame};
pub use connect::ConnectError;
pub use live::Live;
pub use nearby::LeftNearby;
pub use publish::{Message, PublishError, publish};
pub use url::{BadServerUrl, ServerUrl};
