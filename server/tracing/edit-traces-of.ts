// Whether edits are followed: where the package `@opentelemetry/api` is installed, and the program, or what was loaded before it, has registered a provider.
import type { Clock } from '../../core/clock.js'
import type { EditTraces } from '../../core/edit-traces.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import { type OpenTelemetry, OpenTelemetryTraces } from './open-telemetry-traces.js'

export interface TracingOptions {
  /** Of so many edits one is followed; 0: none. */
  readonly oneIn: number
  readonly version: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Null: nothing is followed, and nothing is spent on it. */
export async function editTracesOf({ oneIn, version, clock, random, logger }: TracingOptions): Promise<EditTraces | null> {
  const api = oneIn === 0 ? null : await openTelemetry()
  if (api === null || !hasProvider(api)) return null
  logger.info({ oneIn }, 'edits are followed with OpenTelemetry')
  return new OpenTelemetryTraces({ api, tracer: api.trace.getTracer('weft-sync', version), clock, random, oneIn })
}

async function openTelemetry(): Promise<OpenTelemetry | null> {
  try {
    return await import('@opentelemetry/api')
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && /MODULE_NOT_FOUND$/.test(String(thrown.code))) return null
    throw thrown
  }
}

/** Without one the package hands out tracers that do nothing. */
function hasProvider({ trace, ProxyTracerProvider }: OpenTelemetry): boolean {
  const provider = trace.getTracerProvider()
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('weft-sync') !== undefined
}
