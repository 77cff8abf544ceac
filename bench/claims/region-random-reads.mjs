// Random reads, each waiting for the one before, over a Buffer and over regions on pages of 4 KiB and 2 MiB.
import { readFileSync, writeFileSync } from 'node:fs';
import { claim, interleave, MIB, nebula, ratioOf, timed } from '../harness.mjs';

const { Region } = nebula;
const POOL = '/proc/sys/vm/nr_hugepages';

/** Reserves huge pages for the time of `use`; false where that is not allowed or there is no room. */
async function withHugePages(pages, use) {
  let before = null;
  try {
    before = Number(readFileSync(POOL, 'latin1'));
    writeFileSync(POOL, String(before + pages));
    return await use(Number(readFileSync(POOL, 'latin1')) >= before + pages);
  } catch (error) {
    if (before !== null && error.code !== 'EACCES' && error.code !== 'EROFS' && error.code !== 'EPERM') throw error;
    return await use(false);
  } finally {
    try {
      if (before !== null) writeFileSync(POOL, String(before));
    } catch {
      // it was not allowed in the first place
    }
  }
}

// A function of its own for each variant: a shared one would be compiled for both kinds of array.
function reader() {
  return new Function(
    'words',
    'mask',
    'count',
    `
    let state = 12345, sum = 0;
    for (let i = 0; i < count; i += 1) {
      state = (Math.imul(state, 1664525) + 1013904223 + sum) | 0;
      sum = words[(state >>> 2) & mask];
    }
    return sum;`,
  );
}

export default async function run({ quick }) {
  const bytes = quick ? 512 * MIB : 2048 * MIB;
  const count = quick ? 1_000_000 : 3_000_000;
  const mask = bytes / 4 - 1;
  const GIB = `${bytes / MIB} MiB`;
  const BUFFER = `Buffer of ${GIB}`;
  const BASE = `Region of ${GIB}, 4 KiB pages`;
  return withHugePages(bytes / (2 * MIB), async (reserved) => {
    const HUGE = `Region of ${GIB}, ${reserved ? '2 MiB pages of the pool' : 'transparent huge pages'}`;
    const regions = [
      Region.map(bytes, { pages: reserved ? '2MiB' : 'thp', populate: true }),
      Region.map(bytes, { pages: 'base', populate: true }),
    ];
    try {
      const buffer = Buffer.allocUnsafeSlow(bytes).fill(0);
      const variant = (name, from) => {
        const words = new Uint32Array(from);
        const read = reader();
        return { name, run: () => timed(count, (times) => read(words, mask, times)) };
      };
      const rows = await interleave(
        [variant(BUFFER, buffer.buffer), variant(HUGE, regions[0].buffer), variant(BASE, regions[1].buffer)],
        quick ? 5 : 9,
      );
      const { got } = regions[0].placement;
      const stats = regions[0].pageStats();
      return {
        title: `random reads over ${GIB}`,
        unit: 'ns',
        rows,
        claims: [claim('Buffer to region in 2 MiB pages', ratioOf(rows, BUFFER, HUGE), '>=', 1.4)],
        notes: [
          `the kernel gave ${got.pages}: ${stats.hugetlbBytes / MIB} MiB of the pool, ${stats.hugeBytes / MIB} MiB transparent`,
          ...(reserved ? [] : ['the pool could not be enlarged here, so transparent huge pages stand in']),
        ],
      };
    } finally {
      for (const region of regions) region.free();
    }
  });
}
