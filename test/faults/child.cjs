// Runs one row: node --expose-gc child.cjs ROW. Prints what went wrong as one line of JSON; an empty list is a pass.
'use strict';

const { readdirSync, writeSync } = require('node:fs');
const { constants } = require('node:os');
const { join } = require('node:path');

const row = JSON.parse(process.argv[2]);
const lib = require(join(process.env.NEBULA_MEMORY_ROOT, 'dist', 'index.js'));
const native = () => require(join(process.env.NEBULA_MEMORY_ROOT, 'dist', 'platform', 'native', 'index.js')).native();
const { Region, memory } = lib;
const calls = require('./calls.cjs');

const PATTERN = 0x5a;
const KEPT = ['regions', 'mappedBytes', 'mappings', 'retiredRanges', 'retiredBytes', 'quarantinedRanges'];
const ALSO_KEPT = ['quarantinedBytes', 'abandonedRanges', 'abandonedBytes', 'localBytes'];
const problems = [];
const expect = (holds, text) => void (holds || problems.push(text));

/** Talks to the launcher. Returns 0, or the positive number that the call failed with. */
function command(number) {
  try {
    process.kill(number, 0);
    return 0;
  } catch (error) {
    return -error.errno;
  }
}

const launcher = {
  arm: ({ skip = 0, count = 0, spaceKiB, files } = {}) => {
    if (spaceKiB !== undefined) expect(command(0x74000000 | spaceKiB) === 0, 'RLIMIT_AS could not be set');
    if (files !== undefined) command(0x75000000 | files);
    command(0x71000000 | (skip << 16) | (count << 8));
  },
  disarm: () => void command(0x72000000),
  hits: () => command(0x73000000) - 1000,
};

const descriptors = () => readdirSync('/proc/self/fd').length;

class Context {
  owned = [];
  held = {};
  row = row;
  lib = lib;
  native = native;
  folder = process.env.NEBULA_FAULT_FOLDER;

  own(region) {
    this.owned.push(region);
    return region;
  }

  /** A region of which views were taken, full of the pattern. */
  exposed(region) {
    this.own(region).bytes.fill(PATTERN);
    return region;
  }

  /** Null while the first `bytes` hold the pattern, by copy and by view. */
  kept(region, bytes = Math.min(region.byteLength, 65536)) {
    const copy = new Uint8Array(bytes);
    if (region.access !== 'none') region.read(0, copy);
    else copy.fill(PATTERN);
    if (!copy.every((byte) => byte === PATTERN)) return 'bytes lost (by read)';
    if (region.access !== 'readwrite') return null;
    const seen = region.bytes;
    if (!seen.subarray(0, bytes).every((byte) => byte === PATTERN)) return 'bytes lost (by view)';
    seen[0] = 1;
    region.read(0, copy.subarray(0, 1));
    seen[0] = PATTERN;
    return copy[0] === 1 ? null : 'the view is not over the region';
  }
}

