// What operators see of the node that answers, and what they tell it to do: all of it takes the right "admin" on everything, and none of it is for pages of
// others. What an answer costs follows from what it shows, not from what the node holds.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { WeftError } from '../../../core/errors.js'
import { isSameHost } from '../../access/origins.js'
import { type ApiAccess, onlyForAdmins } from '../framework/api-access.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { answers, json } from '../framework/json-route.js'
import { limitParameter } from '../framework/schemas.js'

export interface AdminOptions {
  readonly access: ApiAccess
  readonly desk: AdminDesk
}

/** Of which node is asked: a boot, null for the one that answers. Each rejects with `superseded` for a node that is not alive, and with `overloaded` for one that does not answer. */
export interface AdminDesk {
  /** What there is to see: samples after that number, and all else as it is now. */
  overview(samplesAfter: number, boot: string | null): Promise<AdminOverview>
  /** Those that lag first, then the newest; or those of this user, on this document, or with this id. */
  sessions(find: string | null, limit: number, boot: string | null): Promise<AdminSessions>
  /** The node begins to hand everything over, and stops. */
  drain(boot: string | null): Promise<void>
}

/** So many nodes are listed. */
const NODES_LISTED_MAX = 100
const SESSIONS_LISTED_MAX = 500

const nodeSchema = z
  .object({
    nodeId: z.string(),
    boot: z.string().openapi({ description: 'Names this start of the process.' }),
  })
  .openapi('AdminNode')

const perSecond = z.number()
const bytes = z.number()

const samplesSchema = z
  .object({
    through: z.int().openapi({ description: 'The number of the last sample: what to ask after the next time.' }),
    periodMs: z.int(),
    at: z.array(z.int()).openapi({ description: 'Milliseconds since the Unix epoch; the other lists have a value for each of these.' }),
    loopDelayP99Ms: z.array(z.number()).openapi({ description: 'How late the event loop was.' }),
    loopDelayMaxMs: z.array(z.number()),
    loopBusyShare: z.array(z.number()).openapi({ description: 'Between 0 and 1.' }),
    residentBytes: z.array(bytes),
    heapBytes: z.array(bytes),
    countedBytes: z.array(bytes).openapi({ description: 'Counted against the memory budget.' }),
    connections: z.array(z.int()),
    sessions: z.array(z.int()),
    editsPerSecond: z.array(perSecond),
    commitsPerSecond: z.array(perSecond),
    bytesInPerSecond: z.array(perSecond),
    bytesOutPerSecond: z.array(perSecond),
    acknowledgementP99Ms: z.array(z.number().nullable()).openapi({ description: 'Null: nothing was acknowledged.' }),
    deliveryP99Ms: z.array(z.number().nullable()),
  })
  .openapi('AdminSamples')

const overviewSchema = z
  .object({
    node: nodeSchema.extend({
      version: z.string(),
      mode: z.enum(['alone', 'cluster']),
      ready: z.boolean(),
      state: z.string().openapi({ description: 'What `/readyz` says.' }),
      startedAt: z.int(),
      now: z.int().openapi({ description: "By this node's clock." }),
      redis: z.enum(['none', 'connected', 'away']).openapi({ description: 'Whether cursors cross to other nodes.' }),
    }),
    totals: z.object({
      connections: z.int(),
      sessions: z.int(),
      laggingSessions: z.int(),
      documents: z.int().openapi({ description: 'In memory, owned by this node.' }),
      webhooksWaiting: z.int(),
    }),
    memory: z.object({
      budgetBytes: z.int(),
      countedBytes: z.int(),
      level: z.enum(['calm', 'tight', 'full']),
      accounts: z.record(z.string(), z.int()).openapi({ description: 'What the counted bytes are of.' }),
    }),
    shards: z.object({ total: z.int(), unowned: z.int().openapi({ description: 'Owned by nobody who is alive, as this node knows it.' }) }),
    nodes: z
      .array(
        nodeSchema.extend({
          advertise: z.string().nullable(),
          version: z.string().nullable(),
          startedAt: z.int().nullable(),
          heartbeatAgeMs: z.int(),
          draining: z.boolean(),
          ownedShards: z.int(),
        }),
      )
      .openapi({ description: `Those that are alive, ${NODES_LISTED_MAX} at most.` }),
    busiest: z
      .array(z.object({ documentId: z.string(), commitsPerSecond: perSecond, bytesPerSecond: perSecond, sessions: z.int() }))
      .openapi({
        description: 'Documents that this node owns, by commits in the last five seconds, 20 at most. `sessions` are those of this node.',
      }),
    refusals: z
      .array(
        z.object({
          at: z.int(),
          since: z.int(),
          count: z.int(),
          act: z.string(),
          code: z.string(),
          user: z.string().nullable(),
          address: z.string().nullable(),
          documentId: z.string().nullable(),
        }),
      )
      .openapi({
        description:
          'The latest first, 100 at most; the same again is counted. `act`: `session`, `connection`, or a method and route of the API.',
      }),
    refusalsByCode: z.array(z.object({ code: z.string(), count: z.int() })).openapi({ description: 'Of sessions, since the start.' }),
    samples: samplesSchema,
  })
  .openapi('AdminOverview')

