// A process that imports an archive into a data folder, and is killed right after a write to its store.
// Arguments: folder, file, id of the document, after how many writes (0: never).
import { createReadStream } from 'node:fs'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { type DocumentStore, openLmdbStore } from '../../persistence/index.js'
import { createServer } from '../../server/index.js'

const [folder = '', file = '', documentId = '', after = '0'] = process.argv.slice(2)
const writes: ReadonlySet<string> = new Set([
  'append',
  'saveSnapshot',
  'keepVersion',
  'finishDocument',
  'deleteDocument',
  'put',
  'insert',
  'remove',
])
let left = 0

/** The same, which counts what it wrote. */
function counted<Target extends object>(target: Target): Target {
  return new Proxy(target, {
    get: (_, name) => {
      const value: unknown = Reflect.get(target, name)
      if (name === 'keyedRecords' && typeof value === 'object' && value !== null) return counted(value)
      if (typeof value !== 'function') return value
      return async (...given: readonly unknown[]) => {
        const answer = await Reflect.apply(value, target, given)
        if (writes.has(String(name)) && --left === 0) process.kill(process.pid, 'SIGKILL')
        return answer
      }
    },
  })
}

const store: DocumentStore = await openLmdbStore({ folder, clock: systemClock, logger: silentLogger, onFatal: () => process.exit(1) })
const server = await createServer({ store: counted(store), demo: false, logger: silentLogger })
left = Number(after)
await server.history?.archives.import(documentId, () => createReadStream(file), null)
await server.close()
await store.close()