async function settle(done) {
  for (let i = 0; i < 600; i++) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
    memory.drainQuarantine({ all: true });
    if (done()) return;
    if (i > 10) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What is made once and kept for the life of the process, out of the way of the counts. */
function warm(context) {
  for (const make of [
    () => Region.map(65536),
    () => Region.shared(65536),
    () => Region.secret(64),
    () => Region.map(65536, { pages: 'thp', guard: true }),
  ]) {
    try {
      const region = make();
      region.bytes.fill(1);
      region.free();
    } catch (error) {
      if (!lib.isMemoryError(error)) throw error;
    }
  }
  try {
    Region.map(context);
  } catch {} // an error object with its stack, once
  memory.limits();
}

function checkError(error, wanted) {
  if (error === undefined) {
    problems.push(`no error, expected ${wanted.code}`);
    return;
  }
  if (!lib.isMemoryError(error)) {
    problems.push(`foreign error ${error?.stack ?? error}`);
    return;
  }
  expect(error.code === `ERR_MEMORY_${wanted.code}`, `code ${error.code}, expected ${wanted.code}: ${error.message}`);
  expect(error.syscall === wanted.syscall, `syscall ${error.syscall}, expected ${wanted.syscall}`);
  const errno = wanted.errno === undefined ? undefined : constants.errno[wanted.errno];
  expect(error.errno === errno, `errno ${error.errno}, expected ${wanted.errno}`);
  expect(typeof error.message === 'string' && error.message.length > 10, 'a message that says nothing');
}

function holds(label, found, wanted) {
  for (const [key, value] of Object.entries(wanted)) {
    if (value !== null && typeof value === 'object') holds(`${label}.${key}`, found?.[key] ?? {}, value);
    else expect(found?.[key] === value, `${label}.${key} is ${JSON.stringify(found?.[key])}, expected ${value}`);
  }
}

function checkOutcome(outcome, wanted) {
  if (wanted.code !== undefined) return checkError(outcome.error, wanted);
  if (outcome.error !== undefined) {
    problems.push(`threw ${outcome.error?.code}: ${outcome.error?.stack}`);
    return;
  }
  const { value } = outcome;
  if (wanted.value !== undefined) holds('value', value, wanted.value);
  if (wanted.got !== undefined) holds('got', value.placement.got, wanted.got);
  if (wanted.protection !== undefined) holds('protection', value.protection, wanted.protection);
  if (wanted.fallbacks === undefined) return;
  const { fallbacks } = value.protection ?? value.placement;
  const text = JSON.stringify(fallbacks);
  expect(fallbacks.length === wanted.fallbacks.length, `fallbacks ${text}, expected ${wanted.fallbacks.length}`);
  for (const [i, [what, code, errno]] of wanted.fallbacks.entries()) {
    const found = fallbacks[i] ?? {};
    const number = errno === undefined ? 0 : constants.errno[errno];
    const same = found.wanted === what && found.code === `ERR_MEMORY_${code}` && found.errno === number;
    expect(same && found.reason.length > 5, `fallback ${i} of ${text}, expected ${what} ${code} ${errno}`);
  }
}

async function attempt(call, context) {
  try {
    const value = await call.act(context);
    if (value instanceof Region) context.own(value);
    return { value };
  } catch (error) {
    return { error };
  }
}

async function perform(context, call) {
  await call.prepare?.(context);
  if (row.arm) launcher.arm(row.arm);
  // Not awaited while armed: the supervisor looks at this thread, and so must nothing else that runs on it.
  const running = attempt(call, context);
  if (row.arm && !call.asynchronous) launcher.disarm();
  const outcome = await running;
  if (row.arm && call.asynchronous) launcher.disarm();
  if (row.arm && row.met !== false) expect(launcher.hits() > 0, 'the fault was never met');
  checkOutcome(outcome, row.expect);
  const left = await call.after?.(context, outcome);
  if (left) problems.push(left);
  // What failed only while armed works now.
  if (row.arm && row.expect.code !== undefined && outcome.error !== undefined && call.once !== true) {
    const again = await attempt(call, context);
    if (again.error !== undefined) problems.push(`still fails afterwards: ${again.error?.stack}`);
  }
}

function witnessWorks(witness) {
  expect(
    witness.bytes.every((byte) => byte === PATTERN),
    'another region lost its bytes',
  );
  witness.zero({ offset: 4096, length: 4096 });
  expect(witness.bytes[4096] === 0 && witness.bytes[8192] === PATTERN, 'another region does not work');
  const fresh = Region.map(8192);
  fresh.bytes[8191] = 9;
  expect(fresh.bytes[8191] === 9, 'a new region does not work');
  fresh.free();
}

async function main() {
  const context = new Context();
  const call = calls[row.call];
  if (call === undefined) throw new Error(`no call ${row.call}`);
  if (row.cold !== true) warm();
  const witness = Region.map(65536);
  witness.bytes.fill(PATTERN);
  await call.before?.(context);
  await settle(() => memory.totals().retiredRanges === 0 && memory.totals().quarantinedRanges === 0);
  const before = memory.totals();
  const files = descriptors();

  await perform(context, call);

  for (const region of context.owned) region[Symbol.dispose]();
  context.owned = [];
  await call.finish?.(context);
  context.held = {};
  const all = [...KEPT, ...ALSO_KEPT];
  await settle(() => all.every((key) => memory.totals()[key] === before[key]));
  const after = memory.totals();
  for (const key of all)
    expect(after[key] === before[key], `totals.${key}: ${before[key]} before, ${after[key]} after`);
  expect(descriptors() === files, `descriptors: ${files} before, ${descriptors()} after`);
  witnessWorks(witness);
  await new Promise((resolve) => setTimeout(resolve, 1));
  writeSync(1, `${JSON.stringify(problems)}\n`);
}

main();
