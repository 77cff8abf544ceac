// Region.map + free of 2 MiB, beside the same two system calls from C and beside Buffers.
import { execFileSync } from 'node:child_process';
import { claim, comparison, interleave, MIB, nebula, ratioOf, timed, withProgram } from '../harness.mjs';

const { Region } = nebula;
const BYTES = 2 * MIB;

const OURS = 'Region.map + free, untouched';
const C = 'C: mmap + munmap, untouched';
const OURS_TOUCHED = 'Region.map, bytes[0] = 1, free';
const C_TOUCHED = 'C: mmap, first byte = 1, munmap';
const SLOW = 'Buffer.allocUnsafeSlow, untouched';
const ZEROED = 'Buffer.alloc, first byte = 1';

export default async function run({ quick }) {
  const pairs = quick ? 4000 : 10_000;
  const buffers = quick ? 200 : 500;
  const variants = [
    {
      name: OURS,
      run: () =>
        timed(pairs, (count) => {
          for (let i = 0; i < count; i += 1) Region.map(BYTES).free();
        }),
    },
    {
      name: OURS_TOUCHED,
      run: () =>
        timed(pairs, (count) => {
          for (let i = 0; i < count; i += 1) {
            const region = Region.map(BYTES);
            region.bytes[0] = 1;
            region.free();
          }
        }),
    },
    {
      name: SLOW,
      run: () =>
        timed(buffers, (count) => {
          for (let i = 0; i < count; i += 1) Buffer.allocUnsafeSlow(BYTES);
        }),
    },
    {
      name: ZEROED,
      run: () =>
        timed(buffers, (count) => {
          for (let i = 0; i < count; i += 1) Buffer.alloc(BYTES)[0] = 1;
        }),
    },
  ];
  return withProgram('map', async (program) => {
    if (program !== null) {
      const fromC = (touch) => () =>
        Number(execFileSync(program, [String(BYTES), String(pairs), touch], { encoding: 'utf8' }));
      variants.splice(1, 0, { name: C, run: fromC('0') });
      variants.splice(3, 0, { name: C_TOUCHED, run: fromC('1') });
    }
    const rows = await interleave(variants, quick ? 9 : 15);
    const claims = [];
    if (program !== null) {
      claims.push(claim('untouched, to the two system calls from C', ratioOf(rows, OURS, C), '<=', 2));
      const least = (name) => rows.find((row) => row.name === name).least;
      claims.push(comparison('the same, best round to best round', least(OURS) / least(C)));
      claims.push(comparison('touched through .bytes, to C', ratioOf(rows, OURS_TOUCHED, C_TOUCHED)));
    }
    claims.push(comparison('untouched, Buffer.allocUnsafeSlow to Region.map + free', ratioOf(rows, SLOW, OURS)));
    claims.push(comparison('touched, Buffer.alloc to Region.map + bytes + free', ratioOf(rows, ZEROED, OURS_TOUCHED)));
    const notes = program === null ? ['no C compiler here: the rows of C are missing'] : [];
    return { title: 'map and free 2 MiB', unit: 'ns', rows, claims, notes };
  });
}
