// Blocks its thread for an hour, and heeds nothing.

export default function hang() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_600_000);
}
