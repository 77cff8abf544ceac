import type { CgroupLimits, Limits, Rlimit } from '../../../platform';
import { bar, type Field, fields, indent, inner, paragraph, section, stack } from '../../render/layout';
import { type Column, table } from '../../render/table';
import { type Rich, span, wrap } from '../../render/text';
import { percent, size, type View } from '../../render/view';
import { limitOwner } from '../../wording';
import type { ProbeData } from '../data';
import { known, unknowns } from './common';

export function renderLimits({ limits, degraded }: ProbeData, view: View): string {
  if (limits === undefined) return '';
  return stack([
    effective(limits, view),
    groups(limits.cgroups, view),
    rlimits(limits, view),
    machine(limits, view),
    unknowns(view, degraded, ['limits']),
  ]);
}

function effective(limits: Limits, view: View): string[] {
  const rows: Field[] = [
    { label: 'limit', value: [span(size(view, limits.effectiveBytes), 'strong')] },
    { label: 'set by', value: limitOwner(limits) },
  ];
  const { throttle, availableBytes, effectiveBytes } = limits;
  if (throttle !== null) {
    rows.push({ label: 'slowed above', value: `${size(view, throttle.bytes)}, by ${throttle.setBy}` });
  }
  rows.push({ label: 'still free', value: size(view, availableBytes) });
  const lines = fields(inner(view), rows);
  if (effectiveBytes !== null && availableBytes !== null && effectiveBytes > 0) {
    const ratio = Math.min(1, Math.max(0, 1 - availableBytes / effectiveBytes));
    const cells = Math.min(20, view.width - 16);
    lines.push(`${bar(view, ratio, cells)} ${percent(ratio)} taken`);
  }
  return section(view, 'Effective memory limit', indent(lines));
}

function groups(cgroups: readonly CgroupLimits[], view: View): string[] {
  if (cgroups.length === 0) return section(view, 'Control groups', paragraph(view, 'none is visible here'));
  const blocks = cgroups.map((group, index) => [
    ...wrap(
      inner(view),
      [span(group.path, 'accent'), span(`  v${group.version}${index === 0 ? ', own' : ''}`, 'dim')],
      view.width - 2,
    ),
    ...indent(wrap(inner(view, 4), groupFacts(group, view), view.width - 4)),
  ]);
  return section(view, 'Control groups', indent(blocks.flat()), 'the own one first, then its parents');
}

function groupFacts(group: CgroupLimits, view: View): Rich {
  const facts = [
    group.maxBytes === null ? 'no limit' : `max ${size(view, group.maxBytes)}${group.binding ? '' : ' (not binding)'}`,
    ...optional('high', group.highBytes, view),
    ...(group.currentBytes === null ? [] : [`uses ${size(view, group.currentBytes)}`]),
    ...optional('peak', group.peakBytes, view),
    ...optional('swap max', group.swapMaxBytes, view),
    ...optional('swap', group.swapCurrentBytes, view),
  ];
  const { events } = group;
  const counts = events === null ? [] : Object.entries({ high: events.high, max: events.max, oom: events.oom });
  const told = counts.flatMap(([name, number]) => (number ? [`${name} ${number}`] : []));
  const kills = events?.oomKill ?? 0;
  return [
    facts.join(', '),
    told.length === 0 ? '' : `; events: ${told.join(', ')}`,
    kills > 0 ? span(`; OOM kills: ${kills}`, 'bad') : '',
  ];
}

function optional(name: string, bytes: number | null, view: View): string[] {
  return bytes === null ? [] : [`${name} ${size(view, bytes)}`];
}

function rlimits(limits: Limits, view: View): string[] {
  const all = limits.rlimits;
  if (all === null) return section(view, 'Resource limits', paragraph(view, 'unknown'));
  const bytes = (value: number): string => size(view, value);
  const number = (value: number): string => String(value);
  const rows: [string, Rlimit | null, (value: number) => string][] = [
    ['address space', all.as, bytes],
    ['data', all.data, bytes],
    ['stack', all.stack, bytes],
    ['locked memory', all.memlock, bytes],
    ['open files', all.nofile, number],
    ['processes', all.nproc, number],
  ];
  const columns: Column[] = [{ title: 'limit' }, { title: 'soft', align: 'right' }, { title: 'hard', align: 'right' }];
  const cell = (value: number | null, show: (value: number) => string): string =>
    value === null ? 'unlimited' : show(value);
  const cells = rows.map(([name, limit, show]) =>
    limit === null ? [name, 'unknown', 'unknown'] : [name, cell(limit.soft, show), cell(limit.hard, show)],
  );
  return section(view, 'Resource limits', indent(table(inner(view), columns, cells)));
}

function machine({ machine: all }: Limits, view: View): string[] {
  const ratio = all.overcommitRatio;
  const mode = known(all.overcommit);
  const rows: Field[] = [
    { label: 'memory', value: `${size(view, all.totalBytes)}, ${size(view, all.availableBytes)} available` },
    {
      label: 'swap',
      value:
        all.swapTotalBytes === 0 ? 'none' : `${size(view, all.swapTotalBytes)}, ${size(view, all.swapFreeBytes)} free`,
    },
    { label: 'committed', value: `${size(view, all.committedBytes)} of ${size(view, all.commitLimitBytes)}` },
    {
      label: 'overcommit',
      value: all.overcommit === 'never' && ratio !== null ? `${mode}, ratio ${percent(ratio)}` : mode,
    },
    { label: 'mappings', value: all.maxMapCount === null ? 'unknown' : `at most ${all.maxMapCount} per process` },
  ];
  return section(view, 'Machine', indent(fields(inner(view), rows)));
}
