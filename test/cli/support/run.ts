import { run } from '../../../lib/cli/run';

/** One command line in this process, as in a pipe without a locale. */
export function runHere(argv: readonly string[]): { code: number; stdout: string; stderr: string } {
  let [stdout, stderr] = ['', ''];
  const code = run(argv, {
    env: {},
    platform: 'linux',
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  return { code, stdout, stderr };
}
