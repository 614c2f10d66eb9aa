// What the appending process writes as row `seq` of a document, so that whoever reads it afterwards can tell.
export function rowText(documentId: string, seq: number): string {
  return `${documentId} ${seq};`
}
