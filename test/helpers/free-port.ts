// A port for a program that cannot be told to take any.
import { createServer } from 'node:net'

/** Below those that systems give to connections that go out: one of these could take a port between the look and the start. */
const FIRST = 15_000
const LAST = 31_999
const ATTEMPTS_MAX = 100

const given = new Set<number>()

/** A port of 127.0.0.1 on which nobody listened a moment ago. Each is given once by a process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1))
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`No port between ${FIRST} and ${LAST} was free in ${ATTEMPTS_MAX} attempts.`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
