import { Malformed, type Parsed } from './parsed';

const MOST_NESTING = 16;

interface TomlParser {
  parse(text: string, options: { readonly maxDepth: number; readonly useLegacyDate: boolean }): unknown;
}

interface TomlFailure {
  readonly message: string;
  readonly line?: unknown;
}

/** Reads TOML. The parser is loaded here, and only by those who have such a file. */
export function parseToml(text: string): Parsed {
  const { parse } = require('smol-toml') as TomlParser;
  try {
    const tree = parse(text, { maxDepth: MOST_NESTING, useLegacyDate: true });
    return { tree, lines: findKeys(text), twice: [] };
  } catch (error) {
    const { message, line } = error as TomlFailure;
    const reason = message.split('\n', 1)[0]?.replace(/^Invalid TOML document: /, '');
    throw new Malformed(`it is no TOML: ${reason}`, typeof line === 'number' ? line : null);
  }
}

const HEADER = /^\s*\[\s*([\w-]+)\s*\]/;
const KEY = /^\s*([\w-]+|"[\w-]+"|'[\w-]+')(?:\s*\.\s*([\w-]+|"[\w-]+"|'[\w-]+'))?\s*=/;

function bare(word: string): string {
  return word.replaceAll(/^["']|["']$/g, '');
}

/** The lines of keys that begin a line, which the parser does not tell. Others have none. */
function findKeys(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  let section = '';
  for (const [index, line] of text.split('\n').entries()) {
    const header = HEADER.exec(line)?.[1];
    if (header !== undefined) section = header;
    const [, first, second] = KEY.exec(line) ?? [];
    const path = [section, first, second]
      .filter((word) => word !== undefined && word !== '')
      .map((word) => bare(`${word}`));
    if (header === undefined && first === undefined) continue;
    const key = path.join('.');
    if (!lines.has(key)) lines.set(key, index + 1);
  }
  return lines;
}
