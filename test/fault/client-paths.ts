// What may happen to the paths between clients and their nodes.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../core/random.js'
import type { TcpProxy } from '../helpers/tcp-proxy.js'

/** `slow`: bytes come late. `narrow`: few bytes a second. `lossy`: stalls and resets at random. */
export const pathFaults = ['slow', 'narrow', 'lossy'] as const
export type PathFault = (typeof pathFaults)[number]

/** Runs `during` while the paths are so, and leaves them open. */
export async function breakPaths(fault: PathFault, paths: readonly TcpProxy[], random: Random, during: () => Promise<void>): Promise<void> {
  const set = (change: (path: TcpProxy) => void): void => {
    for (const path of paths) change(path)
  }
  try {
    switch (fault) {
      case 'slow':
        set((path) => {
          path.delayMs = 50 + random.below(350)
        })
        await during()
        return
      case 'narrow':
        set((path) => {
          path.bytesPerSecond = 15_000 + random.below(30_000)
        })
        await during()
        return
      case 'lossy':
        await Promise.all([loseOnEach(paths, random), during()])
        return
    }
  } finally {
    set((path) => {
      path.delayMs = 0
      path.bytesPerSecond = null
      path.path = 'open'
    })
  }
}

async function loseOnEach(paths: readonly TcpProxy[], random: Random): Promise<void> {
  for (let losses = 4 + random.below(6); losses > 0; losses--) {
    const path = paths[random.below(paths.length)]
    if (path === undefined) return
    path.path = (['cut', 'hold-both', 'hold-requests', 'hold-answers'] as const)[random.below(4)] ?? 'cut'
    await sleep(50 + random.below(600))
    path.path = 'open'
    await sleep(random.below(300))
  }
}
