/** One thing that could not be read: the JSON path of the field, why, and what would help. */
export interface Unknown {
  readonly field: string;
  readonly reason: string;
  readonly fix: string | null;
}

/** Puts the name of a part in front of each field. */
export function within(part: string, list: readonly Unknown[]): Unknown[] {
  return list.map(({ field, reason, fix }) => ({ field: `${part}.${field}`, reason, fix }));
}

const NOT_TOLD = 'this kernel, its drivers or the firmware do not tell it';

/**
 * Adds an entry for every null in a JSON value that the list does not explain yet, so that a reader never meets one
 * without its reason. Array positions are written `[]`: 64 nodes that lack the same field are one entry.
 */
export function explainNulls(value: object, known: readonly Unknown[]): Unknown[] {
  const explained = new Set(known.map(({ field }) => field.replaceAll(/\.\d+(?=\.|$)/g, '[]')));
  const added = new Map<string, Unknown>();
  const visit = (item: unknown, path: string): void => {
    if (item === null) {
      if (!isExplained(path, explained)) added.set(path, { field: path, reason: NOT_TOLD, fix: null });
    } else if (Array.isArray(item)) {
      for (const one of item) visit(one, `${path}[]`);
    } else if (typeof item === 'object') {
      for (const [key, one] of Object.entries(item)) visit(one, path === '' ? key : `${path}.${key}`);
    }
  };
  visit(value, '');
  return [...known, ...added.values()];
}

/** A path is explained by its own entry or by that of something around it. */
function isExplained(path: string, explained: ReadonlySet<string>): boolean {
  for (
    let end = path.length;
    end > 0;
    end = Math.max(path.lastIndexOf('.', end - 1), path.lastIndexOf('[]', end - 1))
  ) {
    if (explained.has(path.slice(0, end))) return true;
  }
  return false;
}
