import type { CpuCache } from '../../../platform';
import { indent, inner, paragraph, section, stack } from '../../render/layout';
import { type Column, table } from '../../render/table';
import { size, type View } from '../../render/view';
import type { ProbeData } from '../data';
import { cacheName, known, ranges, unknowns } from './common';

/** More sets of CPUs than this are told by their number alone. */
const MOST_SETS = 4;

export function renderCaches({ topology, degraded }: ProbeData, view: View): string {
  if (topology === undefined) return '';
  const cpuColumns: Column[] = [
    { title: 'cache' },
    { title: 'size', align: 'right' },
    { title: 'line', align: 'right' },
    { title: 'count', align: 'right' },
    { title: 'CPUs', least: 8 },
  ];
  const cpuRows = groupCaches(topology.caches).map((group) => cacheRow(group, view));
  const memoryColumns: Column[] = [
    { title: 'node', align: 'right' },
    { title: 'level' },
    { title: 'size', align: 'right' },
    { title: 'line', align: 'right' },
    { title: 'indexing' },
    { title: 'writes' },
  ];
  const memoryRows = topology.nodes.flatMap((node) =>
    node.memorySideCaches.map((cache) => [
      ...[String(node.id), `L${cache.level}`, size(view, cache.sizeBytes), lineText(cache.lineBytes)],
      ...[known(cache.indexing), known(cache.writePolicy)],
    ]),
  );
  const none = paragraph(view, 'none is told by this kernel');
  const cpuLines = cpuRows.length === 0 ? none : indent(table(inner(view), cpuColumns, cpuRows));
  return stack([
    section(view, 'CPU caches', cpuLines, 'size of one cache; CPUs that share it'),
    memoryRows.length === 0
      ? []
      : section(
          view,
          'Memory-side caches',
          indent(table(inner(view), memoryColumns, memoryRows)),
          'in front of a node',
        ),
    unknowns(view, degraded, ['topology.caches']),
  ]);
}

function groupCaches(caches: readonly CpuCache[]): CpuCache[][] {
  const groups = new Map<string, CpuCache[]>();
  for (const cache of caches) {
    const key = [cache.level, cache.type, cache.sizeBytes, cache.lineBytes, cache.sharedCpus.length].join(' ');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [cache]);
    else group.push(cache);
  }
  return [...groups.values()].sort((a, b) => (a[0]?.level ?? 0) - (b[0]?.level ?? 0));
}

function cacheRow(group: readonly CpuCache[], view: View): string[] {
  const [first] = group;
  if (first === undefined) return [];
  const each = first.sharedCpus.length;
  const sets = group.map((cache) => ranges(cache.sharedCpus)).join(' | ');
  const shared = each === 1 && group.length > 1 ? 'one each' : group.length > MOST_SETS ? `${each} each` : sets;
  return [cacheName(first), size(view, first.sizeBytes), lineText(first.lineBytes), String(group.length), shared];
}

function lineText(bytes: number | null): string {
  return bytes === null ? 'unknown' : `${bytes} B`;
}
