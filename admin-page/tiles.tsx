/** @jsxImportSource preact */
// The figures that are looked at first.
import type { AdminOverview } from '../server/api/routes/admin.js'
import { bytes, count, milliseconds, percent } from './format.js'

type Mood = 'calm' | 'busy' | 'bad'

/** A loop that is this late is felt by people who type. */
const LOOP_BUSY_MS = 50
const LOOP_BAD_MS = 250
const ACKNOWLEDGED_BUSY_MS = 100
const ACKNOWLEDGED_BAD_MS = 1_000

export function Tiles({ overview: { totals, memory, samples, shards, nodes, node } }: { readonly overview: AdminOverview }) {
  const edits = samples.editsPerSecond.at(-1)
  const acknowledged = samples.acknowledgementP99Ms.findLast((value) => value !== null) ?? null
  const late = samples.loopDelayP99Ms.at(-1)
  const busy = samples.loopBusyShare.at(-1)
  const owned = nodes.find(({ boot }) => boot === node.boot)?.ownedShards ?? 0
  const level = { calm: 'calm', tight: 'busy', full: 'bad' } as const
  return (
    <section class="tiles" aria-label="Now">
      <Tile
        name="Sessions"
        value={count(totals.sessions)}
        more={`on ${count(totals.connections)} ${totals.connections === 1 ? 'connection' : 'connections'}`}
        {...(totals.laggingSessions > 0 ? { mood: 'busy', more: `${count(totals.laggingSessions)} lagging` } : {})}
      />
      <Tile name="Documents" value={count(totals.documents)} more={node.mode === 'cluster' ? 'in memory, owned here' : 'in memory'} />
      <Tile
        name="Edits"
        value={edits === undefined ? '–' : `${count(edits)} /s`}
        more={`${count(samples.commitsPerSecond.at(-1) ?? 0)} commits/s`}
      />
      <Tile
        name="Saved within"
        value={acknowledged === null ? '–' : milliseconds(acknowledged)}
        more="99 of 100 edits"
        mood={moodOf(acknowledged ?? 0, ACKNOWLEDGED_BUSY_MS, ACKNOWLEDGED_BAD_MS)}
      />
      <Tile
        name="Event loop"
        value={late === undefined ? '–' : milliseconds(late)}
        more={busy === undefined ? 'late' : `late, ${percent(busy)} busy`}
        mood={moodOf(late ?? 0, LOOP_BUSY_MS, LOOP_BAD_MS)}
      />
      <Tile
        name="Memory budget"
        value={percent(memory.countedBytes / memory.budgetBytes)}
        more={`of ${bytes(memory.budgetBytes)}`}
        mood={level[memory.level]}
      />
      <Tile
        name="Shards"
        value={count(owned)}
        more={shards.unowned > 0 ? `${shards.unowned} without an owner` : `of ${shards.total}`}
        mood={shards.unowned > 0 ? 'bad' : 'calm'}
      />
    </section>
  )
}

function moodOf(value: number, busyFrom: number, badFrom: number): Mood {
  return value >= badFrom ? 'bad' : value >= busyFrom ? 'busy' : 'calm'
}

interface TileProps {
  readonly name: string
  readonly value: string
  readonly more: string
  readonly mood?: Mood
}

function Tile({ name, value, more, mood = 'calm' }: TileProps) {
  return (
    <div class={`tile ${mood}`}>
      <h2>{name}</h2>
      <p class="figure">{value}</p>
      <p class="more">{more}</p>
    </div>
  )
}
