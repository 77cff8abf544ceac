// The service with nebula-memory. Every byte of an upload in work is charged to a budget before it is read:
// who comes when it is full waits for a while and is then sent away with 503, and the service lives.
import { fileURLToPath } from 'node:url';
import {
  AllocatorFactory,
  formatBytes,
  isMemoryError,
  MemoryConfig,
  MemoryMonitor,
  StreamingArena,
  withArena,
} from 'nebula-memory';
import { createApp, listen } from './app.mjs';
import { halve } from './image.mjs';

const config = MemoryConfig.load({ file: fileURLToPath(new URL('memory.toml', import.meta.url)) });

// What the container leaves beside the heap: a part for freed pages that are kept, a part that answers have for sure, so that
// who is served can always be answered, and the rest for uploads.
const budget = config.createBudget('service');
budget.reserve(config.get('provider.maxCachedBytes'));
const answers = budget.child('answers', {
  guaranteedBytes: config.get('arena.bufferBytes') * config.get('arena.buffers'),
});
const ring = new StreamingArena(config.get('arena.bufferBytes'), { ...config.toStreamingOptions(), budget: answers });
const uploads = budget.child('uploads', config.toChildBudgetOptions());
const provider = new AllocatorFactory().provider(config.toProviderDescription());

const monitor = new MemoryMonitor(
  config.toMonitorOptions({ actions: [{ name: 'kept pages', kind: 'trim', target: provider }] }),
).start();

const REFUSED = [
  'ERR_MEMORY_TOO_LARGE',
  'ERR_MEMORY_TIMEOUT',
  'ERR_MEMORY_BUDGET_EXCEEDED',
  'ERR_MEMORY_OUT_OF_MEMORY',
];
const PAGE = 4096;
/** A client that reads nothing for so long loses its answer: memory is held for it. */
const STALLED_MS = 30_000;
const counters = { served: 0, refused: 0, gone: 0 };

/** Copies a body into memory that is there already: the stream reads no faster than this. */
async function receive(body, target) {
  let at = 0;
  for await (const chunk of body) {
    target.set(chunk, at);
    at += chunk.length;
  }
  if (at !== target.length) throw Object.assign(new Error('the upload ended early'), { statusCode: 400 });
}

/** Sends bytes through pooled buffers, each of which goes back when the system has taken its contents. */
async function send(response, bytes) {
  for (let at = 0; at < bytes.length; at += ring.bufferBytes) {
    const part = bytes.subarray(at, at + ring.bufferBytes);
    const lease = await ring.acquire();
    try {
      lease.fill(part.length).bytes.set(part);
      await new Promise((done, fail) => response.write(lease.bytes, (error) => (error ? fail(error) : done())));
    } finally {
      lease.release();
    }
  }
  response.end();
}

/** No memory is spent on it: 503 for now, 413 for ever. */
function refuse(request, reply, { code, message }) {
  counters.refused += 1;
  // Read and dropped: closing at once would take the answer away from a client that is still sending.
  request.raw.resume();
  const isTooLarge = code === 'ERR_MEMORY_TOO_LARGE';
  if (isTooLarge) reply.code(413);
  else reply.code(503).header('retry-after', '1');
  return { error: isTooLarge ? 'too large' : 'busy', reason: message };
}

async function work(sizes, request, reply) {
  const bytes = sizes.input + sizes.scratch + sizes.output + 3 * PAGE;
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  if (monitor.level === 'critical') return refuse(request, reply, new Error('memory pressure is critical'));
  let held;
  try {
    held = await uploads.acquire(bytes, { ...config.toAcquireOptions(), signal: gone.signal });
  } catch (error) {
    if (isMemoryError(error) && REFUSED.includes(error.code)) return refuse(request, reply, error);
    counters.gone += 1;
    throw error;
  }
  try {
    const options = { ...config.toArenaOptions(), provider, chunkBytes: bytes, maxChunkBytes: bytes };
    await withArena(options, async (arena) => {
      const part = (size) => arena.view(arena.allocate(size), size);
      const [input, scratch, output] = [part(sizes.input), part(sizes.scratch), part(sizes.output)];
      await receive(request.body, input);
      halve(sizes, input, scratch, output);
      reply.hijack();
      reply.raw.setTimeout(STALLED_MS, () => reply.raw.destroy());
      reply.raw.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': output.length });
      await send(reply.raw, output);
    });
    counters.served += 1;
  } catch (error) {
    counters.gone += 1;
    if (!reply.sent) throw error;
    reply.raw.destroy();
  } finally {
    held.cancel();
  }
  return reply;
}

const app = createApp({
  halve: work,
  ready: () => ({ ok: monitor.level !== 'high' && monitor.level !== 'critical', pressure: monitor.level }),
  stats: () => ({ ...counters, pressure: monitor.level, budget: budget.stats(), ring: ring.stats() }),
});
app.addHook('onClose', async () => monitor.stop());
console.log(`budget ${formatBytes(budget.limitBytes)}, ${config.sourceOf('budget.limitBytes').kind}`);
await listen(app);
