import type { Capabilities, Capability } from '../../../platform';
import { type Field, fields, indent, inner, section, stack } from '../../render/layout';
import { wrap } from '../../render/text';
import type { View } from '../../render/view';
import type { ProbeData } from '../data';
import { reasonAndFix, unknowns } from './common';

export function renderCapabilities({ capabilities, degraded }: ProbeData, view: View): string {
  if (!capabilities) return '';
  const all = listCapabilities(capabilities);
  const works = all.filter((one) => one.available);
  const missing = all.filter((one) => !one.available);
  return stack([
    section(
      view,
      `Works (${works.length})`,
      indent(wrap(inner(view), works.map(worksText).join(', '), view.width - 2)),
    ),
    part(
      view,
      'Missing',
      missing.map((one) => ({ label: one.name, value: missingText(one, view) })),
    ),
    unknowns(view, degraded, ['capabilities']),
  ]);
}

/** Every feature, in the order of the package. */
export function listCapabilities(capabilities: Capabilities): Capability[] {
  return Object.values(capabilities);
}

function part(view: View, title: string, rows: readonly Field[]): string[] {
  if (rows.length === 0) return [];
  return section(view, `${title} (${rows.length})`, indent(fields(inner(view), rows, 'accent')));
}

const TRIED = 'tried, and it works';

function worksText({ name, reason }: Capability): string {
  return reason === TRIED || reason === '' ? name : `${name} (${reason})`;
}

function missingText(one: Capability, view: View): Field['value'] {
  return reasonAndFix(one.reason, view.quiet ? null : one.fix);
}
