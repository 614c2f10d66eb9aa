import { seededRandom } from '../../core/random.js'
import { EncodedDocument } from '../../protocol/updates/encoded-document.js'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { mergeUpdateTree } from '../../protocol/updates/merge.js'
import { FedDocument } from './fed-document.js'
import { hostileShapes } from './hostile-shapes.js'

const cpu = (run: () => unknown): number => {
  const times = [1, 2, 3].map(() => {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...times)
}
const only = process.argv[2] ?? ''
const base = Number(process.argv[3] ?? 1000)
const seeds = Number(process.argv[4] ?? 6)
for (const [name, shape] of Object.entries(hostileShapes)) {
  if (!name.includes(only)) continue
  for (let seed = 0; seed < seeds; seed++) {
    const rows = [1, 8].map((factor) => {
      const updates = shape(seededRandom(seed), base * factor)
      const feed = () => {
        const document = new FedDocument()
        for (const update of updates) document.submit(update)
        return document
      }
      const document = feed()
      const merged = mergeUpdateTree(document.log)
      const merge = cpu(() => mergeUpdateTree(document.log))
      const read = () => {
        const inspected = inspectUpdate(merged, storedBounds)
        const encoded = new EncodedDocument(merged, inspected)
        encoded.difference(new Map(inspected.blocks.map(({ client, endClock }) => [client, endClock >> 1])))
        document.known.stateVector()
      }
      return {
        bytes: document.submittedBytes,
        steps: document.steps,
        n: updates.length,
        kinds: document.refusals
          .map((r) => r.code)
          .join()
          .slice(0, 40),
        feed: cpu(feed),
        merge,
        read: cpu(read),
      }
    })
    const [a, b] = rows as [(typeof rows)[0], (typeof rows)[0]]
    const over = b.bytes / a.bytes
    const f = (key: 'feed' | 'merge' | 'read') =>
      `${key} ${a[key].toFixed(1)}→${b[key].toFixed(1)} (${(b[key] / a[key] / over).toFixed(2)})`
    console.log(name.slice(0, 24), seed, 'bytes', a.bytes, b.bytes, 'steps', a.steps, b.steps, f('feed'), f('merge'), f('read'), b.kinds)
  }
}
