// Every bound the server enforces: its name, its unit (in the name), its default, what it bounds, and what happens past it. Rule G1: each has a test of
// what lies past it. The settings' help and tables are made from this.

const KiB = 1024
const MiB = 1024 * KiB

interface Limit {
  readonly value: number
  /** What it bounds, and what happens past it: for the command line's help and the documentation. */
  readonly bounds: string
  readonly past: string
}

function limit(value: number, bounds: string, past: string): Limit {
  return { value, bounds, past }
}

/** What a client sends; ten seconds' worth may come at once. */
function rate(value: number, bounds: string): Limit {
  return limit(value, `${bounds}; ten seconds of it may come at once`, 'the socket is not read until the rate is kept again')
}

export const limitTable = {
  messageBytesMax: limit(16 * MiB, 'one WebSocket message', 'the socket closes with 4413'),
  documentBytesMax: limit(64 * MiB, 'one document: base and tail', 'the update is refused, 4413'),
  archiveBytesMax: limit(
    1024 * MiB,
    'one archive that is imported, gzipped; it waits in the folder for temporary files',
    'it is refused with HTTP 413',
  ),
  awarenessStateBytesMax: limit(16 * KiB, 'the JSON of one awareness client', 'the state is ignored and counted'),
  awarenessClientsPerSessionMax: limit(
    16,
    'awareness client ids that one session may speak for',
    'further client ids are ignored and counted',
  ),
  awarenessEntriesPerMessageMax: limit(
    2_000,
    'entries of one awareness message that are looked at',
    'further entries are ignored and counted',
  ),
  awarenessMessageBytesMax: limit(1 * MiB, 'one awareness message', 'the message is ignored and counted'),
  awarenessQueryMs: limit(
    1_000,
    'the least time between two answers to `query-awareness` on one session',
    'a client that asks for all states more often is answered this often',
  ),
  appMessageBytesMax: limit(
    16 * KiB,
    'one message of an application to others (`broadcast`, `sendStateless`), in UTF-8',
    'it is refused, and nobody gets it',
  ),
  appMessagesPerSecondMax: limit(
    20,
    'such messages of one session each second; two seconds of it may come at once',
    'further ones are dropped and counted',
  ),
  appMessagesPerRecipientPerSecondMax: limit(
    100,
    'such messages to one document, user or session that one node passes on each second, whoever sends them; two seconds of it may come at once',
    'further ones are dropped and counted',
  ),
  presenceStateBytesMax: limit(
    1 * MiB,
    'the states in one answer about who is on a document',
    'further clients are listed without their state',
  ),
  answerBytesMax: limit(64 * MiB, 'HTTP answers that nobody has taken yet, all together', 'further requests are answered with HTTP 503'),
  answerMsMax: limit(
    30_000,
    'how long each 256 KiB, or the rest, of an HTTP request may take to come, and of its answer to be taken',
    'the request, or the answer, is dropped',
  ),
  sessionsPerDocumentMax: limit(10_000, 'sessions on one document', 'a further session is refused, 4503'),
  sessionsPerConnectionMax: limit(1_000, 'documents open over one connection', 'a further open is refused, 4503'),
  openingsPerConnectionMax: limit(32, 'documents that one connection is opening at the same time', 'further ones wait in order'),
  sessionsPerConnectionAndDocumentMax: limit(
    8,
    'times that one connection may have the same document open',
    'a further open is refused, 4503',
  ),
  connectionsPerSecondMax: limit(
    500,
    'connections that one node lets in each second; two seconds of it may come at once after a quiet time',
    'an upgrade is answered with HTTP 503 and Retry-After, and clients come back by themselves; not for clients of ours that come back to their documents, four times as many of which may come',
  ),
  connectionsMax: limit(100_000, 'sockets on one node', 'an upgrade is answered with HTTP 503'),
  connectionsPerAddressMax: limit(
    2_000,
    'sockets from one client address (an IPv6 one with its /64 network); not for addresses on this machine, see `--trusted-proxies`',
    'an upgrade from that address is answered with HTTP 503',
  ),
  connectionsPerUserMax: limit(
    1_000,
    'sockets on one node over which one user, as far as it is known who that is, has documents open',
    'a session over a further one is refused, 4503',
  ),
  sessionsPerAddressMax: limit(
    20_000,
    'documents open over all `weft` connections of one client address',
    'a further open is refused, 4503',
  ),
  idleSocketsMax: limit(
    5_000,
    'sockets on which no request is under way and no upgrade came',
    'those are closed that were idle longest, but for the last second',
  ),
  pendingBytesPerDocumentMax: limit(
    32 * MiB,
    'received and not yet committed, per document, by what it costs in memory',
    "the writers' sockets are paused until half of it is committed",
  ),
  pendingBytesMax: limit(256 * MiB, 'received and not yet committed, whole process', "all writers' sockets are paused"),
  memoryBytesMax: limit(
    1024 * MiB,
    'what one process holds for its clients: documents, pending edits, outboxes, frames, answers, compactions; ' +
      'by default no more than two fifths of the memory that the machine or the container has',
    'from four fifths of it newcomers are refused, see [Memory](operations.md#memory)',
  ),
  compactionBytesMax: limit(
    1536 * MiB,
    'what one compaction may take, in a process of its own beside this one; ' +
      'by default no more than 35 % of the memory that the machine or the container has',
    'that document is not compacted, see [Memory](operations.md#memory)',
  ),
  outboxBytesHigh: limit(1 * MiB, "a session's outbox", 'the session is lagging and gets nothing new'),
  outboxBytesLow: limit(128 * KiB, "a lagging session's outbox", 'below it the session is brought up to date'),
  laggingMsMax: limit(
    30_000,
    'how long a session may lag without its outbox draining; during a large transfer, so long without any progress for each 4 KiB under way, at most ten times as long',
    'the session is closed with 4508',
  ),
  attachingBytesMax: limit(
    1 * MiB,
    'received by a session before its document is open, or takes more',
    'the socket is paused until it does',
  ),
  silenceMsMax: limit(
    15_000,
    'how long nothing is sent to a y-websocket client, which gives up after 30 s of silence',
    'it gets an empty message',
  ),
  structsPerUpdateMax: limit(2_000_000, 'structs, and delete ranges, in one update', 'the update is refused, 4400'),
  structsPerDocumentMax: limit(
    2_000_000,
    'structs in one document, as far as they are not merged yet',
    'an update that brings more is refused, 4413; a compaction may make room',
  ),
  deleteRangesPerDocumentMax: limit(1_000_000, 'delete ranges of one document, likewise', 'an update that brings more is refused, 4413'),
  clientsPerDocumentMax: limit(
    250_000,
    'client ids of one document, likewise; and in a state vector',
    'an update of a further client id, or the state vector, is refused, 4413',
  ),
  firstUsesPerUpdateMax: limit(
    1_000,
    'client ids that one update uses first in a document, up to which its user is remembered for each',
    "nobody is remembered: the update is taken for others' work that somebody brings in",
  ),
  waitingClientsPerDocumentMax: limit(
    1_000,
    'client ids of one document with edits that wait, directly or over others, for edits that have not come',
    'an update that leaves more is refused with `dependencies-missing`, 4413',
  ),
  gapsPerDocumentMax: limit(
    10_000,
    'gaps that such edits leave in the clocks of a document',
    'an update that leaves more is refused with `dependencies-missing`, 4413',
  ),
  nestingDepthMax: limit(
    200,
    'nesting of arrays and objects in one value, and of shared types in one document, over all its updates',
    'the update is refused, 4400; for shared types with `nested-too-deeply`',
  ),
  messagesPerSecondMax: rate(2_000, 'messages of one connection in a second'),
  messagesPerSecondPerSessionMax: rate(1_000, 'messages about one document of a connection in a second'),
  bytesPerSecondMax: rate(16 * MiB, 'bytes that one connection sends in a second'),
  bytesPerSecondPerSessionMax: rate(8 * MiB, 'bytes that one connection sends for one document in a second'),
  syncsPerSecondMax: rate(200, 'times in a second that one connection asks to be brought up to date'),
  syncsPerSecondPerSessionMax: rate(10, 'times in a second that it asks so for one document'),
  awarenessPerSecondMax: rate(1_000, 'awareness messages, and questions for all states, of one connection in a second'),
  awarenessPerSecondPerSessionMax: rate(200, 'the same for one document'),
  opensPerSecondMax: rate(200, 'documents that one connection asks to open in a second'),
  requestsPerSecondMax: limit(
    1_000,
    'requests without a message that a connection over HTTP makes in a second, to confirm or to ask for more; ten seconds of it may come at once',
    'the request is answered with HTTP 429, and messages are not read until the rate is kept again',
  ),
  rateExceededMsMax: limit(
    60_000,
    'how long a connection may go on above one of the rates before, with pauses that are no more than 5 s apart',
    'the socket closes with 4503',
  ),
  ignoredMessagesPerConnectionMax: limit(
    100,
    'messages of a y-websocket client that are text, or of a type that nobody knows, and are ignored and counted',
    'the socket closes with 4400',
  ),
  documentIdBytesMax: limit(512, 'a document id, in UTF-8', 'it is refused, 4400'),
  handshakeMsMax: limit(10_000, 'from the upgrade to the first message of a `weft` connection', 'the socket closes with 4508'),
  logLinesPerKindMax: limit(50, 'log lines of one kind (a code, or a sentence) in 10 s', 'further ones are counted, and said in one line'),
  logLinesPerConnectionMax: limit(
    5,
    'log lines of one kind about one connection in 10 s',
    'further ones are counted, and said in one line',
  ),
  hookMsMax: limit(
    10_000,
    'how long a hook of the program may take',
    'the edit or the connection is refused, or the document does not open, and the client tries again',
  ),
  authorizeMsMax: limit(10_000, 'how long `authorize` may take', 'the client is refused with 4503, and may try again'),
  pingPeriodMs: limit(25_000, 'the period of pings', 'a ping is sent'),
  pongMsMax: limit(10_000, 'how long a pong may take', 'the socket is dropped'),
  pollMsMax: limit(
    20_000,
    'how long a long poll may wait for something to say',
    'it is answered without a body, and the client asks again',
  ),
  streamGapMsMax: limit(
    15_000,
    'how long a connection without a WebSocket may have neither a stream nor a poll open',
    'it counts as lost, with its sessions and cursors',
  ),
} as const satisfies Readonly<Record<string, Limit>>

export type LimitName = keyof typeof limitTable
export type Limits = { readonly [Name in LimitName]: number }

export const defaultLimits: Limits = Object.fromEntries(
  Object.entries(limitTable).map(([name, { value }]) => [name, value]),
) as unknown as Limits
