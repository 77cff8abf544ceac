// What the system has back at the moment when memory is let go: RSS before, with 1 GiB touched, and after.
import { setTimeout as pause } from 'node:timers/promises';
import { claim, interleave, MIB, nebula, residentBytes } from '../harness.mjs';

const { Region } = nebula;
const OURS = 'region.free()';
const VIEWED = 'region.free(), views still held';
const DROPPED = 'last reference to a Buffer dropped';
const COLLECTED = 'Buffer dropped and collected by force';
const WAITED = 'Buffer dropped, and a second waited';

export default async function run({ quick }) {
  const bytes = (quick ? 256 : 1024) * MIB;
  const held = [];
  /** The share of the touched bytes that is back at the system, in percent; and how long letting go took. */
  async function share(make, letGo) {
    // Engines free large buffers on a thread of their own: the last variant's must be gone before this one counts.
    globalThis.gc?.();
    await pause(300);
    const before = residentBytes();
    let holder = make();
    const peak = residentBytes();
    const start = performance.now();
    const waiting = letGo(holder);
    if (waiting !== undefined) await waiting(() => (holder = undefined));
    const ms = performance.now() - start;
    return {
      value: (100 * (peak - residentBytes())) / Math.max(1, peak - before),
      ms,
      touchedMiB: (peak - before) / MIB,
    };
  }
  const region = () => {
    const made = Region.map(bytes);
    made.bytes.fill(1);
    return made;
  };
  const buffer = () => Buffer.allocUnsafeSlow(bytes).fill(1);
  const variants = [
    { name: OURS, run: () => share(region, (made) => made.free()) },
    {
      name: VIEWED,
      run: () =>
        share(region, (made) => {
          held.push(made.bytes, made.bytes.subarray(1));
          made.free();
        }),
    },
    { name: DROPPED, run: () => share(buffer, () => (drop) => drop()) },
    {
      name: COLLECTED,
      run: () =>
        share(buffer, () => (drop) => {
          drop();
          globalThis.gc?.();
        }),
    },
    {
      name: WAITED,
      run: () =>
        share(buffer, () => async (drop) => {
          drop();
          await pause(1000);
        }),
    },
  ];
  const rows = await interleave(variants, quick ? 3 : 5);
  const least = (name) => rows.find((row) => row.name === name).least;
  return {
    title: `share of ${bytes / MIB} touched MiB back at the system, when the call returns`,
    unit: '%',
    extra: { ms: 'ms', touchedMiB: 'touched MiB' },
    rows,
    claims: [
      claim('back when free() returns, the worst round', least(OURS), '>=', 99),
      claim('the same with views still held', least(VIEWED), '>=', 99),
    ],
    notes: [`${held.length} emptied views were kept`],
  };
}
