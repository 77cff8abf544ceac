// Drives regions of every kind and whatever else the package has (drivers/) at random, with faults switched on and off,
// and looks all the while whether the books agree:
//   node --expose-gc test/soak/soak.mjs [--minutes N | --regions 100000] [--seed N] [--workers 2] [--live 150]
//     [--faults | --no-faults]
// Faults are on by default with --minutes. The seed is printed; the same seed makes the same choices. Each cycle of some
// thousand regions ends with a rest, in which everything is given back and the process must be as it was before
// (tolerances in books.mjs). The last lines are the books as JSON and `N passed, N failed`: a result for each cycle and
// one for the end.
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { books, settled, wrongMeanwhile, wrongWhenQuiet } from './books.mjs';
import { Crew } from './crew.mjs';
import { everything, present } from './drivers/index.mjs';
import { installFaults, isUnderLauncher, relaunch } from './faults.mjs';
import { regionWork } from './regions.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CYCLE = 2000;
const LOOK_EVERY = 500;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    regions: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    workers: { type: 'string', default: '2' },
    live: { type: 'string', default: '150' },
    faults: { type: 'boolean' },
    'no-faults': { type: 'boolean', default: false },
  },
});
if (typeof globalThis.gc !== 'function') throw new Error('run it with node --expose-gc');
const seed = Number(values.seed);
const minutes = values.minutes === undefined ? null : Number(values.minutes);
const total = minutes === null ? Number(values.regions) : Number.POSITIVE_INFINITY;
const withFaults = !values['no-faults'] && (values.faults ?? minutes !== null) && process.platform === 'linux';

// ---- what all parts share --------------------------------------------------------------------------------------------

/** States that a random order leads to; anything else ends the soak. */
const EXPECTED = new Set(
  'INVALID_STATE IN_USE UNSUPPORTED OUT_OF_RANGE SYSCALL STALE_HANDLE LOCK_LIMIT ARENA_EXHAUSTED POOL_EXHAUSTED'
    .split(' ')
    .map((code) => `ERR_MEMORY_${code}`),
);

function makeWorld(folder) {
  const require = createRequire(import.meta.url);
  const { randomFrom } = require('../hostile/tools.cjs');
  const lib = everything(ROOT, require);
  const next = randomFrom(seed);
  const refused = {};
  const world = {
    lib,
    folder,
    next,
    refused,
    crew: new Crew(join(ROOT, 'dist', 'index.js')),
    chance: (percent) => next() % 100 < percent,
    pick: (list) => list[next() % list.length],
    isExpected: (error) => lib.isMemoryError(error) && EXPECTED.has(error.code),
    unexpected(error) {
      throw error;
    },
    unarmed: (work) => work(),
    isArmed: () => false,
    attempt(work) {
      try {
        return work();
      } catch (error) {
        if (!world.isExpected(error)) throw error;
        refused[error.code] = (refused[error.code] ?? 0) + 1;
        return undefined;
      }
    },
  };
  const { native } = require(join(ROOT, 'dist', 'platform', 'native', 'index.js'));
  const faults = withFaults ? installFaults(world, native(), () => lib.memory.totals()) : null;
  return { world, faults };
}

// ---- the soak --------------------------------------------------------------------------------------------------------

/** One cycle. `start` is null the first time, in which everything is made once that stays for the life of the process. */
async function cycle(world, work, drivers, count, start) {
  const { memory } = world.lib;
  const wrong = [];
  for (let i = 0; i < Number(values.workers); i++) await world.crew.hire();
  for (let made = 1; made <= count; made++) {
    work.step(Number(values.live));
    for (const { driver } of drivers) driver.step();
    if (made % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (made % LOOK_EVERY === 0) {
      for (const { driver } of drivers) driver.check();
      if (start !== null) wrong.push(...wrongMeanwhile(start, books(memory), work.held));
    }
    if (made % (CYCLE / 2) === 0) {
      globalThis.gc();
      memory.drainQuarantine();
      if (world.crew.size > 0) {
        await world.crew.dismiss(world.chance(50));
        await world.crew.hire();
      }
    }
  }
  for (const { driver } of drivers) driver.rest();
  work.rest();
  await world.crew.dismissAll();
  const end = await settled(memory);
  if (start !== null) wrong.push(...wrongWhenQuiet(start, end));
  return { end, wrong };
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-soak-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { world, faults } = makeWorld(folder);
  const work = regionWork(world);
  const drivers = present(world.lib).map(({ name, make }) => ({ name, driver: make(world) }));
  const task = minutes === null ? `${total} regions` : `${minutes} minutes`;
  console.log(`seed ${seed}, ${task}, Node.js ${process.versions.node}`);
  console.log(`drives regions, ${drivers.map(({ name }) => name).join(', ')}`);
  const until = minutes === null ? Number.POSITIVE_INFINITY : performance.now() + minutes * 60_000;

  const { end: start } = await cycle(world, work, drivers, CYCLE, null);
  let end = start;
  let made = 0;
  let cycles = 0;
  const wrong = [];
  while (made < total && performance.now() < until && wrong.length === 0) {
    const count = Math.min(CYCLE, total - made);
    const result = await cycle(world, work, drivers, count, start);
    ({ end } = result);
    wrong.push(...result.wrong);
    made += count;
    cycles += 1;
    if (process.stdout.isTTY) console.log(made, JSON.stringify(end));
  }
  console.log(JSON.stringify({ start, end, made, cycles, faults, refused: world.refused, wrong }));
  if (wrong.length > 0) console.log(`to repeat: npm run soak -- --seed ${seed}`);
  console.log(`${cycles + (wrong.length > 0 ? 0 : 1)} passed, ${wrong.length > 0 ? 1 : 0} failed`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}

process.on('uncaughtException', (error) => {
  console.error(error);
  console.log(`to repeat: npm run soak -- --seed ${seed}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
});
const launched = withFaults && !isUnderLauncher() ? await relaunch() : null;
if (launched === null) await main();
else process.exitCode = launched;
