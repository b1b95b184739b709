import { tracingChannel } from 'node:diagnostics_channel'
import { EFFECT_CHANNEL, type Effect } from '../../src/shared/base/trace.ts'

/** What the process announces from now to the end of a test: `before <name>` and `after <name>`. */
export function listen(t: { after(fn: () => void): void }): string[] {
  const heard: string[] = []
  const channel = tracingChannel<unknown, Effect>(EFFECT_CHANNEL)
  const handlers = {
    start: ({ name }: Effect) => void heard.push(`before ${name}`),
    asyncEnd: ({ name }: Effect) => void heard.push(`after ${name}`),
    end: () => {},
    asyncStart: () => {},
    error: () => {},
  }
  channel.subscribe(handlers)
  t.after(() => channel.unsubscribe(handlers))
  return heard
}
