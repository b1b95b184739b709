import type { RequestView } from '../../producer/producer.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import { submit as enter } from '../../shared/store/intake/submit.ts'
import { explained } from '../../shared/store/redis/trouble.ts'
import { viewOf, viewOfNew } from '../../shared/store/request-view.ts'
import { commandToContinue } from '../command-line.ts'
import { isOver } from '../follow.ts'
import { uploadOf } from '../input.ts'
import type { RunSession } from './session.ts'

type Submitting = Pick<RunSession, 'store' | 'request' | 'input' | 'config' | 'cli' | 'signal'> & {
  readonly guards: GuardRails
}

/**
 * Enters the request, or finds it as an earlier run has left it, and says how to go on with it.
 *
 * @throws ConflictError where the id belongs to a request of other content
 */
export async function submit({
  store,
  request,
  guards,
  input,
  config,
  cli,
  signal,
}: Submitting): Promise<RequestView> {
  const { screen } = cli
  const upload = uploadOf(request, input)
  if (upload !== undefined) screen.say(`Reading ${input.name} …`)
  const bytes = upload && until(signal, upload)
  const { record, created } = await enter(store, request, Date.now(), bytes, { guards })
  const view = await explained(async () =>
    created ? viewOfNew(store, record) : viewOf(store, record),
  )
  const name = screen.sayStyle('bold', request.id)
  if (isOver(view)) {
    screen.say(
      `Request ${name} has ended already, at ${view.receipt.finishedAt}. Nothing is done again.`,
    )
    return view
  }
  if (!created) {
    screen.say(`The request is known (${view.status}) and goes on where it was.`)
  }
  const goOn = commandToContinue(cli.argv, request.id, config.results.path)
  screen.say(`Request ${name}. To go on after an interruption: ${goOn}`)
  return view
}

/** A submission breaks off where its bytes do: nothing was accepted then. */
async function* until(
  signal: AbortSignal,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for await (const block of bytes) {
    signal.throwIfAborted()
    yield block
  }
}
