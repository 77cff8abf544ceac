// Writes docs/errors.md from the table of error codes, so that the page cannot say anything else than the code.
//   node lib/scripts/errors-page.mjs [--check]
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PAGE = join(ROOT, 'docs', 'errors.md');

// The codes of the Rust crate of the same name, for those who come from there.
const ORIGINAL = [
  ['MEM:ALLOC:FAILED', 'ERR_MEMORY_OUT_OF_MEMORY'],
  ['MEM:ALLOC:LAYOUT', 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['MEM:ALLOC:OVERFLOW', 'ERR_MEMORY_OVERFLOW'],
  ['MEM:ALLOC:ALIGN', 'ERR_MEMORY_INVALID_ALIGNMENT'],
  ['MEM:ALLOC:MAX', 'ERR_MEMORY_TOO_LARGE'],
  ['MEM:POOL:EXHAUSTED', 'ERR_MEMORY_POOL_EXHAUSTED'],
  ['MEM:CONFIG:INVALID', 'ERR_MEMORY_CONFIG'],
  ['MEM:ARENA:EXHAUSTED', 'ERR_MEMORY_ARENA_EXHAUSTED'],
  ['MEM:CACHE:MISS', 'no error: a miss is a result'],
  ['MEM:CACHE:OVERFLOW', 'ERR_MEMORY_CACHE_OVERFLOW'],
  ['MEM:CACHE:KEY', 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['MEM:BUDGET:EXCEEDED', 'ERR_MEMORY_BUDGET_EXCEEDED'],
  ['MEM:SYSTEM:CORRUPTION', 'ERR_MEMORY_CORRUPTION'],
  ['MEM:SYSTEM:CONCURRENT', 'ERR_MEMORY_IN_USE'],
  ['MEM:SYSTEM:STATE', 'ERR_MEMORY_INVALID_STATE'],
  ['MEM:SYSTEM:INIT', 'ERR_MEMORY_SYSCALL'],
  ['MEM:FEATURE:UNSUPPORTED', 'ERR_MEMORY_UNSUPPORTED'],
  ['MEM:NOT_FOUND', 'ERR_MEMORY_SYSCALL with ENOENT, or ERR_MEMORY_STALE_HANDLE'],
  ['MEM:INVALID_OP', 'ERR_MEMORY_INVALID_STATE'],
];

/** The page as text. */
export function errorsPage(codes, hints) {
  const code = (text) =>
    text.startsWith('ERR_') ? `\`${text.split(' ')[0]}\`${text.slice(text.split(' ')[0].length)}` : text;
  const rows = Object.entries(codes).map(
    ([name, { category, severity, retryable, summary }]) =>
      `| \`${name}\` | ${category} | ${severity} | ${retryable ? 'yes' : 'no'} | ${summary} |`,
  );
  const former = ORIGINAL.map(([old, now]) => `| \`${old}\` | ${code(now)} |`);
  return [
    '# Errors',
    '',
    'Every error is a `MemoryError` with `code`, `category`, `severity`, `retryable`, a `message` that holds the numbers, a',
    '`hint`, and where they apply `requestedBytes`, `limitBytes`, `availableBytes`, `syscall`, `errno`, `source` and `cause`.',
    'Its sub-class follows the category (`MemoryValidationError`, `MemoryExhaustedError`, …). `instanceof` holds across the',
    'CommonJS and ESM copies of the package. Unsupported, denied, failed and over a limit are different codes.',
    '',
    'This page is written by `npm run build:docs` from the table in `lib/core/error-codes.ts`.',
    '',
    '| code | category | severity | try again | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    '## What to do',
    '',
    'The hint of an error that has no closer one of its own:',
    '',
    '| code | hint |',
    '| --- | --- |',
    ...Object.keys(codes).map((name) => `| \`${name}\` | ${hints[name]} |`),
    '',
    '## From the codes of the Rust crate',
    '',
    '| there | here |',
    '| --- | --- |',
    ...former,
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { ERROR_CODES, ERROR_HINTS } = createRequire(import.meta.url)(join(ROOT, 'dist', 'core', 'error-codes'));
  const text = errorsPage(ERROR_CODES, ERROR_HINTS);
  if (!process.argv.includes('--check')) writeFileSync(PAGE, text);
  else if (readFileSync(PAGE, 'utf8') !== text) {
    process.stderr.write('docs/errors.md is stale: npm run build:docs\n');
    process.exitCode = 1;
  }
}
