import type { NumaNode, Topology } from '../../../platform';
import { fields, indent, inner, section, stack } from '../../render/layout';
import { type Column, table } from '../../render/table';
import { size, type View } from '../../render/view';
import type { Unknown } from '../../unknown';
import type { NumaUse, ProbeData } from '../data';
import { known, nodeKind, ranges, unknowns } from './common';
import { distances } from './distances';

export function renderNuma({ topology, numa, degraded }: ProbeData, view: View): string {
  if (topology === undefined || numa === undefined) return '';
  return stack([
    ownPlace(topology, numa, degraded, view),
    nodeTable(topology, view),
    distances(topology, view),
    speeds(topology, view),
    tiers(topology, view),
    counters(numa, view),
    unknowns(view, degraded, ['topology.nodes', 'topology.allowedNodes', 'topology.cpus', 'numa']),
  ]);
}

function ownPlace(topology: Topology, numa: NumaUse, degraded: readonly Unknown[], view: View): string[] {
  // What could not be read is not "all of them".
  const told = (field: string, text: string): string =>
    degraded.some((one) => one.field === field) ? 'unknown' : text;
  const rows = [
    {
      label: 'memory from',
      value: told('topology.allowedNodes', `nodes ${ranges(topology.allowedNodes)} of ${ranges(topology.onlineNodes)}`),
    },
    {
      label: 'runs on',
      value: told('topology.cpus.allowed', `CPUs ${ranges(topology.cpus.allowed)} of ${ranges(topology.cpus.online)}`),
    },
    { label: 'policy', value: known(numa.policy) },
  ];
  return section(view, 'What this process may use', indent(fields(inner(view), rows)), topology.numa.reason);
}

function nodeTable(topology: Topology, view: View): string[] {
  const hasKinds = topology.source !== 'synthetic' && topology.nodes.some((node) => nodeKind(node) !== '');
  const columns: Column[] = [
    { title: 'node', align: 'right' },
    { title: 'memory', align: 'right' },
    { title: 'free', align: 'right' },
    { title: 'CPUs', least: 6 },
    ...(hasKinds ? [{ title: 'kind', least: 7 }] : []),
  ];
  const rows = topology.nodes.map((node) => [
    String(node.id),
    size(view, node.memoryBytes),
    size(view, node.freeBytes),
    ranges(node.cpus),
    ...(hasKinds ? [nodeKind(node)] : []),
  ]);
  const sum = sumOf(topology.nodes);
  const aside = `${size(view, sum)} on nodes, ${size(view, topology.totalMemoryBytes)} in the machine`;
  return section(view, 'Nodes', indent(table(inner(view), columns, rows)), aside);
}

function sumOf(nodes: readonly NumaNode[]): number | null {
  const sizes = nodes.flatMap((node) => (node.memoryBytes === null ? [] : [node.memoryBytes]));
  return sizes.length === 0 ? null : sizes.reduce((sum, bytes) => sum + bytes, 0);
}

function speeds(topology: Topology, view: View): string[] {
  const rows = topology.nodes.flatMap((node) =>
    node.access.map((access) => [
      String(node.id),
      access.class === 0 ? 'any' : 'CPUs',
      ranges(access.initiators),
      pair(access.readLatencyNs, access.writeLatencyNs, 'ns'),
      pair(access.readBandwidthMiBps, access.writeBandwidthMiBps, 'MiB/s'),
    ]),
  );
  if (rows.length === 0) return [];
  const columns: Column[] = [
    { title: 'node', align: 'right' },
    { title: 'from' },
    { title: 'nodes', least: 5 },
    { title: 'latency' },
    { title: 'bandwidth' },
  ];
  const aside = 'read / write, from the nearest initiators, as the firmware tells it (HMAT)';
  return section(view, 'Speed', indent(table(inner(view), columns, rows)), aside);
}

function pair(read: number | null, write: number | null, unit: string): string {
  if (read === null && write === null) return 'unknown';
  return read === write ? `${known(read)} ${unit}` : `${read ?? '?'} / ${write ?? '?'} ${unit}`;
}

function tiers(topology: Topology, view: View): string[] {
  if (topology.tiers.length === 0) return [];
  const rows = topology.tiers.map((tier) => ({ label: `tier ${tier.id}`, value: `nodes ${ranges(tier.nodes)}` }));
  return section(view, 'Memory tiers', indent(fields(inner(view), rows)), 'lower is faster');
}

const COUNTERS = [
  ['node', 'node'],
  ['hit', 'hit'],
  ['miss', 'miss'],
  ['foreign', 'foreign'],
  ['interleave', 'interleaveHit'],
  ['local', 'local'],
  ['other', 'other'],
] as const;
/** What is left in a narrow terminal: did memory come from where it was wanted? */
const CHIEF: readonly string[] = ['node', 'hit', 'miss', 'other'];
const NARROW = 64;

function counters({ counters: all }: NumaUse, view: View): string[] {
  if (all.length === 0) return [];
  const isNarrow = view.width < NARROW;
  const chosen = COUNTERS.filter(([title]) => !isNarrow || CHIEF.includes(title));
  // On a large machine the nodes where nothing ever missed say nothing.
  const shown =
    all.length > 16 ? all.filter((one) => (one.miss ?? 0) + (one.foreign ?? 0) + (one.other ?? 0) > 0) : all;
  const rows = shown.map((one) => chosen.map(([, key]) => known(one[key])));
  const rest = all.length - shown.length;
  const asides = [
    'pages since boot',
    ...(rest > 0 ? [`${rest} nodes that never missed are left out`] : []),
    ...(isNarrow ? ['--json and wider terminals have more'] : []),
  ];
  const columns = chosen.map(([title]): Column => ({ title, align: 'right' }));
  const lines = rows.length === 0 ? [] : indent(table(inner(view), columns, rows));
  return section(view, 'Counters', lines, asides.join('; '));
}
