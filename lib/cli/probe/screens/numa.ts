import type { NumaNode, Topology } from '../../../platform';
import { fields, indent, inner, section, stack } from '../../render/layout';
import { type Column, table } from '../../render/table';
import { type View, size } from '../../render/view';
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
    { label: 'memory from', value: told('topology.allowedNodes', `nodes ${ranges(topology.allowedNodes)} of ${ranges(topology.onlineNodes)}`) },
    { label: 'runs on', value: told('topology.cpus.allowed', `CPUs ${ranges(topology.cpus.allowed)} of ${ranges(topology.cpus.online)}`) },
    { label: 'policy', value: known(numa.policy) },
  ];
  return section(view, 'What this process may use', indent(fields(inner(view), rows)), topology.numa.reason);
}

function nodeTable(topology: Topology, view: View): string[] {
  const hasKinds = topology.nodes.some((node) => nodeKind(node) !== '');
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

function counters({ counters: all }: NumaUse, view: View): string[] {
  const columns: Column[] = ['node', 'hit', 'miss', 'foreign', 'interleave', 'local', 'other'].map((title) => ({
    title,
    align: 'right',
  }));
  // On a large machine the nodes where nothing ever missed say nothing.
  const isLarge = all.length > 16;
  const shown = isLarge ? all.filter((one) => (one.miss ?? 0) + (one.foreign ?? 0) + (one.other ?? 0) > 0) : all;
  const rows = shown.map((one) =>
    [one.node, one.hit, one.miss, one.foreign, one.interleaveHit, one.local, one.other].map(known),
  );
  if (all.length === 0) return [];
  const rest = all.length - shown.length;
  const aside = rest > 0 ? `pages since boot; ${rest} nodes that never missed are left out` : 'pages since boot';
  return section(view, 'Counters', rows.length === 0 ? [] : indent(table(inner(view), columns, rows)), aside);
}
