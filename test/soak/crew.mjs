// Worker threads that attach what the soak shares with them, and leave: of themselves, or in the middle of their work.
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

const WORKER = fileURLToPath(new URL('./worker.cjs', import.meta.url));
/** Each worker numbers its blocks from another begin, so that no two write the same bytes. */
const SERIALS = 10_000_019;

export class Crew {
  #members = [];
  #path;
  #hired = 0;
  #listeners = new Map();

  /** @param path of the package */
  constructor(path) {
    this.#path = path;
  }

  get size() {
    return this.#members.length;
  }

  /** Calls `listener` for every message of that kind from a worker. */
  on(kind, listener) {
    this.#listeners.set(kind, [...(this.#listeners.get(kind) ?? []), listener]);
  }

  /** Resolves when the worker has loaded the package: what follows does not race with that. */
  async hire() {
    this.#hired += 1;
    const worker = new Worker(WORKER, { workerData: { path: this.#path, serial: this.#hired * SERIALS } });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    worker.on('error', (error) => {
      throw error;
    });
    worker.on('message', (message) => {
      for (const listener of this.#listeners.get(message.kind) ?? []) listener(message);
    });
    this.#members.push(worker);
  }

  /** @returns whether there was anybody to send it to */
  tell(world, message) {
    if (this.size === 0) return false;
    world.pick(this.#members).postMessage(message);
    return true;
  }

  async dismiss(gently) {
    const worker = this.#members.shift();
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    if (gently) worker.postMessage({ kind: 'end' });
    else await worker.terminate();
    await gone;
  }

  async dismissAll() {
    while (this.size > 0) await this.dismiss(true);
  }
}
