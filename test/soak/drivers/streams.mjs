// A ring of buffers: leases keep what was written, who waits is served, and a source is not read ahead of them.
import { expectFilled, fill } from './blocks.mjs';

const BUFFERS = 6;

function streamDriver(world) {
  const { StreamingArena } = world.lib;
  let ring = null;
  const out = [];
  const waiting = new Set();
  const streams = new Set();
  let serial = 0;

  function hold(lease) {
    const mark = serial++;
    fill(lease.buffer, mark);
    out.push({ lease: world.met(lease), mark });
  }
  const looked = ({ lease, mark }) => expectFilled(lease.buffer, mark, 'streaming arena');
  function give(at) {
    const [item] = out.splice(at, 1);
    looked(item);
    try {
      item.lease.release();
    } catch (error) {
      if (item.lease.valid) out.push(item);
      throw error;
    }
    if (item.lease.valid) throw new Error('streaming arena: a lease is valid after its release');
  }
  function wait() {
    const stop = new AbortController();
    const entry = { stop };
    waiting.add(entry);
    entry.done = ring.acquire({ signal: stop.signal }).then(
      (lease) => {
        waiting.delete(entry);
        hold(lease);
      },
      (error) => {
        waiting.delete(entry);
        if (!world.lib.isMemoryError(error)) world.unexpected(error);
      },
    );
  }
  /** Reads a source of a known text through leases; so many chunks at most may be read ahead. */
  async function stream() {
    const total = 1 + (world.next() % 60_000);
    let read = 0;
    let seen = 0;
    function* source() {
      for (let i = 0; i < total; i += 5000) {
        read = Math.min(total, i + 5000);
        yield Uint8Array.from({ length: read - i }, (_, at) => (i + at) & 0xff);
      }
    }
    for await (const lease of ring.stream(source())) {
      const { bytes } = lease;
      for (const byte of bytes)
        if (byte !== (seen++ & 0xff)) throw new Error('streaming arena: a stream lost its order');
      if (read > seen + 2 * 5000 + lease.buffer.length * BUFFERS)
        throw new Error('streaming arena: a source is read ahead');
      lease.release();
    }
    if (seen !== total) throw new Error(`streaming arena: ${seen} bytes came of ${total}`);
  }

  return {
    step() {
      ring ??= world.met(
        world.attempt(
          () => new StreamingArena('8KiB', { buffers: BUFFERS, onRelease: world.pick(['reuse', 'detach']) }),
        ) ?? null,
      );
      if (ring === null) return;
      world.attempt(() => {
        const choice = world.next() % 20;
        if (choice < 8) {
          const lease = ring.tryAcquire();
          if (lease !== undefined) hold(lease);
        } else if (choice < 15) {
          if (out.length > 0) give(world.next() % out.length);
        } else if (choice < 17) {
          if (waiting.size < 10) wait();
        } else if (choice < 18) {
          if (waiting.size > 0) world.pick([...waiting]).stop.abort();
        } else if (streams.size < 2 && world.chance(20)) {
          const task = stream().catch((error) => {
            if (!world.lib.isMemoryError(error)) world.unexpected(error);
          });
          streams.add(task);
          task.finally(() => streams.delete(task));
        }
      });
    },
    check() {
      out.forEach(looked);
      if (ring === null) return;
      const { leasedBuffers } = ring.stats();
      if (leasedBuffers < out.length || leasedBuffers > BUFFERS) {
        throw new Error(`streaming arena: ${leasedBuffers} buffers are leased, ${out.length} held`);
      }
    },
    async rest() {
      if (ring === null) return;
      this.check();
      while (waiting.size + streams.size > 0) {
        while (out.length > 0) give(0);
        for (const { stop } of waiting) if (world.chance(50)) stop.abort();
        await new Promise((resolve) => setImmediate(resolve));
      }
      while (out.length > 1) give(0);
      if (ring.stats().leasedBuffers !== out.length)
        throw new Error('streaming arena: buffers are leased that nobody holds');
      const last = out.pop();
      ring.dispose();
      if (last?.lease.valid) throw new Error('streaming arena: a lease is valid after dispose()');
      ring = null;
    },
  };
}

export const streamDrivers = [
  { name: 'streaming arena', drives: ['BufferLease', 'StreamingArena'], make: streamDriver },
];
