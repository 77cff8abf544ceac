import type { Arguments } from '../args';
import type { SectionName } from '../commands';
import { UnsupportedError } from '../errors';
import { type Surroundings, viewOf } from '../output';
import type { View } from '../render/view';
import { openMachine } from '../sysroot';
import { collect } from './collect';
import type { Part, ProbeData } from './data';

type Screen = (data: ProbeData, view: View) => string;

/** What each screen reads, and how it is drawn. Screens are required when they are shown. */
const SCREENS: Readonly<Record<SectionName | 'summary', { readonly parts: readonly Part[]; load(): Screen }>> = {
  summary: {
    parts: ['topology', 'numa', 'hugePages', 'limits', 'pressure', 'process', 'heap', 'capabilities', 'sample'],
    load: () => (require('./screens/summary') as typeof import('./screens/summary')).renderSummary,
  },
  topology: {
    parts: ['topology'],
    load: () => (require('./screens/topology') as typeof import('./screens/topology')).renderTopology,
  },
  numa: {
    parts: ['topology', 'numa'],
    load: () => (require('./screens/numa') as typeof import('./screens/numa')).renderNuma,
  },
  hugepages: {
    parts: ['hugePages'],
    load: () => (require('./screens/huge-pages') as typeof import('./screens/huge-pages')).renderHugePages,
  },
  limits: {
    parts: ['limits'],
    load: () => (require('./screens/limits') as typeof import('./screens/limits')).renderLimits,
  },
  pressure: {
    parts: ['pressure'],
    load: () => (require('./screens/pressure') as typeof import('./screens/pressure')).renderPressure,
  },
  process: {
    parts: ['process', 'heap'],
    load: () => (require('./screens/process') as typeof import('./screens/process')).renderProcess,
  },
  capabilities: {
    parts: ['capabilities'],
    load: () => (require('./screens/capabilities') as typeof import('./screens/capabilities')).renderCapabilities,
  },
  caches: {
    parts: ['topology'],
    load: () => (require('./screens/caches') as typeof import('./screens/caches')).renderCaches,
  },
};

/** Screens that are nothing without their part, and what it is in words. */
const NEEDED = { process: 'the memory of a process', capabilities: 'what works' } as const;

/** `nebula-memory probe`: reads the machine, writes one screen or one JSON text. @returns the exit code */
export function probe(args: Arguments, around: Surroundings): number {
  const { parts, load } = SCREENS[args.section ?? 'summary'];
  const data = collect(openMachine(args.sysroot, 'probe'), parts);
  if (args.json) {
    const { probeJson } = require('./json') as typeof import('./json');
    around.stdout.write(probeJson(data, args.section, new Date()));
  }
  const needed = args.section === 'process' || args.section === 'capabilities' ? args.section : null;
  if (needed !== null && data[needed] === null) {
    const { reason = 'it could not be read', fix = null } = data.degraded.find(({ field }) => field === needed) ?? {};
    throw new UnsupportedError(`${NEEDED[needed]} cannot be told: ${reason}`, fix ?? '');
  }
  if (!args.json) around.stdout.write(load()(data, viewOf(args, around)));
  // A machine on which the native part does not load is not one on which all is well.
  const failure = args.sysroot === null ? data.degraded.find(({ field }) => field === 'capabilities') : undefined;
  if (failure !== undefined)
    throw new UnsupportedError(`${NEEDED.capabilities} cannot be told: ${failure.reason}`, failure.fix ?? '');
  return 0;
}
