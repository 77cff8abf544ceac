// The service with nebula-memory. Every byte of an upload in work is charged to a budget before it is read:
// who comes when it is full waits for a while and is then sent away with 503, and the service lives.
import { setMaxListeners } from 'node:events';
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
import { CLIENT_MS, createApp, listen } from './app.mjs';
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
const toPages = (bytes) => Math.ceil(bytes / PAGE) * PAGE;
const counters = { served: 0, refused: 0, gone: 0 };

/**
 * Aborted when the connection is gone. That of the socket and not of the answer: an answer that waits behind another one on
 * the same connection is told nothing, and what is written to it is never taken.
 */
const connections = new WeakMap();
function goneOf(socket) {
  let gone = connections.get(socket);
  if (gone === undefined) {
    gone = new AbortController();
    setMaxListeners(0, gone.signal);
    connections.set(socket, gone);
    socket.once('close', () => gone.abort());
    if (socket.destroyed) gone.abort();
  }
  return gone.signal;
}

/** Resolves when the system has taken the bytes. */
function write(response, bytes, gone) {
  return new Promise((done, fail) => {
    const stop = () => fail(new Error('the client is gone'));
    if (gone.aborted) return stop();
    gone.addEventListener('abort', stop, { once: true });
    response.write(bytes, (error) => {
      gone.removeEventListener('abort', stop);
      if (error) fail(error);
      else done();
    });
  });
}

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
async function send(response, bytes, gone) {
  for (let at = 0; at < bytes.length; at += ring.bufferBytes) {
    const part = bytes.subarray(at, at + ring.bufferBytes);
    const lease = await ring.acquire({ signal: gone });
    try {
      lease.fill(part.length).bytes.set(part);
      await write(response, lease.bytes, gone);
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
  const bytes = toPages(sizes.input + sizes.scratch + sizes.output + 3 * PAGE);
  const { socket } = request.raw;
  const gone = goneOf(socket);
  if (monitor.level === 'critical') return refuse(request, reply, new Error('memory pressure is critical'));
  let held;
  try {
    held = await uploads.acquire(bytes, { ...config.toAcquireOptions(), signal: gone });
  } catch (error) {
    if (isMemoryError(error) && REFUSED.includes(error.code)) return refuse(request, reply, error);
    counters.gone += 1;
    throw error;
  }
  let late;
  try {
    const options = { ...config.toArenaOptions(), provider, chunkBytes: bytes, maxChunkBytes: bytes };
    await withArena(options, async (arena) => {
      const part = (size) => arena.view(arena.allocate(size), size);
      const [input, scratch, output] = [part(sizes.input), part(sizes.scratch), part(sizes.output)];
      await receive(request.body, input);
      halve(sizes, input, scratch, output);
      reply.hijack();
      // Memory is held for who does not read, or reads a byte now and then.
      late = setTimeout(() => socket.destroy(), CLIENT_MS).unref();
      reply.raw.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': output.length });
      await send(reply.raw, output, gone);
    });
    counters.served += 1;
  } catch (error) {
    counters.gone += 1;
    if (!reply.sent) throw error;
    reply.raw.destroy();
  } finally {
    clearTimeout(late);
    held.cancel();
  }
  return reply;
}

const app = createApp({
  halve: work,
  ready: () => ({ ok: monitor.level !== 'high' && monitor.level !== 'critical', pressure: monitor.level }),
  stats: () => ({
    ...counters,
    pressure: monitor.level,
    budget: budget.stats(),
    ring: ring.stats(),
    pages: provider.stats(),
  }),
});
app.addHook('onClose', async () => monitor.stop());
console.log(`budget ${formatBytes(budget.limitBytes)}, ${config.sourceOf('budget.limitBytes').kind}`);
await listen(app, config.get('system.shutdownDeadlineMs'));
