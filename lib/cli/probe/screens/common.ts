import type { CpuCache, NumaNode } from '../../../platform';
import { fields, indent, inner, section } from '../../render/layout';
import { type Rich, span } from '../../render/text';
import type { Tone, View } from '../../render/view';
import type { Unknown } from '../../unknown';

/** Ids as the kernel lists them: `0-3,8`; `none` for an empty list. */
export function ranges(ids: readonly number[]): string {
  const parts: string[] = [];
  for (let first = 0; first < ids.length; ) {
    let last = first;
    while (ids[last + 1] === (ids[last] ?? 0) + 1) last++;
    parts.push(first === last ? `${ids[first]}` : `${ids[first]}-${ids[last]}`);
    first = last + 1;
  }
  return parts.length === 0 ? 'none' : parts.join(',');
}

/** A number, or `unknown`. */
export function known(value: number | string | boolean | null): string {
  return value === null ? 'unknown' : String(value);
}

export function onOff(value: boolean | null): string {
  return value === null ? 'unknown' : value ? 'on' : 'off';
}

/** Why less is known of these parts than could be, and what would help; empty under --quiet. */
export function unknowns(view: View, list: readonly Unknown[], parts: readonly string[]): string[] {
  const shown = list.filter(({ field }) => parts.some((part) => field === part || field.startsWith(`${part}.`)));
  if (view.quiet || shown.length === 0) return [];
  const rows = shown.map(({ field, reason, fix }) => ({ label: field, value: reasonAndFix(reason, fix) }));
  return section(view, 'Not known here', indent(fields(inner(view), rows)));
}

export function reasonAndFix(reason: string, fix: string | null): Rich {
  return fix === null || fix === '' ? reason : [`${reason.replace(/\.$/, '')}. `, span(fix, 'accent')];
}

/** What a node lacks or is, in words; empty for one with CPUs and memory. */
export function nodeKind(node: NumaNode): string {
  if (!node.online) return 'offline';
  if (!node.hasMemory) return 'no memory';
  return node.hasCpu ? '' : 'memory only';
}

export function pressureTone(ratio: number): Tone {
  return ratio >= 0.1 ? 'bad' : ratio > 0 ? 'warn' : 'good';
}

const SHORT = { data: 'd', instruction: 'i', unified: '' } as const;

/** `L1d`, `L1i`, `L2`. */
export function cacheName({ level, type }: CpuCache): string {
  return `L${level}${SHORT[type]}`;
}
