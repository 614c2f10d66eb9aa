// Whether Redis lets us do what cursors across nodes need: found out at the start, with a message that says what to grant.
import { type Clock, sleep } from '../../../core/clock.js'
import { refusalOf } from '../../redis/redis-client.js'
import type { RedisTarget } from '../../redis/redis-url.js'
import type { RedisTransport } from './redis-transport.js'

const READY_MS_MAX = 5_000
const POLL_MS = 20
/** The keys of the check end by themselves after this many seconds. */
const CHECK_SECONDS = 5

export interface RedisCheck {
  readonly target: RedisTarget
  /** What the names of channels and keys start with. */
  readonly prefix: string
  readonly transport: RedisTransport
  readonly clock: Clock
  /** Makes the names of the check's own. */
  readonly checkId: string
}

/** Rejects with `invalid-configuration` if Redis refuses us; `away` if it did not answer in 5 s. */
export async function checkRedis(check: RedisCheck): Promise<'fine' | 'away'> {
  const { target, transport, clock } = check
  const endAtMs = clock.monotonic() + READY_MS_MAX
  while (!transport.isConnected) {
    const refusal = refusalOf(transport.lastError, target)
    if (refusal !== null) throw refusal
    if (clock.monotonic() >= endAtMs) return 'away'
    await sleep(clock, POLL_MS)
  }
  try {
    await tryRights(check)
    return 'fine'
  } catch (error) {
    const refusal = refusalOf(error, target)
    if (refusal !== null) throw refusal
    return 'away'
  }
}

async function tryRights({ target, prefix, transport, checkId }: RedisCheck): Promise<void> {
  const { commands } = transport
  const name = `${prefix}:{check}:${checkId}`
  await (target.kind === 'cluster' ? commands.spublish(name, '') : commands.publish(name, ''))
  await transport.probe(name)
  await commands.hset(name, 'field', 'value')
  await commands.pexpire(name, CHECK_SECONDS * 1_000)
  await commands.hgetall(name)
  await commands.hdel(name, 'field')
  await commands.set(`${name}:node`, '', 'EX', CHECK_SECONDS)
  await commands.exists(`${name}:node`)
  await commands.del(`${name}:node`)
}
