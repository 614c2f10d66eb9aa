// Attacks on one document's bytes: updates that are cheap to send and dear to merge, cut, compact or hand out.
import { setTimeout as sleep } from 'node:timers/promises'
import * as Y from 'yjs'
import { decodeWeftServer } from '../../protocol/dialects/weft.js'
import { decodeYWebsocket } from '../../protocol/dialects/y-websocket.js'
import { until } from '../helpers/until.js'
import type { Attacker } from './attacker.js'
import { bytes } from './report.js'
import type { Attack, AttackScene } from './scene.js'
import { alternatingGaps, deleteRanges, gcStructs, keystroke, manyClients, nested, oneString, stateVector } from './shapes.js'

const MiB = 1024 ** 2

/** Submits one after the other, each when the one before was answered; false when the server would not have them any more. */
async function submitAll(attacker: Attacker, channel: number, updates: Iterable<Uint8Array>): Promise<boolean> {
  let submission = 0
  for (const update of updates) {
    submission += 1
    attacker.submit(channel, submission, update)
    await attacker.answered(channel, submission)
    if (!attacker.open) return false
  }
  return true
}

/** Fills a document with text: what an application would put there that pastes. */
async function fill(scene: AttackScene, documentId: string, total: number, { client = 900, pieceBytes = 2 * MiB } = {}): Promise<void> {
  const honest = await scene.weft()
  honest.openDocument(1, documentId)
  const pieces = function* (): Iterable<Uint8Array> {
    for (let written = 0; written < total; written += pieceBytes) yield oneString(client, written, Math.min(pieceBytes, total - written))
  }
  await submitAll(honest, 1, pieces())
  honest.end()
}

