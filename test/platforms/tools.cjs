// What the checks share: the package, errors as values, other threads and processes.
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { closeSync, mkdtempSync, openSync, readFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { dirname, join } = require('node:path');
const { Worker } = require('node:worker_threads');
const nebula = require('nebula-memory');

const PACKAGE = dirname(dirname(require.resolve('nebula-memory')));
const SETTLE_TRIES = 600;
const HELD = ['regions', 'mappedBytes', 'retiredRanges', 'retiredBytes', 'quarantinedRanges', 'quarantinedBytes'];

/** Lets finalizers run: those of buffers run in later turns of the event loop. */
async function collect() {
  globalThis.gc();
  await new Promise((done) => setImmediate(done));
  await new Promise((done) => setTimeout(done, 20));
}

class Tools {
  constructor({ pageBytes, emulated, launch }) {
    this.pageBytes = pageBytes;
    this.emulated = emulated;
    this.launch = launch;
    this.windows = process.platform === 'win32';
    this.folder = mkdtempSync(join(tmpdir(), 'nebula-check-'));
    this.notes = {};
    this.package = PACKAGE;
    this.assert = assert;
    Object.assign(this, nebula);
    this.native = require(join(PACKAGE, 'dist', 'platform', 'native', 'index.js'));
    // Checks take what they need apart.
    for (const name of Object.getOwnPropertyNames(Tools.prototype)) {
      if (name !== 'constructor') this[name] = this[name].bind(this);
    }
  }

  /** The code of the error that `work` throws, 'none' without one. Anything but a MemoryError is thrown on. */
  codeOf(work) {
    return this.thrown(work)?.code ?? 'none';
  }

  thrown(work) {
    try {
      work();
      return undefined;
    } catch (error) {
      assert.ok(error instanceof nebula.MemoryError, `no MemoryError: ${error?.stack ?? error}`);
      return error;
    }
  }

  file(name) {
    return join(this.folder, name);
  }

  isZero(bytes) {
    return bytes.length === 0 || bytes.every((byte) => byte === 0);
  }

  /** Runs a function's text in a worker with `nebula`, `data` and `post`; the answers by `next()`. */
  worker(work, data) {
    const source = `const nebula = require(${JSON.stringify(require.resolve('nebula-memory'))});
      const { parentPort, workerData: data } = require('node:worker_threads');
      const post = (value) => parentPort.postMessage(value);
      (${work})(nebula, data, post);`;
    const worker = new Worker(source, { eval: true, workerData: data });
    const exited = new Promise((done, fail) => {
      worker.once('exit', done);
      worker.once('error', fail);
    });
    const next = () =>
      Promise.race([
        new Promise((done) => worker.once('message', done)),
        exited.then((code) => Promise.reject(new Error(`the worker ended with ${code} and no word`))),
      ]);
    return { worker, next, exited };
  }

  async inWorker(work, data) {
    const { next, exited } = this.worker(work, data);
    const answer = await next();
    await exited;
    return answer;
  }

  /** Runs a function's text in another process of the same kind; its result is one JSON value. Files, never pipes. */
  inProcess(work, data) {
    const [program, ...args] = this.launch;
    const source = `const nebula = require(${JSON.stringify(require.resolve('nebula-memory'))});
      console.log(JSON.stringify((${work})(nebula, ${JSON.stringify(data)})));`;
    const out = openSync(this.file('child.out'), 'w');
    const err = openSync(this.file('child.err'), 'w');
    const { status, signal, error } = spawnSync(program, [...args, '-e', source], {
      stdio: ['ignore', out, err],
      timeout: 180_000,
    });
    for (const file of [out, err]) closeSync(file);
    const text = readFileSync(this.file('child.out'), 'utf8');
    const told = `${status ?? signal ?? error}: ${text}${readFileSync(this.file('child.err'), 'utf8')}`;
    assert.equal(status, 0, told);
    return JSON.parse(text);
  }

  /** Waits until the totals named in `start` are what they were then. */
  async settle(start) {
    const keys = HELD.filter((key) => key in start);
    const pick = (totals) => Object.fromEntries(keys.map((key) => [key, totals[key]]));
    for (let tries = 0; tries < SETTLE_TRIES; tries++) {
      await collect();
      this.memory.drainQuarantine({ all: true });
      if (keys.every((key) => this.memory.totals()[key] === start[key])) return;
    }
    assert.deepEqual(pick(this.memory.totals()), pick(start));
  }
}

module.exports = { Tools };
