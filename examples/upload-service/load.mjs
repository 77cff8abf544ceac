// The same load on the service with the library and on its twin without, each under the same limit on memory.
//   node examples/upload-service/load.mjs [--limit 384MiB] [--clients 60] [--seconds 10] [--side 2048] [--no-group]
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatBytes, parseBytes } from 'nebula-memory';
import { drive } from './clients.mjs';
import { halve, sampleImage, sizesOf } from './image.mjs';
import { startLimited } from './limit.mjs';

const { values } = parseArgs({
  options: {
    limit: { type: 'string', default: '384MiB' },
    clients: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '10' },
    side: { type: 'string', default: '2048' },
    heap: { type: 'string', default: '64' },
    'no-group': { type: 'boolean', default: false },
  },
});
const limitBytes = parseBytes(values.limit, '--limit');
const sizes = sizesOf({ width: values.side, height: values.side });
if (sizes === null) throw new Error('--side must be even, 2 to 4096');
const image = sampleImage(sizes.width, sizes.height);
const expected = Buffer.alloc(sizes.output);
halve(sizes, image, Buffer.alloc(sizes.scratch), expected);

/** The address that a service prints. */
async function addressOf(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const found = /listening on (http:\S+)/.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error('the service ended before it listened');
}

async function run(name) {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const service = startLimited(script, {
    ...{ limitBytes, heapMiB: Number(values.heap), env: { PORT: '0' } },
    useGroup: !values['no-group'],
  });
  const startMs = performance.now();
  let end = null;
  let goneMs = null;
  void service.ended.then((how) => {
    end = how;
    goneMs = performance.now() - startMs;
  });
  const address = await addressOf(service.child);
  service.child.stdout.resume();
  const told = await drive(`${address}/halve?width=${sizes.width}&height=${sizes.height}`, {
    ...{ clients: Number(values.clients), seconds: Number(values.seconds), image, expected, uploadMs: 1000 },
    isGone: () => end !== null,
  });
  const lived = end === null;
  const ready = lived ? (await fetch(`${address}/ready`)).status : null;
  service.child.kill('SIGTERM');
  const ended = await Promise.race([service.ended, sleep(3000).then(() => null)]);
  if (ended === null) service.child.kill('SIGKILL');
  await service.ended;
  return {
    ...told,
    ready,
    peakBytes: service.peakBytes(),
    how: service.how,
    fate: lived ? 'yes' : fateOf(end, goneMs),
  };
}

function fateOf({ code, signal }, afterMs) {
  return `no: ${signal === null ? `exit code ${code}` : signal} after ${(afterMs / 1000).toFixed(1)} s`;
}

function quantile(sorted, share) {
  if (sorted.length === 0) return 'none';
  return `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))])} ms`;
}

const rows = [
  ['lived', ({ fate }) => fate],
  ['served', ({ served }) => served],
  ['refused (503), tried again', ({ refused }) => refused],
  ['failed', ({ failed }) => failed],
  ['wrong images', ({ wrong }) => wrong],
  ['half of them within', ({ latencies }) => quantile(latencies, 0.5)],
  ['99 of 100 within', ({ latencies }) => quantile(latencies, 0.99)],
  ['limit by', ({ how }) => how],
  ['most resident memory', ({ peakBytes }) => formatBytes(peakBytes)],
  ['/ready afterwards', ({ ready }) => ready ?? 'no answer'],
];

const results = [];
for (const name of ['server.mjs', 'twin.mjs']) {
  const result = await run(name);
  result.latencies.sort((a, b) => a - b);
  results.push(result);
}
const mib = (bytes) => formatBytes(bytes);
console.log(
  `${values.clients} clients upload images of ${mib(sizes.input)} in a second each, ${values.seconds} s, limit ${mib(limitBytes)}`,
);
console.log(`${''.padEnd(28)}${'with the library'.padEnd(28)}plain Buffers`);
for (const [title, of] of rows) {
  console.log(`${title.padEnd(28)}${String(of(results[0])).padEnd(28)}${of(results[1])}`);
}
