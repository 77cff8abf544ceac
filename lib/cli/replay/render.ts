import { basename } from 'node:path';
import type { EventLog, ReplayResult } from '../../tracking';
import { type Field, fields, indent, inner, paragraph, section, stack } from '../render/layout';
import { table } from '../render/table';
import { span, wrap } from '../render/text';
import { count, glyphs, size, type View } from '../render/view';
import type { Chosen } from './allocators';

/** All that a screen shows. */
export interface Replay {
  readonly file: string;
  readonly log: EventLog;
  readonly chosen: Chosen;
  /** Why the counters cannot come out as recorded; null where they can. */
  readonly incomparable: string | null;
  readonly result: ReplayResult;
}

const ROWS = [
  ['allocations', 'allocations'],
  ['deallocations', 'frees'],
  ['failures', 'failures'],
  ['resets', 'resets'],
  ['live', 'live blocks'],
  ['used', 'used'],
  ['peak', 'peak'],
] as const;
const BYTES: ReadonlySet<string> = new Set(['used', 'peak']);
const TOP_LEAKS = 10;
/** Below it one run tells of the compiler, not of the allocator. */
export const LEAST_TIMED = 5000;

/** Whether the time an operation says anything. */
export function isTimed({ operations, nanosecondsPerOperation }: ReplayResult): boolean {
  return operations >= LEAST_TIMED && nanosecondsPerOperation !== null;
}

export function renderReplay(replay: Replay, view: View): string {
  return stack([
    title(replay, view),
    counters(replay, view),
    facts(replay, view),
    leaks(replay, view),
    verdict(replay, view),
  ]);
}

function title({ file, chosen }: Replay, view: View): string[] {
  const { kind, capacityBytes, block } = chosen;
  const parts = [
    ...(capacityBytes === null ? [] : [size(view, capacityBytes)]),
    ...(block === null ? [] : [`blocks of ${size(view, block.bytes)}`]),
  ];
  const dot = ` ${glyphs(view).dot} `;
  return wrap(
    view,
    [span(`${basename(file)} on ${kind}`, 'strong'), parts.map((part) => dot + part).join('')],
    view.width,
  );
}

function counters({ result: { recorded, replayed, differences, uncounted } }: Replay, view: View): string[] {
  const show = (key: string, value: number): string => (BYTES.has(key) ? size(view, value) : String(value));
  const right = 'right' as const;
  const cols = [
    { title: 'counter' },
    ...(recorded === null ? [] : [{ title: 'recorded', align: right }]),
    { title: 'replayed', align: right },
    ...(recorded === null ? [] : [{ title: '' }]),
  ];
  const rows = ROWS.map(([key, label]) => {
    const own = show(key, replayed[key]);
    if (recorded === null) return [label, own];
    if (uncounted.includes(key)) return [label, span('not counted', 'dim'), own, ''];
    const differs = differences.includes(key);
    return [label, show(key, recorded[key]), own, span(differs ? 'differs' : 'same', differs ? 'warn' : 'dim')];
  });
  return section(view, 'Counters', indent(table(inner(view), cols, rows)));
}

function facts({ log, result }: Replay, view: View): string[] {
  const { summary } = log;
  const { operations, nanosecondsPerOperation, newFailures, newSuccesses, refusedFrees, firstRefusal } = result;
  const played = count(operations, 'operation');
  const time = isTimed(result) ? `${nanosecondsPerOperation?.toFixed(1)} ns an operation, ${played}` : null;
  const odd: readonly (readonly [number, string, string])[] = [
    [summary.unknownFrees, 'unknown frees', 'of pointers that were not live; left out'],
    [summary.wrongSizes, 'wrong sizes', 'frees with another size than the allocation'],
    [summary.lostFrees, 'lost frees', 'a pointer was handed out while it was live'],
    [newFailures, 'new failures', 'allocations that had room in the log and none here'],
    [newSuccesses, 'new successes', 'refused in the log and granted here; given back at once'],
    [refusedFrees, 'refused frees', firstRefusal ?? ''],
  ];
  const rows: Field[] = [
    time === null ? { label: 'played', value: played } : { label: 'time', value: time },
    { label: 'threads', value: String(summary.threads) },
    {
      label: 'asked for',
      value: `${size(view, summary.peakBytes)} at the peak, ${size(view, summary.largestBytes)} at once`,
    },
    ...odd.filter(([number]) => number > 0).map(([number, label, why]) => ({ label, value: `${number}: ${why}` })),
  ];
  return section(view, 'Log', indent(fields(inner(view), rows)));
}

function leaks({ log: { summary } }: Replay, view: View): string[] {
  const { leaks: list, liveBytes } = summary;
  if (list.length === 0) return section(view, 'Leaks', paragraph(view, 'None: every block was freed.'));
  const right = 'right' as const;
  const cols = [{ title: 'pointer' }, { title: 'size', align: right }, { title: 'line', align: right }];
  const rows = list.slice(0, TOP_LEAKS).map((leak) => [leak.pointer, size(view, leak.byteLength), String(leak.line)]);
  const more = list.length > TOP_LEAKS && !view.quiet ? paragraph(view, `and ${list.length - TOP_LEAKS} more`) : [];
  const aside = `${count(list.length, 'block')} of ${size(view, liveBytes)}`;
  return section(view, 'Leaks', [...indent(table(inner(view), cols, rows)), ...more], aside);
}

function verdict({ log, result, incomparable }: Replay, view: View): string[] {
  if (result.recorded === null) {
    return view.quiet ? [] : wrap(view, span('The log holds no recorded counters to compare with.', 'dim'), view.width);
  }
  const { differences } = result;
  if (differences.length === 0) return wrap(view, span('Every counter came out as recorded.', 'good'), view.width);
  if (incomparable !== null) {
    return wrap(view, span(`Not to be compared (${differences.join(', ')}): ${incomparable}.`, 'dim'), view.width);
  }
  const recordedWith = log.recordedWith?.className ?? '';
  const on = recordedWith === '' ? '' : ` It was recorded on ${recordedWith}.`;
  return wrap(view, span(`Different: ${differences.join(', ')}.${on}`, 'warn'), view.width);
}
