// Who may import from whom: for each folder, the folders of ours that its files may import from. What is not named here is refused, a new folder included.
// A file that is named stands for itself, apart from its folder: a seam that more may use than may use what is around it, or what others start with.

const engine = ['core', 'protocol', 'protocol/updates']
const store = 'persistence'
const port = 'server/document/port.ts'
const commands = 'server/document/commands.ts'

export const importRules = {
  core: [],
  protocol: ['core'],
  'protocol/updates': ['core', 'protocol'],
  'protocol/dialects': engine,

  persistence: ['core'],
  'persistence/memory': ['core', store],
  'persistence/lmdb': ['core', store],
  'persistence/postgres/migrations': [],
  'persistence/postgres': ['core', store, 'persistence/postgres/migrations'],
  'persistence/index.ts': ['core', store, 'persistence/lmdb', 'persistence/memory'],

  'server/config': ['core', 'server/access', 'server/document', 'server/redis', 'server/webhooks'],
  'server/logging': ['core', 'server/config'],
  'server/access': ['core', store],
  'server/redis': ['core'],
  'server/transport': ['core'],
  'server/transport/http': ['core', 'protocol', 'server/transport'],

  [port]: engine,
  [commands]: [store],
  'server/document/view': [...engine, store, port],
  'server/document': [...engine, store, port, commands, 'server/document/view'],
  'server/document/compactor': [...engine, 'server/document'],

  'server/awareness': ['core', 'protocol'],
  'server/awareness/exchange': ['core', 'protocol', 'server/awareness', 'server/redis'],
  'server/presence': ['core', 'server/awareness', 'server/redis'],

  'server/gateway': [...engine, 'server/access', 'server/awareness', 'server/transport', 'server/transport/http', port, commands],
  'server/gateway/dialects': [
    ...engine,
    'protocol/dialects',
    'server/access',
    'server/awareness',
    'server/gateway',
    commands,
    'server/transport',
    'server/transport/http',
    port,
  ],

  'server/cluster/links': [...engine, 'protocol/dialects', 'server/access', 'server/transport', 'server/transport/http'],
  'server/cluster': [...engine, store, port, commands, 'server/document/view', 'server/cluster/links'],

  'server/history/tasks': [],
  'server/history/workshop': ['core', 'protocol/updates', 'server/document/compactor', 'server/history/tasks'],
  'server/history': ['core', 'protocol/updates', store, port, commands, 'server/history/tasks', 'server/history/workshop'],

  'server/events': ['core'],
  'server/webhooks': ['core', store, 'server/events'],
  'server/tracing': ['core'],
  // What operators are shown.
  'server/operators': ['core'],
  // What applications say beside their edits.
  'server/messages': ['core', 'server/access', 'server/awareness'],
  // What the embedding program does with documents.
  'server/program': ['core', port, 'server/history', 'server/messages', 'server/transport'],

  'server/api/framework': [store, 'core', 'server/access'],
  'server/api/routes': [
    'core',
    store,
    'server/access',
    'server/history',
    'server/messages',
    'server/presence',
    'server/webhooks',
    'server/api/framework',
  ],
  'server/api': ['core', 'server/access', 'server/presence', 'server/api/framework', 'server/api/routes'],
  // The stores of others, that documents are taken from.
  'server/imports': ['core'],
  'server/commands': [
    'core',
    store,
    'server/access',
    'persistence/index.ts',
    'persistence/postgres',
    'server/composition',
    'server/config',
    'server/history',
    'server/imports',
    'server/logging',
  ],

  // The only place that constructs.
  'server/composition': ['*'],
  'server/index.ts': [
    'core',
    'server/access',
    'server/composition',
    'server/events',
    'server/history',
    'server/presence',
    'server/program',
  ],
  'server/command.ts': ['core', 'persistence/postgres', 'server/commands', 'server/composition', 'server/config', 'server/logging'],
  'server/allocator.ts': [],
  'server/main.ts': ['server/allocator.ts', 'server/command.ts'],

  client: [...engine, 'protocol/dialects', 'client/transports'],
  'client/transports': ['core', 'protocol'],
  'client/index.ts': ['core', 'client', 'client/transports'],
  // What a framework shows of the client, and what all frameworks have in common in that.
  'client/binding': ['core', 'client', 'client/undo'],
  'client/react': ['client', 'client/index.ts', 'client/binding'],
  'client/vue': ['client', 'client/index.ts', 'client/binding'],
  'client/svelte': ['client', 'client/index.ts', 'client/binding'],
  // What not every application needs, beside the client.
  'client/undo': ['client'],
  'client/subdocuments': ['client'],
  'client/tabs': ['client'],
  'client/shared-socket': ['core', 'protocol/dialects', 'client/transports'],
}
