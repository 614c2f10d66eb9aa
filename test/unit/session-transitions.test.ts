// The states of a session and of its delivery, each against everything that may happen to it: what it asks of the document, what it sends, whether it ends, and
// that nothing is left when it is over.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { WeftError } from '../../core/errors.js'
import { sessionBench } from '../helpers/session-bench.js'
import { assertNothingLeft, type Bench, beat, everything, sessionStates, smallOutbox, update } from '../helpers/session-states.js'

/** Shows another token; what was asked before is answered first. */
async function askAnew(bench: Bench): Promise<void> {
  const before = bench.asked
  bench.session.reauthorize(bench.ask)
  if (before > 0) await bench.grant()
}

const events = {
  sync: ({ session }: Bench) => session.sync({ kind: 'nothing' }),
  write: ({ session }: Bench) => session.write(1, update),
  cursor: ({ session }: Bench) => session.receiveAwareness(update),
  'another token': async (bench: Bench) => {
    await askAnew(bench)
    if (bench.asked > 0) await bench.grant({ user: 'v', permission: 'read-only' })
  },
  'a token that is denied': async (bench: Bench) => {
    await askAnew(bench)
    if (bench.asked > 0) await bench.deny(new WeftError('forbidden', 'No.'))
  },
  'catch-up': ({ document }: Bench) => document.catchUp(everything),
  beat: ({ document }: Bench) => document.beat(beat()),
  'acknowledgement of what was not written': ({ document }: Bench) => document.acknowledged(99, 8),
  'refusal of what was not written': ({ document }: Bench) => document.refused(99, new WeftError('overloaded', 'Full.')),
  awareness: ({ awareness }: Bench) => awareness?.awareness({ update, frames: new Map() }),
  'the owner moved': ({ document }: Bench) => document.detached(new WeftError('owner-moved', 'Moved.')),
  leave: ({ session }: Bench) => session.leave(),
}
type State = keyof typeof sessionStates
type Event = keyof typeof events

/** What an event brings about: what is asked of the document, then what is sent, then with what it ends. A dash: nothing at all. */
const table: Record<State, Partial<Record<Event, string>>> = {
  authorizing: {
    sync: '-',
    write: '-',
    cursor: '-',
    // Only what was found out last counts, and is what it is attached with.
    'another token': '-',
    'a token that is denied': '= forbidden',
    awareness: '-',
    leave: '-',
  },
  attaching: {
    sync: '-',
    write: '-',
    cursor: '-',
    'another token': '-',
    'a token that is denied': '= forbidden',
    'the owner moved': '= owner-moved',
    leave: '-',
  },
  unsynced: {
    sync: 'sync nothing',
    write: 'submit 1 by u',
    cursor: 'cursor',
    'another token': 'identify v > permission',
    'a token that is denied': 'leave, detach = forbidden',
    'catch-up': '-',
    beat: '-',
    'acknowledgement of what was not written': '> acknowledged',
    'refusal of what was not written': '> refused',
    awareness: '-',
    'the owner moved': 'leave, detach = owner-moved',
    leave: 'leave, detach',
  },
  syncing: {
    // Asked again once this is answered.
    sync: '-',
    write: 'submit 1 by u',
    cursor: 'cursor',
    'another token': 'identify v > permission',
    'a token that is denied': 'leave, detach = forbidden',
    'catch-up': '> state, awareness',
    beat: '-',
    'acknowledgement of what was not written': '> acknowledged',
    awareness: '-',
    'the owner moved': 'leave, detach = owner-moved',
    leave: 'leave, detach',
  },
  live: {
    sync: 'sync nothing',
    write: 'submit 1 by u',
    // Nobody asked.
    'catch-up': '-',
    beat: '> update',
    'acknowledgement of what was not written': '> acknowledged',
    'refusal of what was not written': '> refused',
    awareness: '> awareness',
    'the owner moved': 'leave, detach = owner-moved',
    leave: 'leave, detach',
  },
  taking: {
    sync: '-',
    write: 'submit 1 by u',
    'catch-up': '-',
    beat: '-',
    'acknowledgement of what was not written': '> acknowledged',
    awareness: '-',
    'the owner moved': 'leave, detach = owner-moved',
    leave: 'leave, detach',
  },
  lagging: {
    sync: '-',
    write: 'submit 1 by u',
    'catch-up': '-',
    beat: '-',
    // Told once there is room.
    'acknowledgement of what was not written': '-',
    awareness: '-',
    'the owner moved': 'leave, detach = owner-moved',
    leave: 'leave, detach',
  },
  ended: {
    sync: '-',
    write: '-',
    cursor: '-',
    'another token': '-',
    'a token that is denied': '-',
    'catch-up': '-',
    beat: '-',
    'acknowledgement of what was not written': '-',
    'refusal of what was not written': '-',
    awareness: '-',
    'the owner moved': '-',
    leave: '-',
  },
}

for (const [state, row] of Object.entries(table) as [State, Partial<Record<Event, string>>][])
  test(`G5, S6: a session that is ${state} takes each event as its table says, and leaves nothing`, async () => {
    for (const [event, expected] of Object.entries(row) as [Event, string][]) {
      const bench = sessionBench({ limits: smallOutbox })
      await sessionStates[state](bench)
      const [called, sent, ended] = [bench.calls.length, bench.sent.length, bench.endedWith.length]
      await events[event](bench)
      await bench.clock.settle()
      const outcome = [
        bench.calls.slice(called).join(', '),
        bench.sent.slice(sent).length > 0 ? `> ${bench.sent.slice(sent).join(', ')}` : '',
        bench.endedWith.slice(ended).length > 0 ? `= ${bench.endedWith.slice(ended).join(', ')}` : '',
      ]
      assert.equal(outcome.filter((part) => part !== '').join(' ') || '-', expected, `${event} while ${state}`)
      await assertNothingLeft(bench)
    }
  })
