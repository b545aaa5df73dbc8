/** One line of the table of results. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the value is compared with, measured in the same run: machines are shared and noisy. */
  readonly reference?: number;
  /** Value divided by reference. */
  readonly ratio?: number;
  /** What the ratio, or the value where there is no reference, must reach or may reach. */
  readonly target?: string;
  /** Whether it does. */
  readonly met?: boolean;
}

interface Measured {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** A row without a target. */
export function plainRow(measured: Measured): Row {
  return measured;
}

/** A row whose ratio to a reference must be at least, or at most, a limit. */
export function ratioRow(measured: Measured, reference: number, limit: { atLeast: number } | { atMost: number }): Row {
  const ratio = measured.value / reference;
  const [target, met] =
    'atLeast' in limit ? [`≥ ${limit.atLeast}`, ratio >= limit.atLeast] : [`≤ ${limit.atMost}`, ratio <= limit.atMost];
  return { ...measured, reference, ratio, target, met };
}

/** A row whose value itself may be at most a limit. */
export function limitRow(measured: Measured, atMost: number): Row {
  return { ...measured, target: `≤ ${atMost} ${measured.unit}`, met: measured.value <= atMost };
}

function rounded(value: number | undefined): string {
  if (value === undefined) return '';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** The rows as a table of text with aligned columns. */
export function table(rows: readonly Row[]): string {
  const lines = [
    ['', 'value', 'unit', 'reference', 'ratio', 'target', ''],
    ...rows.map((row) => [
      row.name,
      rounded(row.value),
      row.unit,
      rounded(row.reference),
      rounded(row.ratio),
      row.target ?? '',
      row.met === undefined ? '' : row.met ? 'met' : 'MISSED',
    ]),
  ];
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const isNumber = (column: number) => column === 1 || column === 3 || column === 4;
  return lines
    .map((line) =>
      line
        .map((cell, n) => (isNumber(n) ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
