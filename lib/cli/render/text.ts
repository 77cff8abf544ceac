import { stripVTControlCharacters } from 'node:util';
import { paint, type Tone, type View } from './view';

/** A piece of text with a tone. */
export interface Span {
  readonly text: string;
  readonly tone?: Tone | undefined;
}

/** Text of one or more tones. */
export type Rich = string | Span | readonly (string | Span)[];

export function span(text: string, tone?: Tone): Span {
  return { text, tone };
}

function spans(rich: Rich): Span[] {
  const parts = typeof rich === 'string' || 'text' in rich ? [rich] : rich;
  return parts.map((part) => (typeof part === 'string' ? { text: clean(part) } : { ...part, text: clean(part.text) }));
}

/** Names of control groups and machines come from outside: they may not steer the terminal, nor break the columns. */
export function clean(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (char) => (/\s/.test(char) ? ' ' : '?'));
}

export function plain(rich: Rich): string {
  return spans(rich)
    .map((part) => part.text)
    .join('');
}

/** Columns of a painted line. */
export function columns(line: string): number {
  return stripVTControlCharacters(line).length;
}

export function pad(line: string, width: number, align: 'left' | 'right' = 'left'): string {
  const blanks = ' '.repeat(Math.max(0, width - columns(line)));
  return align === 'left' ? line + blanks : blanks + line;
}

/** Wraps and paints; every line is at most `width` columns. At least one line. */
export function wrap(view: View, rich: Rich, width: number): string[] {
  const parts = spans(rich);
  const text = parts.map((part) => part.text).join('');
  return breakLines(text, Math.max(1, width)).map(([start, end]) => paintRange(view, parts, start, end));
}

function paintRange(view: View, parts: readonly Span[], start: number, end: number): string {
  let line = '';
  let at = 0;
  for (const { text, tone } of parts) {
    line += paint(view, tone, text.slice(Math.max(0, start - at), Math.max(0, end - at)));
    at += text.length;
  }
  return line;
}

function breakLines(text: string, width: number): [number, number][] {
  const lines: [number, number][] = [];
  let start = 0;
  while (text.length - start > width) {
    const { end, next } = breakAt(text, start, width);
    lines.push([start, end]);
    start = next;
  }
  lines.push([start, text.length]);
  return lines;
}

/** At a blank; else behind a sign inside a path or a list, so that no piece is torn; else anywhere. */
function breakAt(text: string, start: number, width: number): { end: number; next: number } {
  let blank = text.lastIndexOf(' ', start + width);
  while (blank > start && isInsideQuantity(text, blank)) blank = text.lastIndexOf(' ', blank - 1);
  if (blank > start) {
    const end = text.slice(start, blank).trimEnd().length + start;
    if (end > start) return { end, next: skipBlanks(text, blank) };
  }
  const piece = text.slice(start, start + width);
  const last = (signs: readonly string[]): number => Math.max(...signs.map((sign) => piece.lastIndexOf(sign)));
  const between = last(['/', ',']);
  const sign = between > 0 ? between : last(['.', '_', '-']);
  const end = start + (sign > 0 ? sign + 1 : width);
  return { end, next: skipBlanks(text, end) };
}

/** A number and its unit stay together. */
function isInsideQuantity(text: string, blank: number): boolean {
  return /\d/.test(text[blank - 1] ?? '') && /^(?:[KMGTP]iB|B|[mun]?s|min|h)\b/.test(text.slice(blank + 1, blank + 5));
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ') at++;
  return at;
}
