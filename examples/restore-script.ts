// A complete restore script: brings a document back to the last moment at which it was still of a certain length, and keeps that moment as a version first.
// It takes a few reads to find it, however long the history is.
//
//   node dist/examples/restore-script.js http://127.0.0.1:1234 notes/today body 1000
//
// Where the server asks who you are, set WEFT_TOKEN to a token that may administer the document.
const [server = 'http://127.0.0.1:1234', documentId = '', root = 'body', lengthMin = '1'] = process.argv.slice(2)
const token = process.env['WEFT_TOKEN']
const document = `${server}/api/v1/documents/${encodeURIComponent(documentId)}`

async function ask(path: string, body?: object): Promise<Response> {
  const answer = await fetch(`${document}${path}`, {
    headers: { 'Content-Type': 'application/json', ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  })
  // Problems come as RFC 9457 has it: `detail` says what is wrong, and what to do.
  if (!answer.ok) throw new Error(((await answer.json()) as { detail: string }).detail)
  return answer
}

async function lengthAt(seq: number): Promise<number> {
  const query = new URLSearchParams({ at: `seq:${seq}`, format: 'text', root })
  return (await (await ask(`/content?${query}`)).text()).length
}

const { head, window } = (await (await ask('')).json()) as { head: number; window: { seq: number } }
if ((await lengthAt(head)) >= Number(lengthMin)) {
  console.log(`"${root}" of ${documentId} is long enough; nothing was changed.`)
} else {
  // Back in growing steps to a moment that was good, then forward by halves to the last one that was.
  let [good, bad, step] = [head, head, 1]
  while ((await lengthAt(good)) < Number(lengthMin)) {
    if (good === window.seq) throw new Error(`"${root}" was never that long in what is kept, from seq ${window.seq} on.`)
    bad = good
    good = Math.max(window.seq, good - step)
    step *= 2
  }
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if ((await lengthAt(middle)) >= Number(lengthMin)) good = middle
    else bad = middle
  }
  await ask('/versions', { name: 'Last good text', at: `seq:${good}` })
  const done = (await (await ask('/restore', { at: `seq:${good}`, root })).json()) as { method: string; keptBefore: number }
  console.log(`Restored "${root}" of ${documentId} to seq ${good} (${done.method}). To take it back: restore v${done.keptBefore}.`)
}
