// Every bound the server enforces: its name, its unit (last in the name) and its default. Rule G1: each has a test of what lies past it.

const KiB = 1024
const MiB = 1024 * KiB

export const defaultLimits = {
  /** One WebSocket message. Past it the socket closes with `message-too-large` (4413). */
  messageBytesMax: 16 * MiB,
  /** One document: base plus tail. Past it an update is refused with `document-too-large` (4413). */
  documentBytesMax: 64 * MiB,
  /** The JSON of one awareness client. Past it the entry is ignored and counted. */
  awarenessStateBytesMax: 16 * KiB,
  /** Awareness client ids that one session may speak for. Further ids are ignored and counted. */
  awarenessClientsPerSessionMax: 16,
  /** Entries of one awareness message that are looked at, and its bytes. Entries past the first are ignored and counted; a message past the second is, whole. */
  awarenessEntriesPerMessageMax: 2_000,
  awarenessMessageBytesMax: 1 * MiB,
  /** The states in one answer about who is on a document. Clients past it are listed without theirs. */
  presenceStateBytesMax: 1 * MiB,
  /** HTTP answers that nobody has taken yet, all together, and how long one may take. Past the first, requests are answered with 503; past the second, dropped. */
  answerBytesMax: 64 * MiB,
  answerMsMax: 30_000,
  /** The least time between two answers to `query-awareness` on one session. */
  awarenessQueryMs: 1_000,
  /** Sessions on one document. Past it a session is refused with `too-many-sessions` (4503). */
  sessionsPerDocumentMax: 10_000,
  /** Documents open over one connection. Past it an open is refused with `too-many-sessions` (4503). */
  sessionsPerConnectionMax: 1_000,
  /** Documents that one connection is opening at the same time. Further ones wait in order. */
  openingsPerConnectionMax: 32,
  /** Times that one connection may have the same document open. Past it an open is refused with `too-many-sessions` (4503). */
  sessionsPerConnectionAndDocumentMax: 8,
  /** Sockets on one node. Past it an upgrade is answered with HTTP 503. */
  connectionsMax: 100_000,
  /** Sockets from one client address (an IPv6 one with its /64 network). Past it an upgrade is answered with HTTP 503. Not for addresses on this machine. */
  connectionsPerAddressMax: 2_000,
  /** Documents open over all connections of one client address. Past it an open is refused with `too-many-sessions` (4503). */
  sessionsPerAddressMax: 20_000,
  /** Sockets on which no request is under way and no upgrade came. Past it those are closed that were idle longest, but for the last second. */
  idleSocketsMax: 5_000,
  /** Received and not yet committed, per document, by what it costs in memory. At this mark the writers' sockets are paused, at half of it resumed. */
  pendingBytesPerDocumentMax: 32 * MiB,
  /** Received and not yet committed, whole process. At this mark all writers' sockets are paused. */
  pendingBytesMax: 256 * MiB,
  /** What one process holds for its clients: documents, pending edits, outboxes, frames, answers, compactions. From four fifths of it newcomers are refused. */
  memoryBytesMax: 1024 * MiB,
  /** What one compaction may take, in a process of its own beside this one. Past it that document is not compacted. */
  compactionBytesMax: 1536 * MiB,
  /** A session's outbox. Above `outboxBytesHigh` it is lagging and gets nothing new; below `outboxBytesLow` it is brought up to date. */
  outboxBytesHigh: 1 * MiB,
  outboxBytesLow: 128 * KiB,
  /** How long a session may lag without its outbox draining, before it is closed with `too-slow` (4508). */
  laggingMsMax: 30_000,
  /** Received by a session before its document is open. At this mark the socket is paused. */
  attachingBytesMax: 1 * MiB,
  /** A y-websocket client that was sent nothing for this long gets an empty message, since it gives up after 30 s of silence. */
  silenceMsMax: 15_000,
  /** Structs, and delete ranges, in one update. */
  structsPerUpdateMax: 2_000_000,
  /** Structs in one document, as far as they are not merged yet. Past it an update that brings more is refused with `document-too-large` (4413). */
  structsPerDocumentMax: 2_000_000,
  /** Delete ranges of one document, likewise. */
  deleteRangesPerDocumentMax: 1_000_000,
  /** Client ids of one document, likewise; and in a state vector. */
  clientsPerDocumentMax: 250_000,
  /** Client ids that one update uses first in a document, up to which its user is remembered for each. One with more is taken for others' work, and none is. */
  firstUsesPerUpdateMax: 1_000,
  /** Client ids of one document with edits that wait for others, which have not come. Past it an update is refused with `dependencies-missing` (4413). */
  waitingClientsPerDocumentMax: 1_000,
  /** Gaps that such edits leave in the clocks of a document, likewise. */
  gapsPerDocumentMax: 10_000,
  /** Nesting of arrays and objects inside one value, and of shared types inside one document. Past the latter: `nested-too-deeply` (4400). */
  nestingDepthMax: 200,
  /** Messages of a y-websocket client that are text, or of a type that nobody knows: ignored, and past it the socket closes with 4400. */
  ignoredMessagesPerConnectionMax: 100,
  /** A document id, in UTF-8. */
  documentIdBytesMax: 512,
  /** From the upgrade to the first message of a `weft` connection. */
  handshakeMsMax: 10_000,
  /** Log lines of one kind (a code, or a sentence), and of one kind about one connection, in 10 s. Past it they are counted, and said in one line. */
  logLinesPerKindMax: 50,
  logLinesPerConnectionMax: 5,
  /** How long `authorize` may take. Past it the client is refused with `overloaded` (4503), and may try again. */
  authorizeMsMax: 10_000,
  /** WebSocket ping: period, and how long its pong may take. Together they bound G3: 35 s. */
  pingPeriodMs: 25_000,
  pongMsMax: 10_000,
} as const

export type Limits = { readonly [Name in keyof typeof defaultLimits]: number }
