// Runs a command under a limit on its memory, as a container would: in a control group of its own where this machine lets
// us make one, otherwise by looking at its resident memory and killing it above the limit.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const V1 = '/sys/fs/cgroup/memory';
const V2 = '/sys/fs/cgroup';

/** Where a control group can be made: its folder, the file of its limit, and that of its highest use. */
function makeGroup(limitBytes) {
  const isV2 = existsSync(join(V2, 'cgroup.controllers'));
  const folder = join(isV2 ? V2 : V1, `upload-service-${process.pid}`);
  try {
    if (isV2) writeFileSync(join(V2, 'cgroup.subtree_control'), '+memory');
    mkdirSync(folder);
    writeFileSync(join(folder, isV2 ? 'memory.max' : 'memory.limit_in_bytes'), String(limitBytes));
    noSwap(folder, isV2, limitBytes);
    return { folder, peak: join(folder, isV2 ? 'memory.peak' : 'memory.max_usage_in_bytes') };
  } catch {
    removeGroup(folder);
    return null;
  }
}

function noSwap(folder, isV2, limitBytes) {
  const file = join(folder, isV2 ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes');
  if (existsSync(file)) writeFileSync(file, isV2 ? '0' : String(limitBytes));
}

function removeGroup(folder) {
  try {
    rmdirSync(folder);
  } catch {
    // It was never made, or a process of it is still ending.
  }
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
export function startLimited(script, { limitBytes, heapMiB, env = {} }) {
  const group = makeGroup(limitBytes);
  const node = [process.execPath, `--max-old-space-size=${heapMiB}`, script];
  // Without a group the service has to be told what a container would tell it.
  const told = group === null ? { NEBULA_MEMORY_MONITOR_LIMIT_BYTES: String(limitBytes), ...withoutGroup(limitBytes, heapMiB) } : {};
  const [command, ...args] =
    group === null ? node : ['sh', '-c', `echo $$ > ${group.folder}/cgroup.procs && exec "$@"`, 'sh', ...node];
  const child = spawn(command, args, { env: { ...process.env, ...told, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let peak = 0;
  const watch = setInterval(() => {
    const now = residentBytes(child.pid);
    peak = Math.max(peak, residentBytes(child.pid, 'VmHWM'));
    if (group === null && now > limitBytes) child.kill('SIGKILL');
  }, 20);
  const ended = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      clearInterval(watch);
      if (group !== null) setTimeout(() => removeGroup(group.folder), 200).unref();
      resolve({ code, signal });
    });
  });
  const how = group === null ? 'watched, killed above the limit' : `control group ${group.folder}`;
  return { child, ended, how, peakBytes: () => peak };
}

/** What is left of a limit that no kernel knows, as MemoryBudget.forContainer() would count it. */
function withoutGroup(limitBytes, heapMiB) {
  const left = Math.floor(limitBytes * 0.75 - (heapMiB + 96) * 2 ** 20);
  return { NEBULA_MEMORY_BUDGET_LIMIT_BYTES: String(left), NEBULA_MEMORY_ALLOCATOR_CAPACITY_BYTES: '1MiB' };
}
