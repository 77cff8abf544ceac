// `node test/native/mutants.mjs [WORD]`: proves that each lane of run.mjs can fail. Each mutant is a defect planted in a
// copy of the tree in a temporary folder; its lane must fail there and say the expected words. Prints a row a mutant and
// `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../../native/scripts/sources.mjs';

export const mutants = [
  {
    name: 'a byte is written past the end of a buffer',
    file: 'native/region/pages.cc',
    from: 'std::memmove(out, use.base() + offset, length);',
    to: 'std::memmove(out, use.base() + offset, length + 1);',
    lane: 'core under ASan',
    says: /heap-buffer-overflow/,
  },
  {
    name: 'a byte is written past the end of a buffer',
    file: 'native/region/pages.cc',
    from: 'std::memmove(out, use.base() + offset, length);',
    to: 'std::memmove(out, use.base() + offset, length + 1);',
    lane: 'valgrind',
    says: /Invalid write of size/,
  },
  {
    name: 'a range is given back while a store is left',
    file: 'native/region/table.cc',
    from: 'if (range->retired && range->stores == 0) FinishRange(range);',
    to: 'if (range->retired) FinishRange(range);',
    lane: 'core under ASan',
    says: /SEGV|not ok stores outlive the region/,
  },
  {
    name: 'the table is read without its lock',
    file: 'native/region/table.cc',
    from: 'Status Describe(Id id, Info* out) {\n  platform::MutexGuard guard(GetTable().lock);',
    to: 'Status Describe(Id id, Info* out) {',
    lane: 'TSan',
    says: /data race/,
  },
  {
    name: 'a store is freed before its range is told',
    file: 'native/binding/carrier.cc',
    from: '  region::StoreFinalized(store->range, false, nullptr);\n  std::free(store);\n}',
    to: '  std::free(store);\n  region::StoreFinalized(store->range, false, nullptr);\n}',
    lane: 'addon',
    says: /heap-use-after-free/,
  },
  {
    name: 'a sum of offset and length wraps',
    file: 'native/core/core.h',
    from: 'return offset <= size && length <= size - offset;',
    to: 'return offset + length <= size;',
    lane: 'fuzz arithmetic',
    says: /wrong: RangeInside|deadly signal|AddressSanitizer/,
  },
  {
    name: 'no bytes take a whole page',
    file: 'native/region/table.cc',
    from: 'if (length != 0) AlignUp(offset',
    to: 'AlignUp(offset',
    lane: 'fuzz operations',
    says: /not as the model/,
  },
];

const LEFT_OUT = /^(\.git|node_modules|bench|coverage|build(?!-native).*|build-native\/(corpus|found-.*))(\/|$)/;

/** Null when the lane noticed, else what went wrong. */
function tryMutant({ file, from, to, lane, says }) {
  const copy = mkdtempSync(join(tmpdir(), 'nebula-mutant-'));
  try {
    cpSync(ROOT, copy, {
      recursive: true,
      preserveTimestamps: true,
      filter: (source) => source === ROOT || !LEFT_OUT.test(relative(ROOT, source)),
    });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    const text = readFileSync(join(copy, file), 'utf8');
    if (text.split(from).length !== 2) return `the place to change is not found once in ${file}`;
    writeFileSync(join(copy, file), text.replace(from, to));
    const args = ['test/native/run.mjs', '--require', '--only', lane, '--seconds', '10'];
    const result = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8', maxBuffer: 1 << 28 });
    if (result.status === 0) return `the lane "${lane}" passed`;
    return says.test(result.stdout) ? null : `the lane "${lane}" failed otherwise:\n${result.stdout.slice(-1500)}`;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

if (process.argv[1] && existsSync(process.argv[1]) && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const word = process.argv[2] ?? '';
  let passed = 0;
  let failed = 0;
  for (const mutant of mutants) {
    if (!`${mutant.name} ${mutant.lane}`.includes(word)) continue;
    const started = Date.now();
    const wrong = tryMutant(mutant);
    if (wrong === null) passed += 1;
    else failed += 1;
    const row = `${mutant.lane.padEnd(18)} ${mutant.name} (${((Date.now() - started) / 1000).toFixed(0)} s)`;
    console.log(wrong === null ? `ok    ${row}` : `FAIL  ${row}: ${wrong}`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}
