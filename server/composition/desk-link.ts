// What operators ask of another node travels there over an authenticated link, and the answer back.

import type { Clock } from '../../core/clock.js'
import { settlesWithin } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { HttpRelay } from '../gateway/http-transport.js'
import type { HttpReply } from '../transport/http/exchange.js'

/** What can be asked. Nodes trust each other: whoever asks was found to be an operator by the node that they asked. */
export type DeskQuestion =
  | { readonly kind: 'overview'; readonly samplesAfter: number }
  | { readonly kind: 'sessions'; readonly find: string | null; readonly limit: number }
  | { readonly kind: 'drain' }

const ANSWER_MS_MAX = 8_000

export function encodeQuestion(question: DeskQuestion): Uint8Array {
  return Buffer.from(JSON.stringify(question))
}

/** Throws `malformed` for what no node of this version asks. */
export function decodeQuestion(bytes: Uint8Array): DeskQuestion {
  const question = JSON.parse(Buffer.from(bytes).toString()) as DeskQuestion
  if (!['overview', 'sessions', 'drain'].includes(question.kind))
    throw new WeftError('malformed', 'This node does not know what it is asked.')
  return question
}

/** Resolves with what the node answers. Rejects with `superseded` if no such node is alive, and with `overloaded` if it cannot be reached in bounded time. */
export async function askDesk<Answer>(clock: Clock, desks: HttpRelay, boot: string, question: DeskQuestion): Promise<Answer> {
  const pieces: Uint8Array[] = []
  let status = 0
  let ended = (): void => {}
  const over = new Promise<void>((resolve) => {
    ended = resolve
  })
  const reply: HttpReply = {
    begin: (given) => {
      status = given
    },
    write: (bytes) => void pieces.push(Uint8Array.from(bytes)),
    end: () => ended(),
  }
  const request = { action: 'poll', connection: '', after: 0, first: 1, body: encodeQuestion(question) } as const
  const exchange = desks.relay(boot, request, reply)
  if (exchange === null)
    throw new WeftError('superseded', 'The node that is meant is not alive, or it has been started anew: nothing was done.')
  if (!(await settlesWithin(clock, ANSWER_MS_MAX, over))) exchange.gone()
  if (status !== 200) throw new WeftError('overloaded', 'The node that is meant does not answer now; it may be of an earlier version.')
  return JSON.parse(Buffer.concat(pieces).toString()) as Answer
}
