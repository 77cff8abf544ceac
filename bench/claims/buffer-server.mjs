// An HTTP server that answers with bodies of 64 KiB, from BufferPool and from Buffers: requests a second, p99, collector, RSS.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { comparison, HERE, interleave, MIB, nebula, ratioOf, residentBytes, watchCollector } from '../harness.mjs';

const FILE = join(HERE, 'claims', 'buffer-server.mjs');
const BODY = 65_536;
const CONNECTIONS = 16;

// ---- the server: a process of its own ------------------------------------------------------------------------------

/** How a body is made, filled and sent; `source` stands for what a service would have computed. */
function answering(kind, source) {
  if (kind.startsWith('Buffer.')) {
    const make = Buffer[kind.slice('Buffer.'.length)];
    return (response) => {
      const body = make(BODY);
      source.copy(body);
      response.end(body);
    };
  }
  const pool = new nebula.BufferPool({ reuse: kind.slice('BufferPool '.length) });
  return (response) => {
    const lease = pool.acquire(BODY);
    lease.bytes.set(source);
    nebula.endPooled(response, lease);
  };
}

async function serve(kind) {
  const answer = answering(kind, Buffer.alloc(BODY, 'x'));
  const server = createServer((_request, response) => answer(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let collector = watchCollector();
  process.on('message', async (message) => {
    if (message === 'begin') {
      collector = watchCollector();
      process.send({ begun: true });
      return;
    }
    const { totalMs, count, longestMs } = await collector.stop();
    process.send({ gcMs: totalMs, gcCount: count, gcLongestMs: longestMs, rssMiB: residentBytes() / MIB });
  });
  process.on('disconnect', () => process.exit());
  process.send({ port: server.address().port });
}

// ---- the load: a worker of the benchmark's process -----------------------------------------------------------------

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** Asks over one kept connection until `budget.left` is used up; counts bytes, since every answer is of one length. */
function client(port, budget, latencies) {
  return new Promise((resolve, reject) => {
    let expected = 0; // bytes of an answer, known after the first header
    let got = 0;
    let asked = 0;
    const target = Buffer.allocUnsafe(256 * 1024);
    const ask = () => {
      if (budget.left === 0) {
        socket.destroy();
        resolve();
        return;
      }
      budget.left -= 1;
      asked = performance.now();
      socket.write(REQUEST);
    };
    const callback = (count, bytes) => {
      if (expected === 0) {
        const end = bytes.subarray(0, count).indexOf('\r\n\r\n');
        expected = end + 4 + BODY;
      }
      got += count;
      if (got < expected) return true;
      got = 0;
      latencies.push(performance.now() - asked);
      ask();
      return true;
    };
    const socket = connect({ port, host: '127.0.0.1', onread: { buffer: target, callback } }, ask);
    socket.on('error', reject);
  });
}

async function load(port, requests) {
  const budget = { left: requests };
  const latencies = [];
  const start = performance.now();
  await Promise.all(Array.from({ length: CONNECTIONS }, () => client(port, budget, latencies)));
  const seconds = (performance.now() - start) / 1000;
  latencies.sort((a, b) => a - b);
  return { value: requests / seconds, p99: latencies[Math.floor(latencies.length * 0.99)] };
}

if (process.argv[2] === 'buffer-server' && process.send !== undefined) {
  await serve(process.argv[3]);
} else if (!isMainThread && workerData?.claim === 'buffer-server') {
  parentPort.on('message', async ({ port, requests }) => parentPort.postMessage(await load(port, requests)));
}

// ---- the rounds ----------------------------------------------------------------------------------------------------

export default async function run({ quick }) {
  const requests = quick ? 4000 : 20_000;
  const kinds = ['BufferPool fast', 'BufferPool batch', 'BufferPool safe', 'Buffer.allocUnsafe', 'Buffer.alloc'];
  const worker = new Worker(FILE, { workerData: { claim: 'buffer-server' } });
  const servers = new Map();
  for (const kind of kinds) {
    const child = fork(FILE, ['buffer-server', kind]);
    const [{ port }] = await once(child, 'message');
    servers.set(kind, { child, port });
  }
  try {
    const variants = kinds.map((name) => ({
      name,
      run: async () => {
        const { child, port } = servers.get(name);
        child.send('begin');
        await once(child, 'message');
        worker.postMessage({ port, requests });
        const [speed] = await once(worker, 'message');
        child.send('end');
        const [counted] = await once(child, 'message');
        return { ...speed, ...counted };
      },
    }));
    const rows = await interleave(variants, quick ? 3 : 7);
    const rate = (kind, peer) => ratioOf(rows, kind, peer);
    const of = (kind) => rows.find(({ name }) => name === kind);
    const gc = (peer, kind) => of(peer).gcMs / Math.max(0.01, of(kind).gcMs);
    return {
      title: `an HTTP server that answers with bodies of 64 KiB over ${CONNECTIONS} kept connections`,
      unit: 'requests/s',
      extra: { p99: 'p99 ms' },
      rows,
      claims: [
        comparison('requests a second of fast, to Buffer.allocUnsafe', rate('BufferPool fast', 'Buffer.allocUnsafe')),
        comparison('requests a second of batch, to Buffer.alloc', rate('BufferPool batch', 'Buffer.alloc')),
        comparison('requests a second of batch, to Buffer.allocUnsafe', rate('BufferPool batch', 'Buffer.allocUnsafe')),
        comparison('requests a second of safe, to Buffer.alloc', rate('BufferPool safe', 'Buffer.alloc')),
        comparison('collector time of Buffer.allocUnsafe, to fast', gc('Buffer.allocUnsafe', 'BufferPool fast')),
        comparison('collector time of Buffer.alloc, to batch', gc('Buffer.alloc', 'BufferPool batch')),
        comparison(
          'RSS of Buffer.allocUnsafe, to fast',
          of('Buffer.allocUnsafe').rssMiB / of('BufferPool fast').rssMiB,
        ),
        comparison('RSS of Buffer.alloc, to batch', of('Buffer.alloc').rssMiB / of('BufferPool batch').rssMiB),
      ],
      notes: [
        'each server is a process of its own; collector and RSS are the servers’, p99 is seen by the clients',
        'the load comes from a worker of the benchmark: on two CPUs it takes as much time as the server, which hides half of any gain',
        'every body is filled by a copy of 64 KiB and sent by response.end() or endPooled()',
      ],
    };
  } finally {
    for (const { child } of servers.values()) child.disconnect();
    await worker.terminate();
  }
}
