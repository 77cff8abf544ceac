// Faults that the soak switches on and off. System calls fail through the launcher of test/faults, which stands above this
// process: `relaunch` starts the soak once more under it. Each fault is armed around one call and lifted right after it.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../faults/launcher.c', import.meta.url));
const UNAVAILABLE = 77;

// Calls of native/platform that V8 and malloc survive as well when one of theirs is met: they try again or otherwise.
const RULES = [
  'mmap,arg2=3,arg3=0x4032:ENOMEM', // a tombstone
  'mmap,arg2=3,arg3&0x2f=1:ENOMEM', // a shared object
  'mmap,arg3&0x40000=0x40000:ENOMEM', // huge pages
  'mremap:ENOMEM',
  'mlock:EAGAIN',
  'mlock2:EAGAIN',
  'mbind:EPERM',
  'memfd_create:EMFILE',
  'memfd_secret:ENOSYS',
  'ftruncate:ENOSPC',
  'fallocate:ENOSPC',
  'msync:EIO',
  'mincore:ENOMEM',
];

/** True in a process that the launcher started. */
export const isUnderLauncher = () => process.env.NEBULA_SOAK_LAUNCHER === '1';

/**
 * Runs this program again under the launcher. Resolves to its exit status; null where no launcher can be had, with the
 * reason printed.
 */
export async function relaunch() {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-soak-launcher-'));
  try {
    const launcher = join(folder, 'launcher');
    const built = spawnSync('cc', ['-O1', '-o', launcher, SOURCE], { encoding: 'utf8' });
    if (built.status !== 0) {
      console.log(`no failing system calls: ${built.error?.message ?? built.stderr.trim().split('\n')[0]}`);
      return null;
    }
    const rules = RULES.flatMap((rule) => ['--deny', `${rule}:armed`]);
    const command = [...rules, '--', process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    const env = { ...process.env, NEBULA_SOAK_LAUNCHER: '1' };
    const child = spawn(launcher, command, { stdio: ['ignore', 'inherit', 'inherit'], env });
    const status = await new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)));
    if (status === UNAVAILABLE) {
      console.log('no failing system calls: this machine refuses the filter');
      return null;
    }
    if (typeof status === 'string') console.log(`0 passed, 1 failed\nended by ${status}`);
    return typeof status === 'string' ? 1 : status;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns 0, or the positive number that the call failed with. */
function command(number) {
  try {
    process.kill(number, 0);
    return 0;
  } catch (error) {
    return -error.errno;
  }
}

/** Codes that a call may throw while something is made to fail under it, beside those of a random order. */
const UNDER_FAULT = new Set(
  'OUT_OF_MEMORY SYSCALL PERMISSION UNSUPPORTED LOCK_LIMIT MAP_LIMIT HUGE_PAGES_UNAVAILABLE NUMA_UNAVAILABLE FAULTED'
    .split(' ')
    .map((code) => `ERR_MEMORY_${code}`),
);

/**
 * Wraps `world.attempt` so that now and then a call runs with a fault: a failing system call, a limit of descriptors or
 * of address space, or no mapping left in the package's own budget.
 */
export function installFaults(world, native, totals) {
  const counts = { calls: 0, hits: 0, refused: 0 };
  const launcher = isUnderLauncher();
  const budget = totals().mappingLimit;
  const faults = {
    mappings: {
      on: () => native.configureMappingLimit(totals().mappings + (world.next() % 3)),
      off: () => native.configureMappingLimit(budget),
    },
  };
  if (launcher) {
    faults.call = {
      on: () => command(0x71000000 | ((world.next() % 3) << 16) | (1 << 8)),
      off() {
        counts.hits += command(0x73000000) - 1000;
        command(0x72000000);
      },
    };
    faults.files = {
      on() {
        command(0x75000000 | 3); // what is open stays open
        command(0x71000000 | (255 << 16) | (1 << 8));
      },
      off: () => command(0x72000000),
    };
  }
  const names = Object.keys(faults);
  const plain = world.attempt;
  let armed = null;
  world.isArmed = () => armed !== null;
  world.unarmed = (work) => {
    armed?.off();
    return work();
  };
  world.attempt = (work, more) => {
    if (armed !== null || !world.chance(5)) return plain(work, more);
    const fault = faults[world.pick(names)];
    counts.calls += 1;
    let thrown = null;
    armed = fault;
    fault.on();
    try {
      return work();
    } catch (error) {
      thrown = error;
      return undefined;
    } finally {
      fault.off();
      armed = null;
      if (thrown !== null) {
        if (!world.isExpected(thrown, more) && !UNDER_FAULT.has(thrown?.code)) world.unexpected(thrown);
        counts.refused += 1;
      }
    }
  };
  return counts;
}
