import type { Arguments } from './args';
import type { View } from './render/view';

/** What of the process the command line touches; tests pass their own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly stdout: OutputStream;
  readonly stderr: { write(text: string): unknown };
}

export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  hasColors?(env: object): boolean;
}

const PIPE_COLUMNS = 80;
const LEAST_COLUMNS = 20;

/** How to draw on this output, from the flags, the environment and the terminal. */
export function viewOf(args: Pick<Arguments, 'color' | 'width' | 'bytes' | 'quiet'>, around: Surroundings): View {
  const { stdout, env, platform } = around;
  // A terminal that was never sized says 0.
  const columns = stdout.isTTY === true && stdout.columns ? Math.max(LEAST_COLUMNS, stdout.columns) : PIPE_COLUMNS;
  return {
    width: args.width ?? columns,
    color: wantsColor(args.color, stdout, env),
    unicode: hasUnicode(env, platform),
    bytes: args.bytes,
    quiet: args.quiet,
  };
}

function wantsColor(when: Arguments['color'], stdout: OutputStream, env: Surroundings['env']): boolean {
  if (when !== 'auto') return when === 'always';
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (env['NO_COLOR']) return false;
  return stdout.isTTY === true && env['TERM'] !== 'dumb' && (stdout.hasColors?.({ ...env }) ?? false);
}

function hasUnicode(env: Surroundings['env'], platform: string): boolean {
  if (env['TERM'] === 'dumb') return false;
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'];
  if (locale) return /utf-?8/i.test(locale);
  return platform === 'win32' && (env['WT_SESSION'] !== undefined || env['TERM_PROGRAM'] !== undefined);
}
