// What the engine is told where a process has one core only.
import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'

/**
 * Collections of the young generation share their work among threads. On one core these only take turns: 4 and 12 % of what a server with many
 * small documents did, in two pairs. For a program that has just begun.
 */
export function fitEngineToCores(cores = availableParallelism()): void {
  if (cores === 1) setFlagsFromString('--no-parallel-scavenge')
}
