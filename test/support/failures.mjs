// What failed in a jest run, from its --json report: what stands where somebody looks first.
// `node test/support/failures.mjs REPORT` prints it, and then the counts that .ci/run adds up.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Lines of a message that are shown. */
const LINES = 12;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colors are control characters
const COLORS = /\u001b\[[0-9;]*m/g;

function shown(message) {
  const lines = message.replace(COLORS, '').trim().split('\n');
  return lines.slice(0, LINES).map((line) => `    ${line}`);
}

/** A run that did not start a file failed once for it: there are no tests to count. */
export function countsOf(report) {
  const failed = (report.numFailedTests ?? 0) + (report.numRuntimeErrorTestSuites ?? 0);
  return { passed: report.numPassedTests ?? 0, failed, skipped: report.numPendingTests ?? 0 };
}

export function failuresOf(report) {
  const lines = [];
  for (const { name, status, message, assertionResults } of report.testResults ?? []) {
    if (status !== 'failed') continue;
    const file = relative(process.cwd(), name);
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (failed.length === 0) lines.push(`  ${file}`, ...shown(message));
    for (const test of failed) lines.push(`  ${file}: ${test.fullName}`, ...shown(test.failureMessages.join('\n')));
  }
  return lines;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
  const { passed, failed } = countsOf(report);
  const lines = failuresOf(report);
  if (lines.length > 0) console.log(`---- failed\n${lines.join('\n')}`);
  console.log(`${passed} passed, ${failed} failed`);
  if (passed === 0) process.exitCode = 1;
}
