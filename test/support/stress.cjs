// What the stress tests have in common: a team of workers or processes whose members are killed at random moments, until
// they have done so much together. They tell by a desk in shared memory: word 0 stop, word 1 how many there were; from byte
// 64 on a record of numbers for each, by its id.
const { resolve } = require('node:path');
const { launch } = require('./launch.cjs');

/** Another build of the package can be named, to test one that is not in dist/. */
const LIBRARY = process.env.NEBULA_TEST_LIBRARY ?? resolve(__dirname, '../../dist');
const MAX_IDS = 4000;
/** Place of the operations in a record. */
const OPERATIONS = 5;

/** Numbers from 0 to below, by a seed. */
function randomFrom(seed) {
  let state = seed >>> 0 || 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * @param {object} options
 * @param {number} options.record numbers in a record
 * @param {number} options.limitMs when it gives up
 * @param {(operations: number, random: Function) => boolean} options.mayDie whether one that did so much may be killed
 * @param {() => Promise<void>} [options.eachTurn] what this thread does itself
 * @returns {Promise<{ deaths: number, ids: number, total: Function, close: Function }>} `total(field)` sums a number
 */
async function killAtRandom({
  Region,
  worker,
  mode,
  seed,
  operations,
  workers,
  record,
  limitMs,
  setup,
  mayDie,
  eachTurn,
}) {
  const desk = Region.shared(64 + MAX_IDS * record * 8);
  const control = new Int32Array(desk.buffer, 0, 16);
  const records = new Float64Array(desk.buffer, 64);
  const random = randomFrom(seed);
  const total = (field) => {
    let sum = 0;
    for (let id = 1; id < MAX_IDS; id += 1) sum += records[id * record + field];
    return sum;
  };
  let ids = 0;
  let deaths = 0;
  const begin = () => {
    ids += 1;
    Atomics.store(control, 1, ids);
    return launch(worker, mode, { ...setup, desk: desk.handle, id: ids, seed });
  };
  const team = Array.from({ length: workers }, begin);
  const from = Date.now();
  while ((total(OPERATIONS) < operations || deaths < 5) && ids < MAX_IDS - workers) {
    if (Date.now() - from > limitMs) throw new Error(`only ${total(OPERATIONS)} operations in ${limitMs} ms`);
    await new Promise((done) => setTimeout(done, 1 + random(30)));
    await eachTurn?.();
    const at = random(workers);
    const victim = team[at];
    const early = await Promise.race([victim.ended, Promise.resolve('running')]);
    if (early instanceof Error) throw early;
    if (!mayDie(records[victim.setup.id * record + OPERATIONS], random)) continue;
    await victim.kill();
    const failure = await victim.ended;
    if (failure !== null) throw failure;
    deaths += 1;
    team[at] = begin();
  }
  Atomics.store(control, 0, 1);
  for (const { ended } of team) {
    const failure = await ended;
    if (failure !== null) throw failure;
  }
  return { deaths, ids, total, close: () => desk.free() };
}

/** Runs `stress` by the arguments of the command line: kind, mode, seed, operations, library. */
function runByHand(stress, standard) {
  const [, , kind = standard, mode = 'threads', seed = '1', operations = '300000', library] = process.argv;
  stress({ kind, mode, seed: Number(seed), operations: Number(operations), library }).then(
    (result) => console.log(kind, mode, `seed ${seed}`, JSON.stringify(result)),
    (error) => {
      console.error(kind, mode, `seed ${seed}`, error);
      process.exit(1);
    },
  );
}

module.exports = { LIBRARY, killAtRandom, runByHand };
