import type { LeakChange, LeakDiff, LeakReport } from '../../tracking';
import { indent, inner, paragraph, section, stack } from '../render/layout';
import { table } from '../render/table';
import { span, wrap } from '../render/text';
import { count, size, type Tone, type View } from '../render/view';

export interface ComparedLeaks {
  readonly before: LeakReport;
  readonly after: LeakReport;
  readonly diff: LeakDiff;
}

const TONES: Readonly<Record<LeakChange['state'], Tone>> = { grown: 'bad', shrunk: 'good', same: 'dim' };
/** Frames shown below the table, for the places that grew the most. */
const TOP_STACKS = 3;

/** The places that changed, what grew first; equal ones are only counted. */
export function renderLeakDiff({ before, after, diff }: ComparedLeaks, view: View): string {
  const changed = diff.changes.filter(({ state }) => state !== 'same');
  const cols = [
    { title: 'change', align: 'right' as const },
    { title: 'before', align: 'right' as const },
    { title: 'after', align: 'right' as const },
    { title: 'blocks', align: 'right' as const },
    { title: 'place', least: 24 },
  ];
  const rows = changed.map((change) => [
    span(
      signed(change.addedBytes, (bytes) => size(view, bytes)),
      TONES[change.state],
    ),
    `${change.omittedIn === 'before' ? '<= ' : ''}${size(view, change.before.bytes)}`,
    `${change.omittedIn === 'after' ? '<= ' : ''}${size(view, change.after.bytes)}`,
    signed(change.addedAllocations, String),
    change.frames[0] ?? '',
  ]);
  const sure = omissionsOf(before, after) === null ? '' : 'for sure ';
  const lines = rows.length === 0 ? paragraph(view, `No place holds ${sure}more or less than before.`) : [];
  return stack([
    wrap(view, [span('Leaks by place', 'strong'), `  ${before.name}`], view.width),
    rows.length === 0 ? lines : indent(table(inner(view), cols, rows)),
    ...stacks(diff, view),
    verdict(before, after, diff, view),
  ]);
}

function stacks(diff: LeakDiff, view: View): string[][] {
  if (view.quiet) return [];
  const grown = diff.changes.filter(({ state, frames }) => state === 'grown' && frames.length > 1);
  return grown.slice(0, TOP_STACKS).map((change) => {
    const title = `Stack of the growth by ${size(view, change.addedBytes)}`;
    return section(
      view,
      title,
      change.frames.flatMap((frame) => paragraph(view, frame)),
    );
  });
}

function verdict(before: LeakReport, after: LeakReport, diff: LeakDiff, view: View): string[] {
  const sampled = Math.max(before.sampleInterval, after.sampleInterval) > 1;
  const total = `Live in all: ${size(view, before.liveBytes)} in ${count(before.liveAllocations, 'block')} before, ${size(view, after.liveBytes)} in ${count(after.liveAllocations, 'block')} after.`;
  const omissions = omissionsOf(before, after);
  const unknown = omissions === null ? '' : `, ${diff.unknown} unknown`;
  return [
    ...wrap(view, `${diff.grown} grown, ${diff.shrunk} shrunk, ${diff.same} as before${unknown}. ${total}`, view.width),
    ...(omissions !== null && !view.quiet ? wrap(view, `${omissions} ${OMISSIONS_FIX}`, view.width) : []),
    ...(sampled && !view.quiet
      ? wrap(view, span('Sizes by place are estimated from samples; the totals are counted.', 'dim'), view.width)
      : []),
  ];
}

export const OMISSIONS_FIX = 'Compare reports of leaks() without top.';

/** What the reports left out, as a sentence; null when nothing. */
export function omissionsOf(before: LeakReport, after: LeakReport): string | null {
  if (before.omittedSites === 0 && after.omittedSites === 0) return null;
  return `${count(before.omittedSites, 'place')} before and ${count(after.omittedSites, 'place')} after were left out by leaks({ top }): what only one report names has changed where that is sure, and is unknown otherwise.`;
}

function signed(value: number, format: (value: number) => string): string {
  return value > 0 ? `+${format(value)}` : value < 0 ? `-${format(-value)}` : format(0);
}
