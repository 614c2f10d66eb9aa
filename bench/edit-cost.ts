// What edits cost the server, and the database under it, between two moments.
import type { MeasuredServer } from './harness.js'

interface Spent {
  readonly serverSeconds: number
  readonly databaseSeconds: number
  readonly walBytes: number
}

async function spentBy({ cpuSeconds, database }: MeasuredServer): Promise<Spent> {
  return {
    serverSeconds: cpuSeconds(),
    databaseSeconds: database?.cpuSeconds() ?? 0,
    walBytes: (await database?.walBytes()) ?? 0,
  }
}

/** Begins to count. The answer ends it: given how many edits there were, the cells of a report. */
export async function countCost(server: MeasuredServer): Promise<(edits: number) => Promise<Readonly<Record<string, number>>>> {
  const before = await spentBy(server)
  return async (edits) => {
    const after = await spentBy(server)
    const ofDatabase = {
      'database CPU ms per 1,000 edits': ((after.databaseSeconds - before.databaseSeconds) * 1_000_000) / edits,
      'WAL bytes an edit': (after.walBytes - before.walBytes) / edits,
    }
    return {
      'server CPU ms per 1,000 edits': ((after.serverSeconds - before.serverSeconds) * 1_000_000) / edits,
      ...(server.database === null ? {} : ofDatabase),
    }
  }
}
