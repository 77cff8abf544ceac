import { formatDuration } from '../../../core';
import type { PressureLine, PressureReading } from '../../../platform';
import { indent, inner, paragraph, section, stack } from '../../render/layout';
import { type Column, table } from '../../render/table';
import { type Rich, span } from '../../render/text';
import { percent, type View } from '../../render/view';
import type { ProbeData } from '../data';
import { pressureTone, unknowns } from './common';

export function renderPressure({ pressure, degraded }: ProbeData, view: View): string {
  if (pressure === undefined) return '';
  return stack([
    reading(view, 'Machine', '/proc/pressure/memory', pressure.system),
    reading(view, 'Own control group', pressure.cgroupFile ?? '', pressure.cgroup),
    unknowns(view, degraded, ['pressure']),
  ]);
}

function reading(view: View, title: string, file: string, data: PressureReading | null): string[] {
  if (data === null) return section(view, title, paragraph(view, 'unknown'));
  const columns: Column[] = [
    { title: 'waited', least: 10 },
    { title: '10 s', align: 'right' },
    { title: '60 s', align: 'right' },
    { title: '5 min', align: 'right' },
    { title: 'in all', align: 'right' },
  ];
  const rows = [
    ['some task', ...cells(data.some)],
    ['every task', ...(data.full === null ? ['not counted'] : cells(data.full))],
  ];
  return section(view, title, indent(table(inner(view), columns, rows)), file);
}

function cells(line: PressureLine): Rich[] {
  const ratios = [line.avg10Ratio, line.avg60Ratio, line.avg300Ratio];
  return [
    ...ratios.map((ratio) => span(percent(ratio), pressureTone(ratio))),
    line.totalUs === null ? 'unknown' : formatDuration(line.totalUs / 1000),
  ];
}
