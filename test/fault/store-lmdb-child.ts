// A process that appends to an LMDB store and reports each acknowledged row on stdout, for tests that kill it or break its disk.
// Arguments: folder, rows to append (0: until killed), what happens to the disk after the third row ('sound', 'failing-sync', 'failing-meta', 'failing-journal').
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs'
import { systemClock } from '../../core/clock.js'
import { asWeftError } from '../../core/errors.js'
import { silentLogger } from '../../core/log.js'
import { openLmdbStore } from '../../persistence/index.js'
import { takeFence } from '../contract/fixture.js'
import { rowText } from './store-lmdb-rows.js'

const [folder = '', rows = '0', disk = 'sound'] = process.argv.slice(2)
const documentIds = ['a', 'b', 'c/ü']

/** Puts a device file in the place of a file's descriptor: the ordinary one, or the one that is written through (O_DSYNC), as meta pages and the journal are. */
function replaceDescriptor(file: RegExp, device: string, isSynchronous: boolean): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const descriptor = Number(name)
    if (!file.test(linkOf(descriptor))) continue
    const flags = Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1] ?? '0', 8)
    if (((flags & 0o10000) !== 0) !== isSynchronous) continue
    closeSync(descriptor)
    // The kernel gives out the lowest free number, which may be a lower one: fill those up first.
    for (let attempt = 0; attempt < 100; attempt++) if (openSync(device, 'r+') === descriptor) return
    throw new Error('the descriptor was not reused')
  }
  throw new Error('the file is not open')
}

function linkOf(descriptor: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return ''
  }
}

const store = await openLmdbStore({
  folder,
  clock: systemClock,
  logger: silentLogger,
  onFatal(error) {
    writeSync(1, `FATAL ${error.code}\n`)
    process.exit(70)
  },
})
const writers = []
for (const documentId of documentIds) {
  const fence = await takeFence(store, documentId, { nodeId: 'child', boot: `boot ${process.pid}` })
  const stored = await store.openDocument(documentId)
  writers.push({ documentId, fence, incarnation: stored.incarnation ?? `life of ${documentId}`, head: stored.head })
}
writeSync(1, 'READY\n')

for (let round = 1; rows === '0' || round <= Number(rows); round++) {
  if (round === 4 && disk === 'failing-sync') replaceDescriptor(/weft\.mdb$/, '/dev/null', false)
  if (round === 4 && disk === 'failing-meta') replaceDescriptor(/weft\.mdb$/, '/dev/full', true)
  if (round === 4 && disk === 'failing-journal') replaceDescriptor(/weft\.journal-\d+$/, '/dev/full', true)
  const entries = writers.map(({ documentId, fence, incarnation, head }) => {
    const update = new TextEncoder().encode(rowText(documentId, head + 1))
    return { documentId, fence, seq: head + 1, incarnation, update }
  })
  try {
    await store.append(entries)
  } catch (thrown) {
    writeSync(1, `ERROR ${asWeftError(thrown).code}\n`)
    break
  }
  for (const writer of writers) {
    writer.head++
    writeSync(1, `ACK ${JSON.stringify([writer.documentId, writer.head])}\n`)
  }
  const [first] = writers
  if (first !== undefined && round % 7 === 0) {
    const { documentId, fence, incarnation, head } = first
    const state = new TextEncoder().encode(Array.from({ length: head }, (_, index) => rowText(documentId, index + 1)).join(''))
    // Not awaited: the next rows, and the kill, come while these run.
    void store.saveSnapshot({ documentId, fence, incarnation, seq: head, state })
    void store.prune(documentId, { logWindowMs: 0, hourlySnapshots: 1, dailySnapshots: 1 })
  }
}
await store.close()
