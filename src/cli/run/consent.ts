import { NotWaitingError, type RequestView } from '../../producer/producer.ts'
import { follow } from '../follow.ts'
import { orgWords } from '../render/org.ts'
import { question } from '../render/plan.ts'
import { assertChecked } from '../unchecked.ts'
import { ask } from './ask.ts'
import type { Patiently } from './patience.ts'
import type { RunSession } from './session.ts'

/** Approves the plan or turns it down, as answered. False where nothing is going to be deleted. */
export async function consent(
  session: RunSession,
  view: RequestView,
  patiently: Patiently,
): Promise<boolean> {
  const { flags, cli, facts, request, producer } = session
  const { screen } = cli
  const { org, id } = request
  const { plan } = view
  if (plan === null) throw new TypeError(`Request ${id} awaits approval without a plan.`)
  assertChecked(plan, flags)
  const text = question(plan, view.request, orgWords(facts.identity))
  if (flags.yes) screen.say(`${screen.paintSay('bold', text)} Yes, by --yes.`)
  const answer = flags.yes ? 'yes' : await answerTo(text, session, patiently)
  try {
    switch (answer) {
      case 'yes':
        await patiently(() => producer.approve(id, { org, by: 'cli', plan: plan.sha256 }))
        return true
      case 'no':
        await patiently(() => producer.decline(id, { org, by: 'cli' }))
        return false
      case 'elsewhere':
        screen.say('\nThe request was approved or cancelled elsewhere meanwhile.')
        return true
      default:
        throw new TypeError(`Unknown answer ${String(answer satisfies never)}`)
    }
  } catch (error) {
    if (!(error instanceof NotWaitingError)) throw error
    screen.say('The request was approved or cancelled elsewhere before that.')
    return true
  }
}

/** Somebody else may approve or cancel it while the question stands: then nobody need answer. */
async function answerTo(
  text: string,
  session: RunSession,
  patiently: Patiently,
): Promise<'yes' | 'no' | 'elsewhere'> {
  const settled = new AbortController()
  const signal = AbortSignal.any([session.signal, settled.signal])
  const answered = ask(session.cli.screen, text, { to: 'delete', signal })
  const moved = follow(
    { ...session, signal },
    patiently,
    ({ status, stopping }) => status !== 'awaiting-approval' || stopping !== null,
  )
  try {
    return await Promise.race([
      answered.then((isYes) => (isYes ? ('yes' as const) : ('no' as const))),
      moved.then(() => 'elsewhere' as const),
    ])
  } finally {
    settled.abort()
    await Promise.allSettled([answered, moved])
  }
}
