// What a cache of regions saves, and what the two ways to reuse one cost, beside mapping anew and beside Buffers.
import { claim, comparison, interleave, MIB, nebula, ratioOf, timedInBatches } from '../harness.mjs';

const { CachedProvider, PageProvider } = nebula;
const PAGE = 4096;

function touch(bytes) {
  const { length } = bytes;
  for (let at = 0; at < length; at += PAGE) bytes[at] = 1;
}

function variantsFor(bytes, label, quick) {
  const times = Math.max(20, Math.min(quick ? 500 : 2000, Math.floor((quick ? 256 : 1024) * (MIB / bytes))));
  const cycles = (name, make) => ({
    name: `${label} ${name}`,
    run: () => {
      const { body, end } = make();
      body(); // the cache is filled
      try {
        return timedInBatches(times, Math.min(20, times), (_, count) => {
          for (let i = 0; i < count; i += 1) body();
        });
      } finally {
        end();
      }
    },
  });
  const through = (make) => () => {
    const provider = make();
    const body = () => {
      const region = provider.acquire(bytes);
      touch(region.bytes);
      provider.release(region);
    };
    return { body, end: () => provider.dispose() };
  };
  const upstream = () => new PageProvider({ carrier: 'shared' });
  const cached = (options) => through(() => new CachedProvider(upstream(), options));
  return [
    cycles('PageProvider', through(upstream)),
    cycles('CachedProvider', cached({})),
    cycles('CachedProvider, zero: false', cached({ zero: false })),
    cycles("CachedProvider, reuse: 'fast'", cached({ reuse: 'fast' })),
    cycles("CachedProvider, reuse: 'fast', zero: false", cached({ reuse: 'fast', zero: false })),
    cycles('Buffer.alloc', () => ({ body: () => touch(Buffer.alloc(bytes)), end: () => {} })),
    cycles('Buffer.allocUnsafeSlow', () => ({ body: () => touch(Buffer.allocUnsafeSlow(bytes)), end: () => {} })),
  ];
}

export default async function run({ quick }) {
  const sizes = [
    [65_536, '64 KiB'],
    [MIB, '1 MiB'],
    [16 * MIB, '16 MiB'],
  ];
  const rows = [];
  for (const [bytes, label] of sizes) rows.push(...(await interleave(variantsFor(bytes, label, quick), quick ? 5 : 9)));
  const claims = [];
  for (const [bytes, label] of sizes) {
    const ratio = ratioOf(rows, `${label} PageProvider`, `${label} CachedProvider`);
    const text = `${label}: mapping anew to a cached, zeroed region with emptied views`;
    claims.push(bytes >= MIB ? claim(text, ratio, '>=', 3) : comparison(text, ratio));
    claims.push(
      comparison(
        `${label}: Buffer.alloc to a cached, zeroed region`,
        ratioOf(rows, `${label} Buffer.alloc`, `${label} CachedProvider`),
      ),
      comparison(
        `${label}: safe to fast reuse, without zeroing`,
        ratioOf(rows, `${label} CachedProvider, zero: false`, `${label} CachedProvider, reuse: 'fast', zero: false`),
      ),
    );
  }
  return {
    title: 'a cache of regions',
    unit: 'ns',
    rows,
    claims,
    extra: { p50: 'p50 ns', p99: 'p99 ns' },
    notes: [
      'each cycle acquires, writes a byte to each page, and releases; p50 and p99 are of batches of 20 cycles',
      'a Buffer is freed by the collector, later and partly outside its row; a region when it is released',
    ],
  };
}
