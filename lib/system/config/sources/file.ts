import { isAbsolute, resolve } from 'node:path';
import { describe, type ErrorCode } from '../../../core';
import { type ConfigProblem, type ConfigSource, problem } from '../problems';
import { parseJson } from './json';
import { type Layer, MOST_PROBLEMS, type OtherKeys, readTree } from './layer';
import { Malformed, type Parsed } from './parsed';
import { MOST_FILE_BYTES, readConfigFile, Unreadable } from './reader';
import { parseToml } from './toml';

/** The text of a file, or null where there is none; throws where it cannot be read. */
export type FileReader = (path: string) => string | null;

/** Files that are looked for where none is named. */
export const DEFAULT_FILES = ['memory.toml', 'memory.json'] as const;

export interface FileLayer extends Layer {
  /** As it was named; null: there is none. */
  readonly file: string | null;
  readonly preset: { readonly name: string; readonly source: ConfigSource } | null;
}

const EMPTY: FileLayer = { file: null, preset: null, entries: new Map(), broken: new Set(), problems: [] };

function failed(file: string, one: ConfigProblem): FileLayer {
  return { ...EMPTY, file, problems: [one] };
}

function whole(file: string, line: number | null = null): ConfigSource {
  return Object.freeze({ kind: 'file', file, line });
}

/**
 * Reads the file that is named, or one of {@link DEFAULT_FILES} in the folder when `named` is undefined.
 *
 * @param named null: no file
 */
export function readFileLayer(
  named: string | null | undefined,
  cwd: string,
  read: FileReader = readConfigFile,
): FileLayer {
  if (named === null) return EMPTY;
  const pathOf = (file: string): string => (isAbsolute(file) ? file : resolve(cwd, file));
  if (named !== undefined) return readNamed(named, pathOf(named), read, true);
  const found = DEFAULT_FILES.map((file) => readNamed(file, pathOf(file), read, false)).filter(
    ({ file }) => file !== null,
  );
  const [first, second] = found;
  if (second === undefined) return first ?? EMPTY;
  const both = DEFAULT_FILES.join(' and ');
  return failed(
    DEFAULT_FILES[0],
    problem('contradiction', whole(DEFAULT_FILES[0]), `${both} are both there, and neither is stronger`, {
      hint: 'Keep one of them, or name the one that counts.',
    }),
  );
}

function readNamed(file: string, path: string, read: FileReader, isNeeded: boolean): FileLayer {
  const parse = file.endsWith('.toml') ? parseToml : file.endsWith('.json') ? parseJson : null;
  if (parse === null) {
    const hint = 'Other kinds of files are not read, and none is ever run.';
    return failed(file, problem('unreadable', whole(file), 'the name must end in .toml or .json', { hint }));
  }
  let parsed: Parsed;
  try {
    const text: unknown = read(path);
    if (text === null && !isNeeded) return EMPTY;
    if (text === null) return failed(file, problem('unreadable', whole(file), 'there is no such file'));
    if (typeof text !== 'string') {
      return failed(
        file,
        problem('unreadable', whole(file), `readFile must return a text or null, got ${describe(text)}`),
      );
    }
    parsed = parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    return failed(file, readFailure(file, error));
  }
  return toLayer(file, parsed);
}

function toLayer(file: string, { tree, lines, twice }: Parsed): FileLayer {
  const sourceOf = (path: string): ConfigSource =>
    whole(file, lines.get(path) ?? lines.get(path.split('.', 1)[0] ?? '') ?? null);
  let preset: FileLayer['preset'] = null;
  const others: OtherKeys = {
    preset: (value, source) => {
      if (typeof value !== 'string') {
        return problem('bad-value', source, `preset must be a word, got ${describe(value)}`);
      }
      preset = { name: value, source };
      return null;
    },
    $schema: (value, source) =>
      typeof value === 'string' ? null : problem('bad-value', source, `$schema must be a text, got ${describe(value)}`),
  };
  const layer = readTree(tree, sourceOf, others);
  const repeated = twice
    .slice(0, MOST_PROBLEMS)
    .map((path) => problem('contradiction', sourceOf(path), `${describe(path)} is said twice`));
  return { ...layer, file, preset, problems: [...repeated, ...layer.problems] };
}

const DENIED = ['EACCES', 'EPERM'];

/** Whatever a reader throws. */
function factsOf(error: unknown): Partial<NodeJS.ErrnoException> {
  try {
    const { code, errno, syscall, message } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
    return { ...text('code', code), ...text('syscall', syscall), ...text('message', message), ...number(errno) };
  } catch {
    return {};
  }
}

function text<K extends string>(key: K, value: unknown): { readonly [P in K]?: string } {
  return (typeof value === 'string' ? { [key]: value } : {}) as { readonly [P in K]?: string };
}

function number(errno: unknown): { readonly errno?: number } {
  return typeof errno === 'number' ? { errno } : {};
}

function readFailure(file: string, error: unknown): ConfigProblem {
  if (error instanceof Malformed) return problem('malformed', whole(file, error.line), error.message);
  if (error instanceof Unreadable) {
    const sizes = { requestedBytes: error.byteLength, limitBytes: MOST_FILE_BYTES };
    return problem(error.kind, whole(file), error.message, error.kind === 'too-large' ? sizes : {});
  }
  const { code = '', errno, syscall, message = describe(error) } = factsOf(error);
  const isDenied = DENIED.includes(code);
  const kind: ErrorCode = isDenied
    ? 'ERR_MEMORY_PERMISSION'
    : errno === undefined
      ? 'ERR_MEMORY_CONFIG'
      : 'ERR_MEMORY_SYSCALL';
  return problem('unreadable', whole(file), `it cannot be read: ${message}`, {
    code: kind,
    errno: errno === undefined ? undefined : Math.abs(errno),
    syscall,
    hint: isDenied ? 'The user that runs the service needs the right to read it.' : undefined,
  });
}
