// All migrations, oldest first. A migration that was ever released is never edited: a change is a new one at the end.
// They are TypeScript rather than .sql files so that the compiled package holds them without a copying step.
import { initial } from './0001-initial.js'
import { forgetLeases } from './0002-forget-leases.js'
import { quarantine } from './0003-quarantine.js'
import { whoWrote } from './0004-who-wrote.js'
import { versionDescription } from './0005-version-description.js'
import { accessRecords } from './0006-access-records.js'
import { changeCursors } from './0007-change-cursors.js'
import { versionTime } from './0008-version-time.js'

export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
}

export const migrations: readonly Migration[] = [
  { version: 1, name: 'initial', sql: initial },
  { version: 2, name: 'forget-leases', sql: forgetLeases },
  { version: 3, name: 'quarantine', sql: quarantine },
  { version: 4, name: 'who-wrote', sql: whoWrote },
  { version: 5, name: 'version-description', sql: versionDescription },
  { version: 6, name: 'access-records', sql: accessRecords },
  { version: 7, name: 'change-cursors', sql: changeCursors },
  { version: 8, name: 'version-time', sql: versionTime },
]
