// Tests inside a guest: `ok NAME` or `not ok NAME` a line, `# end FILE` when all have run. A killed process prints no end.
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { basename } = require('node:path');
const { memory } = require('nebula-memory');

const MIB = 2 ** 20;
const tests = [];

/** What QEMU was told about this machine: its entry of machines.mjs. */
const machine = JSON.parse(readFileSync(`/lab/machines/${process.env.LAB_MACHINE}.json`, 'utf8'));

function test(name, body) {
  tests.push({ name, body });
}

const owned = [];

/** Frees the region when the test ends. (`using` is not in the syntax of every Node.js that is tested.) */
function own(region) {
  owned.push(region);
  return region;
}

function letGo() {
  while (owned.length > 0) {
    const region = owned.pop();
    if (region.state === 'live') region.free();
  }
}

const mappedBytes = () => memory.totals().mappedBytes ?? 0;

async function main() {
  let failed = 0;
  for (const { name, body } of tests) {
    const began = Date.now();
    const before = mappedBytes();
    try {
      try {
        await body();
      } finally {
        letGo();
      }
      assert.equal(mappedBytes(), before, 'bytes of regions left mapped by the test');
      console.log(`ok ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`not ok ${name}`);
      console.log(String(error?.stack ?? error).replaceAll(/^/gm, '#   '));
    }
  }
  console.log(`# end ${basename(process.argv[1], '.cjs')}`);
  process.exitCode = failed === 0 ? 0 : 1;
}

setImmediate(main);

/** The error of a call that must fail with this code. */
function thrown(code, body) {
  try {
    body();
  } catch (error) {
    assert.equal(error.code, code, `${error.code} ${error.message}`);
    return error;
  }
  throw new assert.AssertionError({ message: `${code} was expected and nothing was thrown` });
}

/** Within 2 % of the whole. */
function near(actual, expected, whole, what) {
  assert.ok(Math.abs(actual - expected) <= 0.02 * whole, `${what}: ${actual} where ${expected} of ${whole} were due`);
}

module.exports = { assert, machine, MIB, near, own, test, thrown };
