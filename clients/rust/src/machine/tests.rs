//! Conversations with the machine.