const sessionSchema = z
  .object({
    sessionId: z.string(),
    documentId: z.string(),
    user: z.string().nullable(),
    name: z.string().nullable(),
    address: z.string().nullable().openapi({ description: 'Null: this machine.' }),
    since: z.int(),
    permission: z.enum(['read-write', 'read-only']),
    admin: z.boolean(),
    expiresAt: z.int().nullable().openapi({ description: 'When its right ends; null: it does not.' }),
    lag: z.object({
      state: z.enum(['unsynced', 'syncing', 'live', 'taking', 'lagging']).openapi({
        description: '`syncing`, `taking`: it is being brought up to date. `lagging`: it takes too little to be sent anything new.',
      }),
      edits: z.int().openapi({ description: 'Rows of the log that it has not been sent, as far as this node knows.' }),
      waitingBytes: z.int().openapi({ description: 'What its socket has yet to take.' }),
    }),
  })
  .openapi('AdminSession')

const sessionsSchema = z
  .object({ node: nodeSchema, items: z.array(sessionSchema), total: z.int().openapi({ description: 'Of this node.' }) })
  .openapi('AdminSessions')

export type AdminNode = z.infer<typeof nodeSchema>
export type AdminOverview = z.infer<typeof overviewSchema>
export type AdminSession = z.infer<typeof sessionSchema>
export type AdminSessions = z.infer<typeof sessionsSchema>

const bootParameter = z.string().max(100).optional().openapi({
  description:
    'Which start of which node is meant, as the overview lists them; if none that is alive is it, nothing happens (412). Default: the node that answers.',
})

const overviewRoute = createRoute({
  method: 'get',
  path: '/api/v1/admin/overview',
  summary: 'What there is to see of a node, for the admin page',
  request: {
    query: z.object({
      boot: bootParameter,
      samplesAfter: z.coerce.number().int().min(0).default(0).openapi({
        description: '`samples.through` of the answer before: only newer samples come. Default: all that are kept, a quarter of an hour.',
      }),
    }),
  },
  responses: answers(overviewSchema, 'As it is now.'),
})

const sessionsRoute = createRoute({
  method: 'get',
  path: '/api/v1/admin/sessions',
  summary: 'Sessions of a node: those that lag first, then the newest',
  request: {
    query: z.object({
      boot: bootParameter,
      find: z
        .string()
        .min(1)
        .max(600)
        .optional()
        .openapi({ description: 'Only those of this user, on this document, or with this session id, letter by letter.' }),
      limit: limitParameter(SESSIONS_LISTED_MAX, 100),
    }),
  },
  responses: answers(sessionsSchema, 'Them.'),
})

const drainRoute = createRoute({
  method: 'post',
  path: '/api/v1/admin/drain',
  summary: 'Stops a node: it hands its documents over, sends its clients elsewhere, and ends',
  request: { query: z.object({ boot: bootParameter }) },
  responses: answers(z.object({ draining: z.literal(true) }), 'It has begun. The node is not ready from now on, and ends by itself.'),
})

export function addAdmin(app: OpenAPIHono<ApiEnvironment>, { access, desk }: AdminOptions): void {
  app.use('/api/v1/admin/*', async (context, next) => {
    refuseOtherPages(access, context)
    if (!access.servesOperators(context.env.incoming))
      throw new WeftError(
        'forbidden',
        'Nobody has configured who may do what on this server, so what is for its operators is there for its own machine only.',
      )
    return next()
  })
  onlyForAdmins(app, access, ['/api/v1/admin'])
  app.openapi(overviewRoute, async (context) => {
    const { samplesAfter, boot = null } = context.req.valid('query')
    return json(context, await desk.overview(samplesAfter, boot))
  })
  app.openapi(sessionsRoute, async (context) => {
    const { find = null, limit, boot = null } = context.req.valid('query')
    return json(context, await desk.sessions(find, limit, boot))
  })
  app.openapi(drainRoute, async (context) => {
    await desk.drain(context.req.valid('query').boot ?? null)
    return json(context, { draining: true })
  })
}

/** X6: of pages, only those of this server's own host and those that were allowed. A browser says whose page asks, and no page can say otherwise. */
function refuseOtherPages(access: ApiAccess, context: Context<ApiEnvironment>): void {
  const origin = context.req.header('origin') ?? null
  const site = context.req.header('sec-fetch-site')
  if (origin !== null && access.isAllowedOrigin(origin)) return
  const isOurs =
    site === undefined ? isSameHost({ origin, headers: context.req.header() }) !== false : site === 'same-origin' || site === 'none'
  if (!isOurs) throw new WeftError('forbidden', 'Pages of other sites may not use what is for operators.')
}
