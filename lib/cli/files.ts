import { readFileSync, statSync } from 'node:fs';
import { UsageError } from './errors';

/** The text of a file that the user named. @throws UsageError when there is none, or when it is a folder */
export function readUserFile(path: string, command: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new UsageError(`there is no file '${path}'.`, command);
  if (stats.isDirectory()) throw new UsageError(`'${path}' is a folder.`, command);
  return readFileSync(path, 'utf8');
}
