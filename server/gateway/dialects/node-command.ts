// What another node asks of a document that this one owns, beside attaching to it.
import { asWeftError, WeftError } from '../../../core/errors.js'
import { encodeWeftServer, type WeftClientMessage } from '../../../protocol/dialects/weft.js'
import type { DocumentCommand } from '../../document/commands.js'
import type { Connection } from '../../transport/connection.js'
import type { GatewayServices } from '../services.js'
import { refusalOf } from './weft-channel.js'

/** Answers once it is done, or with why it is not. A client that is no node is refused. Never rejects. */
export async function carryOut(
  { request, documentId, command }: WeftClientMessage & { readonly type: 'command' },
  connection: Connection,
  { commands }: Pick<GatewayServices, 'commands'>,
): Promise<void> {
  try {
    if (!connection.isLink || commands === undefined)
      throw new WeftError('malformed', 'Only nodes of the cluster send each other commands.')
    // Another node made it, which proved to be one.
    await commands.command(documentId, JSON.parse(command) as DocumentCommand)
    connection.send(encodeWeftServer({ type: 'done', request }))
  } catch (thrown) {
    const error = asWeftError(thrown)
    if (!connection.isLink) connection.fail(error)
    else connection.send(encodeWeftServer({ type: 'not-done', request, ...refusalOf(error) }))
  }
}
