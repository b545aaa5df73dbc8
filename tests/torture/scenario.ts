import type { Outcome } from './operation-log.ts';

/** `gate`: small enough for every run of the tests. `full`: on demand, with the result kept. */
export type Tier = 'gate' | 'full';

/** A measured value beside what it may be at most or must be at least. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly max?: number;
  readonly min?: number;
  /** Depends on the speed of the machine: printed in the gate, decided on in the full tier only. */
  readonly isTime?: boolean;
  /** Something of the same kind from the same run, since machines are shared and noisy. */
  readonly reference?: { readonly name: string; readonly value: number };
}

export interface Findings {
  /** How often each operation ended how. */
  readonly counts: Readonly<Record<string, Readonly<Record<Outcome, number>>>>;
  readonly figures: readonly Figure[];
  /** The first few of what is wrong, for whoever looks into it. */
  readonly examples: readonly string[];
}

export interface ScenarioOptions {
  readonly tier: Tier;
  readonly seed: number;
  /** Empty folder for everything the scenario writes. */
  readonly folder: string;
  /** Makes an empty database on a Postgres that the scenario does not disturb. */
  readonly createDatabase: () => Promise<{ readonly url: string }>;
  readonly report: (line: string) => void;
}

export interface Scenario {
  /** As in the table of acceptance figures. */
  readonly id: string;
  readonly title: string;
  run(options: ScenarioOptions): Promise<Findings>;
}

/** Figures that are missed and that this tier decides on, in words. */
export function missedFigures(findings: Findings, tier: Tier): string[] {
  return findings.figures
    .filter((figure) => tier === 'full' || figure.isTime !== true)
    .filter(({ value, max = Infinity, min = -Infinity }) => !(value <= max && value >= min))
    .map((figure) => `${figure.name}: ${describe(figure)}`);
}

/** `3 events (at most 0)`. */
export function describe({ value, unit, max, min, reference }: Figure): string {
  const limits = [max === undefined ? '' : `at most ${max}`, min === undefined ? '' : `at least ${min}`];
  const limit = limits.filter((part) => part !== '').join(', ');
  const beside = reference === undefined ? '' : `; ${reference.name}: ${rounded(reference.value)} ${unit}`;
  return `${rounded(value)} ${unit}${limit === '' ? '' : ` (${limit})`}${beside}`;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** The value below which `share` of the values lie; 0 where there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
