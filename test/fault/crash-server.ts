// The server that the crash tests kill: the product's own, on the embedded store, tuned so that compaction, eviction and opening happen all the time.
// Usage: node crash-server.js PORT FOLDER [lie|forgetful|forgetful-long-open]. With `lie` it acknowledges before the commit: the negative control. With
// `forgetful` it keeps hardly any snapshot that nobody asked for, so that each pruning removes something. With `forgetful-long-open` its store takes itself,
// besides, to have been open for a day from the start.
import { type Clock, systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { openLmdbStore } from '../../persistence/index.js'
import type { AppendEntry, AppendResult, DocumentStore } from '../../persistence/store.js'
import { defaultTuning } from '../../server/document/tuning.js'
import { createServer } from '../../server/index.js'

const [port = '0', folder = '', mode = 'honest'] = process.argv.slice(2)

/** A store that says "committed" at once and commits 20 ms later: what a server with an asynchronous save does. */
function lying(store: DocumentStore): DocumentStore {
  let last: Promise<unknown> = Promise.resolve()
  const append = (entries: readonly AppendEntry[]): Promise<AppendResult> => {
    last = last.then(() => new Promise((resolve) => setTimeout(resolve, 20))).then(() => store.append(entries))
    return Promise.resolve({ fencedShards: new Set() })
  }
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'append') return append
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

let readings = 0
/** As if the store had been open for longer than it takes to believe a clock that is days ahead of what the folder says. */
const longOpen: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + (readings++ > 2 ? 25 * 3_600_000 : 0) }

const store = await openLmdbStore({
  folder,
  clock: mode === 'forgetful-long-open' ? longOpen : systemClock,
  logger: silentLogger,
  onFatal: () => process.exit(1),
})
const server = await createServer({
  store: mode === 'lie' ? lying(store) : store,
  demo: false,
  tuning: {
    idleMs: 30,
    tailRowsMax: 20,
    tailBytesMin: 2_000,
    tailToBaseRatio: 0.1,
    idleTailRowsMin: 1,
    ...(mode.startsWith('forgetful') ? { retention: { ...defaultTuning.retention, hourlySnapshots: 1, dailySnapshots: 1 } } : {}),
  },
})
await server.listen(Number(port), '127.0.0.1')
console.log(`Weft listens on ${server.url}`)
