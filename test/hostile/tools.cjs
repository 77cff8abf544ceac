// What the scenarios share. Plain CommonJS: they run in children of their own, on any Node.js, without a compiler.
'use strict';

const { writeSync, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { Worker } = require('node:worker_threads');

const ROOT = process.env.NEBULA_MEMORY_ROOT ?? join(__dirname, '..', '..');
const DIST = join(ROOT, 'dist', 'index.js');
const PAGE = 4096;
const MIB = 1 << 20;

/** The package; loaded when first asked for, since some scenarios keep it out of the main thread. */
function lib() {
  return require(DIST);
}

/** The raw exports of the addon. */
function raw() {
  return require(join(ROOT, 'dist', 'platform', 'native', 'index.js')).native();
}

/** The code of what `work` throws; `none` when it throws nothing, and the class for what is no MemoryError. */
function codeOf(work) {
  try {
    work();
    return 'none';
  } catch (error) {
    return nameOf(error);
  }
}

async function codeOfAsync(work) {
  try {
    await work();
    return 'none';
  } catch (error) {
    return nameOf(error);
  }
}

function nameOf(error) {
  if (lib().isMemoryError(error)) return error.code.replace('ERR_MEMORY_', '');
  return `foreign ${error?.name}: ${error?.message}`;
}

/** Codes by label, for a list of [label, work]. */
function codesOf(list) {
  return Object.fromEntries(list.map(([label, work]) => [label, codeOf(work)]));
}

/** All the different values of an object, sorted. */
function kinds(codes) {
  return [...new Set(Object.values(codes))].sort();
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Collections and event-loop turns until `done` holds: finalizers need both. The turns only end what would go on for ever:
 * threads of the engine that sweep wait for a processor as long as the machine likes.
 */
async function settle(done, turns = 3000) {
  for (let i = 0; i < turns; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
    if (done()) return true;
    if (i > 20) await sleep(10);
  }
  return false;
}

/** Waits until `done` holds, whatever else happens. */
async function until(done, tries = 9000) {
  for (let i = 0; i < tries; i++) {
    if (done()) return true;
    await sleep(10);
  }
  return false;
}

/** A worker that runs `body({ Region, memory, parentPort, data, ... })`. */
function worker(body, data, options = {}) {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { Region, memory } = require(${JSON.stringify(DIST)});
    (${body.toString()})({ Region, memory, parentPort, data: workerData, require });`;
  return new Worker(source, { eval: true, workerData: data, ...options });
}

const message = (from) => new Promise((resolve, reject) => from.once('message', resolve).once('error', reject));
const ended = (from) => new Promise((resolve) => from.once('exit', resolve).on('error', () => {}));

/** A folder that goes with the process. */
function folder() {
  const made = mkdtempSync(join(tmpdir(), 'nebula-hostile-'));
  process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Prints the result. Scenarios that end the process call it themselves. */
function report(result) {
  writeSync(1, `${JSON.stringify(result)}\n`);
}

/** Numbers from 0 to 2^32 - 1, the same for the same seed on every machine. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

module.exports = {
  PAGE,
  MIB,
  lib,
  raw,
  codeOf,
  codeOfAsync,
  codesOf,
  kinds,
  nameOf,
  sleep,
  settle,
  until,
  worker,
  message,
  ended,
  folder,
  report,
  randomFrom,
};
