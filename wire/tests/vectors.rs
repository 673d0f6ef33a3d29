//! The golden vectors of `vectors/`, run through the codecs: bytes in, and the same bytes out.

mod vectors {
    mod client_events;
    mod client_ops;
    mod form;
    mod worker_frames;
}
