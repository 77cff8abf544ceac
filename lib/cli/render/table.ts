import { fields, indent, inner } from './layout';
import { pad, plain, type Rich, span, wrap } from './text';
import { paint, type View } from './view';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** The column may wrap, down to this many characters; a column without it is never broken. */
  readonly least?: number;
}

const GAP = 2;

/**
 * A table with a line of titles. Where even the shrunk columns do not fit, each row becomes a block of fields under its
 * first cell: nothing is cut off.
 */
export function table(view: View, cols: readonly Column[], rows: readonly (readonly Rich[])[]): string[] {
  const natural = cols.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => plain(row[index] ?? '').length)),
  );
  const widths = shrink(view, cols, natural);
  if (widths === null) return rows.flatMap((row) => stacked(view, cols, row));
  const titles = cols.map(({ title }) => span(title, 'dim'));
  return [titles, ...rows].flatMap((row) => drawRow(view, cols, widths, row));
}

function shrink(view: View, cols: readonly Column[], natural: readonly number[]): number[] | null {
  const widths = [...natural];
  const gaps = GAP * (cols.length - 1);
  let excess = widths.reduce((sum, width) => sum + width, gaps) - view.width;
  while (excess > 0) {
    let widest = -1;
    for (const [index, width] of widths.entries()) {
      const least = cols[index]?.least;
      if (least !== undefined && width > least && width > (widths[widest] ?? 0)) widest = index;
    }
    if (widest < 0) return null;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return widths;
}

function drawRow(view: View, cols: readonly Column[], widths: readonly number[], row: readonly Rich[]): string[] {
  const cells = widths.map((width, index) => wrap(view, row[index] ?? '', width));
  const height = Math.max(...cells.map((cell) => cell.length));
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((cell, index) => pad(cell[line] ?? '', widths[index] ?? 0, cols[index]?.align))
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

function stacked(view: View, cols: readonly Column[], row: readonly Rich[]): string[] {
  const [first, ...others] = cols;
  const head = wrap(view, [span(`${first?.title ?? ''} ${plain(row[0] ?? '')}`, 'strong')], view.width);
  const rest = others.map(({ title }, index) => ({ label: title, value: row[index + 1] ?? '' }));
  return [...head, ...indent(fields(inner(view), rest))];
}

/** A square matrix with the ids on both sides, or null where it is wider than the view. */
export function matrix(view: View, ids: readonly string[], cells: readonly (readonly string[])[]): string[] | null {
  const cell = Math.max(...ids.map((id) => id.length), ...cells.flat().map((text) => text.length));
  const side = Math.max(...ids.map((id) => id.length));
  if (side + ids.length * (cell + GAP) > view.width) return null;
  const line = (head: string, texts: readonly string[]): string =>
    head + texts.map((text) => ' '.repeat(GAP) + pad(text, cell, 'right')).join('');
  const dim = (text: string): string => paint(view, 'dim', text);
  return [
    line(' '.repeat(side), ids.map(dim)),
    ...cells.map((row, index) => line(dim(pad(ids[index] ?? '', side, 'right')), row)),
  ];
}
