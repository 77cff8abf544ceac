import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const DIST = join(__dirname, '..', '..', '..', 'dist');

function runs(script: string): unknown {
  const code = `const { BufferPool, sendPooled, readPooled, pooledChunks } = require(${JSON.stringify(DIST)});\n${script}`;
  const { status, signal, stderr, stdout } = spawnSync(process.execPath, ['-e', code], {
    encoding: 'utf8',
    timeout: 170_000,
  });
  return { status, signal, stderr, stdout };
}

const CLEAN = { status: 0, signal: null, stderr: '' };

describe('a process ends by itself', () => {
  test('with loans out, slabs that decay, and a reader that waits for a lease', () => {
    const script = `
      const pool = new BufferPool({ leakLevel: 'paranoid' });
      globalThis.held = pool.acquire('64KiB');
      const chunks = pooledChunks(pool, [new Uint8Array(5000)], { chunkBytes: 1000, maxLeases: 1 });
      chunks.next().then(() => chunks.next());`;
    expect(runs(script)).toMatchObject(CLEAN);
  });

  test('after a client hung up and nobody looked at the promise', () => {
    const script = `
      const net = require('node:net');
      const pool = new BufferPool();
      const server = net.createServer((socket) => {
        socket.on('error', () => {});
        sendPooled(socket, pool.acquire(50_000_000));
        server.close();
      }).listen(0, '127.0.0.1', () => {
        const client = net.connect(server.address().port, '127.0.0.1');
        client.once('data', () => client.destroy());
      });
      process.on('exit', () => console.log(pool.borrowed));`;
    expect(runs(script)).toMatchObject({ ...CLEAN, stdout: '0\n' });
  });

  test('after a worker was terminated in the middle of reads into leases', () => {
    const script = `
      const { Worker } = require('node:worker_threads');
      const source = ${JSON.stringify(`
        const { BufferPool, readPooled } = require(${JSON.stringify(DIST)});
        const pool = new BufferPool({ reuse: 'safe' });
        const again = () => readPooled(pool, process.execPath, { length: '16MiB' }).then((lease) => { lease.release(); again(); });
        for (let i = 0; i < 8; i += 1) again();
        setTimeout(() => require('node:worker_threads').parentPort.postMessage('busy'), 50);`)};
      let left = 3;
      const next = () => {
        const worker = new Worker(source, { eval: true });
        worker.once('message', () => worker.terminate().then(() => (left -= 1) > 0 && next()));
      };
      next();`;
    expect(runs(script)).toMatchObject(CLEAN);
  });
});
