import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One broken rule, as `file:line message`, so that an editor can jump to it. */
export type Problem = string;

export interface Import {
  readonly specifier: string;
  readonly line: number;
}

const SKIPPED = new Set(['node_modules', 'dist', 'build', 'build-cmake', 'prebuilds', '.git', 'results']);

/** Files below a folder whose names match, as paths from `root` with forward slashes, sorted. */
export function filesBelow(root: string, folder: string, pattern: RegExp): string[] {
  let entries: { name: string; isDirectory(): boolean }[];
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch {
    return []; // a tree that lacks the folder breaks no rule about it
  }
  return entries
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : filesBelow(root, path, pattern);
      return pattern.test(entry.name) ? [path] : [];
    })
    .sort();
}

export function read(root: string, file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

// Alternatives in the order in which a scanner meets them: strings first, so that `//` inside one is no comment.
const TOKENS = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

/** The text with its comments blanked; every line keeps its number. */
export function withoutComments(text: string): string {
  return text.replace(TOKENS, (token) => (token.startsWith('/') ? token.replace(/[^\n]/g, ' ') : token));
}

const IMPORTS =
  /\b(?:import|export)\s[^'"`;]*?\bfrom\s*(['"])([^'"\n]+)\1|\bimport\s*(['"])([^'"\n]+)\3|\b(?:import|require)\s*\(\s*(['"])([^'"\n]+)\5/g;

/** Every module that a TypeScript or JavaScript text names: static, side-effect, re-export, dynamic and require. */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  return [...code.matchAll(IMPORTS)].map((match) => ({
    specifier: match[2] ?? match[4] ?? match[6] ?? '',
    line: lineAt(code, match.index),
  }));
}

const INCLUDES = /^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]/gm;

/** Every #include of a C++ text. */
export function includesOf(text: string): (Import & { readonly system: boolean })[] {
  const code = withoutComments(text);
  return [...code.matchAll(INCLUDES)].map((match) => ({
    specifier: match[2] ?? '',
    system: match[1] === '<',
    line: lineAt(code, match.index),
  }));
}
