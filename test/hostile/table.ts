// Every hostile scenario and what it must end with. The bodies lie in scenarios/, grouped by subject.

/** What the running Node.js has. */
export interface Features {
  readonly major: number;
  /** `ArrayBuffer.prototype.transfer` exists. */
  readonly transfer: boolean;
  /** External SharedArrayBuffers can be made. */
  readonly shared: boolean;
  readonly root: boolean;
}

export interface Scenario {
  readonly name: string;
  /** The one line of JSON that the scenario prints. */
  readonly result: unknown;
  /** Exit code; default 0, null with a signal. */
  readonly code?: number;
  /** Only for scenarios that are sent this signal, or raise it themselves. */
  readonly signal?: NodeJS.Signals;
  /** Why it does not end like that yet: the row must fail until this line is taken away. */
  readonly defect?: string;
}

export type ScenarioFile = (features: Features) => readonly Scenario[];

/** Results by name, for scenarios that end with code 0. */
export function all(results: Readonly<Record<string, unknown>>): Scenario[] {
  return Object.entries(results).map(([name, result]) => ({ name, result }));
}

/** The same value for many names. */
export function each(names: readonly string[], value: unknown): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, value]));
}

/** Marks rows that are known to end badly. */
export function known(scenarios: readonly Scenario[], defects: Readonly<Record<string, string>>): Scenario[] {
  return scenarios.map((scenario) => {
    const defect = defects[scenario.name];
    return defect === undefined ? scenario : { ...scenario, defect };
  });
}
