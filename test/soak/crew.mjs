// Worker threads that attach what the soak shares with them, and leave: of themselves, or in the middle of their work.
import { Worker } from 'node:worker_threads';

const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Region } = require(workerData);
  const held = [];
  const fine = ['STALE_HANDLE', 'INVALID_STATE', 'IN_USE', 'MAP_LIMIT'].map((code) => 'ERR_MEMORY_' + code);
  parentPort.on('message', (message) => {
    if (message === 'end') {
      for (const region of held.splice(0)) region.free();
      setTimeout(() => parentPort.close(), 20);
      return;
    }
    const [handle, free] = message;
    try {
      const region = Region.attach(handle);
      region.bytes[0] += 1;
      if (free) region.free();
      else held.push(region);
      while (held.length > 50) held.shift().free();
      const own = Region.map(65536);
      own.bytes.fill(1);
      own.free();
    } catch (error) {
      if (!fine.includes(error.code)) throw error;
    }
  });
  Region.map(4096).free(); // loads the addon, before any fault is switched on
  parentPort.postMessage('ready');`;

export class Crew {
  #members = [];
  #path;

  /** @param path of the package */
  constructor(path) {
    this.#path = path;
  }

  get size() {
    return this.#members.length;
  }

  /** Resolves when the worker has loaded the package: what follows does not race with that. */
  async hire() {
    const worker = new Worker(WORKER, { eval: true, workerData: this.#path });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    worker.on('error', (error) => {
      throw error;
    });
    this.#members.push(worker);
  }

  tell(world, message) {
    if (this.size > 0) world.pick(this.#members).postMessage(message);
  }

  async dismiss(gently) {
    const worker = this.#members.shift();
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    if (gently) worker.postMessage('end');
    else await worker.terminate();
    await gone;
  }

  async dismissAll() {
    while (this.size > 0) await this.dismiss(true);
  }
}
