//! Why a connection ended: a closed list, with labels for metrics.

use std::fmt;

use crate::frames::Violation;

/// Why a connection ended, or was never let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CloseReason {
    /// The worker's fault: not a ZMTP 3 greeting.
    BadGreeting,
    /// The worker's fault: after the greeting came something other than a READY.
    BadHandshake,
    /// The worker's fault: another security mechanism, or a socket type that does not fit the
    /// port, as a SUB on the jobs port. Most often the two ports were mixed up.
    IncompatiblePeer,
    /// The worker's fault: it did not finish the ZMTP handshake in time.
    HandshakeTimeout,
    /// The worker's fault: it closed the connection in the midst of the handshake, as ZeroMQ does
    /// that is set to another mechanism or speaks an older version.
    LeftInHandshake,
    /// The worker's fault: a frame header or a command that ZMTP does not know.
    BadFrame,
    /// The worker's fault: a frame over its limit was announced.
    FrameTooLarge,
    /// The worker's fault: the frames of one message are over their limit in sum.
    MessageTooLarge,
    /// The worker's fault: one message has more frames than allowed.
    TooManyFrames,
    /// The worker's fault: a command over its limit was announced.
    CommandTooLarge,
    /// The worker's fault: it sent a message on a connection that only receives.
    UnexpectedMessage,
    /// The worker's fault, found by the owner of the connection: a message that it cannot read.
    MalformedMessage,
    /// The worker's fault, found by the owner of the connection: it did not prove who it is.
    Unauthorized,
    /// Too many connections were not ready, and this was the oldest of them.
    Evicted,
    /// Too many connections, all of them ready.
    ConnectionLimit,
    /// Our fault: the operating system gave no socket for it, most often for want of open files.
    OutOfResources,
    /// The worker took too long to read what was sent, and the socket's queue is full.
    Stalled,
    /// The worker, or its kernel, closed the connection.
    PeerClosed,
    /// The worker's host no longer answers.
    HostDead,
    /// The owner of the connection closed it, or dropped it.
    ClosedByServer,
}

impl CloseReason {
    /// All of them, in the order of their counters.
    pub const ALL: [Self; 20] = [
        Self::BadGreeting,
        Self::BadHandshake,
        Self::IncompatiblePeer,
        Self::HandshakeTimeout,
        Self::LeftInHandshake,
        Self::BadFrame,
        Self::FrameTooLarge,
        Self::MessageTooLarge,
        Self::TooManyFrames,
        Self::CommandTooLarge,
        Self::UnexpectedMessage,
        Self::MalformedMessage,
        Self::Unauthorized,
        Self::Evicted,
        Self::ConnectionLimit,
        Self::OutOfResources,
        Self::Stalled,
        Self::PeerClosed,
        Self::HostDead,
        Self::ClosedByServer,
    ];

    /// The label of this reason in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadGreeting => "bad_greeting",
            Self::BadHandshake => "bad_handshake",
            Self::IncompatiblePeer => "incompatible_peer",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::LeftInHandshake => "left_in_handshake",
            Self::BadFrame => "bad_frame",
            Self::FrameTooLarge => "frame_too_large",
            Self::MessageTooLarge => "message_too_large",
            Self::TooManyFrames => "too_many_frames",
            Self::CommandTooLarge => "command_too_large",
            Self::UnexpectedMessage => "unexpected_message",
            Self::MalformedMessage => "malformed_message",
            Self::Unauthorized => "unauthorized",
            Self::Evicted => "evicted",
            Self::ConnectionLimit => "connection_limit",
            Self::OutOfResources => "out_of_resources",
            Self::Stalled => "stalled",
            Self::PeerClosed => "peer_closed",
            Self::HostDead => "host_dead",
            Self::ClosedByServer => "closed_by_server",
        }
    }

    /// Whether the server turned the connection away, as opposed to an end in the course of
    /// things.
    pub const fn is_refusal(self) -> bool {
        !matches!(self, Self::PeerClosed | Self::HostDead | Self::ClosedByServer)
    }

    /// What it means and what to do about it, where there is no more to say of the one connection.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::BadGreeting | Self::BadHandshake | Self::IncompatiblePeer => {
                "it does not speak ZMTP 3 as a worker does: connect a PULL to the jobs port and a \
                 PUSH to the results port"
            }
            Self::HandshakeTimeout | Self::LeftInHandshake => {
                "the handshake of ZMTP was not completed: is it a ZeroMQ socket, with the \
                 mechanism NULL?"
            }
            Self::BadFrame | Self::CommandTooLarge => {
                "it sent something that is not ZMTP: fix or replace its ZeroMQ library"
            }
            Self::FrameTooLarge => {
                "it announced a frame over the limit: keep results below the `max_body` of \
                 `hello`, and what comes before the answer to `ready` small"
            }
            Self::MessageTooLarge => {
                "the frames of one of its messages are over the limit in sum: put fewer messages \
                 into one of ZeroMQ's"
            }
            Self::TooManyFrames => {
                "one of its messages has too many frames: put fewer messages into one of ZeroMQ's"
            }
            Self::UnexpectedMessage => {
                "it sent a message on the port where workers only receive: answer by a PUSH on \
                 the results port"
            }
            Self::MalformedMessage => "it sent a message that cannot be read",
            Self::Unauthorized => "it did not prove who it is",
            Self::Evicted => {
                "too many connections are not ready, and the oldest of them is closed for each \
                 newcomer: look at who opens them, or start fewer workers at a time"
            }
            Self::ConnectionLimit => {
                "the limit of worker connections is reached: start fewer workers, with more slots each"
            }
            Self::OutOfResources => {
                "the system has no open files left for it: raise the limit (ulimit -n)"
            }
            Self::Stalled => "it does not read what is sent to it: check whether it hangs",
            Self::PeerClosed => "it closed the connection",
            Self::HostDead => "its host does not answer",
            Self::ClosedByServer => "it was closed",
        }
    }

    /// The position in [`ALL`](Self::ALL).
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Violation> for CloseReason {
    fn from(violation: Violation) -> Self {
        match violation {
            Violation::BadGreeting => Self::BadGreeting,
            Violation::BadHandshake => Self::BadHandshake,
            Violation::IncompatiblePeer => Self::IncompatiblePeer,
            Violation::BadFrame => Self::BadFrame,
            Violation::FrameTooLarge => Self::FrameTooLarge,
            Violation::MessageTooLarge => Self::MessageTooLarge,
            Violation::TooManyFrames => Self::TooManyFrames,
            Violation::CommandTooLarge => Self::CommandTooLarge,
            Violation::UnexpectedMessage => Self::UnexpectedMessage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_at_its_own_index() {
        for (index, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index);
        }
    }

    #[test]
    fn labels_are_distinct_and_in_snake_case() {
        let labels: std::collections::HashSet<_> =
            CloseReason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(labels.len(), CloseReason::ALL.len());
        assert!(labels.iter().all(|l| l.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }
}
