// What the worker protocol bounds, and what this library does. Units are last in a name.

/** Slots of a worker. */
export const SLOTS_MAX = 65_536;
/** Messages in one ZeroMQ message. */
export const PACK_MAX = 1_024;
/** Queues of a worker. */
export const QUEUES_MAX = 64;
/** Bytes of the `note` of a progress, and of the `message` of a failure. */
export const TEXT_BYTES_MAX = 4_096;
/** Bytes of the `code` of a failure. */
export const CODE_BYTES_MAX = 64;
/** Bytes of a media type. */
export const TYPE_BYTES_MAX = 128;
/** Bytes of a topic. */
export const TOPIC_BYTES_MAX = 128;
/** Levels of a head or of a MessagePack body. */
export const NESTING_MAX = 128;
/** `timeout_ms` of a job: thirty days. */
export const DURATION_MS_MAX = 2_592_000_000;
/** Of a queue. */
export const QUEUE_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** What a thread may have handed over that is not yet sent, before its handlers wait, in bytes. */
export const UNSENT_BYTES_MAX = 4 << 20;
