import type { DestinationStream } from 'pino'
import { z } from 'zod'
import { createLogger, type Logger } from '../shared/base/logger.ts'
import { visible } from '../shared/base/visible.ts'
import type { Config } from '../shared/config/config.ts'
import { createMetrics } from '../shared/telemetry/metrics/metrics.ts'
import { type RunningWorker, startWorker } from '../worker/worker.ts'
import type { Cli } from './cli.ts'
import type { CommandRedis } from './redis.ts'
import type { Screen } from './screen.ts'

interface OwnWorkerOptions {
  readonly cli: Cli
  readonly config: Config
  readonly redis: CommandRedis
  /** The request, which it works on alone. */
  readonly request: string
  readonly command: 'run' | 'cancel'
}

/** Starts a worker in this process, for one request. */
export function startOwnWorker(
  { cli, config, redis, request, command }: OwnWorkerOptions,
  signal: AbortSignal,
): Promise<RunningWorker> {
  return startWorker(
    {
      config: redis.embedded ? withShortLocks(config) : config,
      redis: redis.config,
      metrics: createMetrics({ version: cli.version }),
      log: commandLog(cli.screen, config, command),
      only: { request, amongOthers: !redis.embedded },
    },
    signal,
  )
}

/**
 * Nobody else works with the embedded server, so what a killed run has left locked is nobody's: it is
 * taken up after seconds. A lock that is lost to a long pause costs no more than a hand-over to itself.
 */
function withShortLocks(config: Config): Config {
  const { lockMs, stalledMs } = config.worker
  return {
    ...config,
    worker: {
      ...config.worker,
      lockMs: Math.min(lockMs, 5000),
      stalledMs: Math.min(stalledMs, 1000),
    },
  }
}

/**
 * The worker's log inside a command for people: its warnings, as sentences. With LOG_LEVEL set, the
 * JSON lines of a worker instead.
 */
export function commandLog(
  { env, stderr, warn }: Screen,
  { logLevel: level }: Pick<Config, 'logLevel'>,
  name: string,
): Logger {
  return env['LOG_LEVEL']
    ? createLogger({ level, name, destination: stderr })
    : createLogger({ level: 'warn', name, destination: sentences(warn, Date.now) })
}

const lineSchema = z.object({
  msg: z.string(),
  err: z.object({ message: z.string() }).optional(),
})

/** An outage is logged at every try to connect; people need it said once. */
const REPEATED_AFTER_MS = 60_000

/** Turns lines of JSON into sentences, each of which is said once a minute at most. */
export function sentences(say: (text: string) => void, now: () => number): DestinationStream {
  const said = new Map<string, number>()
  return {
    write: (line) => {
      const { data } = lineSchema.safeParse(parsed(line))
      if (data === undefined) return say(line.trimEnd())
      const { msg, err } = data
      if (now() - (said.get(msg) ?? Number.NEGATIVE_INFINITY) < REPEATED_AFTER_MS) return
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
