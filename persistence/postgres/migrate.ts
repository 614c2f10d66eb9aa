// Brings a database to the schema of this program. Safe when many nodes start at once: each step is one statement, under a lock that
// belongs to its transaction, so it also works behind a transaction pooler. A schema that is newer than the program is refused.
//
// Safe beside nodes of the version before, which go on writing: each step is a transaction of its own and locks at most one of the tables
// that were there before it, so that it waits for writers and they for it, but never in a circle. Several steps in one transaction would
// lock several tables, in an order that writers do not keep.
import { WeftError } from '../../core/errors.js'
import { numberIn } from './columns.js'
import type { Database } from './database.js'
import { codeOf } from './errors.js'
import { migrations as allMigrations, type Migration } from './migrations/index.js'

export interface MigrationResult {
  /** The schema's version before and after; 0 is an empty database. */
  readonly from: number
  readonly to: number
}

const LOCK_KEY = 0x77656674 // "weft"

/** The version of the schema that the database has; 0 if it has none. */
export async function schemaVersion(database: Database): Promise<number> {
  const [row] = await database.read('bulk', `SELECT to_regclass('weft.migration') IS NOT NULL AS present`)
  if (row?.['present'] !== true) return 0
  const [version] = await database.read('bulk', 'SELECT coalesce(max(version), 0)::int AS version FROM weft.migration')
  return version === undefined ? 0 : numberIn(version, 'version')
}

/** Throws `invalid-configuration` unless the schema is the one of this program. */
export async function checkSchema(database: Database, migrations: readonly Migration[] = allMigrations): Promise<void> {
  const version = await schemaVersion(database)
  const newest = migrations.at(-1)?.version ?? 0
  refuseNewer(database, version, newest)
  if (version < newest)
    throw new WeftError(
      'invalid-configuration',
      `The database at ${database.where} has schema ${version}, this program needs ${newest}: run "weft migrate" with the same DATABASE_URL.`,
    )
}

/**
 * Applies what is missing. Rejects with `invalid-configuration` if the schema is newer than this program, or the user may not create it.
 */
export async function migrate(database: Database, migrations: readonly Migration[] = allMigrations): Promise<MigrationResult> {
  const newest = migrations.at(-1)?.version ?? 0
  const from = await schemaVersion(database)
  refuseNewer(database, from, newest)
  // A user who may not create anything can still run a node on a schema that is there.
  if (from === newest) return { from, to: newest }
  try {
    await database.run('bulk', prepare)
    for (const migration of migrations) if (migration.version > from) await database.run('bulk', step(migration))
  } catch (thrown) {
    const cause = thrown instanceof WeftError ? thrown.cause : thrown
    if (codeOf(cause) === '42501')
      throw new WeftError(
        'invalid-configuration',
        `The user of DATABASE_URL may not create the schema "weft" in ${database.where}: grant it CREATE on the database, or run "weft migrate" as a user who has it.`,
        { cause },
      )
    throw thrown
  }
  refuseNewer(database, await schemaVersion(database), newest)
  return { from, to: newest }
}

function refuseNewer(database: Database, version: number, newest: number): void {
  if (version > newest)
    throw new WeftError(
      'invalid-configuration',
      `The database at ${database.where} has schema ${version}, but this program knows only up to ${newest}: start a newer version of Weft, or point DATABASE_URL elsewhere.`,
    )
}

const prepare = `DO $weft_do$ BEGIN
  PERFORM pg_advisory_xact_lock(${LOCK_KEY});
  IF to_regnamespace('weft') IS NULL THEN CREATE SCHEMA weft; END IF;
  IF to_regclass('weft.migration') IS NULL THEN
    CREATE TABLE weft.migration (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
  END IF;
END $weft_do$`

/** Does nothing if another node was first. */
function step({ version, name, sql }: Migration): string {
  return `DO $weft_do$ BEGIN
    PERFORM pg_advisory_xact_lock(${LOCK_KEY});
    IF NOT EXISTS (SELECT FROM weft.migration WHERE version >= ${version}) THEN
      EXECUTE $weft_sql$${sql}$weft_sql$;
      INSERT INTO weft.migration (version, name) VALUES (${version}, '${name}');
    END IF;
  END $weft_do$`
}
