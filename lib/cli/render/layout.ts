import { clean, pad, plain, type Rich, span, wrap } from './text';
import { glyphs, paint, type Tone, type View } from './view';

const INDENT = 2;
const GAP = 2;
/** Where less is left for values and one of them needs more, values stand under their labels. */
const LEAST_VALUE = 24;

/** A title over indented lines. */
export function section(view: View, title: string, lines: readonly string[], aside: string = ''): string[] {
  const head = wrap(
    view,
    aside === '' ? span(title, 'strong') : [span(title, 'strong'), span(`  ${aside}`, 'dim')],
    view.width,
  );
  return [...head, ...lines];
}

/** A view for lines that will be indented. */
export function inner(view: View, by: number = INDENT): View {
  return { ...view, width: Math.max(1, view.width - by) };
}

export function indent(lines: readonly string[], by: number = INDENT): string[] {
  return lines.map((line) => (line === '' ? '' : ' '.repeat(by) + line));
}

/** A paragraph, indented like the lines of a section. */
export function paragraph(view: View, text: Rich): string[] {
  return indent(wrap(view, text, inner(view).width));
}

export interface Field {
  readonly label: string;
  readonly value: Rich;
}

/** Labels and values in two columns, or stacked where the view is narrow. */
export function fields(view: View, rows: readonly Field[], labelTone: Tone = 'dim'): string[] {
  const labelWidth = Math.max(0, ...rows.map((row) => row.label.length));
  const valueWidth = view.width - labelWidth - GAP;
  const fits = rows.every((row) => plain(row.value).length <= valueWidth);
  if (valueWidth < LEAST_VALUE && !fits) {
    return rows.flatMap(({ label, value }) => {
      const line = [span(label, labelTone), '  ', ...spread(value)];
      if (plain(line).length <= view.width) return wrap(view, line, view.width);
      return [...wrap(view, span(label, labelTone), view.width), ...indent(wrap(view, value, view.width - INDENT))];
    });
  }
  return rows.flatMap(({ label, value }) =>
    wrap(view, value, valueWidth).map(
      (line, index) => pad(index === 0 ? paint(view, labelTone, clean(label)) : '', labelWidth + GAP) + line,
    ),
  );
}

function spread(value: Rich): readonly (string | { text: string; tone?: Tone | undefined })[] {
  return typeof value === 'string' || 'text' in value ? [value] : value;
}

/** A share as a bar: filled cells for the used part. Never the only carrier of the number. */
export function bar(view: View, ratio: number, cells: number, tone: Tone = fullness(ratio)): string {
  const { full, empty } = glyphs(view);
  const used = Math.min(cells, Math.max(ratio > 0 ? 1 : 0, Math.round(ratio * cells)));
  return paint(view, tone, full.repeat(used)) + paint(view, 'dim', empty.repeat(cells - used));
}

function fullness(ratio: number): Tone {
  return ratio >= 0.95 ? 'bad' : ratio >= 0.85 ? 'warn' : 'good';
}

export interface TreeNode {
  readonly text: Rich;
  readonly children?: readonly TreeNode[];
}

/** An indented tree with its branches drawn. */
export function tree(view: View, root: TreeNode): string[] {
  return [...wrap(view, root.text, view.width), ...branches(view, root.children ?? [])];
}

function branches(view: View, children: readonly TreeNode[]): string[] {
  const { tee, end, bar: trunk } = glyphs(view);
  return children.flatMap((child, index) => {
    const isLast = index === children.length - 1;
    const below = isLast ? '   ' : trunk;
    const room = inner(view, tee.length);
    // A wrapped text goes on beside the trunk to its own children.
    const hang = (child.children ?? []).length > 0 ? trunk : '   ';
    const fits = plain(child.text).length <= room.width;
    const own = wrap(view, child.text, fits ? room.width : room.width - hang.length);
    const rest = own.slice(1).map((line) => below + hang + line);
    const nested = branches(room, child.children ?? []).map((line) => below + line);
    return [(isLast ? end : tee) + (own[0] ?? ''), ...rest, ...nested];
  });
}

/** Parts of a screen with one blank line between them; parts without lines vanish. */
export function stack(parts: readonly (readonly string[])[]): string {
  const shown = parts.filter((part) => part.length > 0);
  return `${shown.map((part) => part.map((line) => line.trimEnd()).join('\n')).join('\n\n')}\n`;
}
