// Counters and gauges as Prometheus text (exposition format 0.0.4).
import type { Counters } from '../../../core/counters.js'

export interface Gauge {
  readonly name: string
  readonly help: string
  read(): number
}

export function metricsText(counters: Counters, gauges: readonly Gauge[]): string {
  const lines: string[] = []
  for (const [name, value] of counters.entries()) lines.push(`# TYPE weft_${name}_total counter`, `weft_${name}_total ${value}`)
  for (const { name, help, read } of gauges)
    lines.push(`# HELP weft_${name} ${help}`, `# TYPE weft_${name} gauge`, `weft_${name} ${read()}`)
  return `${lines.join('\n')}\n`
}
