// One database belongs to one cluster. A random id is written into it at first use; a configured name that differs from the stored one is
// refused.
import { assert } from '../../core/assert.js'
import { WeftError } from '../../core/errors.js'
import { textIn, textOrNullIn } from './columns.js'
import type { Database } from './database.js'

export interface ClusterIdentity {
  readonly clusterId: string
  readonly name: string | null
}

// One statement: the first node to come writes the row, a name is taken over once, and everybody reads the same.
const IDENTIFY = `
  INSERT INTO weft.cluster AS cluster (cluster_id, name) VALUES ($1, $2)
  ON CONFLICT (singleton) DO UPDATE SET name = coalesce(cluster.name, excluded.name)
  RETURNING cluster_id, name`

/** `proposedId` is used if the database has none yet. Rejects with `invalid-configuration` if it belongs to a cluster of another name. */
export async function identifyCluster(database: Database, proposedId: string, name: string | null): Promise<ClusterIdentity> {
  const [row] = await database.run('control', IDENTIFY, [proposedId, name])
  assert(row !== undefined, 'an upsert answers its row')
  const identity = { clusterId: textIn(row, 'cluster_id'), name: textOrNullIn(row, 'name') }
  if (name !== null && identity.name !== name)
    throw new WeftError(
      'invalid-configuration',
      `The database at ${database.where} belongs to another cluster ("${identity.name}", not "${name}"). The nodes of a cluster share one ` +
        '--cluster-secret (CLUSTER_SECRET), and each cluster has a database of its own (DATABASE_URL): one of the two has to change here.',
    )
  return identity
}
