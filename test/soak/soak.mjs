// Drives regions of every kind and whatever else the package has (drivers/) at random, with faults switched on and off,
// and looks all the while whether the books agree:
//   node --expose-gc test/soak/soak.mjs [--minutes N | --regions 100000] [--seed N] [--workers 2] [--live 150]
//     [--cycle 2000] [--faults | --no-faults] [--only TEXT]
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
import { books, collectDropped, leftOver, settled, wrongMeanwhile, wrongWhenQuiet } from './books.mjs';
import { Crew } from './crew.mjs';
import { present } from './drivers/index.mjs';
import { installFaults, isUnderLauncher, relaunch } from './faults.mjs';
import { regionWork } from './regions.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const LOOK_EVERY = 500;
/** Random operations of drivers beside each region. */
const STEPS = 12;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    regions: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    workers: { type: 'string', default: '2' },
    live: { type: 'string', default: '150' },
    cycle: { type: 'string', default: '2000' },
    only: { type: 'string', default: '' },
    faults: { type: 'boolean' },
    'no-faults': { type: 'boolean', default: false },
  },
});
if (typeof globalThis.gc !== 'function') throw new Error('run it with node --expose-gc');
const numberOf = (name) => {
  const number = Number(values[name]);
  if (values[name] === '' || !(number >= 0) || number === Number.POSITIVE_INFINITY)
    throw new Error(`--${name} must be a number, got '${values[name]}'`);
  return number;
};
const CYCLE = numberOf('cycle');
const seed = numberOf('seed');
const minutes = values.minutes === undefined ? null : numberOf('minutes');
const total = minutes === null ? numberOf('regions') : Number.POSITIVE_INFINITY;
const withFaults = !values['no-faults'] && (values.faults ?? minutes !== null) && process.platform === 'linux';

// ---- what all parts share --------------------------------------------------------------------------------------------

const PREFIX = 'ERR_MEMORY_';
const NONE = [];
/** States that a random order leads to; anything else ends the soak. */
const EXPECTED = new Set(
  'INVALID_STATE IN_USE UNSUPPORTED OUT_OF_RANGE SYSCALL STALE_HANDLE LOCK_LIMIT ARENA_EXHAUSTED POOL_EXHAUSTED'
    .split(' ')
    .map((code) => PREFIX + code),
);

function makeWorld(folder) {
  const require = createRequire(import.meta.url);
  const { randomFrom } = require('../hostile/tools.cjs');
  const lib = require(join(ROOT, 'dist', 'index.js'));
  const next = randomFrom(seed);
  const refused = {};
  const met = new Set();
  const world = {
    lib,
    folder,
    next,
    refused,
    hasMet: (name) => met.has(name),
    crew: new Crew(join(ROOT, 'dist', 'index.js')),
    chance: (percent) => next() % 100 < percent,
    pick: (list) => list[next() % list.length],
    isExpected: (error, more = NONE) =>
      lib.isMemoryError(error) && (EXPECTED.has(error.code) || more.includes(error.code.slice(PREFIX.length))),
    unexpected(error) {
      throw error;
    },
    unarmed: (work) => work(),
    isArmed: () => false,
    /** Notes the class of an object: in the end every class that a driver names must have been met. */
    met(object) {
      if (object !== null && typeof object === 'object') met.add(object.constructor.name);
      return object;
    },
    /** Runs `work` and swallows what a random order leads to: EXPECTED, and the codes of `more` without their prefix. */
    attempt(work, more = NONE) {
      try {
        return work();
      } catch (error) {
        if (!world.isExpected(error, more)) throw error;
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
  for (let i = 0; i < numberOf('workers'); i++) await world.crew.hire();
  for (let made = 1; made <= count; made++) {
    work.step(numberOf('live'));
    for (let i = 0; i < STEPS; i++) world.pick(drivers).driver.step();
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
  work.rest();
  await world.crew.dismissAll();
  await collectDropped(memory);
  for (const { driver } of drivers) await driver.rest();
  const left = await leftOver(memory);
  if (left > 0) wrong.push(`${left} regions were left to the collector`);
  const end = await settled(memory);
  if (start !== null) wrong.push(...wrongWhenQuiet(start, end));
  return { end, wrong };
}

/** Classes that a driver names and never had in its hands. */
function unmet(world, drivers) {
  return drivers.flatMap(({ name, drives }) =>
    drives.filter((each) => !world.hasMet(each)).map((each) => `${name}: it never met a ${each}`),
  );
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-soak-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { world, faults } = makeWorld(folder);
  const work = regionWork(world);
  const drivers = present(world.lib, values.only).map(({ name, drives, make }) => ({
    name,
    drives,
    driver: make(world),
  }));
  const task = minutes === null ? `${total} regions` : `${minutes} minutes`;
  console.log(`seed ${seed}, ${task}, Node.js ${process.versions.node}`);
  console.log(`drives regions, ${drivers.map(({ name }) => name).join(', ')}`);
  const until = minutes === null ? Number.POSITIVE_INFINITY : performance.now() + minutes * 60_000;

  const { end: start, wrong } = await cycle(world, work, drivers, CYCLE, null);
  let end = start;
  let made = 0;
  let cycles = 0;
  while (made < total && performance.now() < until && wrong.length === 0) {
    const count = Math.min(CYCLE, total - made);
    const result = await cycle(world, work, drivers, count, start);
    ({ end } = result);
    wrong.push(...result.wrong);
    made += count;
    cycles += 1;
    if (process.stdout.isTTY) console.log(made, JSON.stringify(end));
  }
  wrong.push(...unmet(world, drivers));
  if (cycles === 0) wrong.push('it ended before its first measured cycle: give it more time');
  if (isUnderLauncher() && faults !== null && faults.hits === 0) wrong.push('no system call was made to fail');
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
if (launched === null && withFaults && !isUnderLauncher() && process.env.CI !== undefined) {
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
} else if (launched === null) await main();
else process.exitCode = launched;
