import type { HugePagePool, ThpState } from '../../../platform';
import { fields, indent, inner, paragraph, section, stack } from '../../render/layout';
import { type Column, table } from '../../render/table';
import { span, wrap } from '../../render/text';
import { size, type View } from '../../render/view';
import { poolCommand } from '../../wording';
import type { ProbeData } from '../data';
import { known, onOff, unknowns } from './common';

export function renderHugePages({ hugePages, degraded }: ProbeData, view: View): string {
  if (hugePages === undefined) return '';
  const { pools, thp, defaultPageBytes } = hugePages;
  return stack([
    poolTable(pools, defaultPageBytes, view),
    perNode(pools, view),
    pools.length > 0 && !view.quiet ? reserveHint(pools, view) : [],
    transparent(thp, view),
    thpSizes(thp, view),
    unknowns(view, degraded, ['hugePages']),
  ]);
}

function poolTable(pools: readonly HugePagePool[], defaultBytes: number | null, view: View): string[] {
  if (pools.length === 0)
    return section(view, 'Huge-page pools', paragraph(view, 'none: this kernel has no hugetlb pages'));
  const titles = ['page', 'total', 'free', 'reserved', 'surplus', 'overcommit', 'pool size'];
  const columns: Column[] = titles.map((title) => ({ title, align: 'right' }));
  const rows = pools.map((pool) => [
    size(view, pool.pageBytes),
    ...[pool.total, pool.free, pool.reserved, pool.surplus, pool.overcommit].map(known),
    size(view, pool.total === null ? null : pool.total * pool.pageBytes),
  ]);
  const aside = `in pages${defaultBytes === null ? '' : `; default ${size(view, defaultBytes)}`}`;
  return section(view, 'Huge-page pools', indent(table(inner(view), columns, rows)), aside);
}

function perNode(pools: readonly HugePagePool[], view: View): string[] {
  const rows = pools.flatMap((pool) =>
    pool.nodes
      .filter((node) => (node.total ?? 0) > 0)
      .map((node) => [size(view, pool.pageBytes), ...[node.node, node.total, node.free, node.surplus].map(known)]),
  );
  // One node repeats the table above.
  if (rows.length === 0 || pools.every((pool) => pool.nodes.length < 2)) return [];
  const columns: Column[] = ['page', 'node', 'total', 'free', 'surplus'].map((title) => ({ title, align: 'right' }));
  return section(
    view,
    'Pools by node',
    indent(table(inner(view), columns, rows)),
    'in pages; nodes without any are left out',
  );
}

function reserveHint(pools: readonly HugePagePool[], view: View): string[] {
  if (pools.some((pool) => (pool.total ?? 0) > 0 || (pool.overcommit ?? 0) > 0)) return [];
  const pageBytes = pools.some((pool) => pool.pageBytes === 2 ** 21) ? 2 ** 21 : (pools[0]?.pageBytes ?? 2 ** 21);
  const command = poolCommand(pageBytes, 64);
  return wrap(view, ['Every pool is empty. Reserve 64 pages: ', span(command, 'accent')], view.width);
}

function transparent(thp: ThpState, view: View): string[] {
  if (!thp.available)
    return section(view, 'Transparent huge pages', paragraph(view, 'not in this kernel, or not visible here'));
  const { khugepaged } = thp;
  const rows = [
    { label: 'enabled', value: [known(thp.enabled), span(`  ${MEANING[thp.enabled ?? ''] ?? ''}`, 'dim')] },
    { label: 'defrag', value: known(thp.defrag) },
    { label: 'shared memory', value: known(thp.shmemEnabled) },
    { label: 'page', value: size(view, thp.pmdBytes) },
  ];
  if (khugepaged !== null) {
    const { pagesToScan, scanSleepMs, maxPtesNone } = khugepaged;
    const pace = `${known(pagesToScan)} pages every ${known(scanSleepMs)} ms`;
    const value = `defrag ${onOff(khugepaged.defrag)}, ${pace}, fills up to ${known(maxPtesNone)} missing pages`;
    rows.push({ label: 'khugepaged', value });
  }
  return section(view, 'Transparent huge pages', indent(fields(inner(view), rows)));
}

const MEANING: Readonly<Record<string, string>> = {
  always: 'every large enough mapping gets them',
  madvise: "only regions that ask: pages: 'thp'",
  never: 'nobody gets them',
};

function thpSizes({ sizes }: ThpState, view: View): string[] {
  if (sizes.length === 0) return [];
  const columns: Column[] = [{ title: 'page', align: 'right' }, { title: 'enabled' }, { title: 'shared memory' }];
  const rows = sizes.map((one) => [size(view, one.pageBytes), known(one.enabled), one.shmemEnabled ?? 'no switch']);
  return section(view, 'By size', indent(table(inner(view), columns, rows)), 'inherit: as above');
}
