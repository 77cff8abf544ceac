// `node native/scripts/format.mjs [--check]`: clang-format over the native code, where clang-format is installed.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './sources.mjs';
import { findTool, run } from './tools.mjs';

const FOLDERS = ['native', 'test/native'];

function codeBelow(folder) {
  try {
    return readdirSync(join(ROOT, folder), { recursive: true })
      .filter((file) => /\.(cc|h)$/.test(file))
      .map((file) => `${folder}/${file}`)
      .sort();
  } catch {
    return []; // no such folder
  }
}

const files = FOLDERS.flatMap(codeBelow);
if (!findTool('clang-format')) {
  console.log('clang-format is not installed (Debian package clang-format): native code was not checked');
  if (process.env.CI !== undefined) process.exitCode = 1;
} else if (files.length > 0) {
  run('clang-format', [...(process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i']), ...files]);
}
