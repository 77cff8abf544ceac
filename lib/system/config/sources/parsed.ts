/** A file that was parsed. */
export interface Parsed {
  readonly tree: unknown;
  /** The line of a key such as `arena` or `arena.chunkBytes`, where it is known. */
  readonly lines: ReadonlyMap<string, number>;
  /** Keys that are said twice, by path. */
  readonly twice: readonly string[];
}

/** A file whose text is not of its language. */
export class Malformed extends Error {
  readonly line: number | null;

  constructor(message: string, line: number | null) {
    super(message);
    this.name = 'Malformed';
    this.line = line;
  }
}

/** The line of a position in a text, from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < position; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}
