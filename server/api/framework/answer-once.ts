// Requests that are sent again because nobody heard the answer: with the header Idempotency-Key they are carried out once, and answered
// alike each time.
//
// A record in the store, shared by all nodes, holds what was answered. Before anything is written it holds what the request came to, so
// that a node which takes it up after a crash does the same thing, and not the same thing again. Who carries it out holds a second,
// short-lived record.
import { webcrypto } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { asWeftError, WeftError } from '../../../core/errors.js'
import type { KeyedRecords } from '../../../persistence/keyed-records.js'
import type { DocumentStore } from '../../../persistence/store.js'
import type { Asker } from './api-access.js'
import type { ApiEnvironment } from './environment.js'
import { json } from './json-route.js'
import { statusOf } from './problems.js'

/** What a request came to, where that depends on when it is carried out. */
export interface Plan {
  /** The moment that was meant. */
  readonly at?: string
  /** The edit, a Yjs update: applying it twice is applying it once. */
  readonly update?: Uint8Array
}

export interface Attempt {
  /** Of an attempt before this one, which a crash or an outage ended; null for the first. */
  readonly plan: Plan | null
  /** To be called before anything is written. */
  decide(plan: Plan): Promise<void>
}

export interface OnceOptions {
  /** Null while the node is not there yet. */
  readonly store: () => DocumentStore | null
}

export const idempotencyKeyHeader = z.string().min(1).max(255).optional().openapi({
  description:
    'Of your choice, such as a UUID: sent again with the same key within a day, the request is answered alike and not done twice.',
})

interface Work {
  readonly value: unknown
  readonly status?: 200 | 201
}

const DAY_MS = 24 * 3_600_000
/** How long a node of a cluster may be at it before another one takes it up. */
const RUNNING_MS_MAX = 60_000
const RECORD_LENGTH_MAX = 60 * 1024

/** Of this process. */
const running = new Set<string>()

const once: Attempt = { plan: null, decide: async () => {} }

/** Answers with what `work` answers, or with what it answered before. */
export async function answerOnce(
  context: Context<ApiEnvironment>,
  { store: storeOf }: OnceOptions,
  asker: Asker,
  work: (attempt: Attempt) => Promise<Work>,
): Promise<never> {
  const key = context.req.header('idempotency-key')
  const store = storeOf()
  const records = store?.keyedRecords
  if (key === undefined || store === null || records === undefined) return answer(context, await work(once))
  // What is shown of who asks may be another token by then, and is no part of the request.
  const fingerprint = await context.get('body').digest()
  const id = await digestOf(new TextEncoder().encode(JSON.stringify([asker.user, context.req.method, context.req.path, key])))
  if (running.has(id)) throw stillRunning()
  running.add(id)
  try {
    return await answerUnder(context, { id, fingerprint, records, isAlone: store.kind !== 'postgres' }, work)
  } finally {
    running.delete(id)
  }
}

interface Under {
  readonly id: string
  readonly fingerprint: string
  readonly records: KeyedRecords
  /** Whoever else was at it is gone. */
  readonly isAlone: boolean
}

async function answerUnder(
  context: Context<ApiEnvironment>,
  { id, fingerprint, records, isAlone }: Under,
  work: (attempt: Attempt) => Promise<Work>,
): Promise<never> {
  const lock = { kind: 'request-running', id, value: '{}', lifetimeMs: RUNNING_MS_MAX } as const
  if (isAlone) await records.put(lock)
  else if (!(await records.insert(lock))) throw stillRunning()
  try {
    const found = await records.find('request', id)
    const before = found === null ? null : recordSchema.parse(JSON.parse(found.value))
    if (before !== null && before.fingerprint !== fingerprint)
      throw new WeftError('key-reused', 'This Idempotency-Key came with another request before: take a new key for each request.')
    if (before?.answer !== undefined) {
      context.header('Idempotent-Replayed', 'true')
      return answer(context, before.answer)
    }
    const write = async (more: Omit<z.input<typeof recordSchema>, 'fingerprint'>): Promise<void> => {
      const value = JSON.stringify({ fingerprint, ...more })
      if (value.length <= RECORD_LENGTH_MAX) await records.put({ kind: 'request', id, value, lifetimeMs: DAY_MS })
    }
    if (before === null) await write({})
    const plan = before?.plan ?? null
    let done: Work
    try {
      done = await work({
        plan: plan === null ? null : planIn(plan),
        decide: ({ at, update }) =>
          write({
            plan: {
              ...(at === undefined ? {} : { at }),
              ...(update === undefined ? {} : { update: Buffer.from(update).toString('base64') }),
            },
          }),
      })
    } catch (thrown) {
      // What was refused was not done, and may be asked for anew. What came of anything else nobody knows.
      if (statusOf(asWeftError(thrown)) < 500) await records.remove('request', id)
      throw thrown
    }
    await write({ answer: { value: done.value, status: done.status ?? 200 } })
    return answer(context, done)
  } finally {
    await records.remove(lock.kind, id)
  }
}

const recordSchema = z.object({
  fingerprint: z.string(),
  plan: z.object({ at: z.string().optional(), update: z.string().optional() }).optional(),
  answer: z.object({ value: z.unknown(), status: z.union([z.literal(200), z.literal(201)]) }).optional(),
})

function planIn({ at, update }: { readonly at?: string | undefined; readonly update?: string | undefined }): Plan {
  return {
    ...(at === undefined ? {} : { at }),
    ...(update === undefined ? {} : { update: new Uint8Array(Buffer.from(update, 'base64')) }),
  }
}

function answer(context: Context<ApiEnvironment>, { value, status = 200 }: Work): never {
  return json(context, value, status)
}

function stillRunning(): WeftError {
  return new WeftError('request-running', 'The same request is being carried out; ask again in a moment.')
}

/** Computed off the event loop: a body may have megabytes. */
async function digestOf(bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex')
}
