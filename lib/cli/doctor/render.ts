import { type Host, isCopy } from '../host';
import { indent, stack } from '../render/layout';
import { type Span, span, wrap } from '../render/text';
import { glyphs, paint, type Tone, type View } from '../render/view';
import type { Diagnosis } from './checks';
import type { Finding, Status } from './finding';

/** The word carries the meaning, and the color repeats it. */
const WORDS: Readonly<Record<Status, { readonly word: string; readonly tone: Tone }>> = {
  fail: { word: 'FAIL', tone: 'bad' },
  warn: { word: 'WARN', tone: 'warn' },
  info: { word: 'INFO', tone: 'accent' },
  ok: { word: 'OK', tone: 'good' },
};

const ORDER: readonly Status[] = ['fail', 'warn', 'info', 'ok'];
const WORD_COLUMNS = 6;

/** The worst first; --quiet leaves warnings and failures. */
export function renderDoctor(host: Host, diagnosis: Diagnosis, view: View): string {
  const shown = view.quiet ? ORDER.slice(0, 2) : ORDER;
  const findings = shown.flatMap((status) => diagnosis.findings.filter((one) => one.status === status));
  return stack([
    findings.flatMap((one) => finding(one, view)),
    skipped(diagnosis, host, view),
    verdict(diagnosis, view),
  ]);
}

function finding({ status, title, id, evidence, fix }: Finding, view: View): string[] {
  const { word, tone } = WORDS[status];
  const room = view.width - WORD_COLUMNS;
  const head = wrap(view, [span(title, 'strong'), span(`  ${id}`, 'dim')], room);
  if (status === 'ok') {
    const lines = indent(wrap(view, [title, span(`  ${evidence}`, 'dim')], room), WORD_COLUMNS);
    return marked(view, tone, word, lines);
  }
  const fixed: (string | Span)[] = fix === null ? [] : [span('fix  ', 'dim'), span(fix, 'accent')];
  return [
    ...marked(view, tone, word, indent(head, WORD_COLUMNS)),
    ...indent(wrap(view, evidence, room), WORD_COLUMNS),
    ...(fix === null ? [] : indent(wrap(view, fixed, room), WORD_COLUMNS)),
  ];
}

/** The word in front of the first line, in the place of its indentation. */
function marked(view: View, tone: Tone, word: string, [first = '', ...rest]: readonly string[]): string[] {
  return [paint(view, tone, word) + first.slice(word.length), ...rest];
}

function skipped({ skipped: ids }: Diagnosis, host: Host, view: View): string[] {
  if (view.quiet || ids.length === 0) return [];
  const why = isCopy(host)
    ? 'a copied machine has no running process, or does not hold the file'
    : 'not told by this system';
  return wrap(view, span(`Not checked: ${ids.join(', ')} (${why}).`, 'dim'), view.width);
}

function verdict({ findings }: Diagnosis, view: View): string[] {
  const counts = ORDER.map((status) => ({
    ...WORDS[status],
    number: findings.filter((one) => one.status === status).length,
  }));
  const dot = ` ${glyphs(view).dot} `;
  const parts = counts.flatMap(({ word, tone, number }, index) => [
    index === 0 ? '' : dot,
    span(`${number} ${word}`, number === 0 ? 'dim' : tone),
  ]);
  return wrap(view, parts, view.width);
}
