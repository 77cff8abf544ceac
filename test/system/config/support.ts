import { type ConfigInput, type ConfigLoadOptions, MemoryConfig } from '../../../lib/system/config';

/** A file in memory, and no variables but those given. */
export function load(options: ConfigLoadOptions & { readonly text?: string } = {}): MemoryConfig {
  return MemoryConfig.load(inMemory(options));
}

export function inMemory({ text, file, ...rest }: ConfigLoadOptions & { readonly text?: string }): ConfigLoadOptions {
  const name = file ?? (text === undefined ? null : 'memory.toml');
  return { env: {}, cwd: '/srv', readFile: () => text ?? null, file: name, ...rest };
}

/** A tree of sections as TOML. */
export function toToml(tree: ConfigInput): string {
  return Object.entries(tree)
    .map(([section, fields]) => {
      const lines = Object.entries(fields as object).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
      return [`[${section}]`, ...lines].join('\n');
    })
    .join('\n\n');
}

/** The error that a function throws. */
export function errorOf(work: () => unknown): Error & Record<string, unknown> {
  try {
    work();
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('nothing was thrown');
}
