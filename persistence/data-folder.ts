// What lies in a data folder, by name: for the store that has it open, and for the commands that make a folder or fill one.

/** What the embedded store keeps. */
export const DATA_FILE = 'weft.mdb'
/** What a copy of it is called until all of it is there, and on the disk. */
export const UNFINISHED_COPY = `${DATA_FILE}.part`
/** Locked by the process that has the folder open. */
export const LOCK_FILE = 'weft.lock'
const JOURNAL_FILE = /^weft\.journal-\d+$/

/** A segment of the journal, the how-manieth that the folder ever had. */
export function journalFile(number: number): string {
  return `weft.journal-${String(number).padStart(6, '0')}`
}

export function isJournalFile(name: string): boolean {
  return JOURNAL_FILE.test(name)
}
