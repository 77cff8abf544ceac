import { poolCommand } from '../wording';
import { type Check, fail, info, ok, warn } from './finding';

const MIB = 2 ** 20;
/** What Linux sets, and what large services need. */
const DEFAULT_MAPPINGS = 65530;
const RAISED_MAPPINGS = 262144;
const PAGES_TO_RESERVE = 64;

/** Checks of switches of the kernel and limits of the user. */
export const KERNEL_CHECKS: readonly Check[] = [
  {
    id: 'overcommit',
    title: 'Overcommit mode',
    run({ limits: { machine } }, size) {
      const { overcommit, commitLimitBytes, committedBytes } = machine;
      if (overcommit === null) return null;
      if (overcommit !== 'never') return ok(`${overcommit}: addresses can be reserved without memory behind them`);
      const numbers = `${size(committedBytes)} of ${size(commitLimitBytes)} committed`;
      return warn(`never: every reserved byte counts at once (${numbers})`, 'sudo sysctl -w vm.overcommit_memory=0');
    },
  },
  {
    id: 'max-map-count',
    title: 'Mappings per process',
    run({ limits: { machine } }) {
      const { maxMapCount } = machine;
      if (maxMapCount === null) return null;
      const evidence = `vm.max_map_count is ${maxMapCount}`;
      const fix = `sudo sysctl -w vm.max_map_count=${RAISED_MAPPINGS}`;
      if (maxMapCount < DEFAULT_MAPPINGS) return warn(`${evidence}: past it V8 aborts the process`, fix);
      return ok(evidence);
    },
  },
  {
    id: 'thp',
    title: 'Transparent huge pages',
    run({ hugePages: { thp }, host }) {
      if (host.platform !== 'linux') return null;
      const fix = 'echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled';
      if (!thp.available) return info('not in this kernel, or not visible here');
      if (thp.enabled === 'never') return warn("never: pages: 'thp' has no effect", fix);
      if (thp.enabled === 'always')
        return info('always: sparse memory can take more than it uses; madvise lets each region choose', fix);
      return ok(`${thp.enabled ?? 'unknown'}: each region chooses`);
    },
  },
  {
    id: 'huge-pages',
    title: 'Huge-page pools',
    run({ hugePages: { pools }, host }, size) {
      if (host.platform !== 'linux') return null;
      if (pools.length === 0) return info('this kernel has no hugetlb pages, or /sys is not visible');
      const filled = pools.filter(({ total, overcommit }) => (total ?? 0) > 0 || (overcommit ?? 0) > 0);
      const least = [...pools].sort((a, b) => a.pageBytes - b.pageBytes)[0]?.pageBytes ?? 2 * MIB;
      const pageBytes = (filled[0] ?? pools.find((pool) => pool.pageBytes === 2 * MIB))?.pageBytes ?? least;
      if (filled.length === 0) {
        const sizes = pools.map((pool) => size(pool.pageBytes)).join(', ');
        return info(
          `pools of ${sizes} are empty: huge pages fall back to base pages`,
          poolCommand(pageBytes, PAGES_TO_RESERVE),
        );
      }
      const texts = filled.map(
        (pool) => `${pool.free ?? '?'} of ${pool.total ?? '?'} pages of ${size(pool.pageBytes)} free`,
      );
      const usable = filled.some((pool) => (pool.free ?? 0) - (pool.reserved ?? 0) + (pool.overcommit ?? 0) > 0);
      const more = (filled[0]?.total ?? 0) + PAGES_TO_RESERVE;
      return usable ? ok(texts.join(', ')) : warn(`${texts.join(', ')}, none to be had`, poolCommand(pageBytes, more));
    },
  },
  {
    id: 'memlock',
    title: 'Locked-memory limit',
    run({ limits: { rlimits }, here }, size) {
      const limit = rlimits?.memlock;
      if (limit == null) return null;
      if (limit.soft === null) return ok('unlimited');
      const evidence = `${size(limit.soft)} may be locked`;
      const fix = 'ulimit -l unlimited (systemd: LimitMEMLOCK=infinity; docker: --ulimit memlock=-1)';
      // CAP_IPC_LOCK makes the limit moot, and the trial tells.
      if (limit.soft < MIB && here?.capabilities?.lock.available !== true) {
        return warn(`${evidence}: locked and secret regions fail`, fix);
      }
      return limit.soft < 64 * MIB ? info(`${evidence}: larger locked regions fail`, fix) : ok(evidence);
    },
  },
  {
    id: 'open-files',
    title: 'Open-file limit',
    run({ limits: { rlimits } }) {
      const limit = rlimits?.nofile;
      if (limit == null) return null;
      if (limit.soft === null) return ok('unlimited');
      const evidence = `${limit.soft} files, at most ${limit.hard ?? 'unlimited'}`;
      const fix = `ulimit -n ${Math.min(65536, limit.hard ?? 65536)}`;
      if (limit.soft < 1024) return warn(`${evidence}: files and shared regions run out early`, fix);
      return limit.soft < 4096 && (limit.hard === null || limit.hard > limit.soft) ? info(evidence, fix) : ok(evidence);
    },
  },
  {
    id: 'shm',
    title: 'Shared memory (/dev/shm)',
    run({ here, host }, size) {
      if (here === null || host.platform !== 'linux') return null;
      const { shm } = here;
      if (shm === null)
        return warn(
          '/dev/shm is not mounted: named shared regions fail',
          'sudo mount -t tmpfs -o size=1G shm /dev/shm',
        );
      const evidence = `${size(shm.freeBytes)} of ${size(shm.totalBytes)} free`;
      const fix = 'sudo mount -o remount,size=1G /dev/shm (docker: --shm-size=1g)';
      if (shm.freeBytes < MIB) return fail(`${evidence}: shared regions fail`, fix);
      return shm.totalBytes <= 64 * MIB ? warn(`${evidence}, the default of containers`, fix) : ok(evidence);
    },
  },
];
