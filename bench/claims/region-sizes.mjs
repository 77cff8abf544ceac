// Small regions beside Buffers of their size: where a region is the wrong tool, this shows it.
import { comparison, interleave, MIB, nebula, ratioOf, timed } from '../harness.mjs';

const { Region } = nebula;

function variantsFor(bytes, label, quick) {
  // Enough to see the collector of the Buffers at work, without holding more than it wants to.
  const count = Math.max(200, Math.min(20_000, Math.floor((quick ? 256 * MIB : 1024 * MIB) / bytes)));
  const loop = (name, body) => ({
    name: `${label} ${name}`,
    run: () =>
      timed(count, (times) => {
        for (let i = 0; i < times; i += 1) body();
      }),
  });
  return [
    loop('Region.map + free', () => Region.map(bytes).free()),
    loop('Region.map, bytes[0] = 1, free', () => {
      const region = Region.map(bytes);
      region.bytes[0] = 1;
      region.free();
    }),
    loop('Buffer.alloc, [0] = 1', () => {
      Buffer.alloc(bytes)[0] = 1;
    }),
    loop('Buffer.allocUnsafeSlow, [0] = 1', () => {
      Buffer.allocUnsafeSlow(bytes)[0] = 1;
    }),
  ];
}

export default async function run({ quick }) {
  const sizes = [
    [4096, '4 KiB'],
    [65_536, '64 KiB'],
    [MIB, '1 MiB'],
  ];
  const rows = [];
  for (const [bytes, label] of sizes) rows.push(...(await interleave(variantsFor(bytes, label, quick), quick ? 5 : 9)));
  const claims = sizes.map(([, label]) =>
    comparison(
      `${label}: Buffer.alloc to Region.map + bytes + free`,
      ratioOf(rows, `${label} Buffer.alloc, [0] = 1`, `${label} Region.map, bytes[0] = 1, free`),
    ),
  );
  return {
    title: 'small regions beside Buffers',
    unit: 'ns',
    rows,
    claims,
    notes: [
      'a Buffer is freed by the collector, later; a region at once. Many small pieces belong into one region with an allocator.',
    ],
  };
}
