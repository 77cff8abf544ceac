// Runs a command under a limit on its memory, as a container would: in a control group of its own where this machine lets
// us make one, otherwise by looking at its resident memory and killing it above the limit.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const V1 = '/sys/fs/cgroup/memory';
const V2 = '/sys/fs/cgroup';

let groups = 0;

/** A control group with the limit; null where none can be made. */
function makeGroup(limitBytes) {
  const isV2 = existsSync(join(V2, 'cgroup.controllers'));
  const folder = join(isV2 ? V2 : V1, `upload-service-${process.pid}-${groups++}`);
  try {
    if (isV2) writeFileSync(join(V2, 'cgroup.subtree_control'), '+memory');
    mkdirSync(folder);
    writeFileSync(join(folder, isV2 ? 'memory.max' : 'memory.limit_in_bytes'), String(limitBytes));
    noSwap(folder, isV2, limitBytes);
    return { folder };
  } catch {
    removeGroup(folder);
    return null;
  }
}

function noSwap(folder, isV2, limitBytes) {
  const file = join(folder, isV2 ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes');
  if (existsSync(file)) writeFileSync(file, isV2 ? '0' : String(limitBytes));
}

/** True once it is gone: a process that was killed takes a moment to leave it. */
function removeGroup(folder) {
  try {
    rmdirSync(folder);
  } catch {
    return !existsSync(folder);
  }
  return true;
}

function residentBytes(pid, field = 'VmRSS') {
  try {
    const line = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/**
 * Starts a Node.js script. `peakBytes()` is the most that it had resident; `ended` resolves with how it ended.
 *
 * @param env variables beside those of this process
 */
export function startLimited(script, { limitBytes, heapMiB, env = {}, useGroup = true }) {
  const group = useGroup ? makeGroup(limitBytes) : null;
  const node = [process.execPath, `--max-old-space-size=${heapMiB}`, script];
  // Without a group the service has to be told what a container would tell it.
  const told =
    group === null
      ? { NEBULA_MEMORY_MONITOR_LIMIT_BYTES: String(limitBytes), ...withoutGroup(limitBytes, heapMiB) }
      : {};
  const [command, ...args] =
    group === null ? node : ['sh', '-c', `echo $$ > ${group.folder}/cgroup.procs && exec "$@"`, 'sh', ...node];
  const child = spawn(command, args, {
    env: { ...process.env, ...told, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let peak = 0;
  const watch = setInterval(() => {
    const now = residentBytes(child.pid);
    peak = Math.max(peak, residentBytes(child.pid, 'VmHWM'));
    if (group === null && now > limitBytes) child.kill('SIGKILL');
  }, 20);
  const ended = once(child, 'exit').then(async ([code, signal]) => {
    clearInterval(watch);
    for (let tries = 0; group !== null && tries < 50 && !removeGroup(group.folder); tries += 1) await sleep(20);
    return { code, signal };
  });
  const how = group === null ? 'watching it' : 'a control group';
  return { child, ended, how, peakBytes: () => peak };
}

/** What is left of a limit that no kernel knows, as MemoryBudget.forContainer() would count it. */
function withoutGroup(limitBytes, heapMiB) {
  const left = Math.floor(limitBytes * 0.75 - (heapMiB + 96) * 2 ** 20);
  return { NEBULA_MEMORY_BUDGET_LIMIT_BYTES: String(left), NEBULA_MEMORY_ALLOCATOR_CAPACITY_BYTES: '1MiB' };
}
