import { checkOneOf, checkOptions, checkString, PRESSURE_LEVELS, type PressureLevel } from '../../core';
import { parseKeyed, type Sysroot } from '../../platform';
import { rankOf } from '../scale';
import { type FileEvents, fileEventsFor, quietly } from './file-events';
import { checkSysroot, countOf, GroupFinder } from './groups';
import { type PressureSource, type SourceReading, unavailable } from './source';

/** What happened to a group, and what that says. `failcnt` is version 1's count of requests that met the limit. */
export const EVENT_LEVELS = Object.freeze({
  low: 'low',
  high: 'medium',
  max: 'high',
  oom: 'critical',
  oom_kill: 'critical',
  failcnt: 'medium',
} as const satisfies Record<string, PressureLevel>);

export type CgroupEventName = keyof typeof EVENT_LEVELS;

export interface CgroupEventsSourceOptions {
  readonly name?: string;
  /**
   * Which level an event means. Default: low low, high medium, max high, oom and oom_kill critical, failcnt medium. For
   * services whose page cache alone fills their limit, which makes such events without any harm: `{ max: 'low' }`.
   */
  readonly levels?: { readonly [event in CgroupEventName]?: PressureLevel };
  /** For tests: another machine. */
  readonly sysroot?: Sysroot;
  /** For tests. */
  readonly events?: FileEvents;
}

const NAMES = Object.keys(EVENT_LEVELS) as CgroupEventName[];
const NO_WAKE = (): void => {};

/**
 * Counts of memory events of the own control group and its visible parents, since the reading before. Where the kernel
 * notifies (version 2) a change is read at once. The level lasts for one reading; the monitor's dwell time holds it.
 */
export class CgroupEventsSource implements PressureSource {
  readonly name: string;
  private readonly levels: Readonly<Record<CgroupEventName, PressureLevel>>;
  private readonly sysroot: Sysroot;
  private readonly events: FileEvents;
  private readonly groups: GroupFinder;
  private known = new Map<string, ReadonlyMap<string, number>>();
  private readonly watched = new Map<string, (() => void) | null>();
  private wake = NO_WAKE;
  private notified = false;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT */
  constructor(options?: CgroupEventsSourceOptions) {
    const where = 'CgroupEventsSource';
    const given = checkOptions(where, options, ['name', 'levels', 'sysroot', 'events']);
    this.name = checkString(`${where}: name`, given.name ?? 'cgroup events', 200);
    const own = checkOptions<NonNullable<CgroupEventsSourceOptions['levels']>>(`${where}: levels`, given.levels, NAMES);
    const levels: Record<CgroupEventName, PressureLevel> = { ...EVENT_LEVELS };
    for (const name of NAMES) {
      if (own[name] !== undefined) levels[name] = checkOneOf(`${where}: levels.${name}`, own[name], PRESSURE_LEVELS);
    }
    this.levels = levels;
    this.sysroot = checkSysroot(where, given.sysroot);
    this.events = fileEventsFor(where, this.sysroot, given.events);
    this.groups = new GroupFinder(this.sysroot);
  }

  get mode(): 'poll' | 'event' {
    return this.notified ? 'event' : 'poll';
  }

  start(wake: () => void): void {
    this.wake = wake;
  }

  stop(): void {
    for (const path of [...this.watched.keys()]) this.unwatch(path);
    this.known.clear();
    this.wake = NO_WAKE;
  }

  read(nowMs: number): SourceReading {
    const counts = this.count(nowMs);
    let level: PressureLevel = 'none';
    let value = 0;
    const seen: string[] = [];
    for (const [path, now] of counts) {
      const before = this.known.get(path);
      for (const name of NAMES) {
        // A file met for the first time tells of the past; one that counts from 0 again is another group's.
        const more = before === undefined ? 0 : (now.get(name) ?? 0) - (before.get(name) ?? 0);
        if (more < 0) this.unwatch(path); // the watch is on the file that was there: the next reading sets a new one
        if (!(more > 0)) continue;
        value += more;
        seen.push(`${more} ${name} (${path})`);
        if (rankOf(this.levels[name]) > rankOf(level)) level = this.levels[name];
      }
    }
    this.known = counts;
    return { level, value, detail: seen.length === 0 ? 'no events' : seen.join(', ') };
  }

  private count(nowMs: number): Map<string, ReadonlyMap<string, number>> {
    const counts = new Map<string, ReadonlyMap<string, number>>();
    const chains = this.groups.find(nowMs);
    for (const { version, folders } of chains) {
      for (const folder of folders) {
        if (version === 2) this.countEvents(`${folder}/memory.events`, counts);
        else this.countFailures(folder, counts);
      }
    }
    for (const path of [...this.watched.keys()]) if (!counts.has(path)) this.unwatch(path);
    if (counts.size > 0) {
      const own = chains[0]?.folders[0] ?? '';
      // The own group is gone while its parents are there: look where this process is now, at the next reading.
      if (![...counts.keys()].some((path) => path.startsWith(`${own}/`))) this.groups.forget();
      return counts;
    }
    this.groups.forget();
    this.known.clear();
    throw unavailable(
      chains.length === 0 ? 'no control group limits this process' : `${chains[0]?.folders[0]} counts no memory events`,
      'Run in a control group that has the memory controller.',
    );
  }

  private countEvents(path: string, counts: Map<string, ReadonlyMap<string, number>>): void {
    const text = this.sysroot.readText(path);
    if (text === null) return;
    counts.set(path, parseKeyed(text));
    if (!this.watched.has(path)) {
      this.watched.set(
        path,
        quietly(() =>
          this.events.watch(path, () => {
            this.notified = true;
            this.wake();
          }),
        ),
      );
    }
  }

  private countFailures(folder: string, counts: Map<string, ReadonlyMap<string, number>>): void {
    const path = `${folder}/memory.failcnt`;
    const failures = countOf(this.sysroot.readText(path));
    if (failures === null) return;
    const kills = parseKeyed(this.sysroot.readText(`${folder}/memory.oom_control`)).get('oom_kill');
    counts.set(path, new Map([['failcnt', failures], ...(kills === undefined ? [] : [['oom_kill', kills] as const])]));
  }

  private unwatch(path: string): void {
    const stop = this.watched.get(path);
    this.watched.delete(path);
    if (stop != null) quietly(stop);
  }
}
