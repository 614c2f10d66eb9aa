// Whether somebody may change a document, or only read it.

/** What a session may do with a document. */
export type Permission = 'read-write' | 'read-only'
