// What stands in a path for something that is not a document: a key, a user, a session, an address that is told.
import { z } from '@hono/zod-openapi'

export const idParameter = z.object({ id: z.string().min(1).max(600) })
