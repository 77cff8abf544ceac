import type { ProcessMemory } from '../../../platform';
import { bar, type Field, fields, indent, inner, section, stack } from '../../render/layout';
import { type Column, table } from '../../render/table';
import { pad, span } from '../../render/text';
import { paint, percent, size, type View } from '../../render/view';
import type { HeapNumbers, ProbeData } from '../data';
import { unknowns } from './common';

export function renderProcess({ process, heap, degraded }: ProbeData, view: View): string {
  if (!process) return '';
  return stack([
    reconciled(process, view),
    others(process, view),
    heap ? heapTable(heap, view) : [],
    unknowns(view, degraded, ['process']),
  ]);
}

/** The parts of RSS by name; they add up to it exactly. */
export function breakdown({ breakdown: all }: ProcessMemory): [name: string, bytes: number | null][] {
  return [
    ['V8 heap', all.heapBytes],
    ['array buffers', all.arrayBuffersBytes],
    ['external', all.externalBytes],
    ['our regions', all.oursResidentBytes],
    ['other', all.otherBytes],
  ];
}

/** A shorter bar tells nothing. */
const LEAST_CELLS = 6;

function reconciled(memory: ProcessMemory, view: View): string[] {
  const room = inner(view);
  const parts = breakdown(memory);
  const rows = [...parts, ['RSS', memory.rssBytes] as const];
  const texts = rows.map(([, bytes]) => size(view, bytes));
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  const sizeWidth = Math.max(...texts.map((text) => text.length));
  const cells = Math.min(24, room.width - nameWidth - sizeWidth - 13);
  const title = 'Resident memory of this process';
  const aside = 'the parts add up to RSS';
  if (cells < LEAST_CELLS) {
    const narrow = rows.map(([label], index) => ({ label, value: texts[index] ?? '' }));
    return section(view, title, indent(fields(room, narrow)), aside);
  }
  const lines = rows.map(([name, bytes], index) => {
    const ratio = bytes === null || memory.rssBytes === 0 ? null : bytes / memory.rssBytes;
    const head = `${pad(name, nameWidth)}  ${pad(texts[index] ?? '', sizeWidth, 'right')}`;
    if (name === 'RSS') return paint(view, 'strong', head);
    if (ratio === null) return head;
    return `${head}  ${bar(view, ratio, cells, 'accent')} ${pad(percent(ratio), 8, 'right')}`;
  });
  return section(view, title, indent(lines), aside);
}

function others(memory: ProcessMemory, view: View): string[] {
  const rows: Field[] = (
    [
      ['peak RSS', memory.peakRssBytes, ''],
      ['PSS', memory.pssBytes, 'shared pages counted by share'],
      ['USS', memory.ussBytes, 'private pages: what ending it gives back'],
      ['swapped out', memory.swapBytes, ''],
      ['huge pages', memory.hugetlbBytes, 'of the pools; RSS leaves them out'],
      ['locked', memory.lockedBytes, ''],
      ['virtual', memory.virtualBytes, 'addresses, mostly not backed'],
      ['not resident', memory.notResidentBytes, 'claimed by V8 and us beyond RSS'],
    ] as const
  ).map(([label, bytes, note]) => ({
    label,
    value: [size(view, bytes), span(note === '' || view.quiet ? '' : `  ${note}`, 'dim')],
  }));
  return section(view, 'Also', indent(fields(inner(view), rows)));
}

function heapTable(heap: HeapNumbers, view: View): string[] {
  const columns: Column[] = [
    { title: 'space', least: 12 },
    { title: 'used', align: 'right' },
    { title: 'committed', align: 'right' },
  ];
  const rows = heap.spaces
    .filter((one) => one.committedBytes > 0)
    .map((one) => [one.name, size(view, one.usedBytes), size(view, one.committedBytes)]);
  const aside = `${size(view, heap.usedBytes)} used, limit ${size(view, heap.limitBytes)}`;
  return section(view, 'V8 heap', indent(table(inner(view), columns, rows)), aside);
}
