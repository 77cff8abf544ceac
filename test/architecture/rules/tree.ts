import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The checkout that the tests belong to. */
export const PROJECT = join(__dirname, '..', '..', '..');

/** Runs a rule on a small tree made for it; `files` maps paths to contents. */
export function onTree<T>(files: Readonly<Record<string, string>>, rule: (root: string) => T): T {
  const root = mkdtempSync(join(tmpdir(), 'nebula-tree-'));
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    return rule(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
