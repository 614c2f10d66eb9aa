// How an attack went, as one row of a table.
import type { AttackReport } from './scene.js'

/** The value below which a share of the others lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export const reportHead = [
  '| attack | sent | quiet p50 / p99 | bystander p50 / p99 / max, ms | its disconnections | holds for itself before / peak + children / after, MiB | died | took | notes |',
  '|---|---|---|---|---|---|---|---|---|',
].join('\n')

export function reportRow({
  name,
  bytesSent,
  quiet,
  during,
  heldBefore,
  peak,
  childrenPeak,
  heldAfter,
  deaths,
  seconds,
  notes,
}: AttackReport): string {
  const ms = (values: readonly number[], share: number): string => quantile(values, share).toFixed(1)
  const cells = [
    name,
    bytes(bytesSent),
    `${ms(quiet.delaysMs, 0.5)} / ${ms(quiet.delaysMs, 0.99)}`,
    `${ms(during.delaysMs, 0.5)} / ${ms(during.delaysMs, 0.99)} / ${ms(during.delaysMs, 1)}`,
    `${during.disconnections}${during.told.length > 0 ? ` (${during.told[0]})` : ''}`,
    `${mebibytes(heldBefore)} / ${mebibytes(peak)} + ${mebibytes(childrenPeak)} / ${mebibytes(heldAfter)}`,
    deaths === 0 ? 'no' : `YES ×${deaths}`,
    `${seconds.toFixed(0)} s`,
    notes.join('; '),
  ]
  return `| ${cells.map((cell) => cell.replaceAll('|', '/').replaceAll('\n', ' ')).join(' | ')} |`
}

function mebibytes(count: number): string {
  return (count / 1024 ** 2).toFixed(0)
}

export function bytes(count: number): string {
  if (count < 10_000) return `${count} B`
  return count < 1_000_000 ? `${(count / 1000).toFixed(0)} KB` : `${(count / 1_000_000).toFixed(1)} MB`
}