/** Joins as a stock client does; how many milliseconds until the whole document had come, or why it did not. */
async function joinStock(scene: AttackScene, documentId: string, { atLeastBytes = 0, limitMs = 30_000 } = {}): Promise<number | string> {
  const startMs = performance.now()
  try {
    const reader = await scene.stock(documentId)
    let stepTwo = false
    reader.onMessage = (data) => {
      if (data[0] === 0 && data[1] === 1) stepTwo = true
    }
    reader.sendY({ type: 'sync-step-1', stateVector: stateVector() })
    await until(() => !reader.open || (stepTwo && reader.bytesReceived >= atLeastBytes), 'the document', limitMs)
    const tookMs = performance.now() - startMs
    // One that is thrown out as soon as it has everything has not joined.
    await sleep(1_500)
    const { closedWith, bytesReceived } = reader
    reader.end()
    return closedWith === null ? tookMs : `${closedWith} after ${bytesReceived} bytes`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function noteJoins(scene: AttackScene, what: string, joins: readonly Promise<number | string>[]): Promise<void> {
  const results = await Promise.all(joins)
  const times = results.filter((result) => typeof result === 'number').map(Math.round)
  const reasons = new Set(results.filter((result) => typeof result === 'string'))
  scene.note(
    `${what}: ${times.length} of ${results.length} joined (ms: ${times.join(' ')})${[...reasons].map((reason) => `; ${reason}`).join('')}`,
  )
}

async function compacted(scene: AttackScene, limitMs: number): Promise<void> {
  const count = async (): Promise<number> =>
    ((await scene.server.metric('weft_compactions_total')) ?? 0) + ((await scene.server.metric('weft_compactions_failed_total')) ?? 0)
  const startMs = performance.now()
  while (scene.server.pid !== null && (await count()) === 0 && performance.now() - startMs < limitMs && !scene.signal.aborted)
    await sleep(250)
  const failed = await scene.server.metric('weft_compactions_failed_total')
  const done = await scene.server.metric('weft_compactions_total')
  scene.note(`compactions ${done}, failed ${failed}`)
}

/** S1: runs of one-clock GC structs, then a compaction, then a restart and twenty bytes. */
const garbageRuns: Attack = {
  about: '13 updates of 2,000,000 one-clock GC structs; then a compaction, a restart, and 20 bytes',
  alone: true,
  async run(scene) {
    const documentId = scene.documentId('garbage')
    const attacker = await scene.weft()
    attacker.openDocument(1, documentId)
    const count = 2_000_000
    const updates = function* (): Iterable<Uint8Array> {
      for (let index = 0; index < 13 && !scene.signal.aborted; index++) yield gcStructs(1, index * count, count)
    }
    await submitAll(attacker, 1, updates())
    await compacted(scene, 20_000)
    // What it began may take its time.
    for (let waited = 0; waited < 30 && scene.server.pid !== null; waited++) await sleep(1_000)
    attacker.end()
    if (scene.server.pid === null) await scene.server.start()
    else {
      await scene.server.end('SIGTERM')
      await scene.server.start()
    }
    const { deaths } = scene.server
    const again = await scene.weft()
    again.openDocument(1, documentId)
    again.submit(1, 1, keystroke(2, 0))
    await again.answered(1, 1, 20_000)
    await sleep(10_000)
    scene.note(scene.server.deaths > deaths ? '20 BYTES KILLED IT AGAIN' : 'survives 20 bytes after a restart')
    await noteJoins(scene, 'then', [joinStock(scene, documentId)])
  },
}

/** S2: alternating GC and Skip, then one string over the same clocks. */
function gapsThenString(pairs: number): Attack {
  return {
    about: `${pairs} pairs of GC and Skip, then one string over the same clocks`,
    async run(scene) {
      const attacker = await scene.weft()
      attacker.openDocument(1, scene.documentId(`gaps-${pairs}`))
      await submitAll(attacker, 1, [alternatingGaps(1, pairs), oneString(1, 0, 2 * pairs)])
    },
  }
}

/** S3: a base of 12 MiB, a tail of 5 MiB, and honest stock clients that join. */
const honestJoins: Attack = {
  about: '10 stock clients join a document with a base of 12 MiB and a tail of 5 MiB',
  async run(scene) {
    const documentId = scene.documentId('large')
    // In one piece, so that one compaction makes all of it the base, and what follows is too little for another.
    await fill(scene, documentId, 12 * MiB, { pieceBytes: 12 * MiB })
    await compacted(scene, 10_000)
    await fill(scene, documentId, 5 * MiB, { client: 901, pieceBytes: 512 * 1024 })
    const atLeastBytes = 17 * MiB
    await noteJoins(
      scene,
      'stock',
      Array.from({ length: 10 }, () => joinStock(scene, documentId, { atLeastBytes })),
    )
  },
}

/** S4: a document of nearly two million client ids, which is joined. */
const manyIds: Attack = {
  about: '1.9 million client ids in 13 MB, then 10 joins',
  async run(scene) {
    const documentId = scene.documentId('ids')
    const attacker = await scene.weft()
    attacker.openDocument(1, documentId)
    await submitAll(attacker, 1, [manyClients(1, 1_900_000, 0)])
    for (let index = 0; index < 5 && !scene.signal.aborted; index++) {
      await noteJoins(scene, `join ${index + 1}`, [joinStock(scene, documentId), joinStock(scene, documentId)])
    }
  },
}

/** S5: many who ask for a difference of a large document, and do not read it, or only a little at a time. */
function slowReaders(count: number, how: 'silent' | 'trickle'): Attack {
  return {
    about: `${count} sockets ask for a difference of a 56 MiB document and ${how === 'silent' ? 'do not read' : 'read a trickle'}`,
    async run(scene) {
      const documentId = scene.documentId('readers')
      await fill(scene, documentId, 56 * MiB, { pieceBytes: 8 * MiB })
      scene.tally.bytesSent = 0
      const readers = await Promise.all(Array.from({ length: count }, () => scene.stock(documentId)))
      const trickles = readers.map((reader, index) => {
        reader.stopReading()
        // Each lacks something else, so that nobody's answer is anybody else's.
        reader.sendY({ type: 'sync-step-1', stateVector: stateVector([900, 1 + index]) })
        return how === 'silent' ? null : setInterval(() => readALittle(reader), 200)
      })
      await sleep(20_000, undefined, { signal: scene.signal }).catch(() => {})
      for (const timer of trickles) if (timer !== null) clearInterval(timer)
      scene.note(`${readers.filter(({ open }) => open).length} still connected`)
    },
  }
}

function readALittle(reader: Attacker): void {
  reader.resumeReading()
  setTimeout(() => reader.stopReading(), 2)
}

/** S7: many clients behind gaps, which only a compaction with a long time limit gets through; and another document that needs one too. */
const pendingClients: Attack = {
  about: '2 MB of 300,000 clients behind gaps; another document waits for its compaction',
  async run(scene) {
    const attacker = await scene.weft()
    attacker.openDocument(1, scene.documentId('pending'))
    await submitAll(attacker, 1, [manyClients(1, 300_000, 1)])
    await sleep(1_000)
    const before = await scene.server.metric('weft_compactions_total')
    await fill(scene, scene.documentId('neighbour'), 2 * MiB, { pieceBytes: 128 * 1024 })
    const startMs = performance.now()
    let after = before
    while (!scene.signal.aborted && performance.now() - startMs < 30_000 && after === before) {
      await sleep(200)
      after = await scene.server.metric('weft_compactions_total')
    }
    scene.note(
      after === before
        ? 'THE OTHER DOCUMENT WAS NOT COMPACTED within 30 s'
        : `the other document was compacted after ${Math.round(performance.now() - startMs)} ms`,
    )
  },
}

/** S10: a resume from the beginning of a document that consists of long log rows. */
const resumeFromOne: Attack = {
  about: 'resumes at seq 1 of a document of 12 MB, ten times',
  async run(scene) {
    const documentId = scene.documentId('resume')
    await fill(scene, documentId, 12 * MiB, { pieceBytes: 16 * 1024 })
    scene.tally.bytesSent = 0
    const attacker = await scene.weft()
    attacker.openDocument(1, documentId)
    const { incarnation } = await attacker.message('opened')
    for (let round = 0; round < 10 && attacker.open && !scene.signal.aborted; round++) {
      let seq: number | null = null
      attacker.onMessage = (data) => {
        if (data[0] === 35) seq = decodeSeq(data)
      }
      attacker.send({ type: 'sync', channel: 1, known: { kind: 'seq', incarnation, seq: 1, stateVector: stateVector() } })
      await until(() => seq !== null || !attacker.open, 'the state', 60_000)
    }
  },
}

function decodeSeq(data: Buffer): number {
  const message = decodeWeftServer(data)
  return message.type === 'state' ? message.seq : 0
}

/** S10: many small updates at once, which are merged before they are committed. */
const smallUpdates: Attack = {
  about: 'a burst of 200,000 updates of one character, from 200 clients',
  async run(scene) {
    const attacker = await scene.weft()
    attacker.openDocument(1, scene.documentId('burst'))
    await attacker.message('opened')
    const clients = 200
    const each = 1_000
    for (let index = 0; index < clients * each; index++)
      attacker.submit(1, index + 1, keystroke(1_000 + (index % clients), Math.floor(index / clients)))
    await attacker.answered(1, clients * each, 80_000)
  },
}

/** S10: a hundred bytes that touch a million ranges. */
const rangesAgainstMillion: Attack = {
  about: '30 updates of ten ranges against a million that are known',
  async run(scene) {
    const attacker = await scene.weft()
    attacker.openDocument(1, scene.documentId('ranges'))
    const every = 1_000_000
    const updates = function* (): Iterable<Uint8Array> {
      yield gcStructs(1, 0, 1)
      yield deleteRanges(1, every, (index) => [3 * index, 1])
      for (let round = 0; round < 30 && !scene.signal.aborted; round++) {
        // Ten ranges, each over a tenth, and one clock short of what the next round asks.
        yield deleteRanges(1, 10, (index) => [index * 300_000 + round, 299_000])
      }
    }
    await submitAll(attacker, 1, updates())
  },
}

/** S11: every second character of a long string is deleted: what was one struct is millions. */
const growingRanges: Attack = {
  about: 'a string of 6 million characters, of which every second is deleted: more than a document may hold',
  async run(scene) {
    const documentId = scene.documentId('growing')
    const attacker = await scene.weft()
    attacker.openDocument(1, documentId)
    const million = 1_000_000
    const updates = function* (): Iterable<Uint8Array> {
      yield oneString(1, 0, 6 * million)
      for (let third = 0; third < 3 && !scene.signal.aborted; third++)
        yield deleteRanges(1, million, (index) => [2 * (third * million + index), 1])
    }
    await submitAll(attacker, 1, updates())
    await compacted(scene, 40_000)
    scene.tally.bytesReceived = 0
    await noteJoins(scene, 'then', [joinStock(scene, documentId)])
    scene.note(`${bytes(scene.tally.bytesReceived)} for a join`)
  },
}

/** S11: shared types inside one another, each update a little deeper than the one before. */
const deepNesting: Attack = {
  about: '100 updates that nest 150 deep each, one below the other',
  async run(scene) {
    const documentId = scene.documentId('nesting')
    const attacker = await scene.weft()
    attacker.openDocument(1, documentId)
    const updates = function* (): Iterable<Uint8Array> {
      for (let index = 0; index < 100; index++) yield nested(1, index * 150, 150)
    }
    await submitAll(attacker, 1, updates())
    await noteJoins(scene, 'then', [joinStock(scene, documentId)])
    scene.note(await readByYjs(scene, documentId))
  },
}

/** What Yjs makes of a document: whether it can be applied, and read. */
async function readByYjs(scene: AttackScene, documentId: string): Promise<string> {
  const doc = new Y.Doc()
  let thrown: unknown = null
  const reader = await scene.stock(documentId)
  reader.onMessage = (data) => {
    const message = decodeYWebsocket(data)
    if (message.type !== 'sync-step-2' && message.type !== 'update') return
    try {
      Y.applyUpdate(doc, message.update)
      doc.getArray('n').toJSON()
    } catch (error) {
      thrown ??= error
    }
  }
  reader.sendY({ type: 'sync-step-1', stateVector: stateVector() })
  await sleep(3_000)
  reader.end()
  return thrown === null ? 'Yjs can read it' : `YJS CANNOT READ IT: ${String(thrown).slice(0, 80)}`
}

export const documentAttacks = {
  's1-garbage': garbageRuns,
  's2-gaps-120k': gapsThenString(30_000),
  's2-gaps-1m': gapsThenString(300_000),
  's3-joins': honestJoins,
  's4-ids': manyIds,
  's5-silent': slowReaders(100, 'silent'),
  's5-trickle': slowReaders(40, 'trickle'),
  's7-pending': pendingClients,
  's10-resume': resumeFromOne,
  's10-burst': smallUpdates,
  's10-ranges': rangesAgainstMillion,
  's11-ranges': growingRanges,
  's11-nesting': deepNesting,
} satisfies Record<string, Attack>
