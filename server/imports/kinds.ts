// The stores of others that documents can be taken from.
import { hocuspocusPostgres, yRedis } from './postgres-tables.js'
import type { SourceKind } from './source.js'
import { hocuspocusSqlite } from './sqlite.js'
import { liveblocks, updateFiles } from './update-files.js'
import { yLeveldb } from './y-leveldb.js'
import { ySweet } from './y-sweet.js'

export const sourceKinds: readonly SourceKind[] = [hocuspocusSqlite, hocuspocusPostgres, yLeveldb, yRedis, ySweet, liveblocks, updateFiles]
