//! What a client is to be, and how it begins.

use acequia_wire::client::Encoding;
use acequia_wire::limits::CLIENT_JOBS_MAX;
use tokio::sync::{mpsc, oneshot, watch};

use crate::acequia::{Acequia, Bounds};
use crate::call::Fault;
use crate::driver::Driver;
use crate::http::HttpClient;
use crate::machine::Policy;
use crate::start::StartError;
use crate::state::State;
use crate::token::Tokens;
use crate::url::ServerUrl;

/// Live jobs of a client, unless told otherwise: as many as a server allows by default.
pub const JOBS_MAX: usize = CLIENT_JOBS_MAX;
/// Bytes of jobs that wait to be accepted, unless told otherwise.
pub const UNSENT_BYTES_MAX: usize = 64 << 20;

/// What a client is to be; see [`Acequia::builder`].
#[must_use = "a builder does nothing until it connects"]
pub struct Builder {
    server: Result<ServerUrl, StartError>,
    encoding: Encoding,
    tokens: Tokens,
    resume: bool,
    resend: bool,
    jobs_max: usize,
    unsent_bytes_max: usize,
}

impl Acequia {
    /// Connects to a server, such as `http://127.0.0.1:8080` or one of [`ServerUrl::from_env`], and begins a
    /// session that can be resumed. Connections that are lost later are made anew.
    ///
    /// # Errors
    /// If there is no such URL, or no server that takes the session. It is tried once.
    ///
    /// # Panics
    /// If it is not called in a tokio runtime with IO and time.
    pub async fn connect<U>(server: U) -> Result<Self, StartError>
    where
        U: TryInto<ServerUrl, Error: Into<StartError>>,
    {
        Self::builder(server).connect().await
    }

    /// A client that is to be something else than [`connect`](Self::connect) makes it.
    pub fn builder<U>(server: U) -> Builder
    where
        U: TryInto<ServerUrl, Error: Into<StartError>>,
    {
        Builder {
            server: server.try_into().map_err(Into::into),
            encoding: Encoding::Json,
            tokens: Tokens::OfUrl,
            resume: true,
            resend: true,
            jobs_max: JOBS_MAX,
            unsent_bytes_max: UNSENT_BYTES_MAX,
        }
    }
}

impl Builder {
    /// A JSON Web Token, where the server asks its clients for one.
    pub fn token(mut self, token: &str) -> Self {
        self.server = self.server.map(|server| server.with_token(token));
        self
    }

    /// Asks for a token before each connection, since tokens expire. A server that closes the connection
    /// because a token's time is over is dialled again at once, with the next; nothing is lost by that if
    /// the session can be resumed.
    pub fn token_from<F, T>(mut self, ask: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, Fault>> + Send + 'static,
    {
        self.tokens = Tokens::asked(ask);
        self
    }

    /// How messages are written: JSON unless set. Of a session in MessagePack a job's payload may be bytes,
    /// and workers get values as MessagePack.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Whether the session is one that can be resumed; it is unless set. Without it, a job ends with
    /// [`JobError::Lost`] if the connection is lost after it was accepted.
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Whether jobs of which the server may not know are sent again after a lost connection, which they are
    /// unless set. If their session cannot be resumed either, they may run twice then. Those with a key are sent
    /// again in any case, and never do.
    pub fn resend(mut self, resend: bool) -> Self {
        self.resend = resend;
        self
    }

    /// Live jobs that the client may have, those that are watched too: [`JOBS_MAX`] unless set.
    pub fn jobs_max(mut self, jobs_max: usize) -> Self {
        self.jobs_max = jobs_max;
        self
    }

    /// Bytes of jobs that may wait until the server has accepted them: [`UNSENT_BYTES_MAX`] unless set, and
    /// less than 4 GiB. A job with a key counts until it ends.
    pub fn unsent_bytes_max(mut self, unsent_bytes_max: usize) -> Self {
        self.unsent_bytes_max = unsent_bytes_max;
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// If there is no such URL, or no server that takes the session. It is tried once.
    ///
    /// # Panics
    /// If it is not called in a tokio runtime with IO and time.
    pub async fn connect(self) -> Result<Acequia, StartError> {
        let (tell, first) = oneshot::channel();
        let client = self.start(Some(tell))?;
        match first.await {
            Ok(Ok(())) => Ok(client),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(StartError::Ended("the runtime is shutting down".to_owned())),
        }
    }

    /// A client that connects by and by: the server may be started later. What is submitted meanwhile waits, as
    /// far as there is room.
    ///
    /// # Errors
    /// If there is no such URL.
    ///
    /// # Panics
    /// If it is not called in a tokio runtime with IO and time.
    pub fn connect_lazy(self) -> Result<Acequia, StartError> {
        self.start(None)
    }

    fn start(
        self,
        first: Option<oneshot::Sender<Result<(), StartError>>>,
    ) -> Result<Acequia, StartError> {
        let server = self.server?;
        let policy = Policy {
            encoding: self.encoding,
            resume: self.resume,
            resend: self.resend,
            renews_token: self.tokens.are_renewed(),
        };
        let (commands, obeyed) = mpsc::unbounded_channel();
        let (tell, state) = watch::channel(State::Connecting);
        let http = HttpClient::with_tokens(server.clone(), self.tokens.clone());
        let driver = Driver::new(server, self.tokens, policy, obeyed, tell, first);
        tokio::spawn(driver.run());
        let bounds = Bounds { jobs: self.jobs_max, unsent_bytes: self.unsent_bytes_max };
        Ok(Acequia::new(self.encoding, http, commands, state, bounds))
    }
}
