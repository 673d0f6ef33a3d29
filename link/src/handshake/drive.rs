//! The handshake over a connection.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::door::Greeting;
use super::owner::{Answer, Challenged};
use super::proof::{Known, Nonce};
use super::terms::{Hello, Refused, Welcome};
use super::{HANDSHAKE_BYTES_MAX, VERSIONS};
use crate::error::{BadHandshake, Fault};

/// Has both ends prove themselves, as the door.
pub(crate) async fn as_door(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    known: Known<'_>,
    hello: Hello,
) -> Result<Welcome, Fault> {
    let mut talk = Talk::new(stream);
    let greeting = Greeting::new(known, VERSIONS, hello, nonce()?);
    talk.say(greeting.hello()).await?;
    let (proof, proven) = greeting.answer(&talk.hear().await?)?;
    talk.say(&proof).await?;
    proven.hear(&talk.hear().await?)
}

/// The same as the owner. `judge` is asked about a door that has proven itself.
pub(crate) async fn as_owner(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    known: Known<'_>,
    judge: impl FnOnce(&Hello) -> Result<Welcome, Refused>,
) -> Result<Hello, Fault> {
    let mut talk = Talk::new(stream);
    let answer = Challenged::by(known, VERSIONS, talk.hear().await?, nonce()?)?;
    let challenged = talk.give(answer).await?;
    let answer = challenged.judge(&talk.hear().await?, judge)?;
    talk.give(answer).await
}

fn nonce() -> Result<Nonce, Fault> {
    let mut nonce = Nonce::default();
    getrandom::fill(&mut nonce).map_err(Fault::System)?;
    Ok(nonce)
}

/// Messages over a connection, of which no more is read than they have.
struct Talk<'a, S> {
    stream: &'a mut S,
    /// How many bytes may still be read.
    left: usize,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Talk<'a, S> {
    fn new(stream: &'a mut S) -> Self {
        Self { stream, left: HANDSHAKE_BYTES_MAX }
    }

    async fn say(&mut self, message: &[u8]) -> Result<(), Fault> {
        let len = u16::try_from(message.len()).expect("names and reasons are cut");
        self.stream.write_all(&[&len.to_be_bytes(), message].concat()).await?;
        Ok(self.stream.flush().await?)
    }

    async fn hear(&mut self) -> Result<Vec<u8>, Fault> {
        let len = usize::from(self.stream.read_u16().await?);
        let left = self.left.checked_sub(size_of::<u16>() + len);
        self.left = left.ok_or(BadHandshake::TooLong(len))?;
        let mut message = vec![0; len];
        self.stream.read_exact(&mut message).await?;
        Ok(message)
    }

    /// Gives an answer. After a refusal the connection ends.
    async fn give<T>(&mut self, answer: Answer<T>) -> Result<T, Fault> {
        self.say(&answer.message).await?;
        if answer.then.is_err() {
            // Whether that comes to something or not, it is refused.
            _ = self.stream.shutdown().await;
        }
        answer.then
    }
}
