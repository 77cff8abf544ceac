// One user at a time of the kernel's pool of huge pages, which belongs to the machine: other test files, their children and
// runs in other checkouts wait for their turn. Plain CommonJS, for children without a compiler as well.
const { linkSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const LOCK = join(tmpdir(), 'nebula-memory-huge-pool.lock');
/** Less than the limit of a test and of a child. */
const LIMIT_MS = 160_000;
const STEP_MS = 50;

/** A process by its number and the moment when it began: numbers are given out again. Null when it is gone. */
function identityOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return null;
  }
}

function readLock() {
  try {
    return readFileSync(LOCK, 'latin1');
  } catch {
    return null;
  }
}

/** Waits for the pool. @throws {Error} after 160 s */
function lockPool() {
  const mine = `${LOCK}.${process.pid}`;
  writeFileSync(mine, identityOf(process.pid) ?? String(process.pid));
  try {
    for (let waited = 0; waited < LIMIT_MS; waited += STEP_MS) {
      try {
        linkSync(mine, LOCK); // with its text at once
        return;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const owner = readLock();
      if (owner !== null && identityOf(owner.split(' ')[0]) !== owner) rmSync(LOCK, { force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STEP_MS);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  throw new Error(`${LOCK} is held by process ${readLock()}`);
}

function unlockPool() {
  rmSync(LOCK, { force: true });
}

/** What `work` returns, which has the pool to itself. */
function withPool(work) {
  lockPool();
  try {
    return work();
  } finally {
    unlockPool();
  }
}

module.exports = { lockPool, unlockPool, withPool };
