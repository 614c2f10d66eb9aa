// What lies in a data folder, by name: for the store that has it open, and for the commands that make a folder or fill one.

/** What the embedded store keeps. */
export const DATA_FILE = 'weft.mdb'
/** What a copy of it is called until all of it is there, and on the disk. */
export const UNFINISHED_COPY = `${DATA_FILE}.part`
/** Locked by the process that has the folder open. */
export const LOCK_FILE = 'weft.lock'
