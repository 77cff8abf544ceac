import { findContradictions } from './contradictions';
import { CONFIG_PRESETS, type ConfigPreset, isPreset, unknownPreset } from './presets';
import { CODE, type ConfigProblem, type ConfigSource, DEFAULT, formatSource, problem } from './problems';
import { type Environment, PRESET_VARIABLE, readEnvironment } from './sources/env';
import { type FileReader, readFileLayer } from './sources/file';
import { type Entry, type Layer, readTree } from './sources/layer';
import { CONFIG_FIELDS, CONFIG_SECTIONS, type ConfigInput, type ConfigPath, type ConfigValues } from './table';
import type { Scalar } from './values';

/** Sources that are already read from their options. */
export interface Sources {
  readonly env: Environment;
  /** Undefined: look for memory.toml and memory.json. Null: no file. */
  readonly file: string | null | undefined;
  readonly code: ConfigInput;
  readonly preset: string | undefined;
  readonly cwd: string;
  readonly readFile: FileReader | undefined;
}

/** What was found. `candidates` holds for each field who says what, the strongest first. */
export interface Resolved {
  readonly values: ConfigValues;
  readonly candidates: ReadonlyMap<ConfigPath, readonly Entry[]>;
  readonly preset: ConfigPreset | null;
  readonly file: string | null;
  readonly problems: readonly ConfigProblem[];
}

/** Reads all sources, by strength: environment, file, code, preset, default. Never throws for what they say. */
export function resolveSources(sources: Sources): Resolved {
  const env = readEnvironment(sources.env);
  const file = readFileLayer(env.file ?? sources.file, sources.cwd, sources.readFile);
  const code = readTree(sources.code, () => CODE);
  const preset = choosePreset(env.preset, file.preset, sources.preset);
  const layers: readonly Layer[] = [env, file, code, preset.layer];
  const candidates = new Map(CONFIG_FIELDS.map(({ path, fallback }) => [path, candidatesOf(path, fallback, layers)]));
  const values = toValues(candidates);
  const broken = new Set(layers.flatMap((layer) => [...layer.broken]));
  const problems = [...preset.problems, ...layers.flatMap((layer) => layer.problems)];
  return {
    ...{ values, candidates, preset: preset.name, file: file.file },
    problems: [...problems, ...contradictionsOf(values, candidates, broken)],
  };
}

function candidatesOf(path: ConfigPath, fallback: Scalar, layers: readonly Layer[]): readonly Entry[] {
  const said = layers.flatMap((layer) => layer.entries.get(path) ?? []);
  return Object.freeze([...said, Object.freeze({ value: fallback, source: DEFAULT })]);
}

/** The frozen tree of the strongest values. */
export function toValues(candidates: ReadonlyMap<ConfigPath, readonly Entry[]>): ConfigValues {
  const strongest = (path: ConfigPath) => candidates.get(path)?.[0]?.value;
  const sections = CONFIG_SECTIONS.map((section) => {
    const own = CONFIG_FIELDS.filter((field) => field.section === section);
    return [section, Object.freeze(Object.fromEntries(own.map(({ name, path }) => [name, strongest(path)])))];
  });
  return Object.freeze(Object.fromEntries(sections)) as ConfigValues;
}

/** Contradictions among the values, with who said each; fields that could not be read take no part. */
export function contradictionsOf(
  values: ConfigValues,
  candidates: ReadonlyMap<ConfigPath, readonly Entry[]>,
  broken: ReadonlySet<ConfigPath>,
): ConfigProblem[] {
  return findContradictions(values)
    .filter(({ paths }) => !paths.some((path) => broken.has(path)))
    .map(({ paths, message }) => {
      const said = paths.map((path) => ({ path, source: candidates.get(path)?.[0]?.source ?? DEFAULT }));
      // A default is nobody's mistake: the problem stands where somebody said something.
      const first = said.find(({ source }) => source.kind !== 'default') ?? said[0];
      const sources = said.map(({ path, source }) => `${path} is of ${formatSource(source)}`);
      return problem('contradiction', first?.source ?? DEFAULT, `${message}. ${sources.join(', ')}`, {
        path: first?.path ?? null,
      });
    });
}

interface ChosenPreset {
  readonly name: ConfigPreset | null;
  readonly layer: Layer;
  readonly problems: readonly ConfigProblem[];
}

const NOTHING: Layer = { entries: new Map(), broken: new Set(), problems: [] };

function choosePreset(
  env: string | undefined,
  file: { readonly name: string; readonly source: ConfigSource } | null,
  code: string | undefined,
): ChosenPreset {
  const said: readonly [string | undefined, ConfigSource][] = [
    [env, { kind: 'env', name: PRESET_VARIABLE }],
    [file?.name, file?.source ?? DEFAULT],
    [code, CODE],
  ];
  // One that is misspelt is told even where a stronger one counts, as with any other key.
  const problems = said.flatMap(([word, source]) =>
    word === undefined || isPreset(word) ? [] : [problem('bad-value', source, unknownPreset(word))],
  );
  const [name] = said.find(([word]) => word !== undefined) ?? [];
  if (!isPreset(name)) return { name: null, layer: NOTHING, problems };
  const from: ConfigSource = Object.freeze({ kind: 'preset', name });
  return { name, layer: readTree(CONFIG_PRESETS[name], () => from), problems };
}
