import { styleText } from 'node:util';
import { formatBytes } from '../../core';

/** How a screen is drawn. Renderers are pure: the same data and view give the same text. */
export interface View {
  /** Columns; no line is longer. */
  readonly width: number;
  readonly color: boolean;
  /** Box-drawing and block characters; ASCII otherwise. */
  readonly unicode: boolean;
  /** Exact bytes instead of three digits and a unit. */
  readonly bytes: boolean;
  /** Facts only: no hints, fixes or pointers to other commands. */
  readonly quiet: boolean;
}

/** Color only repeats what a word says already. */
export type Tone = 'strong' | 'dim' | 'good' | 'warn' | 'bad' | 'accent';

const FORMATS = {
  strong: 'bold',
  dim: 'dim',
  good: 'green',
  warn: 'yellow',
  bad: 'red',
  accent: 'cyan',
} as const;

export function paint(view: View, tone: Tone | undefined, text: string): string {
  // Node.js before 20.12 has no styleText: it stays plain.
  if (!view.color || tone === undefined || text === '' || typeof styleText !== 'function') return text;
  return styleText(FORMATS[tone], text, { validateStream: false });
}

const UNICODE = { dot: '·', rule: '─', full: '█', empty: '░', tee: '├─ ', end: '└─ ', bar: '│  ', times: '×' };
const ASCII = { dot: '-', rule: '-', full: '#', empty: '.', tee: '|- ', end: '`- ', bar: '|  ', times: 'x' };

export type Glyphs = Readonly<typeof UNICODE>;

export function glyphs(view: View): Glyphs {
  return view.unicode ? UNICODE : ASCII;
}

/** A size for people, or exact under --bytes; `unknown` for null, since a missing number is no zero. */
export function size(view: View, bytes: number | null): string {
  if (bytes === null) return 'unknown';
  return view.bytes ? `${bytes} B` : formatBytes(bytes);
}

/** A ratio of 0 to 1 as percent with one decimal. */
export function percent(ratio: number | null): string {
  return ratio === null ? 'unknown' : `${(ratio * 100).toFixed(1)}%`;
}

/** A number with its noun: `1 node`, `4 nodes`. */
export function count(number: number, noun: string, plural: string = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}
