// What Prometheus reads: counters, gauges and distributions of this server, and what the process says of itself (event loop, memory,
// garbage collection).
import { Counter, collectDefaultMetrics, Gauge as PrometheusGauge, Registry } from 'prom-client'
import { type Counters, counterNames, histogramNames, histogramTable } from '../../../core/counters.js'

export interface Gauge {
  readonly name: string
  readonly help: string
  read(): number
}

/** One for the process: what watches the event loop and the collector runs once, however many servers are in it. */
let ofProcess: Registry | null = null

function processRegistry(): Registry {
  if (ofProcess === null) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  return ofProcess
}

/** Text in the exposition format 0.0.4. */
export class MetricsText {
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8'
  readonly #counters: Counters
  readonly #registry = new Registry()

  constructor(counters: Counters, gauges: readonly Gauge[]) {
    this.#counters = counters
    const registers = [this.#registry]
    for (const name of counterNames) {
      const counter: Counter = new Counter({
        name: `weft_${name}_total`,
        help: `${sentence(name)}, since the start.`,
        registers,
        collect: () => {
          counter.reset()
          counter.inc(counters.get(name))
        },
      })
    }
    for (const { name, help, read } of gauges) {
      const gauge: PrometheusGauge = new PrometheusGauge({ name: `weft_${name}`, help, registers, collect: () => gauge.set(read()) })
    }
    const refusals: Counter<'code'> = new Counter({
      name: 'weft_sessions_refused_total',
      help: "Sessions that were refused or ended against their clients' wish, by the code of the error, since the start.",
      labelNames: ['code'],
      registers,
      collect: () => {
        refusals.reset()
        for (const [code, count] of counters.refusals()) refusals.inc({ code }, count)
      },
    })
  }

  async read(): Promise<string> {
    const [ours, process] = await Promise.all([this.#registry.metrics(), processRegistry().metrics()])
    return `${ours}${this.#distributions()}${process}`
  }

  /** The library has no way to take over a distribution as it stands. */
  #distributions(): string {
    const lines = histogramNames.flatMap((name) => {
      const { buckets, counts, sum } = this.#counters.distribution(name)
      let below = 0
      const counted = buckets.map((bound, index) => {
        below += counts[index] ?? 0
        return `weft_${name}_bucket{le="${bound}"} ${below}`
      })
      const all = below + (counts[buckets.length] ?? 0)
      const { help } = histogramTable[name]
      return [
        `# HELP weft_${name} ${help}`,
        `# TYPE weft_${name} histogram`,
        ...counted,
        `weft_${name}_bucket{le="+Inf"} ${all}`,
        `weft_${name}_sum ${sum}`,
        `weft_${name}_count ${all}`,
      ]
    })
    return `${lines.join('\n')}\n`
  }
}

function sentence(name: string): string {
  const words = name.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
