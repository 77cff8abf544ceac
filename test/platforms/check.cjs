// What docs/regions.md promises, asserted in plain JavaScript on whatever Node.js runs this file. It stands in a folder
// where the package is installed. Prints one line of JSON and ends with 0 when every check passed.
//   --page=BYTES   the page size that this run must see
//   --emulated     a program emulates the kernel: what it is known to lack is not asserted
//   --launch=JSON  words that start another Node.js like this one
const { existsSync, rmSync } = require('node:fs');
const { join } = require('node:path');
const { Tools } = require('./tools.cjs');

const SLOW_MS = 1000;
const PARTS = ['loading', 'private', 'pages', 'files', 'sharing', 'secrets', 'machine'];

function optionsFrom(words) {
  const read = (name) => words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
  return {
    pageBytes: Number(read('page') ?? 4096),
    emulated: words.includes('--emulated'),
    launch: JSON.parse(read('launch') ?? 'null') ?? [process.execPath],
  };
}

async function runAll(tools) {
  const failures = [];
  const slow = [];
  let passed = 0;
  const started = tools.memory.totals();
  for (const part of PARTS) {
    const checks = require(join(__dirname, 'parts', `${part}.cjs`));
    for (const [name, check] of Object.entries(checks)) {
      const begun = Date.now();
      try {
        await check(tools);
        passed += 1;
      } catch (error) {
        failures.push({ name: `${part}: ${name}`, error: String(error?.stack ?? error).slice(0, 1500) });
      }
      const tookMs = Date.now() - begun;
      if (tookMs > SLOW_MS) slow.push(`${name} ${tookMs} ms`);
    }
  }
  if (slow.length > 0) tools.notes.slow = slow.join('; ');
  try {
    await tools.settle(started);
    passed += 1;
  } catch (error) {
    failures.push({ name: 'end: totals return to the start', error: String(error.message).slice(0, 1500) });
  }
  return { passed, failures };
}

async function main() {
  const options = optionsFrom(process.argv.slice(2));
  const tools = new Tools(options);
  try {
    const { passed, failures } = await runAll(tools);
    const { platform, arch, versions } = process;
    const report = {
      node: versions.node,
      platform,
      arch,
      passed,
      failed: failures.length,
      failures,
      notes: tools.notes,
    };
    console.log(JSON.stringify(report));
    process.exitCode = failures.length === 0 ? 0 : 1;
  } finally {
    if (existsSync(tools.folder)) rmSync(tools.folder, { recursive: true, force: true });
  }
}

main();
