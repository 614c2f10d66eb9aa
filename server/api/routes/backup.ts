// A copy of the whole embedded store while it runs: one file, which is a data folder's.
import { tmpdir } from 'node:os'
import { Readable } from 'node:stream'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { WeftError } from '../../../core/errors.js'
import type { DocumentStore } from '../../../persistence/store.js'
import { type ApiAccess, admitToAll } from '../framework/api-access.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { OCTETS } from '../framework/octets.js'
import { problemAnswers } from '../framework/problems.js'

export interface BackupOptions {
  readonly access: ApiAccess
  /** Null while the node is not there yet. */
  readonly store: () => DocumentStore | null
}

const route = createRoute({
  method: 'get',
  path: '/api/v1/backup',
  summary: 'A consistent copy of the embedded store, as the data file of a new data folder',
  responses: {
    200: { description: 'The file.', content: { [OCTETS]: { schema: z.string().openapi({ format: 'binary' }) } } },
    ...problemAnswers,
  },
})

export function addBackup(app: OpenAPIHono<ApiEnvironment>, { access, store: storeOf }: BackupOptions): void {
  app.openapi(route, async (context) => {
    const store = storeOf()
    if (store === null) throw new WeftError('overloaded', 'This node is not serving yet.')
    await admitToAll(access, context, '', 'admin')
    if (store.backup === undefined)
      throw new WeftError('no-backup-here', 'The documents of this server are in a database; back that up with its own means.')
    // Of an answer without a body nothing is known beforehand: the copy is not made for it.
    if (context.req.method === 'HEAD') return new Response(null, { headers: { 'Content-Type': OCTETS } }) as never
    // Without a name it is gone with whoever holds it, also when the answer is cut off or this process is killed.
    const copy = await store.backup(tmpdir())
    const { size } = await copy.stat()
    const { outgoing } = context.env
    if (outgoing?.destroyed === true) {
      await copy.close()
      return new Response(null) as never
    }
    const stream = copy.createReadStream()
    // It may be that nobody begins to read. Whoever does is told first: a stream that is cancelled ends without an error.
    outgoing?.once('close', () => queueMicrotask(() => stream.destroy()))
    const headers = { 'Content-Type': OCTETS, 'Weft-Backup-Bytes': String(size) }
    return new Response(Readable.toWeb(stream) as ReadableStream, { headers }) as never
  })
}
