import type { DestinationStream } from 'pino'
import { z } from 'zod'
import { createLogger, type Logger, type LogLevel } from '../shared/base/logger.ts'
import { visible } from '../shared/base/visible.ts'
import type { Screen } from './screen.ts'

const lineSchema = z.object({
  msg: z.string(),
  err: z.object({ message: z.string() }).optional(),
})

/** An outage is reported at every try to connect; people need it said once. */
const SAID_AGAIN_AFTER_MS = 60_000

/**
 * The worker's log inside a command for people: its warnings, as sentences. Who sets LOG_LEVEL gets
 * the JSON lines of a worker instead.
 */
export function commandLog(screen: Screen, level: LogLevel, name: string): Logger {
  if (screen.env['LOG_LEVEL']) return createLogger({ level, name, destination: screen.stderr })
  const sign = screen.paintSay('yellow', '!')
  const destination = sentences((text) => screen.say(`${sign} ${text}`), Date.now)
  return createLogger({ level: 'warn', name, destination })
}

/** Turns lines of JSON into sentences, each of which is said once a minute at most. */
export function sentences(say: (text: string) => void, now: () => number): DestinationStream {
  const said = new Map<string, number>()
  return {
    write: (line) => {
      const { data } = lineSchema.safeParse(parsed(line))
      if (data === undefined) return say(line.trimEnd())
      const { msg, err } = data
      if (now() - (said.get(msg) ?? Number.NEGATIVE_INFINITY) < SAID_AGAIN_AFTER_MS) return
      said.set(msg, now())
      say(visible(err === undefined || msg.includes(err.message) ? msg : `${msg} ${err.message}`))
    },
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
