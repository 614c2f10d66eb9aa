// How a server that is alone comes up: on the embedded store, or on the one that its program brings.
import { openLmdbStore } from '../../persistence/index.js'
import { MemoryKeyedRecords } from '../../persistence/memory/memory-keyed-records.js'
import type { DocumentStore } from '../../persistence/store.js'
import { LocalPresenceRegistry } from '../presence/presence-registry.js'
import { type Component, LifeCycle, Opened } from './life-cycle.js'
import { ServerNode } from './node.js'
import { accessComponent, type NodeBase, nodeOptionsOf, type StartedNode } from './started-node.js'

export interface AloneOptions {
  readonly dataDir: string
  /** A store instead of the embedded one; it stays open. */
  readonly store: DocumentStore | null
  /** Ends the start; `startAlone` then rejects. */
  readonly cancelled: AbortSignal
}

/** The node id of a server that is no member of a cluster, where presence names one. */
const ALONE = 'local'

/** Rejects with `data-folder-in-use`, `data-folder-unwritable`, `data-folder-newer` or a store error; nothing is left of it then. */
export async function startAlone(base: NodeBase, options: AloneOptions): Promise<StartedNode> {
  const { clock, logger, onFatal } = base
  const lifeCycle = new LifeCycle({ clock, logger })
  const embedded = new Opened(
    'the embedded store',
    () => openLmdbStore({ folder: options.dataDir, clock, logger, onFatal }),
    (opened) => opened.close(),
  )
  function* components(): Generator<Component, StartedNode> {
    if (options.store === null) yield embedded
    const store = options.store ?? embedded.value
    yield accessComponent(base, store.keyedRecords ?? new MemoryKeyedRecords(clock), false)
    const node = new ServerNode({ ...nodeOptionsOf(base), store })
    yield* node.components
    const presence = new LocalPresenceRegistry(node.awareness, ALONE, true)
    node.presence = presence
    return { node, presence, crossesNodes: () => false, stop: (windowMs) => lifeCycle.end(windowMs) }
  }
  return lifeCycle.start(components(), options.cancelled)
}
