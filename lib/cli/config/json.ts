import { CONFIG_FIELDS, type ConfigField, type ConfigPath, type ConfigSource, type MemoryConfig } from '../../system';
import { readHost } from '../host';
import { toReport } from '../json';
import { openMachine } from '../sysroot';

/** All fields, or one. What nobody named, such as a file, has no key. */
export function configJson(config: MemoryConfig, only: ConfigPath | null, generatedAt: Date): string {
  const shown = CONFIG_FIELDS.filter(({ path }) => only === null || path === only);
  const parts = {
    ...(config.preset === null ? {} : { preset: config.preset }),
    ...(config.file === null ? {} : { file: config.file }),
    fields: shown.map((field) => fieldJson(config, field)),
  };
  return toReport(readHost(openMachine(null, 'config')), [], parts, generatedAt);
}

function fieldJson(config: MemoryConfig, field: ConfigField): object {
  const { path, unit, env, fallback, restart, help } = field;
  const [strongest, ...weaker] = config.candidatesOf(path).map(({ value, source }) => ({
    value,
    source: sourceJson(source),
  }));
  return {
    ...{ path, ...strongest, unit, default: fallback, variable: env, help },
    reload: restart === null,
    ...(restart === null ? {} : { restart }),
    overridden: weaker,
  };
}

function sourceJson(source: ConfigSource): object {
  if (source.kind !== 'file' || source.line !== null) return source;
  return { kind: source.kind, file: source.file };
}
