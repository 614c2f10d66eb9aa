// What an operator tells a node to do.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { type ApiAccess, admitToAll } from '../framework/api-access.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { answers, json } from '../framework/json-route.js'

export interface AdminOptions {
  readonly access: ApiAccess
  /** Hands everything over and stops; resolves when that is done. */
  readonly drain: () => Promise<void>
}

const drainRoute = createRoute({
  method: 'post',
  path: '/api/v1/admin/drain',
  summary: 'Stops the node that answers: hands its documents over, sends its clients elsewhere, and ends',
  responses: answers(z.object({ draining: z.literal(true) }), 'It has begun. The node is not ready from now on, and ends by itself.'),
})

export function addAdmin(app: OpenAPIHono<ApiEnvironment>, { access, drain }: AdminOptions): void {
  app.openapi(drainRoute, async (context) => {
    await admitToAll(access, context, '', 'admin')
    // Whoever asked is answered before the listener closes. A step that fails is in the log, and ends the program.
    void drain().catch(() => {})
    return json(context, { draining: true })
  })
}
