// A place where the jobs of a worker wait until the test lets them on.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** In a shell, `cat "$path"` waits until `open()` was called, and from then on no more. */
export function gate(t) {
  const folder = mkdtempSync(join(tmpdir(), 'acequia-gate-'));
  const path = join(folder, 'gate');
  const opened = join(folder, 'opened');
  execFileSync('mkfifo', [path]);
  writeFileSync(opened, '');
  // Who reads a FIFO waits as long as somebody has it open for writing; so does who opens it, if nobody has.
  let held = openSync(path, 'r+');
  const open = () => {
    if (held === undefined) return;
    renameSync(opened, path);
    closeSync(held);
    held = undefined;
  };
  t.after(() => {
    open();
    rmSync(folder, { recursive: true });
  });
  return { path, open };
}
