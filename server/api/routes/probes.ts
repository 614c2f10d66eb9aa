// Health, readiness and metrics: what asks a process how it is.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Counters } from '../../../core/counters.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { type Gauge, MetricsText } from './metrics.js'

export interface Readiness {
  readonly ready: boolean
  /** One line for people. */
  readonly text: string
}

export interface ProbeOptions {
  readonly counters: Counters
  readonly gauges: readonly Gauge[]
  /** Whether clients are welcome now, and if not, why. */
  readonly readiness: () => Readiness
}

/** Probes ask the process itself, so they are answered also outside of the base path. */
export const probePaths: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics'])

export function addProbes(app: OpenAPIHono<ApiEnvironment>, { counters, gauges, readiness }: ProbeOptions): void {
  app.get('/healthz', (context) => context.text('alive\n'))
  app.get('/readyz', (context) => {
    const { ready, text } = readiness()
    return context.text(`${text}\n`, ready ? 200 : 503)
  })
  const metrics = new MetricsText(counters, gauges)
  app.get('/metrics', async (context) => context.body(await metrics.read(), 200, { 'Content-Type': metrics.contentType }))
}
