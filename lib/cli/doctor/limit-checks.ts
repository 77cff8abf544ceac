import { percent } from '../render/view';
import { limitOwner } from '../wording';
import { type Check, fail, info, ok, warn } from './finding';

const MIB = 2 ** 20;
/** The heap may take this share of the limit: the rest is for buffers, regions, code and stacks. */
const HEAP_SHARE = 0.7;

/** Checks of what ends a process or slows it down: limits, and how near they are. */
export const LIMIT_CHECKS: readonly Check[] = [
  {
    id: 'heap-limit',
    title: 'V8 heap limit within the memory limit',
    run({ here, limits }, size) {
      const { effectiveBytes } = limits;
      if (here === null || effectiveBytes === null) return null;
      const { heapLimitBytes } = here;
      const ratio = heapLimitBytes / effectiveBytes;
      const evidence = `V8 may take ${size(heapLimitBytes)}, ${percent(ratio)} of the limit of ${size(effectiveBytes)} (${limitOwner(limits)})`;
      const fix = `export NODE_OPTIONS=--max-old-space-size=${Math.max(64, Math.floor((effectiveBytes * HEAP_SHARE) / MIB))}`;
      if (ratio >= 1) return fail(`${evidence}: the kernel kills before V8 collects`, fix);
      if (ratio > 0.85) return warn(`${evidence}: little is left for buffers and regions`, fix);
      return ok(evidence);
    },
  },
  {
    id: 'headroom',
    title: 'Memory left before the limit',
    run({ limits }, size) {
      const { effectiveBytes, availableBytes, setBy } = limits;
      if (effectiveBytes === null || availableBytes === null || effectiveBytes === 0) return null;
      const ratio = availableBytes / effectiveBytes;
      const evidence = `${size(availableBytes)} of ${size(effectiveBytes)} left (${percent(ratio)})`;
      const fix =
        setBy === 'machine'
          ? 'ps -eo pid,rss,comm --sort=-rss | head'
          : `Raise the limit (${limitOwner(limits)}), or take less.`;
      if (ratio < 0.05) return fail(evidence, fix);
      return ratio < 0.15 ? warn(evidence, fix) : ok(evidence);
    },
  },
  {
    id: 'pressure',
    title: 'Memory pressure now',
    run({ pressure: { system, cgroup, cgroupFile } }) {
      // The own group is nearer to this process than the machine.
      const reading = cgroup ?? system;
      if (reading === null) return null;
      const where = cgroup === null ? '/proc/pressure/memory' : (cgroupFile ?? 'the own group');
      const some = reading.some.avg10Ratio;
      const full = reading.full?.avg10Ratio ?? 0;
      const evidence = `some task waited ${percent(some)}, every task ${percent(full)} of the last 10 s (${where})`;
      const fix = 'Take less memory, or raise the limit: nebula-memory probe limits';
      if (full >= 0.1) return fail(evidence, fix);
      return some >= 0.1 || full >= 0.01 ? warn(evidence, fix) : ok(evidence);
    },
  },
  {
    id: 'psi',
    title: 'Pressure accounting (PSI)',
    run({ pressure, host }) {
      if (pressure.system !== null) return ok('/proc/pressure/memory is readable');
      if (host.platform !== 'linux') return null;
      const reason = pressure.degraded.find(({ field }) => field === 'system')?.reason ?? 'not readable';
      return warn(
        `${reason}: pressure can only be guessed from sizes`,
        'Boot with psi=1 on the kernel command line (Linux 4.20, CONFIG_PSI).',
      );
    },
  },
  {
    id: 'oom-events',
    title: 'Out-of-memory kills counted',
    run({ limits: { cgroups } }) {
      const killed = cgroups.find(({ events }) => (events?.oomKill ?? 0) > 0);
      if (killed !== undefined) {
        const evidence = `${killed.events?.oomKill} in ${killed.path} since it was made`;
        return warn(evidence, 'journalctl -k --grep "Killed process"');
      }
      const isCounted = cgroups.some(({ events }) => events?.oomKill != null);
      return isCounted ? ok('none in the visible control groups') : info('no visible control group counts them');
    },
  },
  {
    id: 'cgroup-version',
    title: 'Control group version',
    run({ limits: { cgroups }, pressure, host }) {
      if (host.platform !== 'linux') return null;
      if (cgroups.length === 0) return info('no memory control group is visible: only the machine and rlimits count');
      if (cgroups.some(({ version }) => version === 1)) {
        const fix = 'Boot with systemd.unified_cgroup_hierarchy=1 for version 2.';
        // A hybrid machine limits by version 1 and counts pressure by version 2 all the same.
        const byGroup = pressure.cgroup === null ? 'no pressure by group' : 'pressure by group comes from version 2';
        return info(`memory is limited by version 1: no memory.high, ${byGroup}`, fix);
      }
      return ok('version 2');
    },
  },
  {
    id: 'swap',
    title: 'Swap',
    run({ limits: { machine } }, size) {
      const { swapTotalBytes: total, swapFreeBytes: free } = machine;
      if (total === null) return null;
      if (total === 0) return info('none: what does not fit in memory is killed, not slowed down');
      const used = total - (free ?? total);
      const evidence = `${size(used)} of ${size(total)} used`;
      return used > total / 2 ? warn(evidence, 'ps -eo pid,rss,comm --sort=-rss | head') : ok(evidence);
    },
  },
];
