// `npm run test:vm`: boots the machines of machines.mjs under QEMU's software emulation, two at a time, runs the tests of
// guest/ inside, and brings their results back. `node test/vm/run.mjs NAME...` boots these only; --verbose prints all.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeImage } from './lab/image.mjs';
import { boot } from './lab/qemu.mjs';
import { needKernel, needPrograms } from './lab/tools.mjs';
import { MACHINES } from './machines.mjs';

const AT_A_TIME = 2;
const WANTED_SECONDS = 60;
const LIMIT_MS = 180_000;

function chosen(names) {
  const unknown = names.filter((name) => !MACHINES.some((machine) => machine.name === name));
  if (unknown.length > 0) {
    throw new Error(`no machine ${unknown.join(', ')}; there are ${MACHINES.map(({ name }) => name).join(', ')}`);
  }
  return MACHINES.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** A stock kernel must be had; without a new one its machines are left out, and said to be. In CI that is a failure. */
function findKernels(machines) {
  const kernels = { stock: needKernel('stock') };
  const rows = [];
  if (machines.some(({ kernel }) => kernel === 'new')) {
    try {
      kernels.new = needKernel('new');
    } catch (error) {
      const reason = String(error.message).split('\n')[0];
      for (const { name, kernel } of machines)
        if (kernel === 'new') rows.push(`SKIP  ${name}: no new kernel: ${reason}`);
    }
  }
  return { kernels, rows };
}

function report({ machine, seconds, passed, failures, text, console: log, note, rebooted }, release, verbose) {
  const again = rebooted ? ', booted twice: its kernel died before the first test' : '';
  const slow = (seconds > WANTED_SECONDS ? `, over ${WANTED_SECONDS} s` : '') + again;
  const word = failures.length === 0 ? 'ok   ' : 'FAIL ';
  const counts = `${passed} passed, ${failures.length} failed`;
  console.log(
    `${word} ${machine.name.padEnd(11)} ${counts}, ${seconds.toFixed(1)} s${slow} (${release}; ${machine.what})`,
  );
  for (const failure of failures) console.log(`      ${failure}`);
  if (failures.length > 0 || verbose) {
    console.log(
      [note, text, log.split('\n').slice(-30).join('\n')].filter(Boolean).join('\n').replaceAll(/^/gm, '      | '),
    );
  }
}

async function main(args) {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('test:vm runs on Linux x64');
  const verbose = args.includes('--verbose');
  const machines = chosen(args.filter((arg) => !arg.startsWith('--')));
  needPrograms();
  const { kernels, rows } = findKernels(machines);
  const queue = machines.filter(({ kernel }) => kernels[kernel] !== undefined);
  const folder = mkdtempSync(join(tmpdir(), 'nebula-vm-'));
  const totals = { passed: 0, failed: 0 };
  try {
    const image = join(folder, 'initrd');
    writeImage(image, queue, kernels);
    const worker = async () => {
      for (let machine = queue.shift(); machine !== undefined; machine = queue.shift()) {
        const kernel = kernels[machine.kernel];
        const outcome = await boot(machine, kernel, image, folder, LIMIT_MS);
        totals.passed += outcome.passed;
        totals.failed += outcome.failures.length;
        report(outcome, kernel.release, verbose);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const row of rows) console.log(row);
  if (process.env.CI !== undefined) totals.failed += rows.length;
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed === 0 && totals.passed > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  console.log('0 passed, 1 failed');
  return 1;
});
