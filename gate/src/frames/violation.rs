//! What a peer may do wrong in what the gate reads.

/// What must not go on. All of these are the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Not the greeting of ZMTP 3 or later.
    BadGreeting,
    /// A READY was due and something else came, or one that cannot be read.
    BadHandshake,
    /// A security mechanism other than NULL, or the wrong socket type.
    IncompatiblePeer,
    /// Reserved flags, a command in several frames, or a PING that cannot be read.
    BadFrame,
    /// A frame over [`Limits::frame_bytes_max`](super::Limits::frame_bytes_max).
    FrameTooLarge,
    /// A message over [`Limits::message_bytes_max`](super::Limits::message_bytes_max).
    MessageTooLarge,
    /// A message over [`Limits::message_frames_max`](super::Limits::message_frames_max).
    TooManyFrames,
    /// A command over [`COMMAND_BYTES_MAX`](super::COMMAND_BYTES_MAX).
    CommandTooLarge,
    /// A message from a socket that may send none.
    UnexpectedMessage,
}
